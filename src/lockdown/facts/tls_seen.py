"""How a server secures a connection, seen from outside: readings `probe/tls/<host>/<address>/<port>.json`.

A reading is there where the server spoke: TLS, or the plain word that it has none. Where it could not be tried (nobody
answers, greylisting, 421, a limit of rate) the reading is Unknown with the reason, which is neither.
Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "probe/tls"
Told: TypeAlias = Literal["yes", "no", "unknown"]
Outcome: TypeAlias = Literal["secured", "not-offered", "broken"]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of a chain: what must be judged, and the digests that DANE compares."""

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    """"RSA 2048", "EC secp256r1" …"""
    bits: int
    signed_with: str
    """The digest in its signature: "sha256" …; "" for those without one (Ed25519)."""
    self_signed: bool
    digests: dict[str, str]
    """By selector and matching type, as in TLSA: "0 1", "0 2", "1 1", "1 2"; in hexadecimal."""


class TlsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One port of one address. `versions` and `suites` say yes, no, or that it could not be told."""

    host: str
    address: str
    port: int
    protocol: Literal["smtp", "imap", "pop3"]
    implicit: bool
    """TLS from the first octet on (465, 993, 995)."""
    outcome: Outcome
    why: str = ""
    versions: dict[str, Told] = {}
    suites: dict[str, Told] = {}
    group: str = ""
    """How keys were exchanged when the server chose freely: "x25519", "DH 2048" …"""
    dh_bits: int = 0
    compression: Told = "unknown"
    renegotiation: Told = "unknown"
    """It says that renegotiation is safe (RFC 5746)."""
    extended_secret: Told = "unknown"
    """RFC 7627."""
    chain: tuple[Certificate, ...] = ()
    trusted: Told = "unknown"
    untrusted_because: str = ""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def evidence(self) -> Evidence:
        spoken = ", ".join(name for name, told in self.versions.items() if told == "yes")
        return Evidence(f"{self.host} [{self.address}]:{self.port}", self.why or spoken or self.outcome)


@dataclass(frozen=True, slots=True)
class Untold:
    """A port that could not be tried, and why."""

    where: str
    why: str


VERSIONS = ("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")


def source(host: str, address: str, port: int) -> str:
    """The name of the reading."""
    return f"{FOLDER}/{host.lower().rstrip('.')}/{address}/{port}.json"


def described(seen: TlsSeen) -> str:
    """The reading."""
    return msgspec.json.format(msgspec.json.encode(seen), indent=1).decode() + "\n"


def tls_seen(snapshot: Snapshot) -> tuple[TlsSeen | Untold, ...]:
    """Every port that was tried."""
    return tuple(_seen(name, reading) for name, reading in snapshot.below(FOLDER).items())


def _seen(name: str, reading: Reading) -> TlsSeen | Untold:
    host, _, rest = name.removeprefix("/").partition("/")
    where = f"{host}:{rest.rpartition('/')[2].removesuffix('.json')}"
    if isinstance(reading, Unknown):
        return Untold(where, reading.why)
    try:
        found = msgspec.json.decode(reading, type=TlsSeen)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Untold(where, "the reading is damaged")
    if any(one.not_after.tzinfo is None or one.not_before.tzinfo is None for one in found.chain):
        return Untold(where, "the reading is damaged")
    return found


def names_match(certificate: Certificate, host: str) -> bool:
    """RFC 9525 6.3: a wildcard stands for one whole label, the first."""
    host = host.lower().rstrip(".")
    for name in certificate.names:
        pattern = name.lower().rstrip(".")
        if pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:]):
            return True
    return False
