"""R14: CHUNKING is not announced, and BDAT is refused without its octets ever being taken for commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.scene import Scene, scene
from tests.rig.upstream import OFFERS

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene(offers=[*OFFERS, "CHUNKING", "BINARYMIME"]) as pair:
        yield pair


def test_r14_chunking_is_not_announced(both: Scene) -> None:
    with both.client() as wire:
        assert "CHUNKING" not in wire.ask("EHLO client.example").text


@pytest.mark.parametrize("last", ["", " LAST"])
def test_r14_the_octets_behind_a_refused_bdat_are_not_obeyed(both: Scene, last: str) -> None:
    octets = b"RSET\r\nMAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<bob@example.org>\r\n"
    with both.client() as wire:
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        wire.send(f"BDAT {len(octets)}{last}\r\n".encode() + octets)
        assert wire.answer().code // 100 == 5
        said = wire.rest()
        assert b"250" not in said
    assert not any("smuggled" in command for command in both.commands())


def test_r14_bdat_never_goes_upstream(both: Scene) -> None:
    assert not any(command.startswith("BDAT") for command in both.commands())
