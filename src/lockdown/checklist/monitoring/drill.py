"""The drill of item 9: a stranger floods the live gateway, harmlessly; and letters in the queue are held and let go.

Copies of one letter to the drill's own mailbox, in one conversation, at ten a second, until one is not just taken. What
answers must be the answer to a flood: a limit that stands in the way proves nothing of it. Meanwhile somebody else's
plain letter must arrive. In the queue lie letters of a sender that nobody else has: all of them are to be held, none
may come out meanwhile, and all must arrive when they are let go. What the drill has brought about is taken back by who
holds it, and told to nobody.

Fails as: UNKNOWN, where the stranger could not flood, or something else stopped him.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lockdown.checklist.monitoring.flood_controls import CLOGGED, FLOOD
from lockdown.checklist.monitoring.gate import PAUSE_SECONDS
from lockdown.config import Settings
from lockdown.model.finding import State
from lockdown.model.trial import Clog, Flood, Heard, Judged, Need, Scene, Told, Trial

LETTERS, EACH_SECOND = 100, 10.0
SECONDS = LETTERS / EACH_SECOND
SLOW_SECONDS = PAUSE_SECONDS * 0.8
CLOG = 5
_STEPS = 5
"""As a `Clog` is heard."""
_HELD = "Held for review"
_OURS = ("mail of this kind", _HELD.lower())
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_WHY_QUEUE = "Who clogs the queue cannot be set aside, or what was set aside by mistake is lost."
_WHY = "Whoever floods goes on until somebody sees it, and by then mailboxes and queues are full."


def drill(policy: Settings) -> Iterator[Trial]:
    """At each port where the gateway meets strangers; and the queue behind, once."""
    ports = tuple(dict.fromkeys(_ports(policy)))
    for port in ports:
        yield Trial(
            FLOOD.id, f"a flood, at the gateway (port {port})", "a hundred copies of one letter, from one address",
            partial(_moves, port), _judge, _WHY, door=port,
        )  # fmt: skip
    if ports:
        yield Trial(
            CLOGGED.id, "the queue", "letters of one sender are held, and let go again",
            lambda scene: (Clog(CLOG),), _judge_queue, _WHY_QUEUE, frozenset({Need.QUEUE}), ports[0],
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


def _judge_queue(told: Told) -> Judged:
    heard = told.heard[0]
    if heard.lost or len(heard.codes) != _STEPS or not heard.codes[0]:
        return Judged(State.UNKNOWN, f"The queue could not be tried: {heard.lost or 'no letter was laid there'}.")
    laid, held, seen, escaped, released = heard.codes
    wrong = (
        (held != laid, f"{held} of {laid} letters of one sender were held: {heard.text}."),
        (seen != laid, f"{laid} letters were said to be held, and the mail server has {seen} in hold."),
        (escaped > 0, f"{escaped} of {laid} letters were delivered while they were held."),
        (released != laid, f"{released} of {laid} held letters were let go."),
        (heard.arrived != laid, f"{laid} letters were held and let go, and {heard.arrived} of them have arrived."),
    )
    says = next((says for is_wrong, says in wrong if is_wrong), "")
    if says:
        return Judged(State.FAIL, says)
    return Judged(State.PASS, f"{laid} letters of one sender were held, none came out, and all arrived when let go.")
