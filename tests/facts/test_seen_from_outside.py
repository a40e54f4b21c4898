"""Names and TLS that were seen from outside are read back whole, and garbage is Unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts import dane, mta_sts, probed_dns, tls_seen
from lockdown.facts.dane import Tlsa
from lockdown.facts.mta_sts import Policy
from lockdown.facts.probed_dns import Answer, Exchange
from lockdown.facts.tls_seen import Certificate, TlsSeen, Untold
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _host(readings: dict[str, Reading]) -> Snapshot:
    return Snapshot("probe", NOW, "1", readings)


def _certificate(*names: str) -> Certificate:
    digests = {"0 1": "aa" * 32, "0 2": "bb" * 64, "1 1": "cc" * 32, "1 2": "dd" * 64}
    return Certificate(
        names=names,
        not_before=NOW,
        not_after=NOW + timedelta(days=90),
        key="EC secp256r1",
        bits=256,
        signed_with="sha256",
        self_signed=False,
        digests=digests,
    )


def test_an_answer_is_read_back() -> None:
    answer = Answer(status="records", security="secure", values=("10 mx.example.org",))
    held = _host({"probe/dns/example.org/MX": probed_dns.described(answer)})
    assert probed_dns.answer(held, "Example.org.", "MX") == answer
    assert isinstance(probed_dns.answer(held, "example.org", "TXT"), Unknown)
    assert probed_dns.exchanges(answer) == (Exchange(10, "mx.example.org"),)
    assert probed_dns.exchanges(Answer(status="records", security="secure", values=("0",))) == (Exchange(0, ""),)


def test_an_answer_with_nothing_in_it_is_damaged() -> None:
    for text in ('{"status":"records","security":"secure"}', '{"status":"no-data","security":"secure","values":["x"]}'):
        assert isinstance(probed_dns.parsed(text), Unknown)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 86400\n", Policy("enforce", ("a.b",), 86400)),
        ("version: STSv1\r\nmode: none\r\nmax_age: 0\r\n", Policy("none", (), 0)),
        ("version: STSv1\nmode: enforce\nmode: none\nmx: A.B.\nmax_age: 1", Policy("enforce", ("a.b",), 1)),
        ("version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1", None),
        ("version: STSv1\nmode: enforce\nmax_age: 1", None),
        ("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 31557601", None),
        ("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: a week", None),
        ("<html>", None),
        ("", None),
    ],
)
def test_a_policy_is_read_as_senders_read_it(text: str, policy: Policy | None) -> None:
    found = mta_sts.policy(text)
    assert found == policy if policy else isinstance(found, Unknown)


def test_a_wildcard_stands_for_one_label() -> None:
    policy = Policy("enforce", ("*.example.org", "mx.example.com"), 86400)
    assert policy.admits("mx.example.org.") and policy.admits("MX.example.com")
    assert not policy.admits("example.org") and not policy.admits("a.b.example.org") and not policy.admits("x.com")
    assert tls_seen.names_match(_certificate("*.example.org"), "mx.example.org")
    assert not tls_seen.names_match(_certificate("*.example.org"), "a.mx.example.org")


@pytest.mark.parametrize(
    ("text", "found"),
    [("v=STSv1; id=1a;", "1a"), ("v=STSv1;", None), ("v=STSv2; id=1", None), ("v=STSv1; id=a-b", None), ("", None)],
)
def test_a_record_has_one_id(text: str, found: str | None) -> None:
    assert mta_sts.record_id(text) == found


def test_a_tlsa_record_names_a_key_or_a_certificate() -> None:
    chain = (_certificate("mx.example.org"),)
    for text, holds in (
        (f"3 1 1 {'cc' * 32}", True),
        (f"3 0 1 {'aa' * 32}", True),
        (f"3 1 2 {'DD' * 64}", True),
        (f"2 1 1 {'cc' * 32}", True),
        (f"3 1 1 {'ab' * 32}", False),
        (f"1 1 1 {'cc' * 32}", False),
        (f"3 1 3 {'cc' * 32}", False),
    ):
        record = dane.tlsa(text)
        assert isinstance(record, Tlsa) and dane.names(record, chain) is holds, text
    assert isinstance(dane.tlsa(f"3 1 1 {'cc' * 31}"), Unknown)
    assert isinstance(dane.tlsa("3 1 1"), Unknown)


@given(st.text(max_size=200))
def test_garbage_is_unknown_everywhere(text: str) -> None:
    places = ("probe/dns/a/MX", "probe/mta-sts/a.json", "probe/tls/a/192.0.2.1/25.json", "probe/domain/a.json")
    held = _host(dict.fromkeys(places, text))
    assert isinstance(probed_dns.answer(held, "a", "MX"), Unknown)
    assert isinstance(mta_sts.fetched(held, "a"), Unknown)
    assert all(isinstance(one, Untold) for one in tls_seen.tls_seen(held))
    assert all(isinstance(one, Unknown) for one in probed_dns.domains(held))
    assert isinstance(dane.tlsa(text), Unknown)
    assert isinstance(mta_sts.policy(text), Unknown | Policy)
    values = Answer(status="records", security="secure", values=(text,))
    assert isinstance(probed_dns.exchanges(values), Unknown | tuple)


def test_a_port_is_read_back_and_one_without_zone_is_damaged() -> None:
    seen = TlsSeen(
        host="mx.example.org",
        address="192.0.2.1",
        port=25,
        protocol="smtp",
        implicit=False,
        outcome="secured",
        chain=(_certificate("mx.example.org"),),
    )
    source = tls_seen.source("mx.example.org", "192.0.2.1", 25)
    text = tls_seen.described(seen)
    assert tls_seen.tls_seen(_host({source: text})) == (seen,)
    naive = text.replace("2026-11-24T00:00:00Z", "2026-11-24T00:00:00")
    assert naive != text and isinstance(tls_seen.tls_seen(_host({source: naive}))[0], Untold)
    assert tls_seen.tls_seen(_host({source: Unknown("421 busy")})) == (Untold("mx.example.org:25", "421 busy"),)
