"""What turns each finding of item 5: quota as drop-ins of Dovecot, and Postfix that asks before it takes a message.

Judged by the room's own audit, so that plan and audit cannot disagree. Where nothing is counted yet, limits, warnings
and the refusal at RCPT come with the counting: alone, it would change nothing for anybody. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lockdown.checklist.mailboxes import drop_ins
from lockdown.checklist.mailboxes.audit import audit
from lockdown.checklist.mailboxes.controls import (
    CONTROLS,
    DISK_ROOM,
    HARD_LIMIT,
    OWN_DISK,
    QUOTA_FINITE,
    QUOTA_ON,
    REFUSED_EARLY,
    SUM_FITS,
    WARNED,
)
from lockdown.checklist.mailboxes.delivery import delivery_by_dovecot
from lockdown.checklist.mailboxes.early import refuse_early
from lockdown.checklist.mailboxes.fitting import fitting
from lockdown.checklist.mailboxes.quota import quota
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, dovecot
from lockdown.facts.dovecot_drop_ins import why_no_drop_in
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.postfix_change import set_where_written
from lockdown.model.change import Change, Left, Proposal, Risk
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

_BAD = (State.FAIL, State.WARN)
_BY_HAND = {
    DISK_ROOM.id: "What is deleted, and whose mail it is, is for people to decide.",
    OWN_DISK.id: "Mail can move to another file system only while nothing is delivered.",
    SUM_FITS.id: "A smaller limit takes room from users, a larger disk must be bought: either is for people to decide.",
}
_FIX = {control.id: control.fix for control in CONTROLS}
_LETTER = "a user whose mailbox reaches 80, 90 or 95 % gets a letter"
_REFUSED = "mail for a full mailbox is refused at once; mail to an alias of its owner is still refused only on delivery"


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding that does not hold: the changes that turn it, or why there is none."""
    bad = {finding.control: finding for finding in audit(snapshot, policy) if finding.state in _BAD}
    for control, why in _BY_HAND.items():
        if control in bad:
            yield Left(control, f"{bad[control].says} {why}", _FIX[control], bad[control].target)
    of_quota = {control: finding for control, finding in bad.items() if control not in _BY_HAND}
    found, server = dovecot(snapshot), postfix(snapshot)
    if isinstance(found, Dovecot):
        yield from _of_dovecot(snapshot, policy, found, server if isinstance(server, Postfix) else None, of_quota)
    elif isinstance(server, Postfix):
        yield from _of_postfix(snapshot, policy, server, of_quota)


# ── Dovecot ──


def _of_dovecot(
    snapshot: Snapshot, policy: Settings, found: Dovecot, server: Postfix | None, bad: Mapping[str, Finding]
) -> Iterator[Proposal | Left]:
    names = ("mail_plugins", "quota", "quota_rule", "quota_warning", "quota_storage_size")
    if bad and (why := why_no_drop_in(snapshot, found, drop_ins.COUNT, *names)):
        yield from (
            Left(one.control, f"{one.says} {_sentence(why)}", _FIX[one.control], one.target) for one in bad.values()
        )
        return
    if counted := bad.get(QUOTA_ON.id):
        yield from _counting(found, server, counted)
    if unlimited := bad.get(QUOTA_FINITE.id) or bad.get(HARD_LIMIT.id):
        yield from _limiting(snapshot, policy, found, server, unlimited)
    if unwarned := bad.get(WARNED.id):
        warning = _warning(found, server)
        if isinstance(warning, str):
            yield Left(WARNED.id, f"{unwarned.says} {_sentence(warning)}", _THROUGH_DOVECOT, unwarned.target)
        else:
            yield from _group(unwarned, warning[0], Risk.LOW, "; ".join(warning[1]))
    if late := bad.get(REFUSED_EARLY.id):
        if server and isinstance(changes := refuse_early(found, server), tuple):
            yield from _group(late, changes, Risk.LOW, _REFUSED)
        else:
            why = "" if not server or isinstance(changes, tuple) else changes
            yield Left(late.control, f"{late.says} {_sentence(why)}", _FIX[late.control], late.target)


def _counting(found: Dovecot, server: Postfix | None, finding: Finding) -> Iterator[Proposal | Left]:
    """All of it at once, each as a file of its own."""
    changes: tuple[Change, ...] = (drop_ins.count(found),)
    effects = ["the first look at each mailbox takes longer, for its messages are measured once"]
    also: list[str] = []
    warning = _warning(found, server)
    if isinstance(warning, str):
        yield Left(WARNED.id, _sentence(warning), _THROUGH_DOVECOT, finding.target)
    else:
        changes, effects, also = (*changes, *warning[0]), [*effects, *warning[1]], [WARNED.id]
    early = refuse_early(found, server) if server else ()
    if isinstance(early, str):
        yield Left(REFUSED_EARLY.id, _sentence(early), REFUSED_EARLY.fix, "postfix")
    elif early:
        changes, effects, also = (*changes, *early), [*effects, _REFUSED], [*also, REFUSED_EARLY.id]
    yield from _group(finding, changes, Risk.LOW, "; ".join(effects), tuple(also))


_THROUGH_DOVECOT = (
    "virtual_transport or mailbox_transport = lmtp:unix:private/dovecot-lmtp     (and service lmtp of Dovecot there)"
)


def _warning(found: Dovecot, server: Postfix | None) -> tuple[tuple[Change, ...], tuple[str, ...]] | str:
    """The changes with who notices them, or why they would warn nobody."""
    files = () if quota(found).warnings else drop_ins.warnings(found)
    by_dovecot = delivery_by_dovecot(found, server) if server else ()
    if isinstance(by_dovecot, str):
        return f"{by_dovecot}: of what comes so nobody would be warned"
    taken_over = "mail for users of this machine is put into the same mailboxes by Dovecot instead of Postfix"
    return (*files, *by_dovecot), (_LETTER, taken_over) if by_dovecot else (_LETTER,)


def _limiting(
    snapshot: Snapshot, policy: Settings, found: Dovecot, server: Postfix | None, finding: Finding
) -> Iterator[Proposal | Left]:
    largest = _largest_message(server)
    size = fitting(snapshot, policy, found, largest)
    if not isinstance(size, str) and finding.control == HARD_LIMIT.id and size < largest:
        size = f"mailboxes.limit is {size}, which is less than a message may have"
    if isinstance(size, str):
        yield Left(
            finding.control, f"{finding.says} No limit is proposed: {size}.", _FIX[finding.control], finding.target
        )
        return
    # Without a limit of messages, that the largest one fits is turned where that limit is set: in item 4.
    fits = 0 < largest <= size and finding.control == QUOTA_FINITE.id
    effects = f"a mailbox of more than {size} takes no more mail; who needs more gets a rule of his own"
    yield from _group(finding, (drop_ins.limit(found, size),), Risk.LOW, effects, (HARD_LIMIT.id,) * fits)


def _largest_message(server: Postfix | None) -> int:
    """In octets; where there is no limit, that is for item 4 to mend, and what it would set is not known here."""
    largest = server.number("message_size_limit") if server else 0
    return 0 if isinstance(largest, Unknown) else largest


# ── Postfix alone ──


def _of_postfix(
    snapshot: Snapshot, policy: Settings, server: Postfix, bad: Mapping[str, Finding]
) -> Iterator[Proposal | Left]:
    """Its own delivery has one limit, in a setting of each kind of mailbox; two controls rest on it."""
    if not (finding := bad.get(QUOTA_ON.id) or bad.get(QUOTA_FINITE.id)):
        return
    largest = _largest_message(server)
    size = fitting(snapshot, policy, None, largest)
    if isinstance(size, str) or (largest and size < largest):
        yield Left(
            finding.control, f"{finding.says} No limit is proposed: {size}.", _FIX[finding.control], finding.target
        )
        return
    names = [name for name in ("mailbox_size_limit", "virtual_mailbox_limit") if server.number(name) == 0]
    changes = tuple(set_where_written(server, name, str(int(size))) for name in names)
    effects = f"a mailbox file of more than {ByteSize(size)} takes no more mail: it comes back to its sender"
    yield from _group(finding, changes, Risk.LOW, effects, (QUOTA_FINITE.id,))


def _group(
    finding: Finding, changes: Iterable[Change], risk: Risk, effects: str, also: tuple[str, ...] = ()
) -> Iterator[Proposal]:
    return (
        Proposal(finding.control, change, finding.says, risk, effects, finding.target, also=also) for change in changes
    )


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:].rstrip('.')}." if why else ""
