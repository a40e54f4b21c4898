"""The whole inquiry: from memory, by asking, against a server on loopback, and when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from lockdown.config import Antispam, Settings
from lockdown.mime.header import header_block
from lockdown.model.scan import Identity, Result
from lockdown.model.unknown import Unknown
from lockdown.scan.dns import Resolver
from lockdown.scan.identity import Identifier
from lockdown.smtp.address import Address, parse_path
from tests.rig.dns import StubServer, Zone, ZoneDns
from tests.scan.identity.signing import MESSAGE, rsa_key, signed, zone

DOMAIN: Zone = {
    **zone(),
    "example.org": {"TXT": [["v=spf1 a:mail.example.org include:spf.example -all"]]},
    "mail.example.org": {"A": ["192.0.2.1"]},
    "spf.example": {"TXT": [["v=spf1 ip4:198.51.100.0/24 -all"]]},
    "_dmarc.example.org": {"TXT": [["v=DMARC1; p=reject"]]},
    "gate.example": {"TXT": [["v=spf1 ip4:192.0.2.1 -all"]]},
}
LISTS: Zone = {"2.0.0.127.bl.example": {"A": ["127.0.0.2"]}, "9.2.0.192.bl.example": {"A": ["127.0.0.4"]}}


def address(text: str) -> Address:
    found = parse_path(f"<{text}>".encode(), allow_utf8=True, null_allowed=True)
    assert isinstance(found, tuple)
    return found[0]


def settings(timeout: float = 5.0, *blocklists: str) -> Settings:
    return Settings(antispam=Antispam(dns_timeout=timedelta(seconds=timeout), blocklists=blocklists))


def header_of(message: bytes) -> bytes:
    return message[: header_block(message, 256 * 1024).end]


class Bench:
    """An identifier over a zone."""

    def __init__(self, zone: Zone, timeout: float = 5.0, *blocklists: str) -> None:
        self.dns = ZoneDns(zone)
        self.identifier = Identifier(settings(timeout, *blocklists), Resolver("x", backend=self.dns), "gw.example.net")

    def arguments(self, message: bytes, client: str, sender: str, helo: str) -> tuple[Any, ...]:
        return header_of(message), message, client, helo, address(sender)

    async def identify(
        self, message: bytes, client: str = "192.0.2.1", sender: str = "ann@example.org", helo: str = "gate.example",
        **more: Any,
    ) -> Identity:  # fmt: skip
        return await self.identifier.identify(*self.arguments(message, client, sender, helo), **more)

    def at_once(
        self, message: bytes, client: str = "192.0.2.1", sender: str = "ann@example.org", helo: str = "gate.example",
        **more: Any,
    ) -> Identity | None:  # fmt: skip
        return self.identifier.at_once(*self.arguments(message, client, sender, helo), **more)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def results(found: Identity) -> tuple[Result, list[Result], Result, Result]:
    return found.spf.result, [one.result for one in found.dkim], found.dmarc.result, found.arc.result


GENUINE_MESSAGE = signed()
GENUINE = (Result.PASS, [Result.PASS], Result.PASS, Result.NONE)


def test_a_genuine_message_is_vouched_for() -> None:
    assert results(run(Bench(DOMAIN).identify(GENUINE_MESSAGE))) == GENUINE


def test_a_forged_one_is_not() -> None:
    found = run(Bench(DOMAIN).identify(MESSAGE, client="203.0.113.9"))
    assert results(found) == (Result.FAIL, [], Result.FAIL, Result.NONE)
    assert (found.dmarc.policy, found.dmarc.domain) == ("reject", "example.org")


def test_memory_has_nothing_at_first_and_everything_afterwards() -> None:
    async def asked() -> None:
        bench = Bench(DOMAIN)
        assert bench.at_once(GENUINE_MESSAGE) is None
        first = await bench.identify(GENUINE_MESSAGE)
        questions = len(bench.dns.asked)
        assert bench.at_once(GENUINE_MESSAGE) == first
        assert len(bench.dns.asked) == questions

    run(asked())


def test_a_null_sender_is_checked_by_its_helo() -> None:
    found = run(Bench(DOMAIN).identify(GENUINE_MESSAGE, sender=""))
    assert (found.spf.result, found.spf.domain, found.spf.helo) == (Result.PASS, "gate.example", True)


@pytest.mark.parametrize("sender", ["postmaster", "ann", "ann@[192.0.2.1]", '"a@example.org"@nowhere.example'])
def test_a_sender_without_a_domain_of_its_own_has_no_spf(sender: str) -> None:
    assert run(Bench(DOMAIN).identify(GENUINE_MESSAGE, sender=sender)).spf.result is Result.NONE


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.1", "::1", "unknown"])
def test_a_local_client_is_told_as_such(client: str) -> None:
    found = run(Bench(DOMAIN, 5, "bl.example").identify(GENUINE_MESSAGE, client=client))
    assert (found.spf.result, found.spf.why) == (Result.NONE, "the client has a local address")
    assert found.listings == ()


def test_a_trusted_client_is_asked_neither_for_spf_nor_for_blocklists() -> None:
    bench = Bench({**DOMAIN, **LISTS}, 5, "bl.example")
    found = run(bench.identify(GENUINE_MESSAGE, client="192.0.2.9", trusted=True))
    assert (found.spf.result, found.listings, found.dmarc.result) == (Result.NONE, (), Result.PASS)
    assert not any("bl.example" in name for name, _ in bench.dns.asked)


def test_blocklists_are_tested_asked_and_believed() -> None:
    async def asked() -> None:
        bench = Bench({**DOMAIN, **LISTS}, 5, "bl.example=127.0.0.2-11 +6", "nonsense rule")
        found = await bench.identify(GENUINE_MESSAGE, client="192.0.2.9")
        assert [(one.list, one.listed, one.points) for one in found.listings] == [("bl.example", True, 6.0)]
        assert bench.at_once(GENUINE_MESSAGE, client="192.0.2.9") == found
        assert [one.passes for one in bench.identifier.health()] == [True, False]

    run(asked())


def test_an_unsigned_message_is_not_looked_into() -> None:
    class Untouchable(bytes):
        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("the body was read")

    async def asked() -> None:
        bench = Bench(DOMAIN)
        header = header_of(MESSAGE)
        arguments = (header, Untouchable(MESSAGE), "192.0.2.1", "gate.example", address("ann@example.org"))
        assert (await bench.identifier.identify(*arguments)).dkim == ()
        assert bench.identifier.at_once(*arguments) is not None

    run(asked())


def test_a_large_signed_body_is_hashed_in_a_thread_and_the_loop_goes_on() -> None:
    async def asked() -> None:
        bench = Bench(DOMAIN)
        message = signed(MESSAGE + (b"a line of text with  two spaces\r\n" * 100_000))
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0)
                beats += 1

        beating = asyncio.get_running_loop().create_task(beat())
        found = await bench.identify(message)
        beating.cancel()
        assert results(found) == GENUINE
        assert beats > 20
        assert bench.at_once(message) is None

    run(asked())


# ── when nobody answers ──


def test_without_a_resolver_every_part_says_so_at_once() -> None:
    identifier = Identifier(settings(5.0, "bl.example"), Resolver(()), "gw.example.net")

    async def asked() -> Identity:
        message = GENUINE_MESSAGE
        return await identifier.identify(
            header_of(message), message, "192.0.2.1", "gate.example", address("ann@example.org")
        )

    found = run(asked())
    assert results(found) == (Result.TEMPERROR, [Result.TEMPERROR], Result.TEMPERROR, Result.NONE)
    assert all("no resolver is set" in why for why in (found.spf.why, found.dkim[0].why, found.dmarc.why))
    assert isinstance(found.listings[0].listed, Unknown)


def test_what_is_known_in_time_is_told_and_the_rest_is_a_passing_error() -> None:
    slow: Zone = {**DOMAIN, "s1._domainkey.example.org": {"DELAY": 30, "TXT": [[rsa_key()[1]]]}}
    found = run(Bench(slow, 0.1).identify(GENUINE_MESSAGE))
    assert results(found) == (Result.PASS, [Result.TEMPERROR], Result.PASS, Result.NONE)
    assert "no answer in 0.1 s" in found.dkim[0].why


def test_silence_ends_in_time_with_passing_errors() -> None:
    silent: Zone = {f"{name}": {"DELAY": 30} for name in ("example.org", "_dmarc.example.org", "_dmarc.org",
                                                         "s1._domainkey.example.org")}  # fmt: skip
    found = run(Bench(silent, 0.1).identify(GENUINE_MESSAGE))
    assert results(found) == (Result.TEMPERROR, [Result.TEMPERROR], Result.TEMPERROR, Result.NONE)


def test_an_answer_that_came_too_late_serves_the_next_message() -> None:
    async def asked() -> None:
        slow: Zone = {**DOMAIN, "s1._domainkey.example.org": {"DELAY": 0.15, "TXT": [[rsa_key()[1]]]}}
        bench = Bench(slow, 0.05)
        assert (await bench.identify(GENUINE_MESSAGE)).dkim[0].result is Result.TEMPERROR
        await asyncio.sleep(0.2)
        assert results(await bench.identify(GENUINE_MESSAGE)) == GENUINE

    run(asked())


@pytest.mark.parametrize(
    "header",
    [
        b"", b"\r\n", b"From: a@example.org\r\n" * 2, b"DKIM-Signature: x\r\n", b"ARC-Seal: i=1\r\n",
        b"\xff\xfe: \x00\r\n",
        b"no colon here " * 5000, b"From: " + b'"\\' * 8000 + b"\r\n", b"ARC-Seal: i=1; a=b\r\n" * 400,
        b"DKIM-Signature: " + b"b " * 30000 + b"\r\n From: x\r\n",
    ],
    ids=range(10),
)  # fmt: skip
def test_any_header_has_an_identity(header: bytes) -> None:
    message = header + b"\r\nbody\r\n"

    async def asked() -> Identity:
        bench = Bench(DOMAIN)
        return await bench.identifier.identify(header, message, "192.0.2.1", "", address(""))

    found = run(asked())
    assert found.dmarc.result in (Result.PERMERROR, Result.FAIL)
    assert Result.PASS not in [one.result for one in found.dkim]


# ── over the wire ──


def test_a_genuine_message_is_vouched_for_over_the_wire() -> None:
    async def asked() -> Identity:
        async with StubServer({**DOMAIN, **LISTS}) as server:
            resolver = Resolver([server.address], 3.0)
            identifier = Identifier(settings(3.0, "bl.example"), resolver, "gw.example.net")
            message = GENUINE_MESSAGE
            arguments = (header_of(message), message, "192.0.2.1", "gate.example", address("ann@example.org"))
            found = await identifier.identify(*arguments)
            assert identifier.at_once(*arguments) == found
            resolver.close()
            return found

    found = run(asked())
    assert results(found) == GENUINE
    assert [one.listed for one in found.listings] == [False]


def test_a_policy_with_macros_is_not_carried_from_one_sender_to_another() -> None:
    async def asked() -> None:
        zone: Zone = {
            "example.org": {"TXT": [["v=spf1 exists:%{l}.allowed.example -all"]]},
            "ann.allowed.example": {"A": ["127.0.0.2"]},
        }
        bench = Bench(zone)
        assert (await bench.identify(MESSAGE, sender="ann@example.org")).spf.result is Result.PASS
        assert (await bench.identify(MESSAGE, sender="eve@example.org")).spf.result is Result.FAIL

    run(asked())


def test_the_explanation_of_a_policy_is_looked_up_too() -> None:
    zone: Zone = {
        "example.org": {"TXT": [["v=spf1 -all exp=why.example.org"]]},
        "why.example.org": {"TXT": [["ask ann"]]},
    }
    found = run(Bench(zone).identify(MESSAGE)).spf
    assert (found.result, found.why) == (Result.FAIL, "ask ann")


def test_a_helo_name_is_not_taken_for_a_sender_of_that_domain() -> None:
    async def asked() -> None:
        bench = Bench(DOMAIN)
        assert (await bench.identify(MESSAGE, sender="x@gate.example")).spf.helo is False
        assert (await bench.identify(MESSAGE, sender="")).spf.helo is True

    run(asked())
