"""What turns the findings of item 9 on the mail server: the tables that Postfix and Dovecot ask, empty until needed,
and how Postfix names and keeps what is in its queue. Rates of clients are item 4's.

Judged by the room's own audit, so that plan and audit cannot disagree. The other findings are for people: a queue, a
full disk and a jail are looked at before anything is done. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.monitoring.audit import audit
from lockdown.checklist.monitoring.audit_queue_settings import LIFETIME, LONG_IDS
from lockdown.checklist.monitoring.controls import CONTROLS
from lockdown.checklist.monitoring.server_controls import CAN_HOLD, CAN_LOCK, QUEUE_IDS, QUEUE_LIFETIME
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, dovecot
from lockdown.facts.holding import (
    ASKS,
    DENY_TABLE,
    EMPTY_TABLE,
    HOLD_TABLE,
    LIST,
    WIRE_DENY,
    asks,
    databases,
    first_denies,
    signed_in,
    tables,
    with_file,
)
from lockdown.facts.postfix import Postfix, postfix
from lockdown.model.change import Change, EditPostfixList, Left, Proposal, PutFile, Risk, SetPostfix
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

DROP_IN = "/etc/dovecot/conf.d/00-lockdown-locked-users.conf"
"""Before 10-auth.conf: what is asked behind a password that was right is not asked."""
_BAD = (State.FAIL, State.WARN)
_FIX = {control.id: control.fix for control in CONTROLS}
_AS_ROOT = "sudo lockdown plan monitoring"
_BY_HAND = "What is done about it, a person must decide."
_BLOCK = {
    # The database of 2.4 needs a name of its own, and has other names for its settings.
    False: f"passdb {{\n  driver = passwd-file\n  deny = yes\n  args = {DENY_TABLE}\n}}\n",
    True: f"passdb lockdown-locked {{\n  driver = passwd-file\n  deny = yes\n  passwd_file_path = {DENY_TABLE}\n}}\n",
}
_QUIET = "none known while no account is held; {} is read again"


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding that does not hold: the changes that turn it, or why there is none."""
    for finding in audit(snapshot, policy):
        if finding.state not in _BAD:
            continue
        match finding.control:
            case CAN_HOLD.id:
                yield from _hold(snapshot, finding)
            case CAN_LOCK.id:
                yield from _lock(snapshot, finding)
            case QUEUE_IDS.id | QUEUE_LIFETIME.id:
                yield from _set(snapshot, finding)
            case _:
                yield _left(finding, _BY_HAND)


def _left(finding: Finding, why: str, try_this: str = "") -> Left:
    says = f"{finding.says} {why}"
    return Left(finding.control, says, try_this or finding.next_command or _FIX[finding.control], finding.target)


def _hold(snapshot: Snapshot, finding: Finding) -> Iterator[Proposal | Left]:
    server, there = postfix(snapshot), tables(snapshot)
    if not isinstance(server, Postfix) or isinstance(there, Unknown):
        why = there.why if isinstance(there, Unknown) else "Postfix was not read"
        yield _left(finding, f"Whether {HOLD_TABLE} is there could not be told: {why.rstrip('.')}.", _AS_ROOT)
    elif any(server.value("smtpd_proxy_filter", one) for one in signed_in(server)):
        yield _left(finding, "With smtpd_proxy_filter, Postfix can hold nothing: how mail is looked at is your choice.")
    elif server.from_files or server.version < (2, 8):
        yield _left(finding, "Of this Postfix it is not known that it reads such a table (it is of 2.8).")
    else:
        yield from _group(finding, _holding(server, there), "Postfix")


def _set(snapshot: Snapshot, finding: Finding) -> Iterator[Proposal | Left]:
    server = postfix(snapshot)
    if not isinstance(server, Postfix) or server.from_files or server.version < (2, 9):
        yield _left(finding, "Of this Postfix it is not known whether it has that setting (it is of 2.9).")
        return
    name, value = _SETTINGS[finding.control]
    change = SetPostfix(name, value, config_directory=server.config_directory)
    effects = next(one.side_effects for one in CONTROLS if one.id == finding.control)
    yield Proposal(finding.control, change, finding.says, Risk.NONE, effects, finding.target)


_SETTINGS: dict[str, tuple[str, str | None]] = {QUEUE_IDS.id: (LONG_IDS, "yes"), QUEUE_LIFETIME.id: (LIFETIME, None)}


def _holding(server: Postfix, there: frozenset[str]) -> Iterator[Change]:
    """The table before whoever asks it, which would put off everybody without it."""
    if HOLD_TABLE not in there:
        yield PutFile(HOLD_TABLE, EMPTY_TABLE)
    overridden = [one.label for one in signed_in(server) if LIST in one.overrides and not asks(server, one)]
    for label in ((""),) * (not asks(server, None)) + tuple(overridden):
        yield EditPostfixList(LIST, ASKS, first=True, service=label, config_directory=server.config_directory)


def _lock(snapshot: Snapshot, finding: Finding) -> Iterator[Proposal | Left]:
    found, there = dovecot(snapshot), tables(snapshot)
    if not isinstance(found, Dovecot) or isinstance(there, Unknown):
        why = there.why if isinstance(there, Unknown) else "Dovecot was not read"
        yield _left(finding, f"Whether {DENY_TABLE} is there could not be told: {why.rstrip('.')}.", _AS_ROOT)
        return
    table = () if DENY_TABLE in there else (PutFile(DENY_TABLE, EMPTY_TABLE),)
    if first_denies(found):
        yield from _group(finding, iter(table), "Dovecot")
    elif any(one.denies_held for one in databases(found)):
        yield from _group(finding, iter(table), "Dovecot")
        yield _left(finding, "Somebody has put it there; where it belongs is before all others.", WIRE_DENY)
    elif not _is_first(snapshot, text := _text(found)):
        yield _left(finding, f"{DROP_IN} would not be read before every other passdb, where alone it helps.", WIRE_DENY)
    else:
        yield from _group(finding, iter((*table, PutFile(DROP_IN, text))), "Dovecot")


def _is_first(snapshot: Snapshot, text: str) -> bool:
    then = with_file(snapshot, DROP_IN, text)
    first = first_denies(then) if then else None
    return first is not None and first.evidence.source == DROP_IN


def _text(found: Dovecot) -> str:
    return (
        f"# Lockdown: {CAN_LOCK.id}: who stands in {DENY_TABLE} is let in nowhere.\n"
        f"# What was changed, and when: lockdown history. To undo it: lockdown rollback.\n{_BLOCK[found.is_new]}"
    )


def _group(finding: Finding, changes: Iterator[Change], service: str) -> Iterator[Proposal]:
    effects = _QUIET.format(service)
    return (Proposal(finding.control, change, finding.says, Risk.NONE, effects, finding.target) for change in changes)
