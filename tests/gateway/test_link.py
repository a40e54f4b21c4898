"""One connection to an upstream, and every way in which it may speak out of turn or not at all."""

from __future__ import annotations

import pytest

from lockdown.gateway.errand import run_errand
from lockdown.gateway.link import Link, LinkLost


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.sent, self.ended = b"", ""

    def write(self, octets: bytes) -> None:
        assert not self.ended
        self.sent += octets

    def abort(self) -> None:
        self.ended = "aborted"

    def close(self) -> None:
        self.ended = "closed"


class Talk:
    """A link, its wire, and what became of the last question."""

    def __init__(self, *, reused: bool = False) -> None:
        self.link, self.wire = Link(0.0, lmtp=False), Wire()
        self.link.reused = reused
        self.link.connection_made(self.wire)  # type: ignore[arg-type]
        self.answers: list[int] | LinkLost | None = None

    def ask(self, question: bytes, count: int = 1, timeout: float = 10.0) -> None:
        async def asks() -> None:
            try:
                self.answers = [reply.code for reply in await self.link.ask(question, count, timeout)]
            except LinkLost as lost:
                self.answers = lost

        self.answers = None
        run_errand(asks())

    def hear(self, octets: bytes) -> None:
        self.link.data_received(octets)

    def greeted(self) -> Talk:
        self.hear(b"220 hello\r\n")
        self.ask(b"")
        assert self.answers == [220]
        return self


def lost(talk: Talk) -> LinkLost:
    assert isinstance(talk.answers, LinkLost)
    assert talk.link.closed
    assert talk.wire.ended == "aborted", "no dot and no QUIT on the way out"
    return talk.answers


def test_a_greeting_that_comes_before_it_is_asked_for_is_kept() -> None:
    Talk().greeted()


def test_a_greeting_that_comes_afterwards_is_waited_for() -> None:
    talk = Talk()
    talk.ask(b"")
    assert talk.answers is None
    talk.hear(b"220-he")
    talk.hear(b"llo\r\n220 world\r\n")
    assert talk.answers == [220]


def test_answers_to_a_group_are_given_together_and_in_order() -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.mail("a@b.example") + talk.link.session.recipient("c@d.example"), 2)
    talk.hear(b"250 ok\r\n")
    assert talk.answers is None
    talk.hear(b"550 no\r\n")
    assert talk.answers == [250, 550]


def test_a_farewell_stands_in_for_the_answers_that_are_missing() -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.mail("a@b.example") + talk.link.session.recipient("c@d.example"), 2)
    talk.hear(b"421 bye\r\n")
    assert talk.answers == [421]


def test_a_farewell_behind_the_answer_leaves_the_answer_and_ends_the_link() -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.noop())
    talk.hear(b"250 ok\r\n421 bye\r\n")
    assert talk.answers == [250]
    assert talk.link.closed


def test_a_farewell_unasked_ends_an_idle_link() -> None:
    talk = Talk().greeted()
    talk.hear(b"421 idle for too long\r\n")
    assert talk.link.closed
    talk.ask(talk.link.session.noop())
    assert lost(talk).why == "it said 421 unasked"


@pytest.mark.parametrize(
    "words",
    [b"hello?\r\n", b"25 ok\r\n", b"999 ok\r\n", b"250-a\r\n251 b\r\n", b"x" * 5000, b"250-x\r\n" * 1000, b"\0\r\n"],
)
def test_nonsense_is_the_end_of_the_link(words: bytes) -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.noop())
    talk.hear(words)
    assert "nonsense" in lost(talk).why


@pytest.mark.parametrize("words", [b"250 ok\r\n250 again\r\n", b"250 ok\r\nhello?\r\n"])
def test_an_answer_with_nonsense_behind_it_is_no_answer(words: bytes) -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.data())
    talk.hear(words)
    lost(talk)
    assert talk.link.answers_so_far == []


def test_an_answer_that_nobody_asked_for_is_the_end_of_the_link() -> None:
    talk = Talk().greeted()
    talk.hear(b"250 your mail is on its way\r\n")
    assert talk.link.closed


def test_silence_ends_at_the_tick_behind_the_deadline() -> None:
    talk = Talk().greeted()
    talk.link.tick(100.0)
    talk.ask(talk.link.session.noop(), timeout=10.0)
    talk.link.tick(110.0)
    assert talk.answers is None
    talk.link.tick(110.1)
    assert lost(talk).why == "it did not answer in time"


def test_an_idle_link_has_no_deadline() -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.noop(), timeout=1.0)
    talk.hear(b"250 ok\r\n")
    talk.link.tick(1e9)
    assert not talk.link.closed


@pytest.mark.parametrize("reused", [True, False])
def test_the_end_of_a_kept_link_says_nothing_of_the_server(reused: bool) -> None:
    talk = Talk(reused=reused).greeted()
    talk.ask(talk.link.session.noop())
    talk.link.connection_lost(None)
    assert lost(talk).stale is reused


def test_what_was_answered_before_the_end_is_still_known() -> None:
    talk = Talk().greeted()
    talk.ask(talk.link.session.mail("a@b.example") + talk.link.session.recipient("c@d.example"), 2)
    talk.hear(b"250 ok\r\n")
    talk.link.connection_lost(ConnectionResetError())
    lost(talk)
    assert [reply.code for reply in talk.link.answers_so_far] == [250]


def stream(talk: Talk, pieces: list[bytes]) -> list[str]:
    """What becomes of it."""
    told: list[str] = []

    async def streams() -> None:
        try:
            await talk.link.stream(pieces, 180.0)
            told.append("done")
        except LinkLost as error:
            told.append(error.why)

    run_errand(streams())
    return told


def test_a_message_is_sent_no_faster_than_it_is_taken() -> None:
    talk = Talk().greeted()
    talk.link.pause_writing()
    told = stream(talk, [b"one ", b"two "])
    assert (talk.wire.sent, told) == (b"one ", [])
    talk.link.resume_writing()
    assert (talk.wire.sent, told) == (b"one two ", ["done"])


def test_an_upstream_that_takes_no_more_is_given_up_in_time() -> None:
    talk = Talk().greeted()
    talk.link.pause_writing()
    told = stream(talk, [b"one ", b"two "])
    talk.link.tick(180.1)
    assert told == ["it did not answer in time"]
    assert talk.wire.sent == b"one "


@pytest.mark.parametrize("words", [b"452 too much\r\n", b"421 bye\r\n", b"250 thank you\r\n"])
def test_an_answer_in_the_middle_of_a_message_ends_it_without_its_dot(words: bytes) -> None:
    talk = Talk().greeted()
    talk.link.pause_writing()
    told = stream(talk, [b"one ", b"two "])
    talk.hear(words)
    assert told != [] and told != ["done"]
    assert talk.wire.sent == b"one "
    assert talk.wire.ended == "aborted"
