"""Mailboxes of From, Reply-To and To, as a mail program shows them."""

import re
from email.utils import getaddresses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.mime.addresses import MOST_MAILBOXES, mailboxes
from tests.rig.corpora import Specimen, message_sets, spam_and_ham, why_no_corpora

DIFFERENCES = Path(__file__).parent / "address-differences.txt"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Ann <ann@Example.ORG>", [("Ann", "ann@example.org")]),
        ("ann@example.org", [("", "ann@example.org")]),
        ("ann@example.org (Ann (the) Boss)", [("Ann (the) Boss", "ann@example.org")]),
        ('"Doe, John" <j@x.test>, b@y.test', [("Doe, John", "j@x.test"), ("", "b@y.test")]),
        ('"ceo@example.org" <x@evil.test>', [("ceo@example.org", "x@evil.test")]),
        ("ceo@example.org <x@evil.test>", [("ceo@example.org", "x@evil.test")]),
        ("=?utf-8?q?ceo=40example.org=2C_x?= <x@evil.test>", [("ceo@example.org, x", "x@evil.test")]),
        ("=?utf-8?q?Doe, John?= <j@x.test>", [("Doe, John", "j@x.test")]),
        ('"=?utf-8?b?w6Q=?=" <j@x.test>', [("ä", "j@x.test")]),
        ("=?utf-8?b?w6Q=?=\r\n =?utf-8?b?w7Y=?= <a@x.test>", [("äö", "a@x.test")]),
        ("Team: a@x.test, B <b@y.test>; c@z.test", [("", "a@x.test"), ("B", "b@y.test"), ("", "c@z.test")]),
        ("undisclosed-recipients:;", []),
        ("<@a,@b:c@d.test>", [("", "c@d.test")]),
        ("a@ours.test, b@theirs.test", [("", "a@ours.test"), ("", "b@theirs.test")]),
        ("<a@x.test> <b@y.test>", [("", "a@x.test"), ("", "b@y.test")]),
        ("Ann <a@x.test", [("Ann", "a@x.test")]),
        ("Ann a@x.test", [("Ann", "a@x.test")]),
        ("Ann a@x.test>", [("Ann", "a@x.test")]),
        ("a @ x . test", [("", "a@x.test")]),
        ('"a\\"b"@x.test', [("", 'a"b@x.test')]),
        ('"open <a@x.test>', [("open", "a@x.test")]),
        ("MAILER-DAEMON", [("MAILER-DAEMON", "")]),
        ("Jörg <j@xn--mnchen-3ya.test>", [("Jörg", "j@münchen.test")]),
        ("Re: you <a@x.test>", [("Re: you", "a@x.test")]),
        ("", []),
        ("(nobody)", []),
        ("x@[192.0.2.1]", [("", "x@[192.0.2.1]")]),
    ],
)
def test_a_field_is_read_as_a_mail_program_shows_it(field: str, expected: list[tuple[str, str]]) -> None:
    assert [tuple(box) for box in mailboxes(field.encode())] == expected


def test_eight_bit_names_are_read_in_any_charset() -> None:
    assert mailboxes("Jörg <j@x.test>".encode("latin-1"))[0].name == "Jörg"


@pytest.mark.parametrize(
    "hostile",
    [
        b'"',
        b"(",
        b"<",
        b"a,",
        b"=?u?q?",
        b'"\\',
        b"a ",
        b"a:",
        b"\\(",
        b"a@b ",
        b"=",
        b"[",
        b"(a)",
        b'"\\"',
        b":;",
        b"@",
    ],
)
def test_a_field_made_to_be_slow_is_read_within_its_bounds(hostile: bytes) -> None:
    assert len(mailboxes(hostile * 30_000)) <= MOST_MAILBOXES


@given(st.binary(max_size=300))
def test_any_octets_have_an_answer(octets: bytes) -> None:
    for box in mailboxes(octets):
        f"{box.name}{box.address}".encode()
        assert not box.address or "@" in box.address


def _fields(specimen: Specimen) -> list[bytes]:
    header = specimen.content.partition(b"\r\n\r\n")[0] + b"\r\n"
    found = re.findall(rb"(?im)^(?:from|to|cc|reply-to):[ \t]*(.*(?:\r\n[ \t].*)*)\r\n", header)
    return [field for field in found if field.isascii() and len(field) < 5000]


@pytest.mark.skipif(bool(why_no_corpora()), reason=why_no_corpora() or "-")
def test_real_fields_are_read_like_the_standard_library_reads_them() -> None:
    """But for what the file beside this one argues."""
    argued = {line.split("\t")[0] for line in DIFFERENCES.read_text().splitlines() if line and line[0] != "#"}
    fields = {field for specimen in (*message_sets(), *spam_and_ham(600)) for field in _fields(specimen)}
    assert len(fields) > 400
    different = {field.decode() for field in fields if _ours(field) != _theirs(field)}
    assert {field for field in different if field[:50] not in argued} == set()


def _ours(field: bytes) -> list[str]:
    return [box.address.lower() for box in mailboxes(field) if box.address and "xn--" not in field.decode()]


def _theirs(field: bytes) -> list[str]:
    found = [address for _, address in getaddresses([re.sub(r"\r\n", "", field.decode())]) if "@" in address]
    return [
        re.sub(r'^"(.*)"@', r"\1@", address).replace(" ", "").lower()
        for address in found
        if "xn--" not in field.decode()
    ]
