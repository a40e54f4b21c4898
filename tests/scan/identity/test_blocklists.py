"""Blocklists: what their answers mean, and when a list is not to be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.unknown import Unknown
from lockdown.scan.blocklists import Blocklist, Blocklists, parse_blocklist
from lockdown.scan.dns import Resolver
from tests.rig.dns import Zone, ZoneDns

GOOD = {"2.0.0.127.bl.example": {"A": ["127.0.0.2"]}, "9.2.0.192.bl.example": {"A": ["127.0.0.4"]},
        "8.2.0.192.bl.example": {"A": ["127.0.0.30"]}}  # fmt: skip
RULE = "bl.example=127.0.0.2-11 +6"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Lists over a zone; the zone can be changed, and time pushed."""

    def __init__(self, zone: Zone, *rules: str) -> None:
        self.dns = ZoneDns(zone, ttl=60)
        self.clock = Clock()
        self.resolver = Resolver("x", backend=self.dns, clock=self.clock)
        parsed = [parse_blocklist(rule) for rule in rules or (RULE,)]
        self.lists = Blocklists(
            [rule for rule in parsed if isinstance(rule, Blocklist)], self.resolver, clock=self.clock
        )

    async def ask(self, address: str, *domains: str) -> list[tuple[bool | str, str, str]]:
        """Listed, or why that is not known; the code; what was asked about."""
        if self.lists.due():
            await self.lists.test()
        found = self.lists.listings(self.dns, address, domains)
        return [
            (one.listed.why if isinstance(one.listed, Unknown) else one.listed, one.answer, one.what) for one in found
        ]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.mark.parametrize(
    ("rule", "parsed"),
    [
        ("bl.example", ("bl.example", 1.0, False)),
        ("BL.Example.=127.0.0.2 +6", ("bl.example", 6.0, False)),
        ("bl.example=127.0.0.2-11,127.0.0.20 -2.5", ("bl.example", -2.5, False)),
        ("dbl.example=127.0.1.2-127.0.1.99 +5 domains", ("dbl.example", 5.0, True)),
    ],
)
def test_a_rule_is_read(rule: str, parsed: tuple[str, float, bool]) -> None:
    found = parse_blocklist(rule)
    assert isinstance(found, Blocklist)
    assert (found.zone, found.points, found.domains) == parsed


@pytest.mark.parametrize(
    "rule",
    ["", "bl", "bl.example=1.2.3.4", "bl.example=127.0.0.2-1", "bl.example=127.0.0.x", "bl.example=127.255.255.254",
     "bl.example=127.0.0.2 much", "bl.example=127.0.0.2-127.255.255.1", "-.=", "a b c", "bl.example=127.0.0.2,",
     "bl.example=127.0.0.2 +1e9", "x" * 300 + ".example", "bl..example"],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_has_a_problem(rule: str) -> None:
    assert isinstance(parse_blocklist(rule), str)


@settings(deadline=None)
@given(rule=st.text(max_size=60) | st.from_regex(r"[a-z.]{1,9}=[0-9.,-]{0,30} [+-]?[0-9.]{1,5}", fullmatch=True))
def test_any_text_is_a_rule_or_a_problem(rule: str) -> None:
    found = parse_blocklist(rule)
    assert isinstance(found, str) or all(0x7F000000 <= low <= high < 0x7FFFFF00 for low, high in found.ranges)


def test_only_answers_in_the_range_count() -> None:
    bench = Bench(GOOD)
    assert run(bench.ask("192.0.2.9")) == [(True, "127.0.0.4", "192.0.2.9")]
    assert run(bench.ask("192.0.2.8")) == [(False, "127.0.0.30", "192.0.2.8")]
    assert run(bench.ask("192.0.2.7")) == [(False, "", "192.0.2.7")]


def test_points_come_with_the_listing() -> None:
    bench = Bench(GOOD)
    run(bench.lists.test())
    assert [one.points for one in bench.lists.listings(bench.dns, "192.0.2.9", ())] == [6.0]


def test_an_ipv6_address_is_asked_for_by_nibbles_and_a_mapped_one_as_ipv4() -> None:
    name = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.bl.example"
    bench = Bench({**GOOD, name: {"A": ["127.0.0.3"]}})
    assert run(bench.ask("2001:db8::1"))[0][0] is True
    assert run(bench.ask("::ffff:192.0.2.9"))[0][0] is True


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fe80::1", "fd00::1", "unknown"])
def test_local_clients_are_not_asked_about(address: str) -> None:
    bench = Bench(GOOD)
    assert run(bench.ask(address)) == []


def test_domains_are_asked_of_lists_of_domains_only_and_ten_at_most() -> None:
    zone = {"test.dbl.example": {"A": ["127.0.1.2"]}, "evil.example.dbl.example": {"A": ["127.0.1.2"]}, **GOOD}
    bench = Bench(zone, "dbl.example=127.0.1.2-99 +5 domains", RULE)
    found = run(bench.ask("192.0.2.7", "Evil.Example", "evil.example", "192.0.2.1", "good.example", "not a name"))
    assert found == [(True, "127.0.1.2", "evil.example"), (False, "", "good.example"), (False, "", "192.0.2.7")]
    assert len(run(bench.ask("127.0.0.1", *(f"d{number}.example" for number in range(50))))) == 10


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        ({}, "test entry is not listed"),
        ({**GOOD, "1.0.0.127.bl.example": {"A": ["127.0.0.2"]}}, "lists what nobody can list"),
        ({**GOOD, "*.bl.example": {"A": ["127.0.0.2"]}}, "lists what nobody can list"),
        ({**GOOD, "*.bl.example": {"A": ["198.51.100.1"]}}, "the resolver invents answers"),
        ({"2.0.0.127.bl.example": {"A": ["127.255.255.254"]}}, "refuses to answer us (127.255.255.254)"),
        ({"2.0.0.127.bl.example": "TIMEOUT"}, "could not be tested"),
    ],
    ids=["dead", "lists the whole world", "a wildcard", "invented answers", "refused", "silent"],
)
def test_a_list_that_fails_its_own_test_is_unknown_and_not_asked(zone: Zone, why: str) -> None:
    bench = Bench(zone)
    ((listed, _, _),) = run(bench.ask("192.0.2.9"))
    assert isinstance(listed, str)
    assert why in listed
    assert ("9.2.0.192.bl.example", "A") not in bench.dns.asked
    (health,) = bench.lists.health()
    assert health.passes is False
    assert why in health.why


def test_a_list_that_begins_to_refuse_is_left_out_until_its_test_passes_again() -> None:
    bench = Bench(GOOD)
    assert run(bench.ask("192.0.2.9"))[0][0] is True
    bench.dns.zone["7.2.0.192.bl.example"] = {"A": ["127.255.255.255"]}
    assert "refuses" in str(run(bench.ask("192.0.2.7"))[0][0])
    assert "refuses" in str(run(bench.ask("192.0.2.9"))[0][0])
    bench.clock.now += 601
    del bench.dns.zone["7.2.0.192.bl.example"]
    assert run(bench.ask("192.0.2.9"))[0][0] is True


def test_an_answer_that_is_no_code_of_a_list_is_not_a_listing() -> None:
    bench = Bench({**GOOD, "7.2.0.192.bl.example": {"A": ["198.51.100.1"]}})
    assert "answers 198.51.100.1" in str(run(bench.ask("192.0.2.7"))[0][0])
    assert bench.lists.health()[0].passes is False


def test_a_list_is_tested_again_every_ten_minutes_and_once_for_all_who_wait() -> None:
    async def asked() -> None:
        bench = Bench(GOOD)
        await asyncio.gather(*(bench.lists.test() for _ in range(5)))
        assert len(bench.dns.asked) == 3
        assert not bench.lists.due()
        bench.clock.now += 599
        assert not bench.lists.due()
        bench.clock.now += 2
        assert bench.lists.due()
        bench.dns.zone.clear()
        await bench.lists.test()
        assert bench.lists.health()[0].passes is False

    run(asked())


def test_an_untested_list_is_unknown() -> None:
    bench = Bench(GOOD)
    (found,) = bench.lists.listings(bench.dns, "192.0.2.9", ())
    assert found.listed == Unknown("bl.example: not tested yet")
