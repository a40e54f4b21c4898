"""ARC: the official suite, and chains that are built to break a verifier."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.scan import Arc, Result
from tests.rig.dns import ZoneDns
from tests.scan.identity.messages import verify_arc
from tests.scan.identity.signing import MESSAGE, sealed, weak_key, zone
from tests.scan.identity.suites import ArcCase, arc_cases, exceptions

CASES = list(arc_cases())
DIFFERENT = exceptions()
EXPECTED = {"pass": Result.PASS, "fail": Result.FAIL, "none": Result.NONE, "": Result.FAIL}
"""An empty result of the suite is a chain that somebody has ended with cv=fail: it vouches for nothing."""


@pytest.mark.skipif(not CASES, reason="the suite is not here (LOCKDOWN_CASES names its folder)")
@pytest.mark.parametrize("case", [case for case in CASES if case.name not in DIFFERENT], ids=lambda case: case.name)
def test_the_official_suite_is_passed(case: ArcCase) -> None:
    found = verify_arc(ZoneDns(case.zone), case.message)
    assert found.result is EXPECTED[case.result], found.why


# ── chains of our own ──

ONE = sealed(MESSAGE)
TWO = sealed(ONE, claims="arc=pass")


def verified(message: bytes, **more: object) -> Arc:
    return verify_arc(ZoneDns({**zone(), **more}), message)  # type: ignore[dict-item]


def test_a_chain_of_two_holds_and_tells_who_has_sealed_it() -> None:
    assert verified(ONE) == Arc(Result.PASS, "example.org")
    assert verified(TWO) == Arc(Result.PASS, "example.org")


def test_a_message_without_a_chain_has_none() -> None:
    assert verified(MESSAGE) == Arc(Result.NONE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello,", b"Hullo,"),
        (b"a plain  letter", b"another letter"),
        (b"ARC-Seal: i=1;", b"ARC-Seal: i=3;"),
        (b"cv=none", b"cv=pass"),
        (b"arc=pass", b"dkim=pass"),
    ],
    ids=["body", "subject", "a gap", "another cv", "other results"],
)
def test_a_chain_that_was_tampered_with_fails(old: bytes, new: bytes) -> None:
    assert old in TWO
    assert verified(TWO.replace(old, new, 1)).result is Result.FAIL


def test_what_an_older_forwarder_signed_may_be_changed_by_the_next() -> None:
    relayed = sealed(ONE.replace(b"Hello,", b"[list] Hello,"), claims="arc=pass")
    assert verified(relayed).result is Result.PASS


def test_an_instance_without_a_space_before_it_is_found() -> None:
    tight = ONE.replace(b"ARC-Message-Signature: i=1;", b"ARC-Message-Signature:i=1;")
    assert tight != ONE
    assert verified(tight).result is Result.PASS


def test_a_key_that_cannot_be_asked_for_is_a_passing_error() -> None:
    assert verify_arc(ZoneDns({"s1._domainkey.example.org": "TIMEOUT"}), TWO).result is Result.TEMPERROR


def test_a_weak_key_seals_nothing() -> None:
    private, record = weak_key()
    assert verify_arc(ZoneDns(zone(record)), sealed(MESSAGE, key=private)).result is Result.FAIL


@pytest.mark.parametrize("sets", [51, 60, 2000])
def test_a_chain_that_is_too_long_fails_and_its_keys_are_not_asked_for(sets: int) -> None:
    dns = ZoneDns(zone())
    header = b"".join(
        b"ARC-Seal: i=%d; s=k%d; d=d.example\r\nARC-Message-Signature: i=%d\r\nARC-Authentication-Results: i=%d; x\r\n"
        % (number, number, number, number)
        for number in range(1, sets + 1)
    )
    assert verify_arc(dns, header + MESSAGE).result is Result.FAIL
    assert dns.asked == []


@settings(deadline=None)
@given(value=st.binary(max_size=200), name=st.sampled_from([b"ARC-Seal", b"ARC-Message-Signature"]))
def test_any_octets_in_a_chain_have_a_verdict_that_is_no_pass(value: bytes, name: bytes) -> None:
    line = name + b": i=2; " + value.replace(b"\n", b" ").replace(b"\r", b" ") + b"\r\n"
    assert verified(line + ONE).result in (Result.FAIL, Result.TEMPERROR)
