"""R6: after DATA there is one reply for all recipients; who is treated otherwise comes in another transaction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene
from tests.rig.sender import Wire
from tests.rig.upstream import FakeUpstream, Say, Take

pytestmark = pytest.mark.live


def test_r6_recipients_of_another_route_are_told_to_come_back_in_their_own_transaction() -> None:
    with FakeUpstream() as outside:
        sends_out = {"gateway": {"trusted_networks": ["127.0.0.9/32"], "outbound": outside.url}}
        with scene(sends_out) as both, Wire(both.gateway.port, source="127.0.0.9") as wire:
            wire.greet()
            inward, outward = (
                plain_letter(recipients=("bob@example.org",)),
                plain_letter(recipients=("you@elsewhere.example",)),
            )
            assert wire.ask("MAIL FROM:<a@example.org>").code == 250
            assert wire.ask("RCPT TO:<bob@example.org>").code == 250
            split = wire.ask("RCPT TO:<you@elsewhere.example>")
            assert (split.code, split.enhanced) == (452, "4.5.3")
            wire.ask("DATA")
            wire.send(inward.wire)
            assert wire.answer().code == 250
            assert wire.ask("MAIL FROM:<a@example.org>").code == 250
            assert wire.ask("RCPT TO:<you@elsewhere.example>").code == 250
            wire.ask("DATA")
            wire.send(outward.wire)
            assert wire.answer().code == 250
            assert both.arrived(inward).recipients == ("bob@example.org",)
            assert [message.recipients for message in outside.accepted] == [("you@elsewhere.example",)]
            assert both.copies(outward) == 0


@pytest.fixture(scope="module")
def lmtp() -> Iterator[Scene]:
    """The server behind answers for each recipient on its own (RFC 2033)."""
    with scene(lmtp=True) as pair:
        yield pair


def test_r6_when_one_mailbox_is_full_the_retry_serves_it_and_does_not_double_the_other(lmtp: Scene) -> None:
    letter = plain_letter()
    lmtp.upstream.on("dot", Take(), Say(b"250 2.0.0 saved\r\n452 4.2.2 mailbox full\r\n"))
    assert lmtp.attempt(letter).code // 100 == 4, "one code for both: the sender keeps the message"
    assert lmtp.deliver(letter).accepted
    first, *others = [message.recipients for message in lmtp.upstream.accepted if letter.sender == message.sender]
    assert first[0] == "bob@example.org"
    assert others == [("carol@example.org",)]


def test_r6_when_all_mailboxes_refuse_the_refusal_is_the_reply(lmtp: Scene) -> None:
    lmtp.upstream.on("dot", Say(b"552 5.2.2 over quota\r\n552 5.2.2 over quota\r\n"))
    answer = lmtp.attempt(plain_letter())
    assert (answer.code, answer.enhanced) == (552, "5.2.2")


def test_r6_a_recipient_refused_for_good_after_the_dot_is_told_so_and_the_other_is_served_once(lmtp: Scene) -> None:
    """The sender makes a bounce for the one, as it would had it spoken LMTP itself; never "250 and forget some"."""
    letter = plain_letter(recipients=("dave@example.org", "erin@example.org"))
    lmtp.upstream.on("dot", Take(), Say(b"250 2.0.0 saved\r\n550 5.7.1 not for me\r\n"))
    assert lmtp.attempt(letter).code // 100 == 4
    with lmtp.client() as wire:
        assert wire.ask(f"MAIL FROM:<{letter.sender}>").code == 250
        assert wire.ask("RCPT TO:<dave@example.org>").code == 250
        refused = wire.ask("RCPT TO:<erin@example.org>")
        assert (refused.code, refused.enhanced) == (550, "5.7.1")
        wire.ask("DATA")
        wire.send(letter.wire)
        assert wire.answer().code == 250
    assert lmtp.copies(letter) == 1
