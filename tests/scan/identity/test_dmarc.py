"""DMARC: the tree walk, alignment, what applies to a subdomain, and who the author is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.scan import Dkim, Dmarc, Result, Spf
from lockdown.scan import dmarc
from lockdown.scan.dmarc import Policy, author_domains, organization, parse_record, walk
from tests.rig.dns import Zone, ZoneDns

NOT_SPF = Spf(Result.NONE, "")


def published(**records: str) -> Zone:
    """`example_com="v=DMARC1; p=reject"` is at _dmarc.example.com."""
    return {f"_dmarc.{name.replace('_', '.')}": {"TXT": [[record]]} for name, record in records.items()}


def spf(domain: str, result: Result = Result.PASS) -> Spf:
    return Spf(result, domain)


def signed(domain: str, result: Result = Result.PASS) -> tuple[Dkim, ...]:
    return (Dkim(result, domain, "s1"),)


def judged(author: str | tuple[str, ...], zone: Zone, spf: Spf = NOT_SPF, dkims: tuple[Dkim, ...] = ()) -> Dmarc:
    authors = (author,) if isinstance(author, str) else author
    return dmarc.evaluate(authors, spf, dkims, ZoneDns(zone))


# ── records ──


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (b"v=DMARC1; p=reject", Policy("reject")),
        (b"v=DMARC1;p=quarantine;sp=none;np=reject;adkim=s;aspf=s;t=y;psd=n;",
         Policy("quarantine", "none", "reject", True, True, True, "n")),
        (b" v = DMARC1 ; P = Reject ", Policy("reject")),
        (b"v=DMARC1; rua=mailto:d@example.com; p=none", Policy("none")),
        (b"v=DMARC1; p=reject; pct=0; rf=afrf; ri=1; unknown=1", Policy("reject")),
        (b"v=DMARC1", Policy("none")),
        (b"v=DMARC1; p=refuse", None),
        (b"v=DMARC1; p=refuse; rua=mailto:d@example.com", Policy("none")),
        (b"v=DMARC1; p=reject; sp=refuse", None),
        (b"v=DMARC1; p=reject; np=x; rua=ftp://a,mailto:d@example.com", Policy("none")),
        (b"v=DMARC1; p=reject; psd=x", Policy("reject")),
        (b"v=DMARC1; p=reject; p=none", Policy("reject")),
        (b"v=dmarc1; p=reject", None),
        (b"v=DMARC10; p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b"v=spf1 -all", None),
        (b"", None),
        (b"v=DMARC1; p=reject; " + b"x" * 5000, None),
    ],
)  # fmt: skip
def test_a_record_is_read_as_rfc_9989_says(text: bytes, policy: Policy | None) -> None:
    assert parse_record(text) == policy


# ── the walk ──


def test_a_long_name_is_asked_for_and_then_its_last_seven_labels() -> None:
    asked = walk("a.b.c.d.e.f.g.h.i.j.mail.example.com")
    assert asked[:2] == ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com"]
    assert asked[-1] == "com"
    assert len(asked) == 8


@pytest.mark.parametrize(
    ("zone", "domain", "owner"),
    [
        (published(mail_example_com="v=DMARC1", example_com="v=DMARC1"), "a.mail.example.com", "example.com"),
        (published(mail_example_com="v=DMARC1; psd=n", example_com="v=DMARC1"), "a.mail.example.com",
         "mail.example.com"),
        (published(com="v=DMARC1; psd=y"), "a.mail.example.com", "example.com"),
        (published(example_com="v=DMARC1; psd=y"), "a.mail.example.com", "mail.example.com"),
        (published(example_com="v=DMARC1; psd=y"), "example.com", "example.com"),
        ({}, "a.mail.example.com", "a.mail.example.com"),
        (published(com="v=DMARC1; p=none"), "a.example.com", "example.com"),
        (published(co_uk="v=DMARC1; p=none"), "a.example.co.uk", "example.co.uk"),
        ({"_dmarc.example.com": {"TXT": [["v=DMARC1; p=none"], ["v=DMARC1; p=reject"]]}}, "a.example.com",
         "a.example.com"),
        ({"_dmarc.example.com": {"TXT": [["v=DMARC1; p=none"], ["google-verification"]]}}, "a.example.com",
         "example.com"),
    ],
    ids=["the shortest", "psd=n ends", "a suffix", "a suffix of two labels", "the suffix itself", "nothing",
         "a suffix that does not say so", "another", "two records are none", "other TXT do not count"],
)  # fmt: skip
def test_the_organization_is_found_in_the_tree(zone: Zone, domain: str, owner: str) -> None:
    assert organization(dmarc.climb(ZoneDns(zone), domain)) == owner


# ── alignment ──

RELAXED = published(example_com="v=DMARC1; p=reject")
STRICT = published(example_com="v=DMARC1; p=reject; adkim=s; aspf=s")


@pytest.mark.parametrize(
    ("author", "zone", "spf", "dkims", "result"),
    [
        ("example.com", RELAXED, spf("example.com"), (), Result.PASS),
        ("example.com", RELAXED, spf("bounce.example.com"), (), Result.PASS),
        ("news.example.com", RELAXED, NOT_SPF, signed("example.com"), Result.PASS),
        ("news.example.com", RELAXED, NOT_SPF, signed("mail.example.com"), Result.PASS),
        ("example.com", RELAXED, spf("example.org"), signed("badexample.com"), Result.FAIL),
        ("example.com", RELAXED, spf("com"), signed("com"), Result.FAIL),
        ("example.com", RELAXED, spf("example.com", Result.SOFTFAIL), signed("example.com", Result.FAIL), Result.FAIL),
        ("example.com", RELAXED, NOT_SPF, signed("example.com", Result.POLICY), Result.FAIL),
        ("example.com", STRICT, spf("bounce.example.com"), signed("mail.example.com"), Result.FAIL),
        ("example.com", STRICT, NOT_SPF, signed("Example.COM"), Result.PASS),
        ("example.com", RELAXED, NOT_SPF, signed("example.com", Result.TEMPERROR), Result.TEMPERROR),
        ("example.com", RELAXED, NOT_SPF, signed("other.example", Result.TEMPERROR), Result.FAIL),
        ("example.com", RELAXED, spf("example.com"), signed("example.com", Result.TEMPERROR), Result.PASS),
        ("example.com", {**RELAXED, **published(own_example_com="v=DMARC1; psd=n")}, NOT_SPF,
         signed("own.example.com"), Result.FAIL),
        ("nobody.example", {}, NOT_SPF, signed("nobody.example"), Result.NONE),
        ("a.example", {"_dmarc.a.example": "TIMEOUT"}, NOT_SPF, (), Result.TEMPERROR),
        ("a.example", {"_dmarc.example": "TIMEOUT"}, NOT_SPF, (), Result.TEMPERROR),
        ("example.com", {**RELAXED, "_dmarc.com": "TIMEOUT"}, spf("example.com"), (), Result.PASS),
        ("example.com", {**RELAXED, "_dmarc.com": "TIMEOUT"}, NOT_SPF, (), Result.TEMPERROR),
    ],
)  # fmt: skip
def test_only_what_is_aligned_vouches(
    author: str, zone: Zone, spf: Spf, dkims: tuple[Dkim, ...], result: Result
) -> None:
    assert judged(author, zone, spf, dkims).result is result


def test_a_record_that_ends_the_walk_hides_what_cannot_be_read_above_it() -> None:
    zone = {**published(own_example_com="v=DMARC1; p=reject; psd=n"), "_dmarc.example.com": "TIMEOUT"}
    assert judged("own.example.com", zone, spf("example.com")).result is Result.FAIL


def test_two_strangers_under_one_suffix_are_not_one_organization() -> None:
    zone = published(uk="v=DMARC1; p=reject", co_uk="v=DMARC1; p=reject")
    assert judged("victim.co.uk", zone, spf("eve.co.uk"), signed("co.uk")).result is Result.FAIL


# ── what is asked for ──


@pytest.mark.parametrize(
    ("author", "zone", "policy", "at"),
    [
        ("example.com", published(example_com="v=DMARC1; p=reject; sp=none"), "reject", "example.com"),
        ("a.example.com", published(example_com="v=DMARC1; p=reject; sp=none"), "none", "example.com"),
        ("a.example.com", published(example_com="v=DMARC1; p=reject"), "reject", "example.com"),
        ("a.example.com", published(example_com="v=DMARC1; p=none; sp=none; np=reject"), "reject", "example.com"),
        ("a.example.com",
         {**published(example_com="v=DMARC1; p=none; np=reject"), "a.example.com": {"A": ["192.0.2.1"]}},
         "none", "example.com"),
        ("a.example.com", {**published(example_com="v=DMARC1; p=none; np=reject"), "a.example.com": "TIMEOUT"}, "none",
         "example.com"),
        ("example.com", published(example_com="v=DMARC1; p=reject; t=y"), "quarantine", "example.com"),
        ("example.com", published(example_com="v=DMARC1; p=quarantine; t=y"), "none", "example.com"),
        ("example.com", published(example_com="v=DMARC1; p=none; t=y"), "none", "example.com"),
        ("a.example.bank", published(bank="v=DMARC1; p=none; sp=quarantine; np=reject; psd=y"), "reject", "bank"),
        ("a.example.bank",
         published(bank="v=DMARC1; p=reject; psd=y", example_bank="v=DMARC1; p=none; sp=quarantine"), "quarantine",
         "example.bank"),
        ("b.a.example.com", published(a_example_com="v=DMARC1; p=none", example_com="v=DMARC1; p=reject"), "reject",
         "example.com"),
    ],
)  # fmt: skip
def test_the_policy_that_applies_is_told(author: str, zone: Zone, policy: str, at: str) -> None:
    found = judged(author, zone)
    assert (found.result, found.policy, found.record_domain) == (Result.FAIL, policy, at)


def test_of_several_authors_the_strictest_answer_counts() -> None:
    zone = published(good_example="v=DMARC1; p=reject", bad_example="v=DMARC1; p=quarantine")
    found = judged(("good.example", "bad.example"), zone, spf("good.example"))
    assert (found.result, found.domain, found.policy) == (Result.FAIL, "bad.example", "quarantine")
    assert judged(("good.example", "nobody.example"), zone, spf("good.example")).result is Result.NONE


@pytest.mark.parametrize("authors", [(), ("",), ("good.example", ""), tuple(f"{n}.example" for n in range(9))])
def test_an_author_that_cannot_be_told_is_an_error(authors: tuple[str, ...]) -> None:
    zone = published(good_example="v=DMARC1; p=reject")
    assert judged(authors, zone, spf("good.example")).result is Result.PERMERROR


# ── the author ──


@pytest.mark.parametrize(
    ("fields", "domains"),
    [
        ([b" ann@example.org\r\n"], ("example.org",)),
        ([b" Ann <ann@Example.ORG>\r\n"], ("example.org",)),
        ([b' "ceo@victim.example" <eve@evil.example>\r\n'], ("evil.example",)),
        ([b" ceo@victim.example <eve@evil.example>\r\n"], ("evil.example",)),
        ([b" <a@one.example> <b@two.example>\r\n"], ("one.example", "two.example")),
        ([b" a@one.example b@two.example\r\n"], ("one.example", "two.example")),
        ([b" a@one.example, B <b@two.example>\r\n"], ("one.example", "two.example")),
        ([b" a@one.example\r\n", b" b@two.example\r\n"], ("one.example", "two.example")),
        ([b" Ann (x@comment.example) <ann@example.org>\r\n"], ("example.org",)),
        ([b' "a, b" <"x@y"@example.org>\r\n'], ("example.org",)),
        ([b" Team: a@one.example, b@two.example;\r\n"], ("one.example", "two.example")),
        ([b" Ann\r\n <ann@example.org.>\r\n"], ("example.org",)),
        ([" Ann <ann@müller.example>\r\n".encode()], ("xn--mller-kva.example",)),
        ([b" <@relay.example:ann@example.org>\r\n"], ("example.org",)),
        ([b" ann@[192.0.2.1]\r\n"], ("",)),
        ([b" <ann@>\r\n"], ("",)),
        ([b" nobody\r\n"], ()),
        ([b' "open <ann@example.org>\r\n'], ()),
        ([b" a@one.example\r\n"] * 11, ("", "one.example")),
        ([b" " + b"a" * 20_000 + b"@example.org\r\n"], ("",)),
        ([], ()),
    ],
)
def test_the_author_is_who_stands_in_the_address(fields: list[bytes], domains: tuple[str, ...]) -> None:
    assert author_domains(fields) == domains


@settings(deadline=None)
@given(field=st.binary(max_size=200))
def test_any_octets_have_authors_that_are_names(field: bytes) -> None:
    for domain in author_domains([field]):
        assert domain == domain.lower()
        assert domain.isascii()
        assert not set(domain) & set(' "<>@,;:()')


@settings(deadline=None)
@given(text=st.binary(max_size=200))
def test_any_octets_for_a_record_are_a_policy_or_none(text: bytes) -> None:
    for octets in (text, b"v=DMARC1;" + text):
        found = parse_record(octets)
        assert found is None or found.p in ("none", "quarantine", "reject")
