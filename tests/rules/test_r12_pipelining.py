"""R12: replies keep the order of commands; who speaks out of turn is cut off; TLS forgets what came before."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene
from tests.rig.sender import Gone, Wire

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


def test_r12_a_pipelined_group_is_answered_in_order(both: Scene) -> None:
    letter = plain_letter()
    with both.client() as wire:
        wire.send(
            f"MAIL FROM:<{letter.sender}>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\n"
            "RCPT TO:<carol@example.org>\r\nDATA\r\n".encode()
        )
        assert [wire.answer().code for _ in range(5)] == [250, 250, 550, 250, 354]
        wire.send(letter.wire + b"RSET\r\nNOOP\r\nQUIT\r\n")
        assert [wire.answer().code for _ in range(4)] == [250, 250, 250, 221]
    assert both.arrived(letter).recipients == ("bob@example.org", "carol@example.org")


def test_r12_a_whole_message_behind_data_is_a_sync_violation(both: Scene) -> None:
    letter = plain_letter()
    with both.client() as wire:
        wire.send(f"MAIL FROM:<{letter.sender}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n".encode() + letter.wire)
        assert [wire.answer().code for _ in range(3)] == [250, 250, 554]
        assert wire.rest() == b""
    assert both.copies(letter) == 0


def test_r12_a_client_that_talks_before_the_greeting_is_cut_off(both: Scene) -> None:
    """The worker is stopped meanwhile, so these octets are certainly there before it can greet."""
    worker = both.gateway.worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        wire = Wire(both.gateway.port)
        wire.send(b"EHLO early.example\r\n")
    finally:
        os.kill(worker, signal.SIGCONT)
    with wire:
        assert wire.answer().code == 554
        assert wire.rest() == b""


def test_r12_plaintext_behind_starttls_is_never_obeyed(both: Scene) -> None:
    with both.client() as wire:
        wire.send(b"STARTTLS\r\nMAIL FROM:<injected@sender.example>\r\n")
        assert wire.answer().code == 554
        assert wire.rest() == b""
    assert not any("injected" in command for command in both.commands())


def test_r12_after_starttls_nothing_that_was_said_before_counts(both: Scene) -> None:
    with both.client() as wire:
        assert wire.ask("MAIL FROM:<before@sender.example>").code == 250
        assert wire.ask("RSET").code == 250
        wire.starttls()
        assert wire.ask("MAIL FROM:<after@sender.example>").code == 503, "EHLO first"
        assert wire.ask("EHLO client.example").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 503, "no MAIL is remembered"


def test_r12_commands_behind_quit_are_not_obeyed(both: Scene) -> None:
    with both.client() as wire:
        wire.send(b"QUIT\r\nMAIL FROM:<late@sender.example>\r\n")
        assert wire.answer().code == 221
        with pytest.raises(Gone):
            wire.answer()
