"""Since when a sender's domain is known here: only domains that something vouched for, with mail that was delivered.

One file for all workers. Strangers' domains come and go by the thousand: from a full bucket the youngest acquaintance
leaves, so that a flood of new names never makes an old correspondent a stranger.
Fails as: OperatorError at opening; afterwards never.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from pathlib import Path

from lockdown.state.shared import ABSENT, SharedTable

_SLOTS = 65536
_TIME = struct.Struct("<d")


class KnownSenders:
    """Domains, by digest, with the time of their first message."""

    def __init__(self, path: Path) -> None:
        self._table = SharedTable(path, digest_bytes=8, value_bytes=_TIME.size, slots=_SLOTS)

    def since(self, domain: str) -> float:
        """When its first message was delivered, as a Unix time; 0 for a stranger."""
        at = self._table.find(_digest(domain))
        return 0.0 if at == ABSENT else float(_TIME.unpack_from(self._table.memory, at)[0])

    def met(self, domain: str, now: float) -> None:
        """A message of this domain was delivered; its first one counts."""
        digest = _digest(domain)
        if self._table.find(digest) == ABSENT:
            self._table.insert(digest, _TIME.pack(now), self._youth)

    def _youth(self, at: int) -> tuple[float, ...]:
        return (-float(_TIME.unpack_from(self._table.memory, at)[0]),)

    def close(self) -> None:
        """Give the file back."""
        self._table.close()


def _digest(domain: str) -> bytes:
    return blake2b(domain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
