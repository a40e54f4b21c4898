"""Domains that are made to be taken for ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.mime.domains import organisational, readable
from lockdown.mime.lookalike import How, resembles, skeleton

OURS = ("example.org", "acme-works.com", "mail.bank.example")


@pytest.mark.parametrize(
    ("domain", "of", "how"),
    [
        ("еxample.org", "example.org", How.HOMOGRAPH),  # a Cyrillic e
        ("xn--xample-2of.org", "example.org", How.HOMOGRAPH),
        ("exämple.org", "example.org", How.HOMOGRAPH),
        ("examp1e.org", "example.org", How.HOMOGRAPH),
        ("exarnple.org", "example.org", How.HOMOGRAPH),
        ("mail.examp1e.org", "example.org", How.HOMOGRAPH),
        ("exarnple.net", "example.org", How.HOMOGRAPH),
        ("maii.bank.example.test", "mail.bank.example", How.WITHIN),
        ("acme-vvorks.com", "acme-works.com", How.HOMOGRAPH),
        ("exmaple.org", "example.org", How.OTHER_ORDER),
        ("exampla.org", "example.org", How.OTHER_LETTER),
        ("exxample.org", "example.org", How.DOUBLED_LETTER),
        ("exampe.org", "example.org", How.OMITTED_LETTER),
        ("acmeworks.com", "acme-works.com", How.OMITTED_LETTER),
        ("example.org.evil.test", "example.org", How.WITHIN),
        ("example-org.evil.test", "example.org", How.WITHIN),
        ("login.example.org-secure.test", "example.org", How.WITHIN),
        ("example-login.test", "example.org", How.EXTRA_WORD),
        ("examplelogin.test", "example.org", How.EXTRA_WORD),
        ("exampleorg.com", "example.org", How.EXTRA_WORD),
        ("acme-works-payments.com", "acme-works.com", How.EXTRA_WORD),
        ("example-gardens.test", "example.org", How.OTHER_WORD),
        ("example.com", "example.org", How.OTHER_ENDING),
    ],
)
def test_a_look_alike_is_named_with_its_kind(domain: str, of: str, how: How) -> None:
    found = resembles(domain, OURS)
    assert found is not None
    assert (found.of, found.how) == (of, how)
    assert of in found.says


@pytest.mark.parametrize(
    "domain",
    [
        "example.org",
        "mail.example.org",
        "bank.example",
        "sample.org",
        "simple.org",
        "evil.test",
        "a.b",
        "",
        "counterexamples.test",
    ],
)
def test_ours_and_strangers_resemble_nothing(domain: str) -> None:
    assert resembles(domain, OURS) is None


def test_a_short_name_is_not_near_every_other_short_name() -> None:
    assert resembles("acne.test", ("acme.test",)) is None


def test_a_counter_at_the_end_is_a_sister() -> None:
    assert resembles("server2.test", ("server1.test",)) is None


def test_without_names_of_ours_nothing_is_like_them() -> None:
    assert resembles("example.org", ()) is None


@pytest.mark.parametrize(
    ("host", "registered"),
    [
        ("a.b.example.co.uk", "example.co.uk"),
        ("example.test", "example.test"),
        ("me.github.io", "me.github.io"),
        ("www.мойсайт.рф", "мойсайт.рф"),
        ("198.51.100.7", "198.51.100.7"),
        ("com", "com"),
        ("", ""),
    ],
)
def test_what_somebody_registered_is_known(host: str, registered: str) -> None:
    assert organisational(host) == registered


def test_a_label_that_cannot_be_decoded_stays_as_it_is() -> None:
    assert readable("xn--\udc80.test".encode("utf-8", "replace").decode()) == "xn--?.test"
    assert readable("xn--a-ecp.test".upper()).endswith(".test")
    assert readable("xn--" + "9" * 200 + ".test").startswith("xn--9")


@given(st.text(max_size=80))
def test_any_text_has_an_answer(text: str) -> None:
    skeleton(text)
    resembles(text, OURS)
