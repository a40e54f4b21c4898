"""R19: without 8BITMIME behind us it is not announced; and nothing is ever converted, which would break signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import scene
from tests.rig.upstream import OFFERS

pytestmark = pytest.mark.live
_EIGHT_BIT = "Grüße aus Köln\r\n".encode() + bytes(range(128, 256)) + b"\r\n"


def test_r19_8bitmime_is_announced_and_passed_on_where_the_upstream_has_it() -> None:
    letter = plain_letter(mail_params=" BODY=8BITMIME")
    letter = replace(letter, content=letter.content + _EIGHT_BIT)
    with scene() as both:
        assert both.attempt(letter).code == 250
        both.arrived(letter)
        assert any("BODY=8BITMIME" in command for command in both.commands())


def test_r19_without_it_behind_us_it_is_neither_announced_nor_asked_for() -> None:
    offers = [offer for offer in OFFERS if offer != "8BITMIME"]
    with scene(offers=offers) as both, both.client() as wire:
        assert "8BITMIME" not in wire.ask("EHLO client.example").text
        assert wire.ask("MAIL FROM:<a@sender.example> BODY=8BITMIME").code // 100 == 5
        assert not any("BODY=" in command for command in both.commands())


def test_r19_eight_bit_octets_are_never_converted() -> None:
    offers = [offer for offer in OFFERS if offer != "8BITMIME"]
    letter = plain_letter()
    letter = replace(letter, content=letter.content + _EIGHT_BIT)
    with scene(offers=offers) as both:
        assert both.attempt(letter).code == 250
        both.arrived(letter)
