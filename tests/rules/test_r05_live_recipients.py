"""R5: recipients are answered by the upstream, in the transaction that carries the message; slow uploads let go."""

from __future__ import annotations

import pytest

from tests.rig.gateway import GatewayProcess
from tests.rig.messages import plain_letter
from tests.rig.network import eventually, free_port
from tests.rig.sandbox import sandbox
from tests.rig.scene import Scene, envelope, scene
from tests.rig.sender import Wire
from tests.rig.upstream import Say

pytestmark = pytest.mark.live


def test_r5_each_recipient_gets_the_answer_of_the_upstream() -> None:
    with scene() as both, both.client() as wire:
        both.upstream.on("RCPT", Say(b"250 2.1.5 OK\r\n"))
        both.upstream.on("RCPT", Say(b"550 5.1.1 nobody of that name\r\n"))
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        refused = wire.ask("RCPT TO:<nobody@example.org>")
        assert (refused.code, refused.enhanced) == (550, "5.1.1")
        assert wire.ask("RCPT TO:<carol@example.org>").code == 250


def test_r5_an_upstream_that_is_down_makes_no_user_unknown() -> None:
    with (
        sandbox("down") as box,
        GatewayProcess(box, {}, upstream=f"smtp://127.0.0.1:{free_port()}") as gateway,
        Wire(gateway.port) as wire,
    ):
        wire.greet()
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        answer = wire.ask("RCPT TO:<bob@example.org>")
        assert (answer.code, answer.enhanced) == (450, "4.4.1")


_SOON = {"gateway": {"release_upload": "1s"}}


def _upload_slowly(both: Scene, wire: Wire, octets: bytes) -> None:
    """Half of it, then wait until the upstream's transaction has been given up, then the rest."""
    wire.send(octets[: len(octets) // 2])
    eventually(lambda: "RSET" in both.commands(), "the upstream's transaction is given up", 10)
    wire.send(octets[len(octets) // 2 :])


def test_r5_a_slow_upload_lets_go_of_the_upstream_and_asks_again_at_the_end() -> None:
    letter = plain_letter()
    with scene(_SOON) as both, both.client() as wire:
        assert envelope(wire, letter).code == 354
        _upload_slowly(both, wire, letter.wire)
        assert wire.answer().code == 250
        assert both.arrived(letter).recipients == letter.recipients


def test_r5_an_upstream_that_answers_differently_the_second_time_is_a_try_again_for_all() -> None:
    letter = plain_letter()
    with scene(_SOON) as both, both.client() as wire:
        assert envelope(wire, letter).code == 354
        both.upstream.on("RCPT", Say(b"250 2.1.5 OK\r\n"))
        both.upstream.on("RCPT", Say(b"550 5.1.1 gone meanwhile\r\n"))
        _upload_slowly(both, wire, letter.wire)
        assert wire.answer().code == 451
        assert both.copies(letter) == 0
