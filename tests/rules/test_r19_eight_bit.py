"""R19: without 8BITMIME behind us it is not announced; and nothing is ever converted, which would break signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene
from tests.rig.upstream import OFFERS

pytestmark = pytest.mark.live
_EIGHT_BIT = "Grüße aus Köln\r\n".encode() + bytes(range(128, 256)) + b"\r\n"


@pytest.fixture(scope="module")
def without() -> Iterator[Scene]:
    """The upstream has no 8BITMIME."""
    with scene(offers=[offer for offer in OFFERS if offer != "8BITMIME"]) as pair:
        yield pair


def test_r19_8bitmime_is_announced_and_passed_on_where_the_upstream_has_it() -> None:
    letter = plain_letter(mail_params=" BODY=8BITMIME")
    letter = replace(letter, content=letter.content + _EIGHT_BIT)
    with scene() as both:
        assert both.attempt(letter).code == 250
        both.arrived(letter)
        assert any("BODY=8BITMIME" in command for command in both.commands())


def test_r19_without_it_behind_us_it_is_neither_announced_nor_asked_for(without: Scene) -> None:
    with without.client() as wire:
        assert "8BITMIME" not in wire.ask("EHLO client.example").text
        assert wire.ask("MAIL FROM:<a@sender.example> BODY=8BITMIME").code // 100 == 5
    assert not any("BODY=" in command for command in without.commands())


def test_r19_eight_bit_octets_are_never_converted(without: Scene) -> None:
    letter = plain_letter()
    letter = replace(letter, content=letter.content + _EIGHT_BIT)
    assert without.attempt(letter).code == 250
    without.arrived(letter)
