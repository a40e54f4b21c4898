"""The instruments measure right: what they would count as lost, changed or doubled is counted."""

from __future__ import annotations

import pytest

from tests.rig.corpora import without_forged_fields
from tests.rig.messages import fields_put_before, ids_in, plain_letter, stuffed, unstuffed
from tests.rig.sender import POINTS, Sender, Wire
from tests.rig.upstream import Drop, FakeUpstream, Reset, Say, Stall, Take

pytestmark = pytest.mark.live


def test_a_letter_arrives_at_the_fake_upstream_as_it_was_sent() -> None:
    letter = plain_letter()
    with FakeUpstream() as upstream:
        assert Sender(upstream.port).deliver(letter).accepted
        (message,) = upstream.accepted
        assert (message.sender, message.recipients) == (letter.sender, letter.recipients)
        assert message.content == letter.content
        assert upstream.ids() == [letter.id]


@pytest.mark.parametrize("deed", [Say(b"451 4.3.0 later\r\n"), Drop(), Reset(), Say(b"nonsense\r\n"), Stall()])
def test_the_sender_tries_again_with_the_identical_octets(deed: Say | Drop | Reset | Stall) -> None:
    letter = plain_letter()
    with FakeUpstream() as upstream:
        upstream.on("dot", deed)
        outcome = Sender(upstream.port, timeout=1).deliver(letter)
        assert outcome.accepted
        assert len(outcome.attempts) == 2
        first, second = (talk.body for talk in upstream.conversations)
        assert first == second == letter.wire
        assert upstream.ids() == [letter.id]


def test_the_sender_takes_a_5xx_for_final() -> None:
    with FakeUpstream() as upstream:
        upstream.on("RCPT", Say(b"550 5.1.1 nobody\r\n"))
        outcome = Sender(upstream.port).deliver(plain_letter())
        assert (outcome.accepted, len(outcome.attempts)) == (False, 1)


def test_the_sender_gives_up_some_time_and_has_no_final_answer_then() -> None:
    with FakeUpstream() as upstream:
        upstream.on("MAIL", Say(b"451 4.3.0 never\r\n"), times=99)
        outcome = Sender(upstream.port, tries=3, pause=0).deliver(plain_letter())
        assert (outcome.final, len(outcome.attempts)) == (None, 3)


def test_a_letter_that_was_taken_before_the_reply_was_lost_is_counted_twice() -> None:
    letter = plain_letter()
    with FakeUpstream() as upstream:
        upstream.on("dot", Take(), Drop())
        assert Sender(upstream.port).deliver(letter).accepted
        assert upstream.ids() == [letter.id] * 2


def test_the_hooks_are_called_in_the_order_of_the_points() -> None:
    reached: list[str] = []

    def hook(point: str, _: Wire) -> None:
        reached.append(point)

    with FakeUpstream() as upstream:
        Sender(upstream.port).attempt(plain_letter(), hook)
    assert tuple(reached) == POINTS


def test_stuffing_is_undone_by_unstuffing() -> None:
    content = b".\r\n..\r\nx.\r\n.y\r\n\r\n"
    assert stuffed(content) == b"..\r\n...\r\nx.\r\n..y\r\n\r\n"
    assert unstuffed(stuffed(content)) == content


@pytest.mark.parametrize(
    "arrived",
    [
        b"Received: x\r\nSubject: a\r\n\r\nbody",  # the end is missing
        b"Received: x\r\nSubject: a\r\n\r\nbody\r\n\r\n",  # something was added
        b"Received: x\r\nSubject: b\r\n\r\nbody\r\n",  # something was changed
        b"not a field\r\nSubject: a\r\n\r\nbody\r\n",
        b"Received: x\r\n\r\nSubject: a\r\n\r\nbody\r\n",  # the header became body
    ],
)
def test_what_is_not_the_letter_behind_fields_is_told(arrived: bytes) -> None:
    assert fields_put_before(arrived, b"Subject: a\r\n\r\nbody\r\n") is None


def test_fields_on_top_are_named() -> None:
    sent = b"Subject: a\r\n\r\nbody\r\n"
    assert fields_put_before(b"Received: x\r\n\tfolded\r\nX-Id: 1\r\n" + sent, sent) == ["received", "x-id"]


def test_an_id_is_read_from_the_header_alone() -> None:
    letter = plain_letter()
    assert ids_in(letter.content) == (letter.id,)
    assert ids_in(b"Subject: x\r\n\r\n" + letter.content) == ()


def test_forged_fields_are_taken_out_of_the_expectation_and_nothing_else() -> None:
    content = (
        b"X-Spam-Flag: NO\r\nSubject: a\r\nAuthentication-Results: gate.example.org;\r\n\tspf=pass\r\n"
        b"Authentication-Results: other.example; spf=pass\r\n\r\nX-Spam-Flag: NO\r\n"
    )
    kept = b"Subject: a\r\nAuthentication-Results: other.example; spf=pass\r\n\r\nX-Spam-Flag: NO\r\n"
    assert without_forged_fields(content, b"gate.example.org") == kept
