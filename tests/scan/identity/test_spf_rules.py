"""SPF: who is asked about, and what a stranger may publish to hurt us. The official suites are in test_spf.py."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.scan import Result
from lockdown.scan import spf
from tests.rig.dns import Zone, ZoneDns


def check(
    zone: Zone, sender: str = "ann@example.org", client: str = "192.0.2.1", helo: str = "mx.example.org"
) -> spf.Spf:
    return spf.check(ZoneDns(zone), client, sender, helo)


def record(text: str | bytes, **more: object) -> Zone:
    return {"example.org": {"TXT": [[text]]}, **more}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "client", ["127.0.0.1", "10.9.8.7", "172.16.0.1", "192.168.0.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1",
               "fd12::1", "::ffff:10.0.0.1", "0.0.0.0", "", "nonsense"],
)  # fmt: skip
def test_a_local_address_is_not_asked_about(client: str) -> None:
    dns = ZoneDns(record("v=spf1 -all"))
    assert spf.check(dns, client, "ann@example.org", "mx").result is Result.NONE
    assert dns.asked == []


@pytest.mark.parametrize("client", ["192.0.2.1", "8.8.8.8", "2001:db8::1", "::ffff:192.0.2.1", "172.32.0.1"])
def test_any_other_address_is(client: str) -> None:
    assert check(record("v=spf1 -all"), client=client).result is Result.FAIL


def test_the_domain_of_a_quoted_local_part_is_behind_the_last_at() -> None:
    zone = record("v=spf1 -all", **{"evil.example": {"TXT": [["v=spf1 +all"]]}})
    found = check(zone, sender="x@evil.example@example.org")
    assert (found.result, found.domain) == (Result.FAIL, "example.org")


@pytest.mark.parametrize(
    "domain", ["localhost", "[192.0.2.1]", "", "a" * 300 + ".example", "ex ample.org", "mü.example"]
)
def test_what_is_no_domain_has_no_policy_and_is_not_asked_about(domain: str) -> None:
    dns = ZoneDns(record("v=spf1 -all"))
    for sender, helo in ((f"ann@{domain}", "mx.example.org"), ("", domain)):
        assert spf.check(dns, "192.0.2.1", sender, helo).result is Result.NONE
    assert dns.asked == []


def test_silence_is_a_passing_error_and_says_why() -> None:
    found = check({"example.org": "TIMEOUT"})
    assert (found.result, "TIMEOUT" in found.why) == (Result.TEMPERROR, True)


@pytest.mark.parametrize(
    "text",
    ["v=spf1 " + "a" * 9000, "v=spf1 " + "a " * 2000, "v=spf1 a:x." + "a" * 3900 + "! -all",
     "v=spf1 exists:" + "%{" * 1900 + " -all", b"v=spf1 \xff\xfe -all", "v=spf1 include:example.org -all",
     "v=spf1 " + "include:other.example " * 11 + "-all"],
    ids=["long", "many terms", "a long label", "many macros", "octets", "itself", "eleven lookups"],
)  # fmt: skip
def test_a_record_that_is_built_to_be_costly_is_an_error(text: str | bytes) -> None:
    found = check(record(text, **{"other.example": {"TXT": [["v=spf1 ?all"]]}}))
    assert found.result is Result.PERMERROR


def test_a_record_whose_names_have_no_end_is_given_up() -> None:
    zone: dict[str, object] = {f"m{number}.example.org": {"A": ["192.0.2.9"]} for number in range(10)}
    hosts = [(number, f"m{number}.example.org") for number in range(10)]
    names = {f"z{number}.example.org": {"MX": hosts} for number in range(20)}
    dns = ZoneDns(record("v=spf1 " + " ".join(f"mx:z{number}.example.org" for number in range(20)), **zone, **names))
    assert spf.check(dns, "192.0.2.1", "ann@example.org", "mx").result is Result.PERMERROR
    assert len(dns.asked) <= 150


def test_an_explanation_of_a_stranger_is_shortened_and_printable() -> None:
    zone = record("v=spf1 -all exp=why.example.org", **{"why.example.org": {"TXT": [["no\x1b[2J\r\nway" + "!" * 900]]}})
    found = check(zone)
    assert found.result is Result.FAIL
    assert len(found.why) <= 200
    assert found.why.isprintable()


@settings(deadline=None)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_any_record_has_a_result(text: str) -> None:
    assert isinstance(check(record("v=spf1 " + text)).result, Result)
