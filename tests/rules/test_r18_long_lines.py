"""R18: long lines in a message pass unchanged; command lines stay short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


@pytest.mark.parametrize("length", [998, 999, 1001, 2049, 65_536, 1_000_000])
def test_r18_a_long_line_passes_unchanged(both: Scene, length: int) -> None:
    letter = plain_letter()
    letter = replace(letter, content=letter.content + b"x" * length + b"\r\n")
    assert both.attempt(letter).code == 250
    both.arrived(letter)


def test_r18_a_line_without_end_is_refused_at_the_dot(both: Scene) -> None:
    letter = plain_letter()
    letter = replace(letter, content=letter.content + b"x" * 3_000_000 + b"\r\n")
    answer = both.attempt(letter)
    assert answer.code == 550
    assert not both.body_seen(letter)


def test_r18_a_command_line_that_is_too_long_is_refused_and_the_session_stays_in_step(both: Scene) -> None:
    with both.client() as wire:
        wire.send(b"NOOP " + b"x" * 20_000 + b"\r\n")
        assert wire.answer().code == 500
        assert wire.ask("NOOP").code == 250


def test_r18_a_command_line_of_512_octets_is_understood(both: Scene) -> None:
    with both.client() as wire:
        assert wire.ask("NOOP " + "x" * (512 - 7)).code == 250
