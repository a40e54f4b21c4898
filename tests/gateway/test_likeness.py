"""What a message has in common with its copies, and not with others; and that strangers cannot break it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lockdown.gateway.likeness import bodies, proven
from lockdown.model.restraint import subject_shape
from lockdown.model.scan import Arc, Dkim, Dmarc, Identity, Result, Spf
from lockdown.model.unknown import Unknown
from tests.gateway.test_scanning import BUILTIN, LETTER, told, with_file

OFFER = """Dear {name},

your order {number} is waiting. Pay 99.{number} EUR within 24 hours or it is sent back to where it came from.

{name}, do not wait.
"""


def test_copies_to_others_with_other_numbers_are_the_same() -> None:
    first = bodies(OFFER.format(name="anna", number=17), ["anna"])
    second = bodies(OFFER.format(name="Ben", number=4711), ["ben"])
    assert first == second
    assert len(first) == 2


def test_another_greeting_and_farewell_leave_the_longest_line_the_same() -> None:
    first = bodies("Hello\n" + OFFER.format(name="anna", number=1), [])
    second = bodies("Good morning\n" + OFFER.format(name="emil", number=2) + "xyzzy", [])
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_other_letters_are_others_and_hardly_any_text_is_none() -> None:
    assert not set(bodies("The minutes of the meeting on Monday, as agreed.", [])) & set(bodies(OFFER, []))
    assert bodies("Hi!\n 12345 \n", []) == []


def test_a_subject_is_its_words() -> None:
    assert subject_shape("Invoice  2026-114 of 03.02.2026") == "invoice # of #"
    assert len(subject_shape("x" * 9999)) == 60


def identity(author: str, *, spf: str = "", helo: bool = False, signed: tuple[str, ...] = ()) -> Identity:
    signatures = tuple(Dkim(Result.PASS, domain, "s") for domain in signed)
    result = Result.PASS if spf else Result.NONE
    return Identity(Spf(result, spf, helo=helo), signatures, Dmarc(Result.NONE, author), Arc(Result.NONE))


def test_who_vouches_for_another_domain_than_that_of_the_author_proves_nothing() -> None:
    assert proven(identity("example.org", spf="bounce.example.org", signed=("other.example", "mail.example.org"))) == (
        "mail.example.org", "bounce.example.org", "example.org",
    )  # fmt: skip
    assert proven(identity("example.org", spf="other.example", signed=("other.example",))) == ("", "", "example.org")
    assert proven(identity("example.org", spf="example.org", helo=True)) == ("", "", "example.org")
    assert proven(identity("", spf="", signed=("",))) == ("", "", "")
    assert proven(Unknown("nobody was asked")) == ("", "", "")


@given(st.text(), st.lists(st.text(), max_size=3))
def test_whatever_strangers_write_has_some_likeness(text: str, names: list[str]) -> None:
    assert len(bodies(text, names)) <= 2
    assert len(subject_shape(text)) <= 60


def test_the_log_has_what_a_message_is_told_by(tmp_path: Path) -> None:
    _, _, line = told(tmp_path, with_file(b"%PDF-1.4 nothing", "x.pdf"))
    assert (line.like.subject, line.like.author) == ("the minutes of monday", "sender.example")
    assert len(line.like.files) == 1


def test_where_addresses_are_hashed_so_is_the_subject(tmp_path: Path) -> None:
    _, _, line = told(tmp_path, LETTER, BUILTIN + '[log]\naddresses = "hashed"\n')
    assert line.like.subject.startswith("hashed:")
