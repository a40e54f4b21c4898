"""kill -9 of a worker at every point: nothing is lost, nothing truncated, duplicates only where nobody can know.

A letter is sent; at one point of its first attempt the worker dies. Its master starts another, the sender retries with
the identical octets until it has a final answer, as mail servers do. Then the copies are counted. Points are reached

- by steps of the client ("MAIL half sent", "after CRLF."), the worker stopped where it must not have read any more;
- by steps of the upstream ("DATA seen", "accepted, no reply written");
- by system calls of the worker itself, through strace ("fsync 2": killed as it enters its second fsync).

The one place where a duplicate cannot be avoided is between the upstream's acceptance and the reading of its reply
(RFC 1047): the points in `NOBODY_CAN_KNOW`. There it must be counted, and the log must say so.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.rig.gateway import GatewayProcess, lives
from tests.rig.messages import (
    Letter,
    ids_in,
    letter_of_many_parts,
    looping_letter,
    only_fields_were_put_before,
    plain_letter,
)
from tests.rig.network import TookTooLong, eventually, wait_until_read
from tests.rig.sandbox import sandbox
from tests.rig.sender import POINTS, Hook, Outcome, Sender, Wire
from tests.rig.trace import DURABILITY, traced, why_strace_cannot_run
from tests.rig.trace import Call as SystemCall
from tests.rig.upstream import Call, Deed, Drop, FakeUpstream, Say, Take

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NOBODY_CAN_KNOW = (
    "upstream: accepted, no reply written",
    "upstream: accepted, half of the reply written",
    "upstream: accepted, reply written and not read",
    "upstream: accepted, reply written, perhaps read",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One point of the matrix and what came of it."""

    point: str
    killed: bool
    outcome: Outcome
    copies: int
    truncated: int

    @property
    def lost(self) -> int:
        return int(self.outcome.accepted and self.copies == 0)

    @property
    def duplicates(self) -> int:
        return max(0, self.copies - 1)

    def __str__(self) -> str:
        final = self.outcome.final.code if self.outcome.final else "none"
        return (
            f"{self.point:52} {'killed' if self.killed else 'not reached':12} {len(self.outcome.attempts):8}"
            f" {final!s:>5} {self.copies:6} {self.lost:4} {self.truncated:9} {self.duplicates:10}"
        )


@dataclass(slots=True)
class Matrix:
    """One gateway, one kind of letter, and every point at which its worker is killed."""

    gateway: GatewayProcess
    new_letter: Callable[[], Letter]
    contents: Callable[[], list[bytes]]
    """Every message that has come to rest where such letters belong."""
    upstream: FakeUpstream | None = None
    _runs: list[tuple[str, bool, Outcome]] = field(default_factory=list)

    def client_points(self) -> None:
        for before, point in zip(("", *POINTS), POINTS, strict=False):
            killer = _Killer(self.gateway)
            self._run(f"client: {point}", self.new_letter(), killer, killer.hook(before, point))

    def upstream_points(self, points: dict[str, Plan]) -> None:
        assert self.upstream is not None
        for name, plan in points.items():
            killer = _Killer(self.gateway)
            # Kept connections are ended, so that the new transaction begins with a new one.
            self.upstream.hang_up()
            self._run(f"upstream: {name}", plan(self, killer), killer)
            self.upstream.be_kind()

    def system_calls(self, record: Path, at_most: int = 40) -> None:
        for name, number in self._system_calls_of_one_letter(record)[:at_most]:
            before = self.gateway.worker()
            with traced(before, record, inject=f"{name}:signal=KILL:when={number}"):
                outcome = self._deliver()
            self._note(f"system call: {name} {number}", not lives(before), outcome)
            self._fresh_worker(before)

    def _system_calls_of_one_letter(self, record: Path) -> list[tuple[str, int]]:
        """What a worker that has just begun does for its first letter: each call once, counted for each thread."""
        self._fresh_worker(self.gateway.kill_worker())
        with traced(self.gateway.worker(), record) as trace:
            self._note("system calls: counted, none interrupted", False, self._deliver())
        most = _most_of_one_thread(trace.calls(), record)
        return [(name, number) for name in DURABILITY for number in range(1, min(most[name], 12) + 1)]

    def _run(self, point: str, letter: Letter, killer: _Killer, hook: Hook | None = None) -> None:
        before = self.gateway.worker()
        sender = Sender(self.gateway.port)
        outcome = sender.deliver(letter, hook) if hook else sender.deliver(letter)
        # The upstream kills from a thread of its own, which may be late by a moment on a busy machine.
        with suppress(TookTooLong):
            eventually(lambda: killer.killed, "the worker is killed", 5.0)
        self._note(point, killer.killed, outcome)
        if killer.killed:
            self._fresh_worker(before)

    def _deliver(self) -> Outcome:
        return Sender(self.gateway.port).deliver(self.new_letter())

    def _note(self, point: str, killed: bool, outcome: Outcome) -> None:
        self._runs.append((point, killed, outcome))
        if self.upstream is not None and self.upstream.ids().count(outcome.letter.id) > 1:
            self._wait_until_the_log_tells(outcome.letter)

    def _wait_until_the_log_tells(self, letter: Letter) -> None:
        """At once: the next kill could come before these lines of the log are written, as with any log."""

        def told() -> bool:
            return any(letter.sender in str(line) and "possible duplicate" in str(line) for line in self.gateway.log())

        eventually(told, f"the log tells of a possible duplicate of {letter.sender}", 10.0)

    def _fresh_worker(self, before: int) -> None:
        if not lives(before):
            self.gateway.wait_for_another_worker(before)
            self.gateway.wait_until_serving()

    def rows(self) -> list[Row]:
        """Count the copies of every letter once, at the end."""
        found = self.contents()
        whole = Counter(ident for content in found for ident in set(ids_in(content)))
        return [self._row(run, found, whole) for run in self._runs]

    @staticmethod
    def _row(run: tuple[str, bool, Outcome], found: list[bytes], whole: Counter[str]) -> Row:
        point, killed, outcome = run
        letter = outcome.letter
        mine = [content for content in found if letter.id in ids_in(content)] if whole[letter.id] else []
        broken = sum(not only_fields_were_put_before(content, letter.content) for content in mine)
        return Row(point, killed, outcome, len(mine), broken)

    def unknown_contents(self) -> list[bytes]:
        """What came to rest and belongs to no letter of this matrix: torn, or made up."""
        sent = {outcome.letter.id for _, _, outcome in self._runs}
        return [content for content in self.contents() if not set(ids_in(content)) & sent]


class _Killer:
    """kill -9 of the worker, once; where it must not have read the last octets, it is stopped before they are sent."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self.killed = False

    def kill(self) -> None:
        if not self.killed:
            self._gateway.kill_worker()
            self.killed = True

    def stop(self) -> None:
        os.kill(self._gateway.worker(), signal.SIGSTOP)

    def hook(self, before: str, point: str) -> Hook:
        """ "… sent" is the moment at which the octets have been sent and not read; elsewhere all have been read."""
        unread = point.endswith(" sent") and not point.endswith("half sent")

        def hook(reached: str, wire: Wire) -> None:
            if unread and reached == before:
                wait_until_read(wire.socket)
                self.stop()
            if reached == point:
                if not unread:
                    wait_until_read(wire.socket)
                self.kill()

        return hook


def _most_of_one_thread(seen: list[SystemCall], record: Path) -> Counter[str]:
    """strace counts `when=N` for each thread, so what matters is the largest count of one thread."""
    lines = record.read_text(errors="replace").splitlines()
    by_thread = Counter((lines[call.began].split()[0], call.name) for call in seen)
    most: Counter[str] = Counter()
    for (_, name), count in by_thread.items():
        most[name] = max(most[name], count)
    return most


Plan = Callable[[Matrix, _Killer], Letter]
"""Tells the upstream when to kill, and makes the letter that will get there."""


def _at(moment: str, *deeds_before: Deed, then: tuple[Deed, ...] = (), skip: int = 0) -> Plan:
    """Kill at this moment of the upstream's side, after some deeds of it and before others."""

    def plan(matrix: Matrix, killer: _Killer) -> Letter:
        assert matrix.upstream is not None
        if skip:
            matrix.upstream.on(moment, Call(lambda: None), times=skip)
        matrix.upstream.on(moment, *deeds_before, Call(killer.kill), *then)
        return matrix.new_letter()

    return plan


def _within_a_large_body(share: float) -> Plan:
    def plan(matrix: Matrix, killer: _Killer) -> Letter:
        assert matrix.upstream is not None
        letter = plain_letter(10_000_000)
        matrix.upstream.on("body", Call(killer.kill), at_octets=1 + int(share * len(letter.content)))
        return letter

    return plan


def _stopped_until_the_reply_is_written(matrix: Matrix, killer: _Killer) -> Letter:
    assert matrix.upstream is not None
    matrix.upstream.on("taken", Call(killer.stop))
    matrix.upstream.on("replied", Call(killer.kill))
    return matrix.new_letter()


def _stopped_until_354_is_written(matrix: Matrix, killer: _Killer) -> Letter:
    """Were it not stopped, a small message would be written, dot and all, in the moment between 354 and the kill."""
    assert matrix.upstream is not None
    matrix.upstream.on("DATA", Call(killer.stop))
    matrix.upstream.on("354", Call(killer.kill))
    return matrix.new_letter()


BEFORE_DATA = {
    "connected, no banner written": _at("connect"),
    "banner written": _at("banner", Say(b"220 upstream.example ESMTP\r\n")),
    "EHLO seen": _at("EHLO"),
    "EHLO half answered": _at("EHLO", Say(b"250-upstream.ex")),
    "MAIL seen": _at("MAIL"),
    "MAIL answered": _at("MAIL", Say(b"250 2.1.0 OK\r\n")),
    "RCPT 1 seen": _at("RCPT"),
    "RCPT 1 half answered": _at("RCPT", Say(b"25")),
    "RCPT 1 answered": _at("RCPT", Say(b"250 2.1.5 OK\r\n")),
    "RCPT 2 seen": _at("RCPT", skip=1),
    "RCPT 2 answered": _at("RCPT", Say(b"250 2.1.5 OK\r\n"), skip=1),
}
FROM_DATA_ON = {
    "DATA seen": _at("DATA"),
    "DATA half answered": _at("DATA", Say(b"35")),
    "354 written and not read": _stopped_until_354_is_written,
    "first octets of a large body": _within_a_large_body(0),
    "an eighth of a large body": _within_a_large_body(0.125),
    "a quarter of a large body": _within_a_large_body(0.25),
    "half of a large body": _within_a_large_body(0.5),
    "dot seen, not accepted": _at("dot", then=(Drop(),)),
    "accepted, no reply written": _at("taken", then=(Drop(),)),
    "accepted, half of the reply written": _at("dot", Take(), Say(b"250 2."), then=(Drop(),)),
    "accepted, reply written and not read": _stopped_until_the_reply_is_written,
    "accepted, reply written, perhaps read": _at("replied"),
}
_SETTINGS = {"attachments": {"max_parts": 3, "max_hops": 10}}


@contextmanager
def _matrix(name: str, new_letter: Callable[[], Letter]) -> Iterator[Matrix]:
    with ExitStack() as stack:
        box = stack.enter_context(sandbox(f"crash-{name}"))
        upstream = stack.enter_context(FakeUpstream())
        url = "maildir:mail" if name == "maildir" else upstream.url
        gateway = stack.enter_context(GatewayProcess(box, _SETTINGS, upstream=url))
        places = {
            "accept": lambda: [message.content for message in upstream.accepted],
            "reject": lambda: [message.content for message in upstream.accepted] + gateway.held(),
            "quarantine": gateway.held,
            "maildir": lambda: _read(gateway.delivered()),
        }
        yield Matrix(gateway, new_letter, places[name], upstream)


def _read(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def _judge(name: str, matrix: Matrix, tmp_path: Path, *, at_least: int) -> list[Row]:
    """Print the table, then hold it against the promise that is the same for every kind of letter."""
    rows = matrix.rows()
    head = f"{name + ': point':52} {'worker':12} attempts final copies lost truncated duplicates"
    table = "\n".join([head, *map(str, rows)])
    (tmp_path / f"crash-matrix-{name}.txt").write_text(table + "\n")
    print(table)
    assert sum(row.killed for row in rows) >= at_least, table
    assert not [row for row in rows if row.lost or row.truncated or row.outcome.final is None], table
    assert not matrix.unknown_contents(), "something came to rest that nobody sent whole"
    return rows


needs_strace = pytest.mark.skipif(bool(why_strace_cannot_run()), reason=why_strace_cannot_run() or "strace runs")


def test_a_killed_worker_loses_no_accepted_letter_and_doubles_it_only_where_nobody_can_know(tmp_path: Path) -> None:
    with _matrix("accept", plain_letter) as matrix:
        matrix.client_points()
        matrix.upstream_points(BEFORE_DATA | FROM_DATA_ON)
        rows = _judge("accept", matrix, tmp_path, at_least=40)
        # At the last point the worker races with us: it may be done before the signal comes.
        assert {row.point for row in rows if not row.killed} <= {NOBODY_CAN_KNOW[-1]}
        assert all(row.outcome.accepted for row in rows)
        doubled = {row.point for row in rows if row.duplicates}
        assert doubled <= set(NOBODY_CAN_KNOW)
        assert "upstream: accepted, no reply written" in doubled, "the count must be able to see a duplicate"


def test_a_killed_worker_loses_and_doubles_no_letter_that_is_held(tmp_path: Path) -> None:
    with _matrix("quarantine", letter_of_many_parts) as matrix:
        matrix.client_points()
        matrix.upstream_points(BEFORE_DATA)
        rows = _judge("quarantine", matrix, tmp_path, at_least=40)
        assert all(row.killed and row.outcome.accepted for row in rows)
        assert not [str(row) for row in rows if row.duplicates]
        assert not matrix.upstream.accepted  # type: ignore[union-attr]


def test_a_killed_worker_lets_no_refused_letter_through(tmp_path: Path) -> None:
    with _matrix("reject", looping_letter) as matrix:
        matrix.client_points()
        matrix.upstream_points(BEFORE_DATA)
        rows = _judge("reject", matrix, tmp_path, at_least=40)
        assert all(row.killed for row in rows)
        assert not [row for row in rows if row.outcome.accepted or row.copies]


@needs_strace
@pytest.mark.parametrize(
    ("name", "new_letter", "at_least"),
    [("quarantine", letter_of_many_parts, 12), ("maildir", plain_letter, 8), ("accept", plain_letter, 5)],
)
def test_a_worker_killed_at_any_of_its_system_calls_loses_nothing(
    tmp_path: Path, name: str, new_letter: Callable[[], Letter], at_least: int
) -> None:
    with _matrix(name, new_letter) as matrix:
        matrix.system_calls(tmp_path / "killed.strace")
        rows = _judge(name, matrix, tmp_path, at_least=at_least)
        assert all(row.outcome.accepted for row in rows)
        doubled = [str(row) for row in rows if row.duplicates]
        assert not doubled or name == "accept", doubled
