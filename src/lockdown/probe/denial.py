"""What signed NSEC and NSEC3 records prove: no such name, type or delegation (RFC 4035 5.4, RFC 5155 8).

Handed in are records whose signatures were checked. Fails as: TooCostly for hashing that nobody should pay for.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset

MOST_ITERATIONS = 500
"""RFC 9276 3.2: nobody needs more than 0, and validators may refuse more than 100."""
_NS, _SOA, _DS, _CNAME, _DNAME = (
    dns.rdatatype.NS,
    dns.rdatatype.SOA,
    dns.rdatatype.DS,
    dns.rdatatype.CNAME,
    dns.rdatatype.DNAME,
)
_TO_BASE32HEX = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")

Proof = Literal["", "proven", "opt-out"]


class TooCostly(Exception):
    """The zone asks for more hashing than a stranger should do."""


@dataclass(frozen=True, slots=True)
class _Span:
    """From one name (or hash) to the next one that exists."""

    start: dns.name.Name | str
    end: dns.name.Name | str
    types: frozenset[int]
    opt_out: bool = False
    algorithm: int = 0
    iterations: int = 0
    salt: bytes = b""


class Denial:
    """The denials of one answer, of one zone."""

    def __init__(self, zone: dns.name.Name, records: Iterable[dns.rrset.RRset]) -> None:
        self._zone = zone
        self._spans: list[_Span] = []
        self._hashed: list[_Span] = []
        for rrset in records:
            for one in rrset:
                if rrset.rdtype == dns.rdatatype.NSEC:
                    self._spans.append(_Span(rrset.name, one.next, _types(one)))
                elif rrset.name.is_subdomain(zone) and len(rrset.name) == len(zone) + 1:
                    self._hashed.append(_hashed(rrset.name, one))

    def covers(self, name: dns.name.Name) -> bool:
        """Whether the name itself surely does not exist."""
        return any(self._is_between(span, name) for span in self._spans) or self._hash_covers(name) is not None

    def no_name(self, name: dns.name.Name) -> Proof:
        """NXDOMAIN: neither the name nor a wildcard that would stand for it (RFC 4035 3.1.3.2, RFC 5155 8.4)."""
        for encloser, nearer in self._enclosers(name):
            if self.covers(nearer) or self.covers(name):
                wildcard = dns.name.Name((b"*", *encloser.labels))
                if self.covers(wildcard):
                    return "opt-out" if self._opted_out(nearer) else "proven"
        return ""

    def no_data(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Proof:
        """The name exists, with nothing of this type; or a wildcard does, with nothing of this type."""
        types = self._types_at(name)
        if types is not None:
            # RFC 4035 5.4: the parent's side of a delegation says nothing about the child's records.
            parents = _NS in types and _SOA not in types and kind != _DS
            return "proven" if kind not in types and _CNAME not in types and not parents else ""
        for encloser, nearer in self._enclosers(name):
            if not (self.covers(nearer) or self.covers(name)):
                continue
            if kind == _DS and self._opted_out(nearer):
                return "opt-out"
            wild = self._types_at(dns.name.Name((b"*", *encloser.labels)))
            if wild is not None and kind not in wild and _CNAME not in wild:
                return "proven"
            if self._opted_out(nearer):
                return "opt-out"
        return ""

    def delegation(self, name: dns.name.Name) -> Literal["", "none", "unsigned"]:
        """Whether an unsigned zone starts here, or none at all; "" where the records do not say."""
        types = self._types_at(name)
        if types is not None:
            if _DS in types or _SOA in types:
                return ""
            return "unsigned" if _NS in types else "none"
        for _, nearer in self._enclosers(name):
            if self.covers(nearer) or self.covers(name):
                return "unsigned" if self._opted_out(nearer) else "none"
        return ""

    def _enclosers(self, name: dns.name.Name) -> Iterator[tuple[dns.name.Name, dns.name.Name]]:
        """Each name of the zone above this one that is known to exist, with the next one below it on the way."""
        nearer = name
        while nearer != self._zone and nearer.is_subdomain(self._zone):
            encloser = nearer.parent()
            if encloser == self._zone or self._types_at(encloser) is not None or self._exists_by_span(encloser):
                yield encloser, nearer
            nearer = encloser

    def _exists_by_span(self, name: dns.name.Name) -> bool:
        """A name above an existing one exists too."""
        return any(
            edge.is_subdomain(name)
            for span in self._spans
            for edge in (span.start, span.end)
            if isinstance(edge, dns.name.Name)
        )

    def _types_at(self, name: dns.name.Name) -> frozenset[int] | None:
        for span in self._spans:
            assert isinstance(span.start, dns.name.Name) and isinstance(span.end, dns.name.Name)
            if span.start == name:
                return span.types
            if span.start < name and span.end.is_subdomain(name) and span.end != name:
                return frozenset()  # nothing at it, and something below it
        for span in self._hashed:
            if span.start == _hash(name, span):
                return span.types
        return None

    def _is_between(self, span: _Span, name: dns.name.Name) -> bool:
        start, end = span.start, span.end
        assert isinstance(start, dns.name.Name) and isinstance(end, dns.name.Name)
        if not start < name or (end <= name and end != self._zone) or end.is_subdomain(name):
            return False
        # RFC 6840 4.1: at a delegation or a DNAME the span says nothing about what lies below.
        cut = (_NS in span.types and _SOA not in span.types) or _DNAME in span.types
        return not (cut and name.is_subdomain(start))

    def _hash_covers(self, name: dns.name.Name) -> _Span | None:
        for span in self._hashed:
            hashed = _hash(name, span)
            start, end = str(span.start), str(span.end)
            if (start < hashed < end) if start < end else (hashed > start or hashed < end):
                return span
        return None

    def _opted_out(self, name: dns.name.Name) -> bool:
        span = self._hash_covers(name)
        return span is not None and span.opt_out


def _types(record: dns.rdata.Rdata) -> frozenset[int]:
    return frozenset(
        window * 256 + octet * 8 + bit
        for window, bitmap in record.windows  # type: ignore[attr-defined]
        for octet, value in enumerate(bitmap)
        for bit in range(8)
        if value & (0x80 >> bit)
    )


def _hashed(owner: dns.name.Name, record: dns.rdata.Rdata) -> _Span:

    if record.iterations > MOST_ITERATIONS:  # type: ignore[attr-defined]
        raise TooCostly(f"its NSEC3 records ask for {record.iterations} rounds of hashing")  # type: ignore[attr-defined]
    following = base64.b32encode(record.next).translate(_TO_BASE32HEX).decode().rstrip("=")  # type: ignore[attr-defined]
    return _Span(
        owner.labels[0].decode("latin-1").upper(),
        following,
        _types(record),
        bool(record.flags & 1),  # type: ignore[attr-defined]
        int(record.algorithm),  # type: ignore[attr-defined]
        record.iterations,  # type: ignore[attr-defined]
        record.salt,  # type: ignore[attr-defined]
    )


def _hash(name: dns.name.Name, span: _Span) -> str:
    if span.algorithm != 1:
        return ""
    return dns.dnssec.nsec3_hash(name, span.salt or None, span.iterations, span.algorithm).upper()
