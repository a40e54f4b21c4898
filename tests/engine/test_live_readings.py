"""Engines, blocklists and the DNS, asked on loopback; and what is said when nobody answers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

from lockdown.config import Settings, read_settings
from lockdown.engine import live_readings
from lockdown.facts import interfaces
from lockdown.facts.dns_records import Nothing, Records, record
from lockdown.facts.engines import Engine, engines
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.rig.dns import StubServer, Zone

BARE = Snapshot("here", datetime(2026, 1, 15, tzinfo=UTC), "0", {interfaces.SOURCE: "eth0 192.0.2.7/24\n"})
ZONE: Zone = {
    "example.com": {
        "TXT": [["v=spf1 include:spf.example.net -all"], ["second record"]],
        "MX": [(10, "mail.example.com")],
    },
    "spf.example.net": {"TXT": [["v=spf1 a:host.example.net ", "~all"]]},
    "host.example.net": {"A": ["192.0.2.9"]},
    "_dmarc.example.com": "SERVFAIL",
    "_mta-sts.example.com": {"A": ["192.0.2.9"]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["mail.example.com"]},
    "mail.example.com": {"A": ["192.0.2.7"]},
    "2.0.0.127.list.example": {"A": ["127.0.0.2"]},
}


@contextmanager
def dns(zone: Zone) -> Iterator[StubServer]:
    """The stub in a loop of its own, as a resolver is."""
    ready, done = Event(), Event()
    server = StubServer(zone)

    async def serve() -> None:
        async with server:
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        done.set()
        thread.join()


def policy(text: str = "", resolvers: str = "[]") -> Settings:
    toml = f'[site]\ndomains = ["example.com"]\n[antispam]\nresolvers = {resolvers}\n{text}'
    return read_settings([("lockdown.toml", toml)]).settings


def taken(settings: Settings) -> Snapshot:
    return live_readings.with_live_readings(settings, BARE)


def test_the_names_of_the_site_are_asked_for_and_what_they_lead_to() -> None:
    with dns(ZONE) as server:
        found = taken(policy('blocklists = ["list.example"]\n', f'["{server.address}"]'))
    spf = record(found, "example.com", "TXT")
    assert isinstance(spf, Records)
    assert set(spf.values) == {"v=spf1 include:spf.example.net -all", "second record"}
    assert record(found, "host.example.net", "A") == Records(("192.0.2.9",))
    assert record(found, "mail.example.com", "A") == Records(("192.0.2.7",))
    assert record(found, "_mta-sts.example.com", "TXT") == Nothing(False)
    assert record(found, "_smtp._tls.example.com", "TXT") == Nothing(True)
    assert isinstance(record(found, "_dmarc.example.com", "TXT"), Unknown)
    assert json.loads(str(found.reading("blocklists/1.json")))["passes"] is True


def test_without_a_resolver_nothing_is_asked_and_all_is_unknown() -> None:
    found = taken(policy('blocklists = ["list.example"]\n'))
    assert record(found, "example.com", "TXT") == Unknown("TXT of example.com: no resolver is set")
    assert json.loads(str(found.reading("blocklists/1.json")))["told"] is False


def test_the_example_asks_nobody() -> None:
    with dns(ZONE) as server:
        settings = read_settings([("x", f'[antispam]\nresolvers = ["{server.address}"]\n')]).settings
        found = taken(settings)
        assert server.asked == []
    assert not [name for name in found.readings if name.startswith("dns/")]


def test_a_resolver_that_is_silent_costs_no_more_than_the_bound() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        found = taken(policy(resolvers=f'["127.0.0.1:{deaf.getsockname()[1]}"]'))
    answers = [reading for name, reading in found.readings.items() if name.startswith("dns/")]
    assert answers
    assert all(isinstance(answer, Unknown) for answer in answers)


def test_the_builtin_engines_are_tried_too() -> None:
    found = taken(policy())
    for item in ("antivirus", "antispam"):
        engine = engines(found, item, ("builtin",))["builtin"]
        assert isinstance(engine, Engine)
        assert (engine.proven, engine.error) == (True, "")


def test_a_builtin_engine_with_a_list_that_cannot_be_used_says_so() -> None:
    settings = read_settings([("x", '[antivirus]\ndigests = "/nowhere/digests"\n')]).settings
    engine = engines(taken(settings), "antivirus", ("builtin",))["builtin"]
    assert isinstance(engine, Engine)
    assert "/nowhere/digests" in engine.error
    assert not engine.proven


def test_engines_that_are_down_and_engines_that_are_deaf_say_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        urls = f'["clamd:///nowhere/clamd.ctl", "clamd://127.0.0.1:{port}"]'
        text = f'engines = ["rspamd://127.0.0.1:{port}"]\n[antivirus]\nengines = {urls}\n'
        found = taken(policy(text))
    asked = engines(found, "antivirus", ("clamd:///nowhere/clamd.ctl", f"clamd://127.0.0.1:{port}"))
    asked |= engines(found, "antispam", (f"rspamd://127.0.0.1:{port}",))
    assert len(asked) == 3
    for engine in asked.values():
        assert isinstance(engine, Engine)
        assert engine.error
        assert not engine.proven


def test_it_can_be_taken_from_within_an_event_loop() -> None:
    async def inside() -> Snapshot:
        return taken(policy())

    assert asyncio.run(inside()).readings
