"""Every answer is proven from our own root down, whoever carries it; what cannot be proven is never an answer."""

from __future__ import annotations

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockdown.facts.probed_dns import Answer
from lockdown.model.unknown import Unknown
from lockdown.probe.names import MailHost, Names, Resolver, mail_hosts
from tests.rig.world import Bend, World, healthy

ALL = (".", "example.", "firm.example.", "elsewhere.example.")


def zones() -> dict[str, dict[str, list[str]]]:
    made = healthy()
    made["plain.example."] = {"@": ["MX 5 mx"], "mx": ["A 192.0.2.9"]}
    made["quiet.example."] = {"@": ["MX 0 ."]}
    made["firm.example."] |= {
        "*.wild": ["A 192.0.2.77"],
        "www": ["CNAME mx"],
        "l1": ["CNAME l2"],
        "l2": ["CNAME l1"],
        "away": ["CNAME mx.plain.example."],
        "big": [f'TXT "{number:0200}"' for number in range(20)],
    }
    return made


@pytest.fixture(scope="module", params=[(), ALL], ids=["NSEC", "NSEC3"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with World(zones(), unsigned=("plain.example.",), hashed=request.param, opted_out=request.param[1:2]) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "kind", "status", "security"),
    [
        ("firm.example", "MX", "records", "secure"),
        ("FIRM.example.", "MX", "records", "secure"),
        ("firm.example", "TLSA", "no-data", "secure"),
        ("nix.firm.example", "A", "no-name", "secure"),
        ("a.b.c.firm.example", "A", "no-name", "secure"),
        ("_domainkey.firm.example", "A", "no-data", "secure"),
        ("a.b.wild.firm.example", "A", "records", "secure"),
        ("a.wild.firm.example", "AAAA", "no-data", "secure"),
        ("www.firm.example", "A", "records", "secure"),
        ("away.firm.example", "A", "records", "insecure"),
        ("plain.example", "MX", "records", "insecure"),
        ("x.plain.example", "MX", "no-name", "insecure"),
        ("25.2.0.192.in-addr.arpa", "PTR", "records", "secure"),
        ("firm.example", "DS", "records", "secure"),
        ("firm.example", "DNSKEY", "records", "secure"),
        ("big.firm.example", "TXT", "records", "secure"),
    ],
)
def test_an_answer_says_how_far_it_is_proven(world: World, name: str, kind: str, status: str, security: str) -> None:
    found = Names(world.resolver()).look(name, kind)
    assert isinstance(found, Answer), found
    assert (found.status, found.security) == (status, security)


def test_a_long_answer_is_fetched_over_tcp(world: World) -> None:
    before = world.over_tcp
    found = Names(world.resolver()).look("big.firm.example", "TXT")
    assert isinstance(found, Answer) and len(found.values) == 20
    assert world.over_tcp > before


def test_a_loop_of_aliases_is_no_answer(world: World) -> None:
    found = Names(world.resolver()).look("l1.firm.example", "A")
    assert isinstance(found, Unknown) and "loop" in found.why


def test_the_servers_of_a_domain_come_with_their_addresses(world: World) -> None:
    assert mail_hosts("firm.example", world.resolver()) == (
        MailHost("mx.firm.example", 10, ("192.0.2.25", "2001:db8::25")),
    )
    assert mail_hosts("quiet.example", world.resolver()) == ()
    assert mail_hosts("mx.firm.example", world.resolver()) == (  # RFC 5321 5.1: without MX, the name itself
        MailHost("mx.firm.example", 0, ("192.0.2.25", "2001:db8::25")),
    )
    missing = mail_hosts("nix.example", world.resolver())
    assert isinstance(missing, Unknown) and "no domain" in missing.why


def test_without_an_anchor_nothing_is_proven_and_nothing_is_refused(world: World) -> None:
    found = Names(world.resolver(anchors=())).look("firm.example", "MX")
    assert isinstance(found, Answer) and found.security == "unsure"


def test_another_anchor_than_the_true_one_makes_everything_bogus(world: World) -> None:
    wrong = (world.anchors[0][:-4] + ("0000" if not world.anchors[0].endswith("0000") else "1111"),)
    found = Names(world.resolver(anchors=wrong)).look("firm.example", "MX")
    assert isinstance(found, Unknown) and found.why.startswith("bogus: ")


def _address(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    """Another address than the true one, with the true signature."""
    for number, rrset in enumerate(reply.answer):
        if rrset.rdtype == dns.rdatatype.A:
            reply.answer[number] = dns.rrset.from_text(rrset.name, rrset.ttl, "IN", "A", "198.51.100.66")
    return reply


def _unsigned(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    """Signatures taken out on the way, but for the root."""
    if name != dns.name.root:
        reply.answer = [one for one in reply.answer if one.rdtype != dns.rdatatype.RRSIG]
        reply.authority = [one for one in reply.authority if one.rdtype != dns.rdatatype.RRSIG]
    return reply


def _one_unsigned(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    """The address alone comes without its signature."""
    return _all_unsigned(name, kind, reply) if kind == "A" else reply


def _all_unsigned(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    reply.answer = [one for one in reply.answer if one.rdtype != dns.rdatatype.RRSIG]
    reply.authority = []
    return reply


def _denied(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    """There is no such name, says somebody, and has no proof."""
    if kind == "A":
        reply.answer, reply.authority = [], []
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


def _hidden(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    if kind == "A":
        reply.answer = []
    return reply


def _rewritten(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    if reply.rcode() == dns.rcode.NXDOMAIN and kind == "A":
        reply.set_rcode(dns.rcode.NOERROR)
        reply.answer = [dns.rrset.from_text(name, 60, "IN", "A", "198.51.100.1")]
    return reply


def _failing(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    if kind == "A":
        reply.set_rcode(dns.rcode.SERVFAIL)
        reply.answer, reply.authority = [], []
    return reply


def _refusing(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    reply.set_rcode(dns.rcode.REFUSED)
    reply.answer, reply.authority = [], []
    return reply


def _silent(name: dns.name.Name, kind: str, reply: dns.message.Message) -> None:
    return None


def _another_id(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    reply.id ^= 1
    return reply


def _another_question(name: dns.name.Name, kind: str, reply: dns.message.Message) -> dns.message.Message:
    query = dns.message.make_query("other.example.", "A")
    query.id = reply.id
    return dns.message.make_response(query)


def _garbage(name: dns.name.Name, kind: str, reply: dns.message.Message) -> bytes:
    return b"\xff" * 40


def _cut(name: dns.name.Name, kind: str, reply: dns.message.Message) -> bytes:
    """Cut off in the middle, and not said to be."""
    return reply.to_wire()[:-20]


@pytest.mark.parametrize(
    ("bend", "why"),
    [
        (_address, "bogus: A of mx.firm.example"),
        (_unsigned, "bogus: "),
        (_one_unsigned, "bogus: A of mx.firm.example has no signature"),
        (_denied, "bogus: nothing proves"),
        (_hidden, "bogus: nothing proves"),
        (_rewritten, "answers for names that do not exist"),
        (_failing, "SERVFAIL"),
        (_refusing, "REFUSED"),
        (_silent, "no answer in 0.2 s"),
        (_another_id, "no answer in 0.2 s"),
        (_another_question, "no answer in 0.2 s"),
        (_garbage, "no answer in 0.2 s"),
        (_cut, "no answer in 0.2 s"),
    ],
)
def test_a_dead_or_lying_resolver_gives_no_answer(bend: Bend, why: str) -> None:
    with World(healthy(), bend=bend) as lying:
        found = Names(lying.resolver(seconds=0.2)).look("mx.firm.example", "A")
    assert isinstance(found, Unknown) and why in found.why


def test_a_resolver_that_takes_all_signatures_out_proves_nothing() -> None:
    with World(healthy(), bend=_all_unsigned) as old:
        found = Names(old.resolver()).look("mx.firm.example", "A")
    assert isinstance(found, Answer) and found.security == "unsure" and "passes no signatures on" in found.why


def test_signatures_that_ran_out_and_keys_of_others_are_bogus() -> None:
    for fault in ({"expired": ("firm.example.",)}, {"foreign": ("firm.example.",)}):
        with World(healthy(), **fault) as world:  # type: ignore[arg-type]
            found = Names(world.resolver()).look("firm.example", "MX")
            assert isinstance(found, Unknown) and found.why.startswith("bogus: ")
            above = Names(world.resolver()).look("elsewhere.example", "NS")
            assert isinstance(above, Answer) and above.security == "secure"


def test_denials_that_cost_too_much_are_not_computed() -> None:
    with World(healthy(), hashed=ALL, iterations=501) as world:
        found = Names(world.resolver()).look("nix.firm.example", "A")
    assert isinstance(found, Unknown) and "rounds of hashing" in found.why


def test_nobody_there_is_said() -> None:
    found = Names(Resolver("127.0.0.1", 1, anchors=(), seconds=0.3)).look("firm.example", "A")
    assert isinstance(found, Unknown)


def test_all_questions_together_have_an_end() -> None:
    with World(healthy(), bend=_silent) as dead:
        names = Names(dead.resolver(seconds=0.2), 0.5)
        found = [names.look(f"n{number}.firm.example", "A") for number in range(50)]
    assert all(isinstance(one, Unknown) for one in found)
    assert names.asked < 55 and len(dead.asked) < 8


@given(octets=st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_back_is_a_value(octets: bytes, garbage: tuple[World, list[bytes]]) -> None:
    world, said = garbage
    said[0] = octets
    found = Names(world.resolver(seconds=0.01), 0.05).look("firm.example", "MX")
    assert isinstance(found, Unknown)


@pytest.fixture(scope="module")
def garbage() -> Iterator[tuple[World, list[bytes]]]:
    said = [b""]

    def bend(name: dns.name.Name, kind: str, reply: dns.message.Message) -> bytes:
        """The right header, and anything behind it."""
        return reply.to_wire()[:12] + said[0]

    with World(healthy(), bend=bend) as world:
        yield world, said
