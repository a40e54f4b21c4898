"""Authentication-Results: what we write can be read, and nothing of a stranger's can break out of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown._vendor.authres import AuthenticationResultsHeader
from lockdown.mime.authentication import authentication_results
from lockdown.mime.header import strip_forged
from lockdown.model.scan import Arc, Dkim, Dmarc, Identity, Result, Spf

GENUINE = Identity(
    Spf(Result.PASS, "example.com"),
    (
        Dkim(Result.PASS, "example.com", "s1", "", 2048, "dzdVyOfA"),
        Dkim(Result.POLICY, "list.example", "k", "weak key"),
    ),
    Dmarc(Result.FAIL, "a.example", "reject", "example", "nothing that vouches for it is aligned"),
    Arc(Result.NONE),
)


def unfolded(field: bytes) -> str:
    return field.decode("ascii").replace("\r\n ", " ").removesuffix("\r\n")


def read(field: bytes) -> list[tuple[str, str, dict[str, str]]]:
    """By the library: method, result, properties."""
    header = AuthenticationResultsHeader.parse(unfolded(field))
    return [
        (one.method, one.result, {f"{found.type}.{found.name}": found.value for found in one.properties})
        for one in header.results
    ]


def test_the_field_reads_as_it_stands_here() -> None:
    assert authentication_results("gw.example.org", GENUINE).decode() == (
        "Authentication-Results: gw.example.org;\r\n"
        " spf=pass smtp.mailfrom=example.com;\r\n"
        " dkim=pass header.d=example.com header.s=s1 header.b=dzdVyOfA;\r\n"
        ' dkim=policy reason="weak key" header.d=list.example header.s=k;\r\n'
        ' dmarc=fail (p=reject) reason="nothing that vouches for it is aligned"\r\n'
        " header.from=a.example;\r\n"
        " arc=none\r\n"
    )


def test_a_reader_of_the_standard_understands_it() -> None:
    assert read(authentication_results("gw.example.org", GENUINE)) == [
        ("spf", "pass", {"smtp.mailfrom": "example.com"}),
        ("dkim", "pass", {"header.d": "example.com", "header.s": "s1", "header.b": "dzdVyOfA"}),
        ("dkim", "policy", {"header.d": "list.example", "header.s": "k"}),
        ("dmarc", "fail", {"header.from": "a.example"}),
        ("arc", "none", {}),
    ]


def test_a_null_sender_is_told_by_its_helo_name() -> None:
    found = GENUINE._replace(spf=Spf(Result.NEUTRAL, "mx.example.com", helo=True), dkim=())
    assert read(authentication_results("gw", found))[:2] == [
        ("spf", "neutral", {"smtp.helo": "mx.example.com"}),
        ("dkim", "none", {}),
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        "a.example; dkim=pass header.d=bank.example", 'a"; dkim=pass header.d=bank.example; x="', "a\r\nEvil: 1",
        "a\r\n\r\nbody", "a)(b", "(", ")", "\\", '"', "\0", "ä.example", "a b", "[192.0.2.1]", "=", ";", "", " ", "\t",
        "x" * 5000, "a\\\"; dkim=pass", "a\n dkim=pass", "a\r dkim=pass",
    ],
)  # fmt: skip
def test_nothing_of_a_stranger_breaks_out(hostile: str) -> None:
    found = Identity(
        Spf(Result.FAIL, hostile, hostile),
        (Dkim(Result.FAIL, hostile, hostile, hostile, 0, hostile),),
        Dmarc(Result.FAIL, hostile, "reject", hostile, hostile),
        Arc(Result.FAIL, hostile, hostile),
    )
    _is_whole(authentication_results("gw.example.org", found))


def _is_whole(field: bytes) -> None:
    assert re.fullmatch(rb"Authentication-Results: [^\r\n]+\r\n( [^\r\n]+\r\n)+", field)
    assert len(field) < 8192
    assert max(map(len, field.split(b"\r\n"))) < 998
    # Even a reader that cuts at every semicolon finds our results and no others.
    pieces = [piece.split()[0] for piece in unfolded(field).split(";")[1:]]
    assert [piece.partition("=")[0] for piece in pieces] == ["spf", "dkim", "dmarc", "arc"]
    # "pass" itself may be the name of a stranger's domain; the verdict of a method it may never be.
    assert not re.search(r"\b(?:spf|dkim|dmarc|arc)\s*=\s*pass", unfolded(field))
    assert strip_forged(field, b"gw.example.org") == b""


@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_at_any_place_is_kept_in(text: str) -> None:
    test_nothing_of_a_stranger_breaks_out(text)


def test_a_domain_that_is_called_pass_passes_nothing() -> None:
    test_nothing_of_a_stranger_breaks_out("pass")


def test_many_signatures_are_counted_and_not_written() -> None:
    found = GENUINE._replace(dkim=(Dkim(Result.FAIL, "d" * 253, "s" * 253, "w" * 500, 0, "m" * 50),) * 20)
    field = authentication_results("gw.example.org", found)
    assert b"10 more signatures" in field
    assert len(field) < 10_000


def test_lines_are_short_where_the_words_are() -> None:
    assert max(map(len, authentication_results("gw.example.org", GENUINE).split(b"\r\n"))) <= 78
