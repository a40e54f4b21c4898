"""Which pairs were seen before, in bounded memory: two generations of a Bloom filter; when one is full, the older goes.

Nothing that was added lately is ever forgotten; what was never added is taken for known in one of a hundred cases at
most. Kept as one file of octets.

Fails as: an empty memory for a file that is damaged or of another size.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

_HEAD = b"lockdown seen 1\n"
_PROBES = 6


class Remembered:
    """Two generations, each for about `most` texts."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        # Ten bits for each and six probes: under one in a hundred.
        self._bits = 1 << (most * 10 - 1).bit_length()
        self._now, self._before = bytearray(self._bits // 8), bytearray(self._bits // 8)
        self._count = 0

    def add(self, text: str) -> bool:
        """Remember it; whether it was new."""
        places = tuple(self._places(text))
        if self._has(self._now, places):
            return False
        if self._count >= self._most:
            self._before, self._now, self._count = self._now, bytearray(self._bits // 8), 0
        for place in places:
            self._now[place >> 3] |= 1 << (place & 7)
        self._count += 1
        return not self._has(self._before, places)

    def __contains__(self, text: str) -> bool:
        places = tuple(self._places(text))
        return self._has(self._now, places) or self._has(self._before, places)

    def octets(self) -> bytes:
        """All of it, to be kept."""
        return b"".join((_HEAD, self._count.to_bytes(8, "big"), self._now, self._before))

    def restore(self, octets: bytes) -> None:
        """What was kept; a memory of another size is none."""
        size, begin = self._bits // 8, len(_HEAD) + 8
        if octets.startswith(_HEAD) and len(octets) == begin + 2 * size:
            self._count = int.from_bytes(octets[len(_HEAD) : begin], "big")
            self._now = bytearray(octets[begin : begin + size])
            self._before = bytearray(octets[begin + size :])

    @staticmethod
    def _has(bits: bytearray, places: tuple[int, ...]) -> bool:
        return all(bits[place >> 3] & 1 << (place & 7) for place in places)

    def _places(self, text: str) -> Iterator[int]:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        first, step = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
        return ((first + number * step) & (self._bits - 1) for number in range(_PROBES))
