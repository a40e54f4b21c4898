"""The queue at this moment: how much waits, whether it moves, and whose it is.

One look tells no growth: that is for the watch. What is said is bounded by what one look can show.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.monitoring.watch_controls import BACKSCATTER, QUEUE_DOMINANCE, QUEUE_MOVES, QUEUE_SIZE
from lockdown.config import Settings
from lockdown.facts.queue import Queue, queue
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MANY, FAR_TOO_MANY = 1000, 10_000
STANDS = timedelta(hours=1)
SHARE, ENOUGH = 0.4, 100
"""Two fifths of the queue, and so many that a mailing list of the house does not count."""
BOUNCES = ("", "MAILER-DAEMON")
_CONTROLS: tuple[Control, ...] = (QUEUE_SIZE, QUEUE_MOVES, QUEUE_DOMINANCE, BACKSCATTER)


def audit_queue(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on the queue."""
    del policy
    found = queue(snapshot)
    if isinstance(found, Absent):
        yield from (it.finding(State.NOT_APPLICABLE, f"No queue is here: {found.why}.") for it in _CONTROLS)
    elif isinstance(found, Unknown):
        says = f"The queue could not be read: {found.why}"
        says = says if says.endswith("?") else f"{says}."
        yield from (it.finding(State.UNKNOWN, says, next_command="sudo postqueue -p | tail -1") for it in _CONTROLS)
    else:
        yield _size(found)
        yield from _inside(found, snapshot)


def _size(found: Queue) -> Finding:
    more = "at least " if found.cut_short else ""
    waits = "1 message waits" if found.count == 1 else f"{more}{found.count} messages wait"
    says = f"{waits[:1].upper()}{waits[1:]} in the queue{'; the list was cut short' if found.cut_short else ''}."
    state = State.FAIL if found.count >= FAR_TOO_MANY else State.WARN if found.count >= MANY else State.PASS
    return QUEUE_SIZE.finding(state, says, Evidence(found.source, f"{found.count} messages"))


def _inside(found: Queue, snapshot: Snapshot) -> Iterator[Finding]:
    if found.count and not found.messages:
        says = f"{found.source} tells how many wait, not whose they are."
        for control in (QUEUE_MOVES, QUEUE_DOMINANCE, BACKSCATTER):
            yield control.finding(State.UNKNOWN, says, next_command="sudo exim -bp | exiqsumm")
        return
    yield _moves(found, snapshot)
    yield _owned(found, QUEUE_DOMINANCE, bounces=False)
    yield _owned(found, BACKSCATTER, bounces=True)


def _moves(found: Queue, snapshot: Snapshot) -> Finding:
    due = [message for message in found.messages if message.queue in ("incoming", "active", "maildrop")]
    old = [message for message in due if snapshot.taken_at - message.arrived > STANDS]
    # A message that was deferred is for a moment in the active queue at each new try: one or two prove nothing.
    if len(old) >= 10 and len(old) > len(due) / 2:
        says = f"{len(old)} of {len(due)} messages that are due stand still for over an hour."
        shown = (Evidence(found.source, f"{it.queue} since {it.arrived:%Y-%m-%d %H:%M} UTC") for it in old[:3])
        return QUEUE_MOVES.finding(State.WARN, says, *shown)
    return QUEUE_MOVES.finding(State.PASS, "Mail that is due leaves.", Evidence(found.source, f"{len(due)} are due"))


def _owned(found: Queue, control: Control, *, bounces: bool) -> Finding:
    senders = [(who, count) for who, count in found.senders() if (who in BOUNCES) is bounces]
    who, count = senders[0] if senders else ("", 0)
    name = "Bounces" if bounces else who
    if count >= ENOUGH and count >= SHARE * len(found.messages):
        says = f"{name} {'are' if bounces else 'has'} {count} of the {len(found.messages)} messages in the queue."
        reason = next((it.reason for it in found.messages if it.sender == who and it.reason), "no reason given")
        return control.finding(State.WARN, says, Evidence(found.source, f"{who or '<>'}: {count}; {reason}"))
    return control.finding(State.PASS, f"{control.title}.", Evidence(found.source, f"at most {count} of one kind"))
