"""How Postfix names what is in its queue, and how long it keeps it: what looking at a queue and clearing it rest on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.monitoring.acting_here import acts_here
from lockdown.checklist.monitoring.server_controls import QUEUE_IDS, QUEUE_LIFETIME, QUEUE_SETTINGS
from lockdown.config import Settings
from lockdown.facts.postfix import Absent, Postfix, postfix
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=14)
"""Beyond these nobody means it. RFC 5321 4.5.4.1 asks for four or five days; two are usual where users want to know."""
LIFETIME, LONG_IDS = "maximal_queue_lifetime", "enable_long_queue_ids"
_AS_ROOT = "sudo lockdown audit"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TIME = re.compile(r"(\d{1,9})([smhdw]?)")


def audit_queue_settings(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Both controls, whatever could be read."""
    server = postfix(snapshot)
    if isinstance(server, Absent):
        says = "Postfix is not here."
        yield from (it.finding(State.NOT_APPLICABLE, says, target="postfix") for it in QUEUE_SETTINGS)
        return
    for control, judge in ((QUEUE_IDS, _ids), (QUEUE_LIFETIME, _lifetime)):
        yield _unknown(control, server.why) if isinstance(server, Unknown) else judge(server, snapshot, policy)


def _ids(server: Postfix, snapshot: Snapshot, policy: Settings) -> Finding:
    evidence = server.evidence(LONG_IDS)
    if server.is_on(LONG_IDS):
        return QUEUE_IDS.finding(State.PASS, "A queue id is never used again.", evidence, target="postfix")
    acts = acts_here(snapshot, policy, "hold")
    if isinstance(acts, Unknown):
        return _unknown(QUEUE_IDS, acts.why)
    if not acts:
        says = "Queue ids are used again, and nobody holds or deletes by them on its own here."
        return QUEUE_IDS.finding(State.NOT_APPLICABLE, says, evidence, target="postfix")
    says = "A queue id is used again within minutes, and the log tells of two messages by one name."
    return QUEUE_IDS.finding(State.WARN, says, evidence, target="postfix")


def _lifetime(server: Postfix, snapshot: Snapshot, policy: Settings) -> Finding:
    evidence, text = server.evidence(LIFETIME), server.value(LIFETIME)
    kept = _time(text)
    if kept is None:
        return _unknown(QUEUE_LIFETIME, f"{LIFETIME} = {text[:40]} is no time")
    if kept < SHORTEST:
        says = f"Mail is given back after {text}: a server behind that is down overnight loses it."
    elif kept > LONGEST:
        says = f"Mail that cannot be delivered stays for {text}, and its sender hears of it then."
    else:
        says = f"Mail that cannot be delivered is given back after {text}."
        return QUEUE_LIFETIME.finding(State.PASS, says, evidence, target="postfix")
    return QUEUE_LIFETIME.finding(State.WARN, says, evidence, target="postfix")


def _time(text: str) -> timedelta | None:
    """As Postfix reads this one: days, where no unit is written; None for what is no time."""
    found = _TIME.fullmatch(text)
    try:
        return timedelta(**{_UNITS[found[2] or "d"]: int(found[1])}) if found and found[1].isascii() else None
    except OverflowError:
        return timedelta.max


def _unknown(control: Control, why: str) -> Finding:
    says = f"It could not be read: {why.rstrip('.')}."
    return control.finding(State.UNKNOWN, says, target="postfix", next_command=_AS_ROOT)
