"""Whether one account could be held here: judged where somebody wants it, and where it is set up already.

A server that knows nothing of Lockdown lacks nothing. Where the settings ask for it, or an agent is here that would
hold accounts by itself, what is missing is a warning; a table that is asked and not there stops everybody's mail, so
that fails whoever asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.monitoring.acting_here import acts_here
from lockdown.checklist.monitoring.server_controls import CAN_HOLD, CAN_LOCK, HOLDING
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, as_far_as_read, dovecot
from lockdown.facts.holding import (
    DENY_TABLE,
    HOLD_TABLE,
    LIST,
    asks,
    databases,
    first_denies,
    knows_passwords,
    signed_in,
    tables,
)
from lockdown.facts.postfix import Absent, Postfix, Service, postfix
from lockdown.facts.scanner_files import Absent as NotInstalled
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_AS_ROOT = "sudo lockdown audit"
_NOBODY = "Nobody signs in here to send mail."
_NOT_WANTED = "No account is to be held here; who wants it sets monitoring.hold_accounts = true."


def audit_holding(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Both controls, whatever could be read."""
    server = postfix(snapshot)
    if isinstance(server, Unknown):
        yield from (_unknown(control, server.why) for control in HOLDING)
    elif isinstance(server, Absent):
        yield from (_moot(control, "Postfix is not here.") for control in HOLDING)
    elif not (services := signed_in(server)):
        yield from (_moot(control, _NOBODY) for control in HOLDING)
    else:
        wanted = acts_here(snapshot, policy, "grip")
        yield _can_hold(snapshot, server, services, wanted)
        yield _can_lock(snapshot, wanted)


def _can_hold(snapshot: Snapshot, server: Postfix, services: tuple[Service, ...], wanted: bool | Unknown) -> Finding:
    without = _not_asked(server, services)
    is_set_up = any(asks(server, one) for one in (None, *services))
    if not is_set_up and wanted is not True:
        return _moot(CAN_HOLD, _NOT_WANTED) if wanted is False else _unknown(CAN_HOLD, wanted.why)
    there = tables(snapshot) if is_set_up else frozenset({HOLD_TABLE})
    if isinstance(there, Unknown):
        return _unknown(CAN_HOLD, there.why)
    if HOLD_TABLE not in there:
        says = f"{HOLD_TABLE} is asked and not there: Postfix puts off the mail of everybody who signed in."
        return CAN_HOLD.finding(State.FAIL, says, server.evidence(LIST), target="postfix")
    return _of_lists(server, services, without)


def _of_lists(server: Postfix, services: tuple[Service, ...], without: tuple[Service | None, ...]) -> Finding:
    if without:
        where = " and ".join(f"{one.label} of master.cf" if one else "main.cf" for one in without)
        says = f"Who is held is not asked in {where}: mail of a held account would go on."
        return CAN_HOLD.finding(State.WARN, says, server.evidence(LIST, without[0]), target="postfix")
    proxied = next((one for one in services if server.value("smtpd_proxy_filter", one)), None)
    if proxied:
        says = f"{proxied.label} hands mail to a proxy while it comes in, and there Postfix holds nothing."
        evidence = server.evidence("smtpd_proxy_filter", proxied)
        return CAN_HOLD.finding(State.WARN, says, evidence, target="postfix", next_command=_WITHOUT_PROXY)
    says = "Postfix asks for each message of a signed-in user whether its account is held."
    return CAN_HOLD.finding(State.PASS, says, server.evidence(LIST), target="postfix")


_WITHOUT_PROXY = "use smtpd_milters or content_filter instead of smtpd_proxy_filter, then: lockdown plan monitoring"


def _not_asked(server: Postfix, services: tuple[Service, ...]) -> tuple[Service | None, ...]:
    """The lists that leave the table out; None is that of main.cf."""
    # main.cf in any case: there the hands look whether holding is set up.
    lists = (None, *(one for one in services if LIST in one.overrides))
    return tuple(one for one in lists if not asks(server, one))


def _can_lock(snapshot: Snapshot, wanted: bool | Unknown) -> Finding:
    found = dovecot(snapshot)
    if isinstance(found, Unknown):
        return _unknown(CAN_LOCK, found.why)
    if isinstance(found, NotInstalled):
        return _moot(CAN_LOCK, "Dovecot is not here.")
    return as_far_as_read(found, _judged(snapshot, found, wanted))


def _judged(snapshot: Snapshot, found: Dovecot, wanted: bool | Unknown) -> Finding:
    if not knows_passwords(found):
        return _moot(CAN_LOCK, "Dovecot knows no passwords.")
    ours = next((one for one in databases(found) if one.denies_held), None)
    if ours is None and wanted is not True:
        return _moot(CAN_LOCK, _NOT_WANTED) if wanted is False else _unknown(CAN_LOCK, wanted.why)
    if ours is None:
        says = "Dovecot does not ask which accounts are locked."
        return CAN_LOCK.finding(State.WARN, says, _place(found), target="dovecot")
    there = tables(snapshot)
    if isinstance(there, Unknown):
        return _unknown(CAN_LOCK, there.why)
    if DENY_TABLE not in there:
        says = f"{DENY_TABLE} is asked and not there: Dovecot lets nobody in."
        return CAN_LOCK.finding(State.FAIL, says, ours.evidence, target="dovecot")
    if first_denies(found) is None:
        says = "Dovecot asks for locked accounts only behind other passwords, where it is too late."
        return CAN_LOCK.finding(State.WARN, says, ours.evidence, target="dovecot")
    says = "Dovecot asks before any password whether the account is locked."
    return CAN_LOCK.finding(State.PASS, says, ours.evidence, target="dovecot")


def _place(found: Dovecot) -> Evidence:
    return next((one.evidence for one in databases(found)), Evidence("dovecot", "passdb"))


_TARGETS = {CAN_HOLD.id: "postfix", CAN_LOCK.id: "dovecot"}


def _moot(control: Control, why: str) -> Finding:
    return control.finding(State.NOT_APPLICABLE, why, target=_TARGETS[control.id])


def _unknown(control: Control, why: str) -> Finding:
    says = f"It could not be read: {why.rstrip('.')}."
    return control.finding(State.UNKNOWN, says, target=_TARGETS[control.id], next_command=_AS_ROOT)
