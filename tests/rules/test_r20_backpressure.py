"""R20: everything is bounded; past a limit we stop reading, or say 421; known clients keep a share."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.rig.messages import plain_letter
from tests.rig.network import eventually
from tests.rig.scene import envelope, scene, transaction
from tests.rig.sender import Gone, Wire
from tests.rig.upstream import Call

pytestmark = pytest.mark.live


def test_r20_one_address_may_hold_so_many_connections_and_others_are_still_served() -> None:
    with scene({"monitoring": {"client_connections": 3}}) as both, ExitStack() as open_ones:
        for _ in range(3):
            open_ones.enter_context(both.client(source="127.0.0.41"))
        with Wire(both.gateway.port, source="127.0.0.41") as one_more:
            assert one_more.answer().code == 421
        with Wire(both.gateway.port, source="127.0.0.42") as another:
            assert another.answer().code == 220


def test_r20_when_it_leaves_its_place_is_free_again() -> None:
    with scene({"monitoring": {"client_connections": 1}}) as both:
        both.client(source="127.0.0.41").close()

        def welcome() -> bool:
            with Wire(both.gateway.port, source="127.0.0.41") as again:
                return again.answer().code == 220

        eventually(welcome, "the place is free")


def test_r20_one_prefix_may_hold_so_many_connections() -> None:
    with scene({"monitoring": {"prefix_connections": 3}}) as both, ExitStack() as open_ones:
        for number in (1, 2, 3):
            open_ones.enter_context(both.client(source=f"127.0.5.{number}"))
        with Wire(both.gateway.port, source="127.0.5.4") as one_more:
            assert one_more.answer().code == 421
        with Wire(both.gateway.port, source="127.0.6.1") as another:
            assert another.answer().code == 220


def test_r20_who_connects_too_often_is_told_421() -> None:
    with scene({"monitoring": {"client_rate": "5/1m"}}) as both:
        codes = []
        for _ in range(8):
            with Wire(both.gateway.port, source="127.0.0.43") as wire:
                codes.append(wire.answer().code)
        assert codes == [220] * 5 + [421] * 3


def test_r20_when_nearly_full_strangers_wait_and_a_known_client_is_let_in() -> None:
    with scene({"monitoring": {"max_connections": 10}}) as both, ExitStack() as open_ones:
        with both.client(source="127.0.7.1") as known:
            assert transaction(known, plain_letter()).code == 250
        for number in range(7):
            open_ones.enter_context(both.client(source=f"127.0.{20 + number}.1"))

        def turned_away() -> bool:
            with Wire(both.gateway.port, source="127.0.90.1") as stranger:
                answer = stranger.answer()
                return (answer.code, answer.enhanced) == (421, "4.3.2")

        eventually(turned_away, "a stranger is turned away before the greeting")
        with Wire(both.gateway.port, source="127.0.7.1") as known:
            assert known.answer().code == 220


def test_r20_who_sends_ahead_without_end_is_not_read_while_an_answer_is_awaited() -> None:
    with scene() as both, both.client() as wire:
        waits: list[bool] = []
        both.upstream.on("RCPT", Call(lambda: eventually(lambda: waits, "the flood has been sent", 30)))
        before = _resident_kib(both.gateway.worker())
        wire.send(b"MAIL FROM:<a@sender.example>\r\nRCPT TO:<bob@example.org>\r\n")
        wire.socket.settimeout(0.5)
        sent = _flood(wire)
        assert _resident_kib(both.gateway.worker()) - before < 16 * 1024
        assert sent < 30_000_000
        waits.append(True)


def _flood(wire: Wire) -> int:
    """As much as the peer's window takes; it closes after a while."""
    sent = 0
    for _ in range(600):
        try:
            wire.send(b"NOOP\r\n" * 10_000)
        except (TimeoutError, Gone):
            return sent
        sent += 60_000
    return sent


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def test_r20_too_many_errors_and_too_many_idle_commands_end_a_connection() -> None:
    with scene({"monitoring": {"errors": 3, "commands": 10}}) as both:
        with both.client() as wire:
            codes = [wire.ask("NONSENSE").code for _ in range(4)]
            assert codes == [500, 500, 500, 421]
        with both.client() as wire:
            codes = []
            while not codes or codes[-1] != 421:
                codes.append(wire.ask("NOOP").code)
            assert len(codes) <= 11


def test_r20_more_messages_at_once_than_upstream_connections_are_all_delivered() -> None:
    letters = [plain_letter() for _ in range(6)]
    with scene({"gateway": {"upstream_connections": 2}}) as both, ExitStack() as open_ones:
        wires = [open_ones.enter_context(both.client()) for _ in letters]
        for wire in wires[:2]:
            assert envelope(wire, letters[wires.index(wire)]).code == 354
        for wire, letter in zip(wires[2:], letters[2:], strict=True):
            wire.send(f"MAIL FROM:<{letter.sender}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n".encode())
        for wire, letter in zip(wires[:2], letters[:2], strict=True):
            wire.send(letter.wire)
            assert wire.answer().code == 250
        for wire, letter in zip(wires[2:], letters[2:], strict=True):
            assert [wire.answer().code for _ in range(3)] == [250, 250, 354]
            wire.send(letter.wire)
            assert wire.answer().code == 250
        assert all(both.copies(letter) == 1 for letter in letters)
        assert both.upstream.most_open == 2
