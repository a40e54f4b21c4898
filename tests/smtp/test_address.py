"""Addresses: every form a stranger may try parses to something a gate can judge, or is an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.smtp import Address, AddressError, AddressShape, parse_path
from lockdown.smtp.address import NULL_ADDRESS

X, H, IP, S = "outside.example", "example.com", "192.0.2.1", "mx.example.com"


def parsed(path: str | bytes, *, allow_utf8: bool = True, null_allowed: bool = True) -> Address | AddressError:
    octets = path.encode() if isinstance(path, str) else path
    found = parse_path(octets, allow_utf8=allow_utf8, null_allowed=null_allowed)
    return found if isinstance(found, AddressError) else found[0]


def parts(path: str) -> tuple[str, str, AddressShape] | None:
    address = parsed(path)
    return None if isinstance(address, AddressError) else (address.local, address.domain, address.shape)


# The senders F01 to F13 and recipients R01 to R26 of the relay matrix: what each is to a gate. None: no address.
SENDERS = {
    "F01": ("<>", ("", "", AddressShape.NULL)),
    "F02": (f"<t@{X}>", ("t", X, AddressShape.PLAIN)),
    "F03": (f"<t@{S}>", ("t", S, AddressShape.PLAIN)),
    "F04": (f"<t@[{IP}]>", ("t", f"[{IP}]", AddressShape.LITERAL)),
    "F05": (f"<t@{H}>", ("t", H, AddressShape.PLAIN)),
    "F06": ("<t@localhost>", ("t", "localhost", AddressShape.PLAIN)),
    "F07": ("<t>", ("t", "", AddressShape.NO_DOMAIN)),
    "F09": ("<postmaster>", ("postmaster", "", AddressShape.POSTMASTER)),
    "F10": ("<t@sub.example.com>", ("t", "sub.example.com", AddressShape.PLAIN)),
    "F11": ("<t@exämple.com>", ("t", "xn--exmple-cua.com", AddressShape.PLAIN)),
    "F12": (f"<SRS0=bad=tt={X}=C@{H}>", (f"SRS0=bad=tt={X}=C", H, AddressShape.PLAIN)),
}
RECIPIENTS = {
    "R01": (f"<C@{X}>", ("C", X, AddressShape.PLAIN)),
    "R02": (f"<C%{X}@[{IP}]>", (f"C%{X}", f"[{IP}]", AddressShape.LITERAL)),
    "R03": (f"<C%{X}@{H}>", (f"C%{X}", H, AddressShape.PLAIN)),
    "R04": (f'<"C@{X}">', (f"C@{X}", "", AddressShape.NO_DOMAIN)),
    "R05": (f'<"C%{X}">', (f"C%{X}", "", AddressShape.NO_DOMAIN)),
    "R06": (f"<C@{X}@[{IP}]>", None),
    "R07": (f'<"C@{X}"@[{IP}]>', (f"C@{X}", f"[{IP}]", AddressShape.LITERAL)),
    "R08": (f"<C@{X}@{H}>", None),
    "R09": (f"<@[{IP}]:C@{X}>", ("C", X, AddressShape.SOURCE_ROUTE)),
    "R10": (f"<@{H}:C@{X}>", ("C", X, AddressShape.SOURCE_ROUTE)),
    "R11": (f"<{X}!C>", (f"{X}!C", "", AddressShape.NO_DOMAIN)),
    "R12": (f"<{X}!C@[{IP}]>", (f"{X}!C", f"[{IP}]", AddressShape.LITERAL)),
    "R13": (f"<{X}!C@{H}>", (f"{X}!C", H, AddressShape.PLAIN)),
    "R14": (f'<"C@{X}"@{H}>', (f"C@{X}", H, AddressShape.QUOTED)),
    "R15a": (f'<"C%{X}"@{H}>', (f"C%{X}", H, AddressShape.QUOTED)),
    "R15b": (f'<"C%{X}"@[{IP}]>', (f"C%{X}", f"[{IP}]", AddressShape.LITERAL)),
    "R16": (f"<@a,@{H}:C@{X}>", ("C", X, AddressShape.SOURCE_ROUTE)),
    "R17a": (f"<{H}!{X}!C>", (f"{H}!{X}!C", "", AddressShape.NO_DOMAIN)),
    "R17b": (f"<C%{X}%{H}@{H}>", (f"C%{X}%{H}", H, AddressShape.PLAIN)),
    "R18a": (f"<C%{X}@localhost>", (f"C%{X}", "localhost", AddressShape.PLAIN)),
    "R18b": (f"<C@{X}@localhost>", None),
    "R18c": (f'<"C@{X}"@localhost>', (f"C@{X}", "localhost", AddressShape.QUOTED)),
    "R19a": (f"C@{X}", None),
    "R19b": (f"< C@{X} >", None),
    "R19c": ("<C@OUTSIDE.EXAMPLE>", ("C", X, AddressShape.PLAIN)),
    "R19d": (f"<C@{X}.>", ("C", X, AddressShape.PLAIN)),
    "R19e": (f"<C(x)@{X}>", None),
    "R20a": ("<C@[198.51.100.7]>", ("C", "[198.51.100.7]", AddressShape.LITERAL)),
    "R20b": ("<C@[IPv6:2001:DB8:0::1]>", ("C", "[ipv6:2001:db8::1]", AddressShape.LITERAL)),
    "R21a": (f"<SRS0=badhash=tt={X}=C@{H}>", (f"SRS0=badhash=tt={X}=C", H, AddressShape.PLAIN)),
    "R21b": (
        f"<SRS1=h=a.example==h=tt=b.example=C@{H}>",
        ("SRS1=h=a.example==h=tt=b.example=C", H, AddressShape.PLAIN),
    ),
    "R22a": (f"<known+C={X}@{H}>", (f"known+C={X}", H, AddressShape.PLAIN)),
    "R22b": (f"<owner-list=C@{X}@{H}>", None),
    "R25a": (f"<C\0@{X}>", None),
    "R25b": (f"<C\r@{X}>", None),
    "R25c": (f"<C\\@{X}@{H}>", None),
    "R26a": (f'<"C\\@{X}"@{H}>', (f"C@{X}", H, AddressShape.QUOTED)),
    "R26b": (f'<"C\\\0"@{H}>', None),
}


@pytest.mark.parametrize(("path", "expected"), SENDERS.values(), ids=SENDERS)
def test_each_sender_of_the_relay_matrix_is_what_a_gate_can_judge(path: str, expected: object) -> None:
    assert parts(path) == expected


@pytest.mark.parametrize(("path", "expected"), RECIPIENTS.values(), ids=RECIPIENTS)
def test_each_recipient_of_the_relay_matrix_is_what_a_gate_can_judge(path: str, expected: object) -> None:
    assert parts(path) == expected


@pytest.mark.parametrize("path", [path for path, expected in RECIPIENTS.values() if expected])
def test_what_goes_on_is_what_came(path: str) -> None:
    address = parsed(path)
    assert isinstance(address, Address)
    assert f"<{address.raw}>" == path


@pytest.mark.parametrize(
    "domain",
    [
        "a..b",
        ".a",
        "a..",
        "-a.example",
        "a-.example",
        "a.-b",
        "x" * 64,
        "x" * 64 + ".example",
        "a b",
        "a_b!",
        "[",
        "[]",
    ],
)
def test_these_are_no_domains(domain: str) -> None:
    assert isinstance(parsed(f"<bob@{domain}>"), AddressError)


def test_the_long_return_path_of_a_mailing_service_is_an_address() -> None:
    local = "bounces+" + "0123456789" * 12 + "=anna=example.org"
    assert parts(f"<{local}@mail.example.com>") == (local, "mail.example.com", AddressShape.PLAIN)


def test_a_path_of_more_than_256_octets_is_none() -> None:
    assert isinstance(parsed("<" + "x" * 243 + "@example.org>"), AddressError)
    assert isinstance(parsed("<" + "x" * 242 + "@example.org>"), Address)


@pytest.mark.parametrize(
    "domain", ["a", "a_b.example", "_dmarc.example", "xn--mller-kva.example", "a--b.c", "1.2.3.4", "x" * 63]
)
def test_these_are_domains(domain: str) -> None:
    assert parts(f"<bob@{domain}>") == ("bob", domain, AddressShape.PLAIN)


@pytest.mark.parametrize("literal", ["1.2.3", "1.2.3.256", "01.2.3.4", "IPv6:", "IPv6:::g", "2001:db8::1", "x400:abc"])
def test_these_are_no_literals(literal: str) -> None:
    assert isinstance(parsed(f"<bob@[{literal}]>"), AddressError)


def test_odd_local_parts_of_real_mail_are_taken() -> None:
    for local in ("a..b", ".a", "a.", "-a", "a/b=c", "o'hara", "x" * 64):
        assert parts(f"<{local}@example.com>") == (local, "example.com", AddressShape.PLAIN)


def test_the_lengths_of_the_rfc_are_kept() -> None:
    long_domain = ".".join(["x" * 60] * 4)
    assert isinstance(parsed(f"<bob@{long_domain}>"), Address)
    assert isinstance(parsed(f"<bobbie-and-sons@{long_domain}>"), AddressError)


def test_the_null_address_receives_nothing() -> None:
    assert parsed("<>") == NULL_ADDRESS
    assert isinstance(parsed("<>", null_allowed=False), AddressError)


def test_the_rest_of_the_line_is_handed_back() -> None:
    assert parse_path(b" <a@b> SIZE=1", allow_utf8=False, null_allowed=False) == (parsed("<a@b>"), b" SIZE=1")
    assert parse_path(b'<"a"@b> X', allow_utf8=False, null_allowed=False) == (parsed('<"a"@b>'), b" X")
    assert parse_path(b"<> X", allow_utf8=False, null_allowed=True) == (NULL_ADDRESS, b" X")


def test_a_bracket_within_quotes_does_not_end_the_path() -> None:
    assert parts('<"a>b<c"@example.com>') == ("a>b<c", "example.com", AddressShape.QUOTED)


def test_utf8_is_told_and_only_taken_where_allowed() -> None:
    address = parsed("<bücher@example.com>")
    assert isinstance(address, Address)
    assert address.utf8
    assert isinstance(parsed("<bücher@example.com>", allow_utf8=False), AddressError)
    assert isinstance(parsed(b"<b\xfccher@example.com>"), AddressError)


@pytest.mark.parametrize("path", ["<a\x85b@example.com>", "<a\u2028b@example.com>", "<a@exam\u200bple.com>"])
def test_invisible_characters_are_refused(path: str) -> None:
    assert isinstance(parsed(path), AddressError)


@pytest.mark.parametrize("domain", ["ｅxample.com", "example。com", "example․com", "exam\u00adple.com", "ⓔxample.com"])
def test_a_domain_that_only_looks_like_ours_never_becomes_ours(domain: str) -> None:
    address = parsed(f"<bob@{domain}>")
    assert isinstance(address, AddressError) or address.domain != "example.com"


def test_an_international_domain_becomes_its_a_labels() -> None:
    assert parts("<bob@MÜLLER.example>") == ("bob", "xn--mller-kva.example", AddressShape.PLAIN)


def test_a_letter_that_idna_maps_to_others_is_left_as_it_is() -> None:
    assert parts("<bob@straße.example>") == ("bob", "straße.example", AddressShape.PLAIN)


@given(st.binary(max_size=60) | st.text(alphabet='<>@"\\[]:,.!% ab\0é', max_size=30).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_an_address_or_an_error(path: bytes) -> None:
    found = parse_path(path, allow_utf8=True, null_allowed=True)
    if isinstance(found, tuple):
        address, rest = found
        assert path.lstrip(b" ") == b"<" + address.raw.encode() + b">" + rest
        assert not rest or rest.startswith(b" ")
        assert address.raw.isprintable()
        assert parse_path(path, allow_utf8=False, null_allowed=True) == found or address.utf8


@given(st.integers(1, 4000), st.sampled_from(['<"\\', "<@a,", "<@a:", "<a.", "<a@b.", '<"a', "<[", "<a@-"]))
@settings(max_examples=60, deadline=None)
def test_a_long_repetition_takes_no_longer_than_its_length(times: int, seed: str) -> None:
    path = (seed[0] + seed[1:] * times + ">").encode()
    assert isinstance(parse_path(path, allow_utf8=True, null_allowed=True), AddressError | tuple)


def test_a_source_route_to_nowhere_is_an_error() -> None:
    assert isinstance(parsed("<@a.example,@example.com:carol>"), AddressError)
