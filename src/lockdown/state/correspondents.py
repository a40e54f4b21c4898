"""Who has written to whom, and which letters went out here: so that a stranger is told from an acquaintance, and a
bounce of our own letter from one of somebody else's.

Two files for all processes. An acquaintance is a mailbox of ours and a domain outside; it is one a day after the first
letter, so that a flood of strangers does not make them known, and at once where the mailbox has written there itself.
From a full bucket the youngest acquaintance leaves, and the oldest letter.

Fails as: OperatorError at opening; afterwards never. What was forgotten is a stranger, and nobody knows what went out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from lockdown.state.shared import ABSENT, SharedTable

KNOWN_AFTER = 86400.0
RETURNED_WITHIN = 5 * 86400.0
"""So long servers go on trying before they give a letter back (RFC 5321 4.5.4.1)."""
PAIRS, LETTERS = "acquaintances", "letters-out"
"""Files below the state directory."""
MOST_PAIRS, MOST_LETTERS = 262_144, 65_536
_WRITTEN = 1.0
_TIME = struct.Struct("<d")


class Correspondents:
    """Both of one state directory; times are Unix times."""

    def __init__(self, directory: Path, *, pairs: int = MOST_PAIRS, letters: int = MOST_LETTERS) -> None:
        self._pairs = SharedTable(directory / PAIRS, digest_bytes=8, value_bytes=_TIME.size, slots=pairs)
        self._letters = SharedTable(directory / LETTERS, digest_bytes=8, value_bytes=_TIME.size, slots=letters)

    # ── who knows whom ──

    def met(self, mailbox: str, domains: Iterable[str], now: float) -> None:
        """A letter of these domains was delivered to it; the first one counts."""
        for domain in domains:
            digest = _digest(mailbox, domain)
            if self._pairs.find(digest) == ABSENT:
                self._pairs.insert(digest, _TIME.pack(now), self._youth)

    def wrote(self, mailbox: str, domains: Iterable[str]) -> None:
        """It has written there itself, and so it writes from here at all."""
        for domain in ("", *domains):
            self._pairs.write(_digest(mailbox, domain), _TIME.pack(_WRITTEN), self._youth)

    def knows(self, mailbox: str, domains: Iterable[str], now: float) -> bool:
        """Whether one of these is an acquaintance of it."""
        return any(0.0 < self._time(self._pairs, _digest(mailbox, one)) <= now - KNOWN_AFTER for one in domains)

    def writes(self, mailbox: str) -> bool:
        """Whether letters of it have gone out here."""
        return self._time(self._pairs, _digest(mailbox, "")) > 0.0

    # ── what went out ──

    def went_out(self, letter: str, at: float) -> None:
        """By the digest of its Message-ID."""
        forgotten: list[float] = []

        def age(value_at: int) -> tuple[float, ...]:
            forgotten.append(float(_TIME.unpack_from(self._letters.memory, value_at)[0]))
            return (forgotten[-1],)

        since = self._time(self._pairs, _SINCE)
        self._letters.write(_digest(letter, ""), _TIME.pack(at), age)
        # Of what is older than a letter that had to leave, not all is known any more.
        known = max(since, min(forgotten)) if forgotten else min(since or at, at)
        if known != since:
            self._pairs.write(_SINCE, _TIME.pack(known), self._youth)

    def has_sent(self, letter: str) -> bool:
        """Whether it is known to have gone out here."""
        return self._letters.find(_digest(letter, "")) != ABSENT

    def knows_what_went_out(self, now: float) -> bool:
        """For as long as a letter may take to come back."""
        return 0.0 < self._time(self._pairs, _SINCE) <= now - RETURNED_WITHIN

    def close(self) -> None:
        """Give the files back."""
        self._pairs.close()
        self._letters.close()

    def _time(self, table: SharedTable, digest: bytes) -> float:
        at = table.find(digest)
        return 0.0 if at == ABSENT else float(_TIME.unpack_from(table.memory, at)[0])

    def _youth(self, at: int) -> tuple[float, ...]:
        return (-float(_TIME.unpack_from(self._pairs.memory, at)[0]),)


def id_digest(message_id: bytes) -> str:
    """A Message-ID, with its brackets, as it is compared."""
    return blake2b(message_id, digest_size=6).hexdigest()


def _digest(first: str, second: str) -> bytes:
    return blake2b(f"{first}\0{second}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


_SINCE = _digest("", "since")
"""No mailbox: since when it is known what went out."""
