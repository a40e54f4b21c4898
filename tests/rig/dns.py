"""A DNS of our own for tests: a zone is a dict, read directly, behind a `Resolver`, or over UDP and TCP on loopback.

    {"example.com": {"A": ["192.0.2.1"], "MX": [(10, "mail.example.com")], "TXT": ["v=spf1 mx -all"]},
     "www.example.com": {"CNAME": ["example.com"]},
     "*.wild.example": {"A": ["192.0.2.9"]},
     "slow.example": {"DELAY": 0.2, "A": ["192.0.2.2"]},
     "broken.example": "SERVFAIL", "silent.example": "TIMEOUT"}

A name without entry, and without any name below it, does not exist.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from lockdown.model.unknown import Unknown
from lockdown.scan.dns import NO_DATA, NO_SUCH_NAME, Answer, Records, Reply, Value

Entry: TypeAlias = Mapping[str, Any] | str
Zone: TypeAlias = Mapping[str, Entry]
_CHAIN = 12


class ZoneDns:
    """Answers from a zone at once. `asked` keeps the questions in their order."""

    def __init__(self, zone: Zone, ttl: float = 300.0) -> None:
        self.zone = {name.lower(): entry for name, entry in zone.items()}
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, kind: str) -> Answer:
        """As an `Ask`."""
        self.asked.append((name.lower().rstrip("."), kind))
        return self._found(name.lower().rstrip("."), kind)

    def entry(self, name: str) -> Entry | None:
        """The entry of a name, or of the wildcard above it."""
        if name in self.zone:
            return self.zone[name]
        above = name.partition(".")[2]
        return self.zone.get(f"*.{above}")

    def exists(self, name: str) -> bool:
        return self.entry(name) is not None or any(known.endswith("." + name) for known in self.zone)

    def _found(self, name: str, kind: str) -> Answer:
        for _ in range(_CHAIN):
            entry = self.entry(name)
            match entry:
                case None:
                    return NO_DATA if self.exists(name) else NO_SUCH_NAME
                case str():
                    return Unknown(f"DNS: {entry}")
            if kind in entry:
                values = tuple(_value(value, kind) for value in entry[kind])
                return Records(values) if values else NO_DATA
            if "TIMEOUT" in entry:
                return Unknown("DNS: TIMEOUT")
            if "CNAME" not in entry:
                return NO_DATA
            name = entry["CNAME"][0].lower().rstrip(".")
        return NO_DATA

    async def ask(self, name: str, kind: str) -> Reply:
        """As a `Backend`."""
        entry = self.entry(name)
        if isinstance(entry, Mapping) and "DELAY" in entry:
            await asyncio.sleep(entry["DELAY"])
        answer = self(name, kind)
        silent = isinstance(answer, Unknown) and answer.why.endswith("TIMEOUT")
        return Reply(answer, 5.0 if isinstance(answer, Unknown) else self.ttl, silent)

    def close(self) -> None:
        """Nothing to give back."""


def _value(value: Any, kind: str) -> Value:
    """A TXT of several strings is a list of them; a str of it has one octet for each character."""
    match value:
        case [int(), str()]:
            return value[0], value[1]
        case list() | tuple():
            return b"".join(_octets(part) for part in value)
        case bytes():
            return value
        case str() if kind == "TXT":
            return _octets(value)
    return str(value)


def _octets(part: str | bytes) -> bytes:
    return part if isinstance(part, bytes) else part.encode("latin-1")


class StubServer:
    """The zone over UDP and TCP, on a port of loopback. Use as an asynchronous context manager."""

    def __init__(self, zone: Zone, *, ttl: int = 300, udp_octets: int = 1232) -> None:
        self._zone = ZoneDns(zone)
        self._ttl, self._udp_octets = ttl, udp_octets
        self.port = 0
        self.over_tcp = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[tuple[str, str]]:
        return self._zone.asked

    async def __aenter__(self) -> StubServer:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port), family=socket.AF_INET
                )
                return self
            except OSError:
                self._tcp.close()
        raise OSError("no port is free for both UDP and TCP")

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                reply = await self.reply(await reader.readexactly(length), 65535)
                self.over_tcp += 1
                if reply is not None:
                    writer.write(len(reply).to_bytes(2, "big") + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def reply(self, octets: bytes, limit: int) -> bytes | None:
        """The answer on the wire; None for silence."""
        query = dns.message.from_wire(octets)
        asked = query.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        entry = self._zone.entry(name)
        if isinstance(entry, Mapping) and "DELAY" in entry:
            await asyncio.sleep(entry["DELAY"])
        answer = self._zone(name, kind)
        if isinstance(answer, Unknown) and answer.why.endswith("TIMEOUT"):
            return None
        response = dns.message.make_response(query, recursion_available=True)
        self._fill(response, asked.name, kind, answer)
        wire = response.to_wire(max_size=65535)
        if len(wire) > limit:
            response = dns.message.make_response(query, recursion_available=True)
            response.flags |= dns.flags.TC
            wire = response.to_wire()
        return wire

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: str, answer: Answer) -> None:
        match answer:
            case Unknown():
                response.set_rcode(dns.rcode.SERVFAIL)
            case Records(values):
                response.answer.append(dns.rrset.from_text(name, self._ttl, "IN", kind, *map(_zone_text, values)))
            case _ if answer == NO_SUCH_NAME:
                response.set_rcode(dns.rcode.NXDOMAIN)


def _zone_text(value: Value) -> str:
    match value:
        case bytes():
            pieces = [value[at : at + 255] for at in range(0, max(1, len(value)), 255)]
            return " ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)
        case (preference, host):
            return f"{preference} {host}."
    return f"{value}." if not value.replace(":", "").replace(".", "").isalnum() or value[-1:].isalpha() else value


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: StubServer) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: Any) -> None:
        reply = await self._server.reply(data, self._server._udp_octets)
        if reply is not None:
            self._transport.sendto(reply, addr)
