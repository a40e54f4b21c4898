"""A world of our own: signed zones from a root of our own downward, served over UDP and TCP on loopback.

    World({".": {...}, "example.": {...}, "firm.example.": {"@": ["MX 10 mx"], "mx": ["A 192.0.2.25"]}})

Every zone gets a name server and is delegated from the one above; what is in `unsigned` has no keys, what is in
`hashed` denies with NSEC3 (and leaves unsigned names out where it is in `opted_out`). `bend` gets every answer before
it is sent, with the question, and returns what is sent instead: bytes, another message, or None for silence.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, TypeAlias

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.NSEC3
import dns.rdtypes.util
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from lockdown.probe.names import Resolver

Zones: TypeAlias = Mapping[str, Mapping[str, list[str]]]
Bend: TypeAlias = Callable[[dns.name.Name, str, dns.message.Message], dns.message.Message | bytes | None]
_IN, _T = dns.rdataclass.IN, dns.rdatatype
_HEX32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")


def healthy() -> dict[str, dict[str, list[str]]]:
    """A firm with everything in order, and its addresses' names."""
    return {
        ".": {
            "25.2.0.192.in-addr.arpa": ["PTR mx.firm.example."],
            "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": ["PTR mx.firm.example."],
        },
        "example.": {},
        "firm.example.": {
            "@": [
                "MX 10 mx",
                "NS ns1",
                "NS ns2.elsewhere.example.",
                'TXT "v=spf1 mx -all"',
                'CAA 0 issue "ca.example"',
                "A 192.0.2.80",
            ],
            "ns1": ["A 192.0.2.53"],
            "mx": ["A 192.0.2.25", "AAAA 2001:db8::25"],
            "_dmarc": ['TXT "v=DMARC1; p=reject; rua=mailto:dmarc@firm.example"'],
            "_mta-sts": ['TXT "v=STSv1; id=20260101"'],
            "mta-sts": ["A 127.0.0.1"],
            "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:tls@firm.example"'],
            "s1._domainkey": ['TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'],
        },
        "elsewhere.example.": {"ns2": ["A 198.51.100.53"]},
    }


class World:
    """The zones, answered as a recursive resolver would that validates nothing. Use as a context manager."""

    def __init__(
        self,
        zones: Zones,
        *,
        unsigned: Collection[str] = (),
        hashed: Collection[str] = (),
        opted_out: Collection[str] = (),
        bend: Bend | None = None,
        expired: Collection[str] = (),
        foreign: Collection[str] = (),
        iterations: int = 0,
    ) -> None:
        self._bend, self._iterations = bend, iterations
        self._opted_out, self._hashed, self._unsigned = opted_out, hashed, unsigned
        self.asked: list[tuple[str, str]] = []
        self.over_tcp = 0
        self.zones: dict[dns.name.Name, dns.zone.Zone] = {}
        self.anchors: tuple[str, ...] = ()
        self._stop = threading.Event()
        ds: dict[str, list[str]] = {}
        for name in sorted(zones, key=lambda one: -len(dns.name.from_text(one))):
            below = {
                child: ds.get(child, [])
                for child in zones
                if child not in (name, ".") and _parent(child, zones) == name
            }
            zone, own = self._made(name, zones[name], below, signed=name not in unsigned, late=name in expired)
            self.zones[dns.name.from_text(name)] = zone
            if own:
                ds[name] = own
            if name in foreign and own:  # the DS above names somebody else's key
                ds[name] = [own[0][:-4] + ("0000" if not own[0].endswith("0000") else "1111")]
        self.anchors = tuple(one.removeprefix("DS ") for one in ds.get(".", []))

    # ── making zones ──

    def _made(
        self, name: str, records: Mapping[str, list[str]], below: Mapping[str, list[str]], *, signed: bool, late: bool
    ) -> tuple[dns.zone.Zone, list[str]]:
        origin = dns.name.from_text(name)
        lines = [f"{name} 300 IN SOA ns.invalid. admin.invalid. 1 600 600 600 300"]
        if not any(line.startswith("NS ") for line in records.get("@", [])):
            lines.append(f"{name} 300 IN NS ns.invalid.")
        for owner, values in records.items():
            full = dns.name.from_text(owner, origin) if owner != "@" else origin
            lines += [f"{full} 300 IN {value}" for value in values]
        for child, ds in below.items():
            lines += [f"{child} 300 IN NS ns.invalid.", *(f"{child} 300 IN {one}" for one in ds)]
        zone = dns.zone.from_text("\n".join(lines), origin, relativize=False, check_origin=False)
        if not signed:
            return zone, []
        private = ec.generate_private_key(ec.SECP256R1())
        key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
        now = time.time()
        begins, ends = (now - 7200, now - 3600) if late else (now - 3600, now + 86400)
        if name in self._hashed:
            _sign_hashed(zone, private, key, begins, ends, self._iterations, opt_out=name in self._opted_out)
        else:
            dns.dnssec.sign_zone(zone, keys=[(private, key)], inception=begins, expiration=ends)
        return zone, [f"DS {dns.dnssec.make_ds(origin, key, 'SHA256')}"]

    # ── answering ──

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """What this world says, before it is bent."""
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name, seen = question.name, 0
        while seen < 12:
            seen += 1
            zone = self._zone(name, question.rdtype)
            node = zone.get_node(name)
            made = name
            if node is None and not self._exists(zone, name):
                wild = self._wildcard(zone, name)
                if wild is None:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                    self._deny(zone, name, reply)
                    return reply
                node = zone.get_node(wild)
                self._deny(zone, name, reply, soa=False)
            if node is not None and (held := node.get_rdataset(_IN, question.rdtype)):
                _put(reply.answer, made, held, node)
                return reply
            alias = node.get_rdataset(_IN, _T.CNAME) if node is not None else None
            if alias is None:
                self._deny(zone, name, reply)
                return reply
            _put(reply.answer, made, alias, node)
            name = alias[0].target
        return reply

    def _zone(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.zone.Zone:
        at = name.parent() if kind == _T.DS and name != dns.name.root else name
        while at not in self.zones:
            at = at.parent()
        return self.zones[at]

    @staticmethod
    def _exists(zone: dns.zone.Zone, name: dns.name.Name) -> bool:
        return any(one.is_subdomain(name) and not _is_hash(zone, one) for one in zone.nodes)

    def _wildcard(self, zone: dns.zone.Zone, name: dns.name.Name) -> dns.name.Name | None:
        above = name.parent()
        while not self._exists(zone, above):
            above = above.parent()
        wild = dns.name.Name((b"*", *above.labels))
        return wild if wild in zone.nodes else None

    def _deny(self, zone: dns.zone.Zone, name: dns.name.Name, reply: dns.message.Message, *, soa: bool = True) -> None:
        assert zone.origin is not None
        apex = zone.nodes[zone.origin]
        if soa:
            _put(reply.authority, zone.origin, apex.get_rdataset(_IN, _T.SOA), apex)
        wanted = [name]
        above = name
        while above != zone.origin:  # the closest encloser, and the wildcard at it: more than needed does no harm
            above = above.parent()
            wanted += [above, dns.name.Name((b"*", *above.labels))]
        for one in wanted:
            self._denials(zone, one, reply)

    def _denials(self, zone: dns.zone.Zone, name: dns.name.Name, reply: dns.message.Message) -> None:
        for owner, node in zone.nodes.items():
            plain, hashed = node.get_rdataset(_IN, _T.NSEC), node.get_rdataset(_IN, _T.NSEC3)
            if plain is not None and _spans(owner, plain[0].next, name, zone.origin):
                _put(reply.authority, owner, plain, node)
            if hashed is not None:
                mine = dns.dnssec.nsec3_hash(name, None, hashed[0].iterations, 1)
                start, end = owner.labels[0].decode().upper(), _b32(hashed[0].next)
                inside = start < mine < end if start < end else mine > start or mine < end
                if mine == start or inside:
                    _put(reply.authority, owner, hashed, node)

    # ── serving ──

    def __enter__(self) -> World:
        self._udp, self._tcp = _one_port()
        self.port = self._udp.getsockname()[1]
        for one in (self._udp, self._tcp):
            one.settimeout(0.2)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2)
        self._udp.close()
        self._tcp.close()

    def resolver(self, **more: Any) -> Resolver:
        """How it is asked."""
        return Resolver("127.0.0.1", self.port, **{"anchors": self.anchors, "seconds": 1.0, **more})

    def _sent(self, octets: bytes, most: int) -> bytes | None:
        query = dns.message.from_wire(octets)
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name.to_text(omit_final_dot=True), kind))
        reply: dns.message.Message | bytes | None = self.answer(query)
        if self._bend is not None and isinstance(reply, dns.message.Message):
            reply = self._bend(name, kind, reply)
        if reply is None or isinstance(reply, bytes):
            return reply
        wire = reply.to_wire(max_size=65535)
        if len(wire) > most:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()
        return wire

    def _serve_udp(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                octets, peer = self._udp.recvfrom(4096)
                if (said := self._sent(octets, 1232)) is not None:
                    self._udp.sendto(said, peer)

    def _serve_tcp(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, OSError, EOFError):
                client, _ = self._tcp.accept()
                with client:
                    client.settimeout(2)
                    self.over_tcp += 1
                    length = int.from_bytes(client.recv(2), "big")
                    said = self._sent(client.recv(length), 65535)
                    if said is not None:
                        client.sendall(len(said).to_bytes(2, "big") + said)


def _one_port() -> tuple[socket.socket, socket.socket]:
    """The same port for UDP and TCP: one that is free for the first may be taken for the second."""
    for _ in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        with contextlib.suppress(OSError):
            return udp, socket.create_server(udp.getsockname(), backlog=64)
        udp.close()
    raise OSError("no port is free for UDP and TCP")


def _parent(child: str, zones: Zones) -> str:
    above = dns.name.from_text(child).parent()
    while above.to_text() not in zones:
        above = above.parent()
    return above.to_text()


def _put(section: list[dns.rrset.RRset], name: dns.name.Name, held: Any, node: dns.node.Node | None) -> None:
    rrset = dns.rrset.from_rdata_list(name, held.ttl, list(held))
    if any(one.name == name and one.rdtype == held.rdtype for one in section):
        return
    section.append(rrset)
    signed = node.get_rdataset(_IN, _T.RRSIG, held.rdtype) if node is not None else None
    if signed is not None:
        section.append(dns.rrset.from_rdata_list(name, signed.ttl, list(signed)))


def _spans(start: dns.name.Name, end: dns.name.Name, name: dns.name.Name, origin: dns.name.Name | None) -> bool:
    return start == name or (start < name and (name < end or end == origin))


def _is_hash(zone: dns.zone.Zone, name: dns.name.Name) -> bool:
    return zone.nodes[name].get_rdataset(_IN, _T.NSEC3) is not None


def _b32(octets: bytes) -> str:
    return base64.b32encode(octets).translate(_HEX32).decode()


def _sign_hashed(
    zone: dns.zone.Zone, private: Any, key: Any, begins: float, ends: float, iterations: int, *, opt_out: bool
) -> None:
    """Signed with NSEC3 (RFC 5155 7.1), as `dns.dnssec.sign_zone` does not."""
    origin = zone.origin
    assert origin is not None
    with zone.writer() as txn:
        txn.add(origin, 300, key)
    cuts = {name for name, node in zone.nodes.items() if node.get_rdataset(_IN, _T.NS) and name != origin}
    types: dict[dns.name.Name, set[Any]] = {}
    for name, node in list(zone.nodes.items()):
        held = {one.rdtype for one in node.rdatasets}
        if opt_out and name in cuts and _T.DS not in held:
            continue
        signed = name not in cuts or _T.DS in held
        types[name] = held | ({_T.RRSIG} if signed else set())
        above = name
        while above != origin:  # names with nothing at them, and something below
            above = above.parent()
            types.setdefault(above, set())
    by_hash = {dns.dnssec.nsec3_hash(name, None, iterations, 1): name for name in types}
    order = sorted(by_hash)
    chain: list[tuple[dns.name.Name, Any]] = []
    for at, hashed in enumerate(order):
        following = order[(at + 1) % len(order)]
        octets = _octets(following)
        windows = dns.rdtypes.util.Bitmap.from_rdtypes(sorted(types[by_hash[hashed]])).windows
        record = dns.rdtypes.ANY.NSEC3.NSEC3(_IN, _T.NSEC3, 1, int(opt_out), iterations, b"", octets, windows)
        chain.append((dns.name.from_text(hashed.lower(), origin), record))
    with zone.writer() as txn:
        for name, record in chain:
            txn.add(name, 300, record)
    with zone.writer() as txn:
        for name, node in list(zone.nodes.items()):
            for held in list(node.rdatasets):
                if held.rdtype == _T.RRSIG or (name in cuts and held.rdtype not in (_T.DS, _T.NSEC3)):
                    continue
                rrset = dns.rrset.from_rdata_list(name, held.ttl, list(held))
                txn.add(name, 300, dns.dnssec.sign(rrset, private, origin, key, inception=begins, expiration=ends))


def _octets(text: str) -> bytes:
    """Out of base 32 with the alphabet of hashes (RFC 4648 7)."""
    hexes, letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return base64.b32decode(text.encode().translate(bytes.maketrans(hexes, letters)))
