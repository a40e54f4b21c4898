"""R10: the end of a message is exactly CRLF.CRLF; one leading dot is taken off and put back; sizes count without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.rig.messages import plain_letter
from tests.rig.network import wait_until_read
from tests.rig.scene import Scene, envelope, scene

pytestmark = pytest.mark.live
_LIMIT = 50_000


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene({"gateway": {"max_message": str(_LIMIT)}}) as pair:
        yield pair


@pytest.mark.parametrize(
    "lines",
    [b".\r\n", b"..\r\n", b"...\r\n", b".x\r\n", b". \r\n", b".\r\n.\r\n.\r\n", b"x\r\n.\r\nQUIT\r\n"],
)
def test_r10_lines_of_dots_arrive_as_they_were_meant(both: Scene, lines: bytes) -> None:
    letter = plain_letter()
    letter = replace(letter, content=letter.content + lines)
    assert both.attempt(letter).code == 250
    both.arrived(letter)


def test_r10_a_dot_as_the_very_first_line_ends_an_empty_message(both: Scene) -> None:
    letter = plain_letter()
    before = len(both.upstream.accepted)
    with both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(b".\r\n")
        assert wire.answer().code == 250
    (empty,) = both.upstream.accepted[before:]
    assert b"From:" not in empty.content


def test_r10_a_dot_at_the_start_of_the_first_line_is_unstuffed(both: Scene) -> None:
    letter = plain_letter()
    letter = replace(letter, content=b".first: line\r\n" + letter.content)
    assert both.attempt(letter).code == 250
    both.arrived(letter)


def test_r10_stuffed_dots_do_not_count_against_the_limit(both: Scene) -> None:
    letter = plain_letter()
    dots = b".\r\n" * 10_000
    exact = letter.content + dots
    exact += b"x" * (_LIMIT - len(exact) - 2) + b"\r\n"
    assert len(exact) == _LIMIT
    assert both.attempt(replace(letter, content=exact)).code == 250
    too_long = replace(plain_letter(), content=b"x" + exact)
    assert both.attempt(too_long).code == 552


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_r10_the_end_is_found_wherever_it_is_cut(both: Scene, cut: int) -> None:
    letter = plain_letter()
    with both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(letter.wire[:-cut])
        wait_until_read(wire.socket)
        wire.send(letter.wire[-cut:])
        assert wire.answer().code == 250
    both.arrived(letter)
