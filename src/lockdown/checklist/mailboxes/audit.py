"""Audit of item 5: do mailboxes end, is the sender told at once, the user in time, and is there room on the disks?

Limits that only a database of users knows are UNKNOWN here, with the command that asks Dovecot for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.mailboxes.audit_disks import audit_disks
from lockdown.checklist.mailboxes.audit_sum import audit_sum
from lockdown.checklist.mailboxes.controls import HARD_LIMIT, QUOTA_FINITE, QUOTA_ON, REFUSED_EARLY, WARNED
from lockdown.checklist.mailboxes.delivery import VIRTUAL, past_dovecot
from lockdown.checklist.mailboxes.quota import Quota, quota
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, as_far_as_read, dovecot
from lockdown.facts.mail_server import NoMailServer, mail_server
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.postfix_restrictions import LISTS, flat_elements
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

OF_QUOTA = (QUOTA_ON, QUOTA_FINITE, REFUSED_EARLY, WARNED, HARD_LIMIT)
LARGEST = ByteSize.parse("1 TiB")
_ASK = "doveadm quota get -A"


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item."""
    server = postfix(snapshot)
    match dovecot(snapshot):
        case Unknown(why):
            yield from _all(
                State.UNKNOWN, f"Dovecot could not be read: {why}.", next_command="doveconf -n     (as root)"
            )
        case Absent(why):
            yield from _without_dovecot(snapshot, server, Evidence("dovecot", why))
        case Dovecot() as found:
            yield from (as_far_as_read(found, one) for one in _of_dovecot(found, server))
    yield from audit_disks(snapshot, policy)
    yield audit_sum(snapshot)


def _all(state: State, says: str, *evidence: Evidence, next_command: str = "") -> Iterator[Finding]:
    return (
        control.finding(state, says, *evidence, target="mailboxes", next_command=next_command) for control in OF_QUOTA
    )


# ── Dovecot ──


def _of_dovecot(found: Dovecot, server: Postfix | Unknown | object) -> Iterator[Finding]:
    counted = quota(found)
    yield _is_on(counted)
    if not counted.is_on:
        evidence = counted.plugin or Evidence("dovecot", "no plugin of quota")
        for control in (QUOTA_FINITE, WARNED, HARD_LIMIT):
            yield control.finding(
                State.FAIL if control is QUOTA_FINITE else State.NOT_APPLICABLE,
                "Nothing is counted, so nothing is limited.",
                evidence,
                target="dovecot",
            )
    else:
        yield _is_finite(counted)
        yield _warned(found, counted, server)
        yield _message_fits(counted, server)
    yield _early(found, counted, server)


def _is_on(counted: Quota) -> Finding:
    if counted.is_on:
        return QUOTA_ON.finding(State.PASS, "Dovecot counts quota.", *filter(None, (counted.plugin,)), target="dovecot")
    evidence = counted.plugin or Evidence("dovecot", "mail_plugins has no quota")
    return QUOTA_ON.finding(
        State.FAIL, "Dovecot counts no quota: one mailbox may take the whole disk.", evidence, target="dovecot"
    )


def _is_finite(counted: Quota) -> Finding:
    if counted.unlimited:
        return QUOTA_FINITE.finding(
            State.FAIL, "The rule for everyone is unlimited.", *counted.unlimited, target="dovecot"
        )
    if counted.storage is not None:
        size = ByteSize(counted.storage)
        if size > LARGEST:
            return QUOTA_FINITE.finding(
                State.WARN, f"A mailbox may have {size}: no disk ends there.", *counted.rules, target="dovecot"
            )
        return QUOTA_FINITE.finding(
            State.PASS,
            f"A mailbox ends at {size}, unless its user has a rule of his own.",
            *counted.rules,
            target="dovecot",
        )
    if counted.from_database:
        says = "Limits come from the database of users, which is not read: whether each has one is not known."
        return QUOTA_FINITE.finding(State.UNKNOWN, says, *counted.from_database, target="dovecot", next_command=_ASK)
    return QUOTA_FINITE.finding(
        State.FAIL, "Quota is counted, and nobody has a limit.", *filter(None, (counted.plugin,)), target="dovecot"
    )


def _warned(found: Dovecot, counted: Quota, server: object) -> Finding:
    if not counted.warnings:
        return WARNED.finding(
            State.WARN,
            "Nobody is warned: a mailbox is full from one message to the next.",
            *filter(None, (counted.plugin,)),
            target="dovecot",
        )
    if isinstance(server, Postfix) and (past := past_dovecot(found, server)):
        says = f"Warnings are set up, and Postfix puts {past} into mailboxes itself: of that, nobody is warned."
        name = "virtual_transport" if past == VIRTUAL else "mailbox_command"
        fix = "hand it to Dovecot: virtual_transport or mailbox_transport = lmtp:…, or mailbox_command = …/dovecot-lda"
        return WARNED.finding(State.WARN, says, server.evidence(name), target="dovecot", next_command=fix)
    return WARNED.finding(
        State.PASS, "Users are warned before their mailbox is full.", *counted.warnings[:3], target="dovecot"
    )


def _message_fits(counted: Quota, server: object) -> Finding:
    if counted.storage is None or not isinstance(server, Postfix):
        says = "No limit of Dovecot, or no Postfix, to compare with."
        return HARD_LIMIT.finding(State.NOT_APPLICABLE, says, target="dovecot")
    largest = server.number("message_size_limit")
    evidence = (*counted.rules[:1], server.evidence("message_size_limit"))
    if isinstance(largest, Unknown):
        return HARD_LIMIT.finding(
            State.UNKNOWN, f"{largest.why}.", *evidence, target="dovecot", next_command="postfix check"
        )
    if largest == 0 or largest > counted.storage:
        says = f"A message may be larger than a whole mailbox of {ByteSize(counted.storage)}."
        return HARD_LIMIT.finding(State.WARN, says, *evidence, target="dovecot")
    return HARD_LIMIT.finding(State.PASS, "The largest message fits into a mailbox.", *evidence, target="dovecot")


def _early(found: Dovecot, counted: Quota, server: object) -> Finding:
    service = found.has_section("service quota-status")
    if isinstance(server, Unknown):
        says = f"Whether a full mailbox is refused at once could not be told: {server.why}."
        return REFUSED_EARLY.finding(
            State.UNKNOWN, says, target="postfix", next_command="postconf smtpd_recipient_restrictions"
        )
    if not isinstance(server, Postfix):
        says = "There is no Postfix here whose recipients could be asked for."
        return REFUSED_EARLY.finding(State.NOT_APPLICABLE, says, target="postfix")
    asked = [
        element.argument or ""
        for one in server.smtp_services()
        for name in LISTS
        for element in flat_elements(server, one, name)
        if element.name == "check_policy_service"
    ]
    evidence = server.evidence("smtpd_recipient_restrictions")
    if service and any(place in _places(found) for one in asked for place in _ends(one)):
        return REFUSED_EARLY.finding(
            State.PASS, "Postfix asks Dovecot before it takes a message.", evidence, target="postfix"
        )
    if service and asked:
        says = "A policy service is asked, and none of its addresses is that of Dovecot's quota-status."
        ask = "doveconf -n service/quota-status; postconf smtpd_recipient_restrictions"
        return REFUSED_EARLY.finding(State.UNKNOWN, says, evidence, target="postfix", next_command=ask)
    if not counted.is_on:
        return REFUSED_EARLY.finding(
            State.NOT_APPLICABLE, "Nothing is counted, so no mailbox is full.", evidence, target="postfix"
        )
    says = "A full mailbox is noticed after the message was taken: it waits, and then bounces."
    return REFUSED_EARLY.finding(State.WARN, says, evidence, target="postfix")


def _places(found: Dovecot) -> frozenset[str]:
    """Where quota-status listens: ports, and the last names of sockets."""
    ports = {one.value for one in found.all("port") if one.within and one.within[0].startswith("service quota-status")}
    heads = [path[-1] for path in found.sections if path[0].startswith("service quota-status")]
    sockets = {head.split()[-1].rpartition("/")[2] for head in heads if head.startswith("unix_listener ")}
    return frozenset(ports | sockets) - {"0", ""}


def _ends(policy_service: str) -> list[str]:
    """What a policy service is asked at: the port of `inet:host:port`, or the last name of `unix:path`."""
    words = re.findall(r"[^\s,{}]+", policy_service)
    ports = [one.rpartition(":")[2] for one in words if one.startswith("inet:")]
    return ports + [one.rpartition("/")[2].removeprefix("unix:") for one in words if one.startswith("unix:")]


# ── without Dovecot ──


def _without_dovecot(snapshot: Snapshot, server: object, gone: Evidence) -> Iterator[Finding]:
    if isinstance(server, Unknown):
        yield from _all(State.UNKNOWN, f"Postfix could not be read: {server.why}.", next_command="sudo lockdown audit")
        return
    if not isinstance(server, Postfix):
        match mail_server(snapshot):
            case NoMailServer(says, evidence):
                yield from _all(State.NOT_APPLICABLE, f"{says}.", evidence)
            case Unknown(why):
                yield from _all(State.UNKNOWN, f"{why}.", next_command="lockdown audit --item mailboxes     (as root)")
            case _:
                yield from _all(
                    State.NOT_APPLICABLE, "Mailboxes of this server are not judged: no Dovecot, no Postfix.", gone
                )
        return
    limits = list(_own_delivery(server))
    if not limits:
        yield from _all(State.NOT_APPLICABLE, "No mailboxes lie here: no Dovecot, and Postfix delivers to none.", gone)
        return
    yield _limit(QUOTA_ON, server, limits)
    yield _limit(QUOTA_FINITE, server, limits)
    for control in (REFUSED_EARLY, WARNED, HARD_LIMIT):
        yield control.finding(State.NOT_APPLICABLE, "Postfix's own delivery has no such thing.", gone, target="postfix")


def _own_delivery(server: Postfix) -> Iterator[str]:
    if server.value("virtual_mailbox_maps") and server.value("virtual_transport").startswith("virtual"):
        yield "virtual_mailbox_limit"
    elsewhere = server.value("mailbox_transport") or server.value("mailbox_command")
    if server.value("mydestination") and not elsewhere and server.value("local_transport").startswith("local"):
        yield "mailbox_size_limit"


def _limit(control: Control, server: Postfix, names: list[str]) -> Finding:
    for name in names:
        limit, evidence = server.number(name), server.evidence(name)
        if isinstance(limit, Unknown):
            return control.finding(
                State.UNKNOWN, f"{limit.why}.", evidence, target="postfix", next_command="postfix check"
            )
        if limit == 0:
            fix = server.setting_command(name, "1073741824")
            return control.finding(
                State.WARN, f"{name} = 0: a mailbox has no end.", evidence, target="postfix", next_command=fix
            )
    says = "Postfix ends a mailbox file at its limit."
    return control.finding(State.PASS, says, *(server.evidence(name) for name in names), target="postfix")
