"""R7: the upstream's refusals pass with their codes; its troubles become 451; ours are generic, with a reference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import looping_letter, plain_letter
from tests.rig.network import eventually
from tests.rig.scene import Scene, envelope, scene
from tests.rig.sender import Wire
from tests.rig.upstream import Drop, Say

pytestmark = pytest.mark.live
_LIMIT = 1_000_000


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene({"gateway": {"max_message": str(_LIMIT)}}) as pair:
        yield pair


def test_r7_a_refusal_passes_with_code_and_enhanced_code(both: Scene) -> None:
    both.upstream.on("RCPT", Say(b"550 5.2.1 mailbox disabled\r\n"))
    answer = both.attempt(plain_letter())
    assert (answer.code, answer.enhanced) == (550, "5.2.1")


def test_r7_text_of_the_upstream_cannot_break_out_of_our_reply(both: Scene) -> None:
    both.upstream.on("RCPT", Say(b"550 5.2.1 \x1b[2J\x07bell \xff\r\n"))
    answer = both.attempt(plain_letter())
    assert answer.code == 550
    assert all(32 <= ord(letter) < 127 for line in answer.lines for letter in line), answer


def test_r7_a_lost_connection_before_the_dot_is_451_and_only_for_this_transaction(both: Scene) -> None:
    both.upstream.on("RCPT", Say(b"250 2.1.5 OK\r\n"))
    both.upstream.on("RCPT", Drop())
    letter = plain_letter()
    with both.client() as wire:
        assert wire.ask(f"MAIL FROM:<{letter.sender}>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        lost = wire.ask("RCPT TO:<carol@example.org>")
        assert (lost.code, lost.enhanced) == (451, "4.4.1")
        assert wire.ask("RSET").code == 250
        assert envelope(wire, letter).code == 354
        wire.send(letter.wire)
        assert wire.answer().code == 250
    assert both.copies(letter) == 1


def test_r7_our_own_refusal_is_generic_and_names_a_reference_that_the_log_knows(both: Scene) -> None:
    letter = looping_letter()
    answer = both.attempt(letter)
    assert answer.code == 554
    line = both.gateway.logged("the refusal", type="rejected", sender=letter.sender)
    assert line["id"] in answer.text
    assert "60 Received" in str(line["verdict"])
    assert "60 Received" not in answer.text


def test_r7_a_declared_size_over_the_limit_is_refused_at_mail(both: Scene) -> None:
    with both.client() as wire:
        answer = wire.ask(f"MAIL FROM:<a@sender.example> SIZE={_LIMIT + 1}")
        assert (answer.code, answer.enhanced) == (552, "5.3.4")
        assert wire.ask(f"MAIL FROM:<a@sender.example> SIZE={_LIMIT}").code == 250


def test_r7_a_message_that_grows_over_the_limit_is_read_to_its_dot_and_then_refused(both: Scene) -> None:
    small = plain_letter()
    with both.client() as wire:
        large = plain_letter(2 * _LIMIT)
        assert envelope(wire, large).code == 354
        wire.send(large.wire)
        answer = wire.answer()
        assert (answer.code, answer.enhanced) == (552, "5.3.4")
        assert envelope(wire, small).code == 354, "the session is still in step"
        wire.send(small.wire)
        assert wire.answer().code == 250
    assert not both.body_seen(large)


def test_r7_a_message_without_end_is_not_read_for_ever(both: Scene) -> None:
    letter = plain_letter()
    with both.client() as wire, pytest.raises(ConnectionError):
        assert envelope(wire, letter).code == 354
        for _ in range(200):
            wire.send(b"0123456789" * 10_000 + b"\r\n")
        wire.answer()
        raise AssertionError("it was read to 20 times the limit")


def test_r7_a_blocked_client_is_greeted_with_554_and_hears_no_reason(both: Scene) -> None:
    both.gateway.block("127.0.0.66/32", "a test of blocks")

    def refused() -> str:
        with Wire(both.gateway.port, source="127.0.0.66") as wire:
            answer = wire.answer()
            return answer.text if answer.code == 554 else ""

    text = eventually(refused, "the block is in force", 10)
    assert "a test of blocks" not in text
    with both.client():
        pass
