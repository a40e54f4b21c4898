"""Watch over the mail server's queue: one sender, perhaps a forged one, of whom much of it is; and where it is slow.

It is told whoever it is. Held is what nobody stands for: mail of strangers, and of this machine where it is known what
is usual here. What a user has handed in is judged by his account (`accounts`), and a sender of much good mail may have
a letter that its receivers do not take yet. Holding loses nothing, and can be undone. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.monitoring import ladder
from lockdown.checklist.monitoring.attribution import LEAST_COVERAGE, TERM, explanations, is_proven
from lockdown.checklist.monitoring.flood_controls import CLOGGED, SLUGGISH
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Evidence, Severity
from lockdown.model.traffic import Dimension, HoldQueued, Match, Restrain, Rung, Seen, Stage, Traffic, Waits, Wish

CLOGS, CLOGS_SHARE = 100, 0.2
"""Messages of one sender that wait, and of all that do."""
SLOW_SECONDS, SLOW_FACTOR, SLOW_DELIVERIES = 10.0, 5.0, 20
"""Of half of the deliveries, so many times what is usual, and of so many deliveries at least."""
HISTORY_DAYS = 7.0
_GOOD_SHARE = 0.1
_VOUCHED = 0.8
_MOST_TOLD = 5


def watch(traffic: Traffic) -> Iterator[Alarm]:
    """Senders who clog the queue, and the stage at which mail is late."""
    for waits in traffic.waits[:_MOST_TOLD]:
        if waits.messages >= max(CLOGS, CLOGS_SHARE * traffic.waiting):
            yield _clogged(waits, traffic)
    yield from _sluggish(traffic)


def _clogged(waits: Waits, traffic: Traffic) -> Alarm:
    name = waits.sender or "the null sender <>"
    seen = [one for one in traffic.seen if (Dimension.SENDER, waits.sender) in one.keys]
    spared = _why_spared(waits, seen, traffic)
    share = f"{waits.messages} of the {traffic.waiting} messages that wait in the queue are of {name}"
    whose = next(words for words in _whose(waits) if words)
    return Alarm(
        "monitoring.queue-clogged",
        f"sender {waits.sender or '<>'}",
        CLOGGED.id,
        Severity.HIGH,
        f"{share} ({waits.messages / traffic.waiting:.0%}), {whose}.",
        f"nothing is held by itself: {spared}" if spared else "they are held aside, so that other mail goes on",
        (Evidence("mail server's log", f"{waits.messages} messages, {waits.good} good ones in 30 days"),),
        "lockdown queue",
        wishes=() if spared else tuple(_wishes(waits, seen, traffic, share)),
    )


def _whose(waits: Waits) -> Iterator[str]:
    yield f"handed in by user {waits.user}" if waits.user else ""
    yield "handed in on this machine" if 2 * waits.local > waits.messages else ""
    yield f"from {waits.client}; nobody has signed in for them" if waits.client else ""
    yield "from many places; nobody has proved the sender"


def _why_spared(waits: Waits, seen: Sequence[Seen], traffic: Traffic) -> str:
    if waits.user:
        return f"user {waits.user} has signed in for them, and accounts are watched by what they do"
    if 2 * waits.local > waits.messages and traffic.days < HISTORY_DAYS:
        return "this machine itself sends them, and what is usual for it is not known yet"
    if waits.good >= _GOOD_SHARE * waits.messages:
        return f"{waits.good} good messages of this sender are known"
    if seen and sum(is_proven(one) or one.is_list for one in seen) >= _VOUCHED * len(seen):
        return "somebody vouches for who sends them"
    return ""


def _wishes(waits: Waits, seen: Sequence[Seen], traffic: Traffic, words: str) -> Iterator[Wish]:
    """Their mail aside, and no more of it from where it comes: by what explains it, or where it was handed in."""
    # Whoever forges a sender of ours must not have held what the real one has signed in for.
    yield HoldQueued(((Dimension.SENDER, waits.sender), (Dimension.USER, "")), words)
    found = explanations(seen, traffic)
    if found:
        yield from ladder.wishes(found, traffic)
    elif waits.client:
        match: Match = ((Dimension.CLIENT, waits.client),)
        good = traffic.good.get(match[0], 0)
        spill = good / traffic.good_messages if traffic.good_messages else 0.0
        if match[0] not in traffic.greatest and spill < LEAST_COVERAGE:
            yield Restrain(match, Rung.DEFER, TERM, 1.0, spill, f"{words}, all from {waits.client}")


_LOOK_AT = {
    "before the queue manager": "the content filter or a slow client; see smtpd_milters, content_filter and cleanup",
    "in the queue manager": "too few delivery agents, or a full active queue: qshape active",
    "connecting": "the DNS, or the servers that mail goes to: see which domains are deferred (qshape deferred)",
    "transmitting": "the servers behind, or the line: see the answers in the log (lockdown queue top)",
}


def _sluggish(traffic: Traffic) -> Iterator[Alarm]:
    slow = [stage for stage in traffic.stages if _is_slow(stage)] if traffic.deliveries >= SLOW_DELIVERIES else []
    if slow:
        worst = max(slow, key=lambda stage: stage.lately - stage.usual)
        yield Alarm(
            "monitoring.delivery-is-slow",
            worst.name,
            SLUGGISH.id,
            Severity.MEDIUM,
            f"Half of {traffic.deliveries} deliveries needed more than {worst.lately:.0f} s {worst.name}; "
            f"usually it is {worst.usual:.1f} s.",
            f"mail is late; what to look at: {_LOOK_AT.get(worst.name, worst.name)}",
            tuple(
                Evidence(stage.name, f"{stage.lately:.1f} s, usually {stage.usual:.1f} s") for stage in traffic.stages
            ),
            "qshape active; qshape deferred",
        )


def _is_slow(stage: Stage) -> bool:
    return stage.lately >= SLOW_SECONDS and stage.lately >= SLOW_FACTOR * stage.usual
