"""R11: a bare CR or LF from a stranger is refused, never mended, never sent on: no message within a message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, envelope, scene

pytestmark = pytest.mark.live

# The ends that some server somewhere has taken for CRLF.CRLF (SMTP smuggling, 2023, and what came after it).
FALSE_ENDS = (
    b"\n.\n", b"\n.\r", b"\n.\r\n", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n", b"\r\r\n.\r\n", b"\n\n.\r\n", b"\r\n\r.\r\n", b"\r\n\n.\r\n",
)  # fmt: skip
SMUGGLED = (
    b"MAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nI was never checked\r\n.\r\n"
)


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=repr)
def test_r11_a_false_end_is_refused_and_nothing_behind_it_is_obeyed(both: Scene, false_end: bytes) -> None:
    letter = plain_letter()
    before = len(both.upstream.accepted)
    with both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(letter.content[:-2] + false_end + SMUGGLED + b"\r\n.\r\n")
        answer = wire.answer()
        assert (answer.code, answer.enhanced) == (550, "5.6.0")
        assert b"250" not in wire.rest()
    assert len(both.upstream.accepted) == before
    assert not any("smuggled" in command for command in both.commands())
    assert not any(b"smuggled" in talk.body for talk in both.upstream.conversations)


@pytest.mark.parametrize("false_end", [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n .\r\n", b"\r\n. \r\n"], ids=repr)
def test_r11_what_only_resembles_an_end_is_content(both: Scene, false_end: bytes) -> None:
    letter = plain_letter()
    before = len(both.upstream.accepted)
    with both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(letter.content[:-2] + false_end + SMUGGLED.replace(b"\r\n.\r\n", b"\r\n..\r\n") + b".\r\n")
        assert wire.answer().code == 250
    (arrived,) = both.upstream.accepted[before:]
    assert b"I was never checked" in arrived.content
    assert arrived.sender == letter.sender


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"x\ny", b"x\ry"], ids=repr)
@pytest.mark.parametrize("place", ["header", "body"])
def test_r11_a_bare_newline_anywhere_in_the_message_is_refused(both: Scene, newline: bytes, place: str) -> None:
    letter = plain_letter()
    head, _, body = letter.content.partition(b"\r\n\r\n")
    content = head + newline + b"\r\n\r\n" + body if place == "header" else head + b"\r\n\r\n" + newline + body
    with both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        answer = wire.answer()
        assert (answer.code, answer.enhanced) == (550, "5.6.0")
    assert not both.body_seen(letter)


@pytest.mark.parametrize(
    "command", [b"NOOP\n", b"NOOP\rNOOP\r\n", b"MAIL FROM:<a@sender.example>\nRCPT TO:<b@example.org>\r\n"]
)
def test_r11_a_bare_newline_in_a_command_ends_the_conversation(both: Scene, command: bytes) -> None:
    with both.client() as wire:
        wire.send(command)
        assert wire.answer().code // 100 == 5
        assert wire.rest() == b""
