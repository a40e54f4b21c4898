"""Run drills: send each room's letters through a live gateway, see what became of each, leave nothing behind.

Every bad letter is followed by a plain one that must arrive, or a dead server would pass; where no plain letter arrives
at all, the whole drill could not be told. What is accepted and then lies nowhere is a failure of its own kind.

Fails as: results that are UNKNOWN, with the reason. `OperatorError` when there is no mailbox to look into.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, assert_never

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Settings
from lockdown.engine.canary import Arrival, Canary
from lockdown.engine.drill_report import Report, Result, as_far_as_told
from lockdown.mime import compose
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.held import HeldState
from lockdown.model.step import SENDER, Expect, Fate, Occasion, Step
from lockdown.model.trial import Trial
from lockdown.model.unknown import Unknown
from lockdown.probe.series import Series
from lockdown.probe.smtp import Accepted, Caller, Deadlines, Delivered, Letter, NotSent, Refused, Target
from lockdown.smtp.reply import Reply
from lockdown.state.spool import Spool
from lockdown.state.store import Store

BY = "drill"
"""Who `quarantine list --all` names for what a drill has removed."""

_DEADLINES = Deadlines(connect=10.0, command=60.0, piece=60.0, final=120.0)
_LOOK_AGAIN_SECONDS = 0.1
_LOOK_AT_LEAST_SECONDS = 2.0
_COMMIT_SECONDS = 10.0
_PIECE = 64 * 1024
_MOST_LOST = 3
"""So many plain letters in a row that nobody takes, and the drill is over."""
_HELD_AS = re.compile(r"Held for review as ([A-Za-z0-9_-]{3,64})")
_REFERENCE = re.compile(r"\(([A-Za-z0-9_-]{3,64})\)\s*\Z")
_REPETITION = re.compile(r"4\.7\.0 Too much mail")

Drill: TypeAlias = Callable[[Settings], Iterable[Step | Trial]]
Progress: TypeAlias = Callable[[Result], None]
"""Told of each step as soon as its letter has been answered; what has arrived is known only later."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """Where a drill is held: whom to talk to, who receives, where to look."""

    target: Target
    recipient: str
    canary: Canary
    store: Store | None
    """None: the quarantine of that gateway cannot be looked into from here."""
    spool: Spool | None
    wait_seconds: float = 30.0
    """For what was accepted to lie in the mailbox."""
    deadlines: Deadlines = _DEADLINES


# ── the rooms ──


def drills(items: Collection[str], checklist: Iterable[Room] = CHECKLIST) -> dict[str, Drill]:
    """The drills of these items (of all that have one, where none is named); `OperatorError` for one without."""
    found = {room.CARD.id: drill for room in checklist if (drill := _drill_of(room))}
    for item in items:
        if item not in found:
            raise OperatorError(
                "no-drill",
                what=f"there is no drill for {item!r}",
                why=f"drills exist for {', '.join(found)}",
                try_this=f"lockdown drill {' '.join(found)}",
            )
    return {item: drill for item, drill in found.items() if not items or item in items}


def _drill_of(room: Room) -> Drill | None:
    name = f"{room.__name__}.drill"
    if importlib.util.find_spec(name) is None:
        return None
    drill: Drill = importlib.import_module(name).drill
    return drill


def parted(items: Mapping[str, Drill], settings: Settings) -> tuple[dict[str, list[Step]], list[tuple[str, Trial]]]:
    """What these drills consist of: letters, by item, and trials."""
    whole = [(item, one) for item, drill in items.items() for one in drill(settings)]
    letters: dict[str, list[Step]] = {}
    for item, one in whole:
        if isinstance(one, Step):
            letters.setdefault(item, []).append(one)
    return letters, [(item, one) for item, one in whole if isinstance(one, Trial)]


# ── one drill ──


@dataclass(frozen=True, slots=True)
class _Sent:
    """A letter on its way: its mark, and what its server has said."""

    mark: str
    outcome: Delivered


@dataclass(frozen=True, slots=True)
class _Pair:
    """A step's letter, and the plain one behind it (None behind wanted mail, which is its own)."""

    item: str
    step: Step
    round: int
    letter: _Sent
    plain: _Sent | None

    @property
    def is_lost(self) -> bool:
        """Nobody has taken even the plain letter."""
        return isinstance((self.plain or self.letter).outcome, NotSent)

    @property
    def is_put_off_for_repetition(self) -> bool:
        """The gateway's own limits count what a drill sends too."""
        outcomes = [sent.outcome for sent in (self.letter, self.plain) if sent]
        return any(isinstance(one, Refused) and bool(_REPETITION.search(_words(one.reply))) for one in outcomes)


def hold_drill(
    steps: Sequence[tuple[str, Step]], sitting: Sitting, progress: Progress = lambda result: None, *,
    repeat: int = 1, rest: Callable[[], None] | None = None,
) -> Report:  # fmt: skip
    """Send all steps, each `repeat` times; look; clean up. An interrupted drill cleans up as well.

    `rest` returns when the gateway, which limits what one client may send, will take more; without it, that is the end.
    """
    began, start = datetime.now(UTC), time.monotonic()
    courier = _Courier(sitting)
    pairs: list[_Pair] = []
    try:
        for pair in _sent(steps, courier, repeat, rest):
            pairs.append(pair)
            progress(_so_far(pair))
        arrived = _wait_for(courier.accepted, sitting)
        results = tuple(_judged(pair, arrived, sitting) for pair in pairs)
    finally:
        courier.leave()
        _clean_up(courier, sitting)
    plain = [pair.plain for pair in pairs if pair.plain] + [
        pair.letter for pair in pairs if pair.step.expect is Expect.ARRIVES
    ]
    count = sum(letter.mark in arrived for letter in plain)
    unsent = len(steps) * repeat - len(pairs)
    notes = tuple(_notes(pairs, unsent))
    return as_far_as_told(Report(began, time.monotonic() - start, results, len(plain), count, notes, unsent))


def _sent(
    steps: Sequence[tuple[str, Step]], courier: _Courier, repeat: int, rest: Callable[[], None] | None
) -> Iterator[_Pair]:
    """Until all is sent, or every further answer would be the same."""
    lost = 0
    for number in range(1, repeat + 1):
        for item, step in steps:
            pair = _pair(item, step, number, courier)
            if pair.is_put_off_for_repetition and rest is not None:
                courier.leave()
                rest()
                pair = _pair(item, step, number, courier)
            yield pair
            lost = lost + 1 if pair.is_lost else 0
            if lost == _MOST_LOST or pair.is_put_off_for_repetition:
                return


def _pair(item: str, step: Step, number: int, courier: _Courier) -> _Pair:
    letter = courier.send(step.write, step.sender)
    plain = None if step.expect is Expect.ARRIVES else courier.send(compose.plain, SENDER)
    return _Pair(item, step, number, letter, plain)


def _notes(pairs: Sequence[_Pair], unsent: int) -> Iterator[str]:
    if pairs and pairs[-1].is_put_off_for_repetition:
        yield (
            "the drill ended early: the gateway limits how much one client may send (item 4). Wait for "
            "attachments.window to pass, or name this machine in monitoring.never_limit"
        )
    elif unsent:
        yield "the drill ended early: the server does not answer (any more)"


def send_and_look(item: str, steps: Sequence[Step], sitting: Sitting) -> tuple[Result, ...]:
    """Send these letters alone, look, clean up: for a gateway that is known to pass plain ones."""
    courier = _Courier(sitting)
    try:
        pairs = [_Pair(item, step, 1, courier.send(step.write, step.sender), None) for step in steps]
        arrived = _wait_for(courier.accepted, sitting)
        return tuple(_judged(pair, arrived, sitting) for pair in pairs)
    finally:
        courier.leave()
        _clean_up(courier, sitting)


class _Courier:
    """Sends letters, and remembers what must be looked for and cleaned up."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        caller = Caller(name="drill.example", deadlines=sitting.deadlines)
        self._series = Series(sitting.target, caller)
        self._run, self._numbers = secrets.token_hex(8), itertools.count()
        self.accepted: list[str] = []
        """Marks of letters that were accepted and, as far as their server says, not held; or whose answer was lost."""
        self.held: list[str] = []
        """Ids in the quarantine."""

    def send(self, write: Callable[[Occasion], bytes], sender: str) -> _Sent:
        """One letter, made for this moment."""
        recipient = self._sitting.recipient
        mark = f"{self._run}{next(self._numbers):06x}"
        content = write(Occasion(mark, datetime.now(UTC), recipient, recipient.rpartition("@")[2]))
        parameters = () if content.isascii() else ("BODY=8BITMIME",)
        letter = Letter(sender, (recipient,), lambda: _in_pieces(content), len(content), parameters)
        outcome = self._series.send(letter)
        self._remember(mark, outcome)
        return _Sent(mark, outcome)

    def leave(self) -> None:
        """The drill is over."""
        self._series.leave()

    def _remember(self, mark: str, outcome: Delivered) -> None:
        match outcome:
            case Accepted(reply):
                if held := _HELD_AS.search(_words(reply)):
                    self.held.append(held[1])
                else:
                    self.accepted.append(mark)
            case Unknown():
                self.accepted.append(mark)
            case Refused() | NotSent():
                pass
            case _:
                assert_never(outcome)


def _in_pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


# ── what became of it ──


def _wait_for(marks: Sequence[str], sitting: Sitting) -> dict[str, Arrival]:
    """Look until all that was accepted is there, or the time is over."""
    end, pause = time.monotonic() + sitting.wait_seconds, _LOOK_AGAIN_SECONDS
    while True:
        arrived = sitting.canary.arrivals(marks) if marks else {}
        if len(arrived) == len(set(marks)) or time.monotonic() > end:
            return arrived
        time.sleep(pause)
        pause = min(pause * 2, _LOOK_AT_LEAST_SECONDS)


def _judged(pair: _Pair, arrived: dict[str, Arrival], sitting: Sitting) -> Result:
    fate, says, id = _fate_of(pair.letter, arrived, sitting)
    state = pair.step.expect.judge(fate)
    if state is State.PASS and pair.plain is not None and pair.plain.mark not in arrived:
        plain, words, _ = _fate_of(pair.plain, arrived, sitting)
        state, says = State.UNKNOWN, f"{fate}, but so was the plain letter behind it stopped: {plain} ({words})"
    return Result(pair.item, pair.step, state, fate, says, id, pair.round)


def _so_far(pair: _Pair) -> Result:
    """As far as the answers alone tell."""
    match pair.letter.outcome:
        case Accepted(reply) if not _HELD_AS.search(_words(reply)):
            fate, says = Fate.UNTOLD, "accepted; the mailbox will tell"
        case outcome:
            fate, says, _ = _fate_of_answer(outcome)
    return Result(pair.item, pair.step, State.UNKNOWN, fate, says, round=pair.round)


Told: TypeAlias = tuple[Fate, str, str]
"""A fate, the words it rests on, the gateway's id."""


def _fate_of(sent: _Sent, arrived: dict[str, Arrival], sitting: Sitting) -> Told:
    if arrival := arrived.get(sent.mark):
        return (Fate.MARKED if arrival.marked else Fate.ARRIVED), "it lies in the mailbox", arrival.id
    fate, says, id = _fate_of_answer(sent.outcome)
    return _looked_up(says, id, sitting.store) if fate is Fate.HELD else (fate, says, id)


def _fate_of_answer(outcome: Delivered) -> Told:
    match outcome:
        case Accepted(reply):
            held = _HELD_AS.search(_words(reply))
            return (Fate.HELD, _words(reply), held[1]) if held else (Fate.VANISHED, _words(reply), "")
        case Refused(verb, reply):
            return _fate_of_refusal(verb, reply)
        case NotSent(why) | Unknown(why):
            return Fate.UNTOLD, why, ""
        case _:
            assert_never(outcome)


def _fate_of_refusal(verb: str, reply: Reply) -> Told:
    """A letter counts as refused only for what it is: before DATA nobody has seen it."""
    words, reference = _words(reply), _REFERENCE.search(_words(reply))
    id = reference[1] if reference else ""
    if reply.code < 500:
        return Fate.PUT_OFF, words, id
    if verb in ("MAIL", "RCPT", "DATA-END"):
        return Fate.REFUSED, words, id
    return Fate.UNTOLD, f"refused at {verb}, before it was seen: {words}", id


def _looked_up(says: str, id: str, store: Store | None) -> Told:
    """A promise to hold is believed when the row is there."""
    if store is None:
        return Fate.UNTOLD, f"{says}; that quarantine cannot be seen from here", id
    row = store.held_message(id)
    if row is None or row.state is not HeldState.HELD:
        return Fate.VANISHED, f"{says}; but it is not in the quarantine", id
    return Fate.HELD, row.says or says, id


def _words(reply: Reply) -> str:
    return " ".join(reply.wire.decode("ascii", "replace").split())


# ── away with it ──


def _clean_up(courier: _Courier, sitting: Sitting) -> None:
    """A drill leaves nothing behind: neither in the mailbox nor in the quarantine."""
    if courier.accepted:
        sitting.canary.remove(courier.accepted)
    if sitting.store is None:
        return
    now = datetime.now(UTC)
    for id in courier.held:
        if sitting.store.deleted(id, BY, now).result(_COMMIT_SECONDS) and sitting.spool is not None:
            with suppress(OSError):  # the sweep will find it
                sitting.spool.remove(id)
