"""R21: doubt is 4xx, proven abuse is 5xx: a 4xx would bring the flood back again and again. Others are not harmed."""

from __future__ import annotations

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene, transaction
from tests.rig.sender import Answer, Wire
from tests.rig.upstream import Say

pytestmark = pytest.mark.live


def _from(both: Scene, source: str) -> Answer:
    with Wire(both.gateway.port, source=source) as wire:
        wire.greet()
        answer = wire.ask("MAIL FROM:<a@sender.example>")
        if answer.code != 250:
            return answer
        wire.ask("RSET")
        return transaction(wire, plain_letter())


def test_r21_a_network_over_its_window_is_told_to_come_later_and_others_are_served() -> None:
    with scene({"attachments": {"network_messages": 5}}) as both:
        heard = [_from(both, "127.0.0.50") for _ in range(7)]
        assert [answer.code for answer in heard] == [250] * 5 + [452] * 2
        assert heard[-1].enhanced == "4.7.0"
        assert _from(both, "127.0.60.1").code == 250


def test_r21_who_is_trusted_with_rates_is_counted_and_not_limited() -> None:
    limits = {"attachments": {"network_messages": 2}, "monitoring": {"never_limit": ["127.0.0.50/32"]}}
    with scene(limits) as both:
        assert [_from(both, "127.0.0.50").code for _ in range(6)] == [250] * 6


def test_r21_a_flood_to_one_recipient_is_put_off_and_a_quiet_sender_still_gets_through() -> None:
    with scene({"attachments": {"recipient_messages": 8}}) as both:
        flood = [_from(both, "127.0.0.50").code for _ in range(12)]
        assert flood[:8] == [250] * 8
        assert set(flood[8:]) == {452}
        assert _from(both, "127.0.60.1").code == 250


def test_r21_a_harvest_of_the_directory_ends_in_a_refusal() -> None:
    with scene({"monitoring": {"refused_rate": "3/1h"}}) as both:
        both.upstream.on("RCPT", Say(b"550 5.1.1 unknown\r\n"), times=100)
        codes: list[int] = []
        for number in range(30):
            with Wire(both.gateway.port, source="127.0.0.50") as wire:
                wire.greet()
                wire.ask("MAIL FROM:<a@sender.example>")
                codes.append(wire.ask(f"RCPT TO:<user{number}@example.org>").code)
        assert set(codes[:3]) == {550}
        assert 421 in codes
        assert len([command for command in both.commands() if command.startswith("RCPT")]) < 10
