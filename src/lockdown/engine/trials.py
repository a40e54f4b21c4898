"""Hold trials: attack the live server, move by move, from a stranger's address; judge; leave nothing behind.

While each trial lasts, somebody who has nothing to do with it sends a plain letter, which must arrive: a dead server
would stand every trial. An interrupted drill cleans up as well.
Fails as: results that are UNKNOWN, with the reason and, where it helps, what to type.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias

from lockdown.engine.canary import Canary
from lockdown.engine.drill import BY
from lockdown.engine.drill_incidents import is_of_a_drill
from lockdown.engine.drill_queue import DrilledQueue, clear_queue
from lockdown.engine.drill_report import Report, TrialResult
from lockdown.engine.incidents import answered
from lockdown.engine.moves import NAME, Kept, Mover
from lockdown.engine.signing_in import Account
from lockdown.engine.sink import Sink
from lockdown.engine.stranger import RANGE, Vantage
from lockdown.engine.wire import Lost, Wire
from lockdown.model.alarm import Answer
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from lockdown.model.trial import Deliver, Heard, Move, Need, Scene, Told, Trial, Who
from lockdown.state.spool import Spool
from lockdown.state.store import Store

_HELD_AS = re.compile(r"Held for review as ([A-Za-z0-9_-]{3,64})")
_SIZE = re.compile(r"^SIZE (\d{1,15})\s*$", re.MULTILINE)
_COMMIT_SECONDS = 10.0
_GREETING_SECONDS = 20.0
_DOUBTFUL_SECONDS = 3.0
"""How long is waited for a letter that nobody has said to have taken."""
_MOST_LINES = 400
_DRILLED = "it was a drill of this machine: what was done about it is lifted"

Progress: TypeAlias = Callable[[TrialResult], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where trials are held: from where, with which mailbox, and where to look."""

    vantage: Vantage
    recipient: str
    canary: Canary
    store: Store | None = None
    spool: Spool | None = None
    account: Account | None = None
    snapshot: Snapshot | None = None
    sink: Sink | None = None
    unmet: Mapping[Need, str] = field(default_factory=dict)
    """What is missing, and what to type."""
    is_here: bool = True
    """The server is this machine: its queue can be cleared."""
    wait_seconds: float = 30.0
    answer_seconds: float = 20.0
    """For the server to answer a command: some let strangers wait on purpose."""
    stopped: tuple[str, ...] = ()
    """As a scene has it."""
    queue: DrilledQueue | None = None
    """Of this machine."""


@dataclass(slots=True)
class _Door:
    """One port, as it greets a stranger."""

    why: str = ""
    """Nobody answers there, and why."""
    limit_bytes: int = 0


@dataclass(slots=True)
class _Held:
    """One trial whose moves are over."""

    item: str
    trial: Trial
    scene: Scene
    heard: list[Heard]
    kept: Kept
    plain: int
    """The number of the move that is the plain letter."""
    dialogue: list[str]
    seconds: float
    arrived: set[str] = field(default_factory=set)
    """Marks that lay in the mailbox, where they were taken out at once."""


def hold_trials(
    trials: Sequence[tuple[str, Trial]], ground: Ground, progress: Progress = lambda result: None
) -> Report:
    """All of them, in order; then look, judge, clean up."""
    began, start = datetime.now(UTC), time.monotonic()
    hall = _Hall(ground)
    told: list[TrialResult | _Held] = []
    try:
        for item, trial in trials:
            told.append(one := hall.hold(item, trial))
            progress(one if isinstance(one, TrialResult) else _so_far(one))
        arrived, relayed = hall.look([one for one in told if isinstance(one, _Held)])
        results = tuple(one if isinstance(one, TrialResult) else _judged(one, arrived, relayed) for one in told)
    finally:
        hall.clean_up()
    held = [one for one in results if one.was_held]
    return Report(
        began, time.monotonic() - start, (), len(held), sum(one.plain_arrived for one in held), trials=results
    )


def not_held(trials: Sequence[tuple[str, Trial]], why: str) -> Report:
    """There is no stranger's address, so nothing can be told."""
    results = tuple(TrialResult(item, trial, State.UNKNOWN, why, was_held=False) for item, trial in trials)
    notes = (f"{len(results)} trials were not held: {why}",) if results else ()
    return Report(datetime.now(UTC), 0.0, (), 0, 0, notes, trials=results)


class _Hall:
    """Remembers what must be looked for and cleaned up."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._run, self._number = secrets.token_hex(6), 0
        self._doors: dict[int, _Door] = {}
        self._kept: list[Kept] = []

    def hold(self, item: str, trial: Trial) -> TrialResult | _Held:
        """The moves of one trial, and its plain letter."""
        why = next((self._ground.unmet[need] for need in Need if need in trial.needs & self._ground.unmet.keys()), "")
        door = self._door(trial.door)
        if why or door.why:
            return TrialResult(item, trial, State.UNKNOWN, why or door.why, was_held=False)
        self._ground.vantage.new_trial()
        return self._held(item, trial, self._scene(door))

    def _held(self, item: str, trial: Trial, scene: Scene) -> _Held:
        ground, start = self._ground, time.monotonic()
        moves = trial.moves(scene)
        dialogue: list[str] = []

        def overhear(who: str, line: str) -> None:
            if len(dialogue) < _MOST_LINES:
                dialogue.append(f"{time.monotonic() - start:8.3f} {who} {line}")

        plain: Move = Deliver(scene.recipient, port=trial.door, who=Who.OTHER)
        mover = Mover(
            scene, ground.vantage, ground.account, ground.canary, overhear, ground.answer_seconds, ground.queue
        )  # fmt: skip
        with mover:
            self._kept.append(mover.kept)
            heard = [mover.make(number, move) for number, move in enumerate(moves)]
            taken = self._emptied(mover.kept) if trial.fills else set()
            heard.append(mover.make(len(moves), plain))
            seconds = time.monotonic() - start
        return _Held(item, trial, scene, heard, mover.kept, len(moves), dialogue, seconds, taken)

    def _emptied(self, kept: Kept) -> set[str]:
        """What has come of a trial that fills the mailbox is taken out, or the plain letter would find no room."""
        marks = kept.every_mark()
        arrived, _ = self._wait_for(kept.certain, set(marks) - kept.certain)
        self._ground.canary.remove(marks)
        return arrived

    def _scene(self, door: _Door) -> Scene:
        ground, self._number = self._ground, self._number + 1
        return Scene(
            mark=f"{self._run}t{self._number:04x}", now=datetime.now(UTC),
            domain=ground.recipient.rpartition("@")[2], recipient=ground.recipient, address=ground.vantage.server,
            stranger=ground.vantage.address(Who.STRANGER), user=ground.account.user if ground.account else "",
            snapshot=ground.snapshot, limit_bytes=door.limit_bytes, stopped=ground.stopped,
        )  # fmt: skip

    def _door(self, port: int) -> _Door:
        """As somebody meets it who has not been here before."""
        if port not in self._doors:
            self._ground.vantage.new_trial()
            self._doors[port] = self._met(port)
        return self._doors[port]

    def _met(self, port: int) -> _Door:
        where = f"{self._ground.vantage.server}, port {port}"
        try:
            wire = Wire(self._ground.vantage.connect(Who.OTHER, port, _GREETING_SECONDS), lambda side, line: None)
        except OSError as error:
            return _Door(f"no stranger gets through to {where}: {error.strerror or error}")
        try:
            wire.hear(_GREETING_SECONDS)
            said = wire.ask(f"EHLO {NAME}", _GREETING_SECONDS)
        except Lost as lost:
            return _Door(f"no stranger is answered at {where}: {lost}")
        finally:
            wire.leave()
        size = _SIZE.search(said.text)
        return _Door(limit_bytes=int(size[1]) if size else 0)

    # ── what became of it ──

    def look(self, held: Sequence[_Held]) -> tuple[set[str], set[str]]:
        """The marks that lie in the mailbox, and those that came to the stranger's own address."""
        certain = {mark for one in held for mark in one.kept.certain} - {m for one in held for m in one.arrived}
        doubtful = {mark for one in held for mark in one.kept.every_mark()} - certain
        return self._wait_for(certain, doubtful)

    def _wait_for(self, certain: set[str], doubtful: set[str]) -> tuple[set[str], set[str]]:
        ground, start = self._ground, time.monotonic()
        # Longest first: where one mark begins with another, the whole one is meant.
        marks = sorted(certain | doubtful, key=len, reverse=True)
        least, pause = (_DOUBTFUL_SECONDS if doubtful else 0.0), 0.1
        while marks:
            arrived = set(ground.canary.arrivals(marks))
            relayed = ground.sink.arrived(marks) if ground.sink else set()
            waited = time.monotonic() - start
            if waited >= ground.wait_seconds or (waited >= least and certain <= arrived | relayed):
                return arrived, relayed
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
        return set(), set()

    # ── away with it ──

    def clean_up(self) -> None:
        """Neither in the mailbox, nor in the quarantine, nor in the queue anything is left of the drill."""
        marks = [mark for kept in self._kept for mark in kept.every_mark()]
        replies = [reply for kept in self._kept for reply in kept.replies]
        if self._ground.is_here:
            clear_queue(replies, _is_strangers)
        if marks:
            self._ground.canary.remove(sorted(marks, key=len, reverse=True))
        self._clear_quarantine(replies)
        self._lift_answers()

    def _lift_answers(self) -> None:
        """Whatever the strangers were answered with by itself ends now, and its incident with it, marked as a drill."""
        store, now = self._ground.store, datetime.now(UTC)
        if store is None or not self._ground.is_here:
            return
        stories = {one.number: one for one in store.open_incidents() if is_of_a_drill(one)}
        for number in stories:
            store.change_incident(number, lambda one: answered(one, Answer(now, _DRILLED, True))).result(
                _COMMIT_SECONDS
            )
            store.close_incident(number, BY, now).result(_COMMIT_SECONDS)
        for restraint in store.active_restraints(now):
            if restraint.incident in stories:
                store.end_restraint(restraint.number, BY, now).result(_COMMIT_SECONDS)

    def _clear_quarantine(self, replies: Sequence[str]) -> None:
        store, spool = self._ground.store, self._ground.spool
        if store is None:
            return
        now = datetime.now(UTC)
        for id in (found[1] for reply in replies if (found := _HELD_AS.search(reply))):
            if store.deleted(id, BY, now).result(_COMMIT_SECONDS) and spool is not None:
                with suppress(OSError):  # the sweep will find it
                    spool.remove(id)


def _is_strangers(recipient: str) -> bool:
    """An address that only a drill can have written: a literal of the range, or a domain that nobody can have."""
    domain = recipient.rpartition("@")[2].lower().strip("[]")
    try:
        return ipaddress.ip_address(domain) in ipaddress.ip_network(RANGE)
    except ValueError:
        return domain == NAME


def _so_far(held: _Held) -> TrialResult:
    """Its moves are over; what has arrived is known only later."""
    return TrialResult(held.item, held.trial, State.UNKNOWN, "its moves are over; the mailbox will tell")


def _judged(held: _Held, arrived: set[str], relayed: set[str]) -> TrialResult:
    there = arrived | held.arrived
    heard = tuple(_with_arrivals(held, there, relayed))
    *moves, plain = heard
    told = Told(held.scene, tuple(moves), plain.arrived > 0)
    state, says = held.trial.judge(told)
    if state is State.PASS and not told.plain_arrived:
        words = plain.lost or f"{plain.code} {plain.text}".strip()
        state, says = State.UNKNOWN, f"{says} But the plain letter of somebody else did not arrive: {words}"
    return TrialResult(
        held.item, held.trial, state, says, told.plain_arrived, True, held.seconds, tuple(held.dialogue)
    )  # fmt: skip


def _with_arrivals(held: _Held, arrived: set[str], relayed: set[str]) -> Iterator[Heard]:
    for number, heard in enumerate(held.heard):
        marks = set(held.kept.marks.get(number, ()))
        out = len(marks & relayed)
        # A Look has counted for itself.
        count = len(marks & (arrived | relayed)) if marks else heard.arrived
        yield replace(heard, arrived=count, relayed=out)
