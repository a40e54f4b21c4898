"""DANE for SMTP (RFC 7672): TLSA records, and whether a chain of certificates is one that they name.

Fails as: Unknown for a record that is none. Never raises.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockdown.facts.tls_seen import Certificate
from lockdown.model.unknown import Unknown

_TRUST_ANCHOR, _END_ENTITY = 2, 3
_OCTETS = {1: 32, 2: 64}
_RECORD = re.compile(r"(\d{1,3}) (\d{1,3}) (\d{1,3}) ((?:[0-9a-f]{2})+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record; `digest` is of what it names, whatever its matching type says."""

    usage: int
    selector: int
    matching: int
    digest: str

    @property
    def is_usable(self) -> bool:
        """RFC 7672 3.1.3: senders of mail know usages 2 and 3 alone."""
        return self.usage in (_TRUST_ANCHOR, _END_ENTITY) and self.selector in (0, 1) and self.matching in (0, 1, 2)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.digest[:16]}…"


def tlsa_name(host: str, port: int = 25) -> str:
    """Where the records of a server lie."""
    return f"_{port}._tcp.{host}"


def tlsa(text: str) -> Tlsa | Unknown:
    """A record as `probed_dns` has it."""
    found = _RECORD.fullmatch(text.strip())
    if found is None or len(text) > 20_000:
        return Unknown("the TLSA record is damaged")
    usage, selector, matching = (int(number) for number in found.groups()[:3])
    octets = bytes.fromhex(found[4])
    if matching in _OCTETS and len(octets) != _OCTETS[matching]:
        return Unknown(f"the TLSA record has {len(octets)} octets where its digest has {_OCTETS[matching]}")
    # The whole certificate or key itself: compared by its digest like the others.
    digest = hashlib.sha256(octets).hexdigest() if matching == 0 else octets.hex()
    return Tlsa(usage, selector, matching, digest)


def names(record: Tlsa, chain: Sequence[Certificate]) -> bool:
    """Whether the record names this chain: its first certificate (usage 3), or one above it (usage 2)."""
    if not record.is_usable:
        return False
    key = f"{record.selector} {record.matching or 1}"
    candidates = chain[:1] if record.usage == _END_ENTITY else chain
    return any(one.digests.get(key, "").lower() == record.digest for one in candidates)


def needs_names(record: Tlsa) -> bool:
    """RFC 7672 3.1.1 and 3.1.2: for usage 2 the name in the certificate counts, and its dates; for usage 3 neither."""
    return record.usage == _TRUST_ANCHOR
