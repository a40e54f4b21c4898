"""R6: after DATA there is one reply for all recipients; who is treated otherwise comes in another transaction."""

from __future__ import annotations

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import scene
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


def test_r6_when_one_mailbox_is_full_the_retry_serves_it_and_does_not_double_the_other() -> None:
    letter = plain_letter()
    with scene(lmtp=True) as both:
        both.upstream.on("dot", Take(), Say(b"250 2.0.0 saved\r\n452 4.2.2 mailbox full\r\n"))
        assert both.attempt(letter).code // 100 == 4, "one code for both: the sender keeps the message"
        served_first = both.upstream.accepted[-1].recipients[0]
        assert both.deliver(letter).accepted
        served_then = [message.recipients for message in both.upstream.accepted[1:]]
        assert served_first == "bob@example.org"
        assert served_then == [("carol@example.org",)]


def test_r6_when_all_mailboxes_refuse_the_refusal_is_the_reply() -> None:
    letter = plain_letter()
    with scene(lmtp=True) as both:
        both.upstream.on("dot", Say(b"552 5.2.2 over quota\r\n552 5.2.2 over quota\r\n"))
        answer = both.attempt(letter)
        assert (answer.code, answer.enhanced) == (552, "5.2.2")


def test_r6_a_recipient_refused_for_good_after_the_dot_is_told_so_and_the_other_is_served_once() -> None:
    """The sender gets a bounce for the one, as it would had it spoken LMTP itself; never "250 and forget some"."""
    letter = plain_letter()
    with scene(lmtp=True) as both:
        both.upstream.on("dot", Take(), Say(b"250 2.0.0 saved\r\n550 5.7.1 not for me\r\n"))
        assert both.attempt(letter).code // 100 == 4
        with both.client() as wire:
            assert wire.ask(f"MAIL FROM:<{letter.sender}>").code == 250
            assert wire.ask("RCPT TO:<bob@example.org>").code == 250
            refused = wire.ask("RCPT TO:<carol@example.org>")
            assert (refused.code, refused.enhanced) == (550, "5.7.1")
            wire.ask("DATA")
            wire.send(letter.wire)
            assert wire.answer().code == 250
        assert len(both.upstream.accepted) == 1
