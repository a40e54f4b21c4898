"""A DKIM key record (RFC 6376 3.6.1): its kind, and how strong it is.

Fails as: Unknown, with what is wrong with the record. Never raises.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from lockdown.model.unknown import Unknown

_MOST = 4096


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key. `bits` is 0 for a key that was taken back (an empty p=)."""

    kind: str
    """"rsa" or "ed25519"."""
    bits: int
    testing: bool
    """t=y: the domain asks that its signatures count for nothing."""


def dkim_key(text: str) -> DkimKey | Unknown:
    """The key in one TXT record."""
    if len(text) > _MOST:
        return Unknown("the record is too long")
    tags = dict(_tag(part) for part in text.split(";") if "=" in part)
    if "p" not in tags or tags.get("v", "DKIM1") != "DKIM1":
        return Unknown("the record is no DKIM key")
    kind, testing = tags.get("k", "rsa").lower(), "y" in re.split(r"[:\s]+", tags.get("t", ""))
    if not tags["p"]:
        return DkimKey(kind, 0, testing)
    try:
        octets = base64.b64decode(re.sub(r"\s", "", tags["p"]), validate=True)
    except ValueError:
        return Unknown("its p= is no base64")
    if kind == "ed25519":
        return DkimKey(kind, 256, testing) if len(octets) == 32 else Unknown("its Ed25519 key has not 32 octets")
    bits = _modulus_bits(octets)
    return DkimKey(kind, bits, testing) if bits else Unknown("its p= is no RSA key")


def _tag(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip()


def _modulus_bits(der: bytes) -> int:
    """Of SubjectPublicKeyInfo (RFC 5280 4.1), or of the bare RSAPublicKey (RFC 8017 A.1.1); 0 for neither."""
    body = _inside(der, 0x30)
    if body is None:
        return 0
    if body[:1] == b"\x30":  # an algorithm stands first, then the key as a BIT STRING
        algorithm = _length(body)
        wrapped = _inside(body[sum(algorithm) :], 0x03) if algorithm else None
        body = _inside(wrapped[1:], 0x30) if wrapped else None
    modulus = _inside(body, 0x02) if body else None
    return int.from_bytes(modulus, "big").bit_length() if modulus else 0


def _length(der: bytes) -> tuple[int, int] | None:
    """Octets of the head, and of what it announces."""
    if len(der) < 2:
        return None
    if der[1] < 0x80:
        return 2, der[1]
    count = der[1] & 0x7F
    if not 1 <= count <= 2 or len(der) < 2 + count:
        return None
    return 2 + count, int.from_bytes(der[2 : 2 + count], "big")


def _inside(der: bytes, tag: int) -> bytes | None:
    found = _length(der)
    if found is None or der[0] != tag or len(der) < sum(found):
        return None
    return der[found[0] : sum(found)]
