"""The first flight of a TLS handshake, said and read by hand: a modern library no longer says what must be tried.

A ClientHello offers exactly one version and one list of suites; the server's answer is read no further than it is told
in the clear. Pure; strangers' octets. Fails as: `Nonsense(why)`; `None` where more octets are needed. Never raises.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
NAMES = {SSL3: "SSL 3.0", TLS10: "TLS 1.0", TLS11: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}
MOST_OCTETS = 128 * 1024

# The numbers are IANA's (TLS Cipher Suites).
FORWARD = (
    0xC02F, 0xC030, 0xC02B, 0xC02C, 0xCCA8, 0xCCA9, 0xCCAA, 0x009E, 0x009F, 0xC027, 0xC028, 0xC023, 0xC024,
    0xC013, 0xC014, 0xC009, 0xC00A, 0x0067, 0x006B, 0x0033, 0x0039,
)  # fmt: skip
STATIC = (0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0x0041, 0x0084)
WEAK: dict[str, tuple[int, ...]] = {
    "no encryption": (0x0001, 0x0002, 0x003B, 0xC006, 0xC010),
    "export": (0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0062, 0x0064),
    "DES": (0x0009, 0x000C, 0x000F, 0x0012, 0x0015),
    "RC4": (0x0004, 0x0005, 0xC007, 0xC011),
    "3DES": (0x000A, 0x0013, 0x0016, 0xC008, 0xC012),
    "anonymous": (
        0x0018,
        0x001B,
        0x0034,
        0x003A,
        0x006C,
        0x006D,
        0x00A6,
        0x00A7,
        0xC015,
        0xC016,
        0xC017,
        0xC018,
        0xC019,
    ),
}
MODERN = (0x1301, 0x1302, 0x1303)
_FALLBACK_SAFE = 0x00FF
"""TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 3.3)."""
_GROUPS = {0x0017: "secp256r1", 0x0018: "secp384r1", 0x0019: "secp521r1", 0x001D: "x25519", 0x001E: "x448"}
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_HANDSHAKE, _ALERT = 22, 21
_SERVER_HELLO, _KEY_EXCHANGE, _DONE = 2, 12, 14
_RENEGOTIATION, _EXTENDED, _VERSIONS, _SHARE = 0xFF01, 0x0017, 0x002B, 0x0033


@dataclass(frozen=True, slots=True)
class Hello:
    """What the server chose."""

    version: int
    suite: int
    compression: bool
    renegotiation: bool
    extended_secret: bool
    group: str = ""
    dh_bits: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """It ended the handshake, and said why."""

    code: int


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What it said is no TLS."""

    why: str


def client_hello(version: int, suites: Sequence[int], name: str) -> bytes:
    """A ClientHello for at most this version; `name` is asked for by SNI, "" for none."""
    old = min(version, TLS12)
    listed = [*suites, *(() if version == TLS13 else (_FALLBACK_SAFE,))]
    methods = b"\0" if version == TLS13 else b"\1\0"  # DEFLATE is offered, so that one sees whether it would be taken
    body = (
        old.to_bytes(2, "big")
        + secrets.token_bytes(32)
        + _vector(secrets.token_bytes(32) if version == TLS13 else b"", 1)
        + _vector(_numbers(listed), 2)
        + _vector(methods, 1)
    )
    if version != SSL3:
        body += _vector(b"".join(_extensions(version, name)), 2)
    message = b"\1" + _vector(body, 3)
    record = min(version, TLS10) if version != SSL3 else SSL3
    return bytes([_HANDSHAKE]) + record.to_bytes(2, "big") + _vector(message, 2)


def _extensions(version: int, name: str) -> Iterator[bytes]:
    if name:
        yield _extension(0, _vector(b"\0" + _vector(name.encode("ascii", "replace")[:253], 2), 2))
    yield _extension(0x000A, _vector(_numbers(tuple(_GROUPS)), 2))
    yield _extension(0x000B, _vector(b"\0", 1))
    if version >= TLS12:
        yield _extension(0x000D, _vector(_numbers(_SIGNATURES), 2))
    if version < TLS13:
        yield _extension(_EXTENDED, b"")
        yield _extension(_RENEGOTIATION, b"\0")
    else:
        yield _extension(_VERSIONS, _vector(_numbers((TLS13,)), 1))
        # Any 32 octets are a public key of X25519; nobody goes on with this one.
        yield _extension(_SHARE, _vector(_numbers((0x001D,)) + _vector(secrets.token_bytes(32), 2), 2))


def _vector(octets: bytes, width: int) -> bytes:
    return len(octets).to_bytes(width, "big") + octets


def _numbers(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _extension(number: int, octets: bytes) -> bytes:
    return number.to_bytes(2, "big") + _vector(octets, 2)


# ── what the server says ──


class _Short(Exception):
    """The octets end before what they announce."""


@dataclass(slots=True)
class _Octets:
    held: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.held):
            raise _Short
        self.at += count
        return self.held[self.at - count : self.at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.held)


def read_flight(octets: bytes) -> Hello | Alert | Nonsense | None:
    """The server's choice, as soon as all that is wanted of it has come: what follows cannot change it any more."""
    if len(octets) > MOST_OCTETS:
        return Nonsense("its first flight does not end")
    said, rest = _Handshake(), _Octets(octets)
    while not rest.is_over:
        if rest.held[rest.at] not in (_HANDSHAKE, _ALERT):
            return said.found or Nonsense("it answers with something that is no TLS")
        try:
            kind, version, fragment = rest.number(1), rest.number(2), rest.vector(2)
        except _Short:
            break
        if version >> 8 != 3:
            return Nonsense("it answers with something that is no TLS")
        if kind == _ALERT:
            # in TLS 1.3 all behind the ServerHello is encrypted; before, an alert may follow a choice
            return said.found or (Alert(fragment[1]) if len(fragment) >= 2 else Nonsense("its alert is damaged"))
        if chosen := said.add(fragment):
            return chosen
    return None


@dataclass(slots=True)
class _Handshake:
    """The messages of the handshake, each read once, as soon as it is whole."""

    held: bytes = b""
    found: Hello | None = None

    def add(self, fragment: bytes) -> Hello | Nonsense | None:
        """The choice, once nothing more is wanted of it."""
        rest = _Octets(self.held + fragment)
        self.held = rest.held
        while not rest.is_over:
            try:
                kind, body = rest.number(1), rest.vector(3)
            except _Short:
                return None
            self.held = rest.held[rest.at :]
            if chosen := self._read(kind, body):
                return chosen
        return None

    def _read(self, kind: int, body: bytes) -> Hello | Nonsense | None:
        try:
            if self.found is None:
                if kind != _SERVER_HELLO:
                    return Nonsense("its handshake starts without a ServerHello")
                self.found = _server_hello(body)
                return self.found if self.found.version == TLS13 else None
            if kind == _KEY_EXCHANGE:
                return _with_group(self.found, body)
        except _Short:
            return Nonsense("its handshake is damaged")
        return self.found if kind == _DONE else None


def _server_hello(body: bytes) -> Hello:
    rest = _Octets(body)
    version = rest.number(2)
    rest.take(32)
    rest.vector(1)
    suite, method = rest.number(2), rest.number(1)
    held: dict[int, bytes] = {}
    if not rest.is_over:
        inner = _Octets(rest.vector(2))
        while not inner.is_over:
            number = inner.number(2)
            held[number] = inner.vector(2)
    if len(held.get(_VERSIONS, b"")) == 2:
        version = int.from_bytes(held[_VERSIONS], "big")
    share = held.get(_SHARE, b"")
    group = _GROUPS.get(int.from_bytes(share[:2], "big"), "") if version == TLS13 else ""
    safe = version == TLS13  # it has neither renegotiation nor another way to its secret
    return Hello(version, suite, method != 0, safe or _RENEGOTIATION in held, safe or _EXTENDED in held, group)


def _with_group(found: Hello, body: bytes) -> Hello:
    """RFC 8422 5.4: a named curve; RFC 5246 7.4.3: a prime first."""
    group, bits = "", 0
    if body[:1] == b"\x03" and found.suite >> 8 in (0xC0, 0xCC) and found.suite != 0xCCAA:
        number = int.from_bytes(body[1:3], "big")
        group = _GROUPS.get(number, f"curve {number}")
    elif found.suite in _WITH_PRIME:
        prime = _Octets(body).vector(2)
        bits = int.from_bytes(prime, "big").bit_length()
        group = f"DH {bits}"
    return Hello(found.version, found.suite, found.compression, found.renegotiation, found.extended_secret, group, bits)


_WITH_PRIME = frozenset(
    {0x0033, 0x0039, 0x0067, 0x006B, 0x009E, 0x009F, 0xCCAA, 0x0016, 0x0015, 0x0014, 0x0013, 0x0012, 0x0011,
     0x0018, 0x001B, 0x0034, 0x003A, 0x006C, 0x006D, 0x00A6, 0x00A7}
)  # fmt: skip
