"""The resolver: memory, silence, and a server of our own on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.unknown import Unknown
from lockdown.scan.dns import NO_DATA, NO_SUCH_NAME, Answer, Need, Records, Reply, Resolver, ask_all, question, texts
from tests.rig.dns import StubServer, ZoneDns

ZONE = {
    "example.com": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"], "MX": [(10, "mail.example.com")],
                    "TXT": [["v=spf1 ", "mx -all"], [b"\x00\xff\"\\;"]]},
    "www.example.com": {"CNAME": ["example.com"]},
    "loop.example.com": {"CNAME": ["loop.example.com"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["Mail.Example.COM"]},
    "large.example.com": {"TXT": [[f"{number}" + "x" * 240] for number in range(20)]},
    "huge.example.com": {"TXT": [[f"{number}", *["x" * 250] * 8] for number in range(20)]},
    "many.example.com": {"A": [f"192.0.2.{number}" for number in range(150)]},
    "broken.example.com": "SERVFAIL",
    "silent.example.com": "TIMEOUT",
    "slow.example.com": {"DELAY": 0.05, "A": ["192.0.2.3"]},
}  # fmt: skip


class Clock:
    """Goes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def over_the_wire(name: str, kind: str, timeout: float = 3.0, udp_octets: int = 1232) -> tuple[Answer, int]:
    """The answer of the stub, and how often TCP was used."""

    async def asked() -> tuple[Answer, int]:
        async with StubServer(ZONE, udp_octets=udp_octets) as server:
            resolver = Resolver([server.address], timeout)
            answer = await resolver.lookup(name, kind)
            assert resolver.cached(name, kind) == answer
            resolver.close()
            return answer, server.over_tcp

    return run(asked())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("Example.COM.", "A", Records(("192.0.2.1", "192.0.2.2"))),
        ("example.com", "AAAA", Records(("2001:db8::1",))),
        ("example.com", "MX", Records(((10, "mail.example.com"),))),
        ("example.com", "TXT", Records((b"v=spf1 mx -all", b'\x00\xff"\\;'))),
        ("www.example.com", "A", Records(("192.0.2.1", "192.0.2.2"))),
        ("1.2.0.192.in-addr.arpa", "PTR", Records(("mail.example.com",))),
        ("example.com", "PTR", NO_DATA),
        ("loop.example.com", "A", NO_DATA),
        ("nobody.example.com", "A", NO_SUCH_NAME),
        ("broken.example.com", "A", Unknown("DNS: SERVFAIL")),
        ("slow.example.com", "A", Records(("192.0.2.3",))),
        ("many.example.com", "A", Unknown("DNS: the answer is too large")),
        ("huge.example.com", "TXT", Unknown("DNS: the answer is too large")),
    ],
)
def test_a_server_on_a_port_of_its_own_is_understood(name: str, kind: str, answer: Answer) -> None:
    found = over_the_wire(name, kind)[0]
    if isinstance(answer, Records) and isinstance(found, Records):
        # A server shuffles its records.
        assert sorted(map(repr, found.values)) == sorted(map(repr, answer.values))
    else:
        assert found == answer


def test_a_truncated_answer_is_asked_again_over_tcp() -> None:
    answer, over_tcp = over_the_wire("large.example.com", "TXT")
    assert len(texts(answer)) == 20
    assert over_tcp == 1


def test_silence_is_unknown_within_the_time() -> None:
    answer, _ = over_the_wire("silent.example.com", "A", timeout=0.3)
    assert isinstance(answer, Unknown)


def test_a_port_where_nobody_listens_is_unknown() -> None:
    async def asked() -> Answer:
        async with StubServer({}) as server:
            address = server.address
        return await Resolver([address], 0.5).lookup("example.com", "A")

    assert isinstance(run(asked()), Unknown)


def test_without_a_resolver_everything_is_unknown_at_once() -> None:
    assert Resolver((), 5).cached("example.com", "A") == Unknown("no resolver is set")


# ── memory ──


def test_what_was_asked_lately_is_not_asked_again_and_what_is_old_is() -> None:
    async def asked() -> None:
        clock, backend = Clock(), ZoneDns(ZONE, ttl=60)
        resolver = Resolver("x", backend=backend, clock=clock)
        assert resolver.cached("example.com", "A") is None
        await resolver.lookup("example.com", "A")
        await resolver.lookup("EXAMPLE.com.", "A")
        assert len(backend.asked) == 1
        clock.now += 61
        assert resolver.cached("example.com", "A") is None
        await resolver.lookup("example.com", "A")
        assert len(backend.asked) == 2

    run(asked())


def test_a_failure_is_kept_for_seconds_and_not_for_minutes() -> None:
    async def asked() -> None:
        clock = Clock()
        resolver = Resolver("x", backend=ZoneDns(ZONE), clock=clock)
        await resolver.lookup("broken.example.com", "A")
        assert resolver.cached("broken.example.com", "A") == Unknown("DNS: SERVFAIL")
        clock.now += 10
        assert resolver.cached("broken.example.com", "A") is None

    run(asked())


def test_a_question_that_is_under_way_is_not_asked_twice() -> None:
    async def asked() -> None:
        backend = ZoneDns(ZONE)
        resolver = Resolver("x", backend=backend)
        answers = await asyncio.gather(*(resolver.lookup("slow.example.com", "A") for _ in range(20)))
        assert set(answers) == {Records(("192.0.2.3",))}
        assert len(backend.asked) == 1

    run(asked())


def test_who_stops_waiting_leaves_the_answer_to_the_next() -> None:
    async def asked() -> None:
        resolver = Resolver("x", backend=ZoneDns(ZONE))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await resolver.lookup("slow.example.com", "A")
        await asyncio.sleep(0.1)
        assert resolver.cached("slow.example.com", "A") == Records(("192.0.2.3",))

    run(asked())


def test_memory_is_bounded_by_names_and_by_octets() -> None:
    async def asked() -> None:
        backend = ZoneDns({"*.a.example": {"A": ["192.0.2.9"]}, "*.b.example": {"TXT": [["x" * 200] * 70]}})
        resolver = Resolver("x", backend=backend, entries=3000)
        for number in range(3500):
            await resolver.lookup(f"{number}.a.example", "A")
        assert len(resolver._kept) == 3000
        assert resolver.cached("0.a.example", "A") is None
        for number in range(2500):
            await resolver.lookup(f"{number}.b.example", "TXT")
        assert resolver._octets <= 32 * 1024 * 1024
        assert resolver._octets == sum(entry[2] for entry in resolver._kept.values())

    run(asked())


# ── silence ──


class Silent:
    """A resolver that never answers, until it does."""

    def __init__(self) -> None:
        self.answers, self.asked = False, 0

    async def ask(self, name: str, kind: str) -> Reply:
        self.asked += 1
        if self.answers:
            return Reply(Records(("192.0.2.1",)), 60)
        return Reply(Unknown("DNS: no answer in 5 s"), 5, silent=True)

    def close(self) -> None:
        pass


def test_a_silent_resolver_is_left_alone_for_growing_seconds() -> None:
    async def asked() -> None:
        clock, backend = Clock(), Silent()
        resolver = Resolver("x", backend=backend, clock=clock)
        for number in range(5):
            await resolver.lookup(f"{number}.example", "A")
        assert isinstance(answer := resolver.cached("other.example", "A"), Unknown)
        assert "asked again in 1 s" in answer.why
        await resolver.lookup("other.example", "A")
        assert backend.asked == 5
        clock.now += 1.1
        await resolver.lookup("other.example", "A")
        assert backend.asked == 6
        assert "in 2 s" in resolver.cached("third.example", "A").why  # type: ignore[union-attr]
        clock.now += 2.1
        backend.answers = True
        assert await resolver.lookup("third.example", "A") == Records(("192.0.2.1",))
        assert resolver.cached("fourth.example", "A") is None

    run(asked())


def test_one_broken_zone_does_not_make_the_resolver_silent() -> None:
    async def asked() -> None:
        clock, backend = Clock(), Silent()
        resolver = Resolver("x", backend=backend, clock=clock)
        for _ in range(20):
            await resolver.lookup("broken.example", "A")
            clock.now += 6
        assert resolver.cached("other.example", "A") is None

    run(asked())


def test_a_backend_that_breaks_is_unknown_and_not_an_exception() -> None:
    class Broken(Silent):
        async def ask(self, name: str, kind: str) -> Reply:
            raise RuntimeError("no channel")

    answer = run(Resolver("x", backend=Broken()).lookup("example.com", "A"))
    assert answer == Unknown("DNS: RuntimeError: no channel")


# ── names ──


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", ".a", "a" * 64 + ".example", "a." * 127 + "aaa", "ex ample", "exämple", "a\\.b", "a\0b"]
)
def test_what_cannot_be_a_name_is_never_asked(name: str) -> None:
    backend = ZoneDns({})
    assert Resolver("x", backend=backend).cached(name, "A") == NO_SUCH_NAME
    assert run(Resolver("x", backend=backend).lookup(name, "A")) == NO_SUCH_NAME
    assert backend.asked == []


@settings(deadline=None)
@given(name=st.text(max_size=300))
def test_any_text_is_a_bounded_name_or_none(name: str) -> None:
    found = question(name, "A")
    assert found is None or (0 < len(found[0]) <= 253 and found[0].isascii() and found[0].isprintable())


def test_all_missing_answers_are_asked_for_together() -> None:
    def ask(name: str, kind: str) -> Answer:
        raise Need((name, kind))

    with pytest.raises(BaseException) as raised:  # Need is no Exception, and that is the point
        ask_all(ask, [("a.example", "A"), ("b.example", "TXT")])
    assert isinstance(raised.value, Need)
    assert raised.value.questions == (("a.example", "A"), ("b.example", "TXT"))
