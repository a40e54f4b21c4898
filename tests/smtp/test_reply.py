"""Replies: one code, the enhanced class derived from it, and nothing on the wire that a peer could have put there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.smtp import Reply, parse_reply


def test_the_enhanced_class_comes_from_the_code() -> None:
    reply = Reply(550, "7.1", "Relaying denied")
    assert reply.enhanced == "5.7.1"
    assert reply.wire == b"550 5.7.1 Relaying denied\r\n"


def test_a_reply_without_a_detail_has_no_enhanced_code() -> None:
    reply = Reply(354, "", "Go ahead")
    assert reply.enhanced == ""
    assert reply.wire == b"354 Go ahead\r\n"


def test_every_line_carries_both_codes() -> None:
    assert Reply(250, "2.0", "one", "two").wire == b"250-2.2.0 one\r\n250 2.2.0 two\r\n"


def test_a_reply_may_have_no_text() -> None:
    assert Reply(250, "").wire == b"250\r\n"
    assert Reply(250, "0.0").wire == b"250 2.0.0\r\n"


@pytest.mark.parametrize(
    ("code", "kind"), [(250, "is_positive"), (354, "is_intermediate"), (451, "is_transient"), (550, "is_permanent")]
)
def test_a_reply_is_of_exactly_one_kind(code: int, kind: str) -> None:
    kinds = ("is_positive", "is_intermediate", "is_transient", "is_permanent")
    assert [name for name in kinds if getattr(Reply(code, ""), name)] == [kind]


@pytest.mark.parametrize(("code", "detail"), [(199, ""), (560, ""), (250, "5.7.1"), (250, "x"), (250, "1")])
def test_what_is_no_reply_code_is_refused(code: int, detail: str) -> None:
    with pytest.raises(ValueError, match="not a reply code"):
        Reply(code, detail)


@given(st.text(), st.text())
def test_whatever_the_text_the_wire_stays_two_bounded_printable_lines(one: str, two: str) -> None:
    lines = Reply(550, "7.1", one, two).wire.split(b"\r\n")
    assert len(lines) == 3
    assert lines[2] == b""
    assert all(len(line) <= 510 and line.decode("ascii").isprintable() for line in lines)


def test_a_long_line_is_cut_to_what_the_rfc_allows() -> None:
    assert len(Reply(550, "7.1", "x" * 1000).wire) == 512
    assert len(Reply(354, "", "x" * 1000).wire) == 512


def test_a_parsed_reply_is_split_into_its_parts() -> None:
    reply = parse_reply([b"550-5.1.1 No such user", b"550 5.1.1 here"])
    assert (reply.code, reply.enhanced, reply.lines) == (550, "5.1.1", ("No such user", "here"))


def test_the_code_wins_over_an_enhanced_code_of_another_class() -> None:
    assert parse_reply([b"550 4.7.1 Later"]).wire == b"550 5.7.1 Later\r\n"


def test_numbers_in_the_text_are_not_taken_for_an_enhanced_code() -> None:
    assert parse_reply([b"250 2.0.0.1 is our address"]).enhanced == ""
    assert parse_reply([b"250 3.0.0 x"]).enhanced == ""
    assert parse_reply([b"354 2.0.0 Go"]).enhanced == ""


def test_controls_and_foreign_letters_are_made_harmless() -> None:
    assert parse_reply(["550 5.7.1 Gr\x1büße\r".encode()]).lines == ("Gr?????e?",)


def test_a_bare_code_is_a_reply() -> None:
    assert parse_reply([b"250"]).wire == b"250\r\n"
    assert parse_reply([b"250 2.0.0"]).enhanced == "2.0.0"


@pytest.mark.parametrize("line", [b"", b"25", b"2500 x", b"150 x", b"600 x", b"abc", b"250x"])
def test_what_is_no_reply_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_reply([line])


def test_an_essay_is_cut_short() -> None:
    assert len(parse_reply([b"550-x"] * 400 + [b"550 x"]).lines) == 20


@given(st.binary(max_size=80))
def test_any_text_behind_a_code_is_parsed(text: bytes) -> None:
    assert parse_reply([b"550 " + text]).code == 550
