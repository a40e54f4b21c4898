"""The drill of item 9: a stranger floods the live gateway, harmlessly, and is to be answered within seconds.

Copies of one letter to the drill's own mailbox, in one conversation, at ten a second, until one is not just taken. What
answers must be the answer to a flood: a limit that stands in the way proves nothing of it. Meanwhile somebody else's
plain letter must arrive. What the drill has brought about is taken back by who holds it, and told to nobody.

Fails as: UNKNOWN, where the stranger could not flood, or something else stopped him.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lockdown.checklist.monitoring.flood_controls import FLOOD
from lockdown.checklist.monitoring.gate import PAUSE_SECONDS
from lockdown.config import Settings
from lockdown.model.finding import State
from lockdown.model.trial import Flood, Heard, Judged, Scene, Told, Trial

LETTERS, EACH_SECOND = 100, 10.0
SECONDS = LETTERS / EACH_SECOND
SLOW_SECONDS = PAUSE_SECONDS * 0.8
_HELD = "Held for review"
_OURS = ("mail of this kind", _HELD.lower())
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_WHY = "Whoever floods goes on until somebody sees it, and by then mailboxes and queues are full."


def drill(policy: Settings) -> Iterator[Trial]:
    """At each port where the gateway meets strangers."""
    for port in dict.fromkeys(_ports(policy)):
        yield Trial(
            FLOOD.id, f"a flood, at the gateway (port {port})", "a hundred copies of one letter, from one address",
            partial(_moves, port), _judge, _WHY, door=port,
        )  # fmt: skip


def _ports(policy: Settings) -> Iterator[int]:
    for listen in policy.gateway.listen:
        host, _, port = listen.rpartition(":")
        if not host.startswith(_LOOPBACK):
            yield int(port)


def _moves(port: int, scene: Scene) -> tuple[Flood, ...]:
    return (Flood(scene.recipient, LETTERS, EACH_SECOND, SLOW_SECONDS, port=port),)


def _judge(told: Told) -> Judged:
    heard = told.heard[0]
    taken = sum(map(_is_just_taken, zip(heard.codes, heard.took, strict=False)))
    if not heard.codes or heard.lost:
        return Judged(State.UNKNOWN, f"The stranger could not flood: {heard.lost or 'no letter was answered'}.")
    if not _is_answered(heard):
        says = f"Nobody answered a flood of {len(heard.codes)} letters in {heard.seconds:.0f} s: all were taken."
        return Judged(State.FAIL, says)
    says = f"{taken} letters were taken in {heard.seconds:.1f} s, then came: {heard.code} {heard.text}"
    if not _is_of_a_flood(heard):
        return Judged(State.UNKNOWN, f"Something else stopped the flood: {says}")
    if heard.seconds > SECONDS + SLOW_SECONDS:
        return Judged(State.FAIL, f"It is answered too late: {says}")
    return Judged(State.PASS, says)


def _is_just_taken(one: tuple[int, float]) -> bool:
    code, took = one
    return code == 250 and took < SLOW_SECONDS


def _is_answered(heard: Heard) -> bool:
    return not _is_just_taken((heard.codes[-1], heard.took[-1])) or _HELD in heard.text


def _is_of_a_flood(heard: Heard) -> bool:
    """Held, put off or refused in the words of such an answer, or slowed."""
    return any(words in heard.text.lower() for words in _OURS) or (heard.code == 250 and heard.took[-1] >= SLOW_SECONDS)
