"""Compare two versions of a Debian package as dpkg does: `1.0~rc1` is before `1.0`, and `1.10` after `1.9`.

deb-version(7): epoch, upstream version and revision are compared one after the other; letters sort before all else,
and a tilde even before the end. Anything at all is compared; what is no version is just text.
"""

from __future__ import annotations

import re
from functools import total_ordering

_PIECES = re.compile(r"(\D*)(\d*)")


@total_ordering
class Version:
    """A version that sorts."""

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        epoch, colon, rest = text.strip().partition(":")
        if not colon:
            epoch, rest = "0", epoch
        upstream, dash, revision = rest.rpartition("-")
        if not dash:
            upstream, revision = rest, ""
        self._key = (_number(epoch), _sortable(upstream), _sortable(revision))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def _number(digits: str) -> int:
    """Digits of any length; Python refuses to read thousands of them at once."""
    return int(digits[-30:]) if digits.isascii() and digits.isdigit() else 0


def _sortable(part: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Pairs of what is not a number and the number after it, as dpkg walks along them."""
    pairs = [(_letters(text), _number(digits)) for text, digits in _PIECES.findall(part)]
    # findall ends with an empty match: the end itself, which letters come after and a tilde comes before.
    while len(pairs) > 1 and pairs[-1] == pairs[-2] == _END:
        pairs.pop()
    if not pairs or pairs[-1] != _END:
        pairs.append(_END)
    return tuple(pairs)


def _letters(text: str) -> tuple[int, ...]:
    return (*(_order(letter) for letter in text), 0)


def _order(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isascii() and letter.isalpha() else ord(letter) + 256


_END = ((0,), 0)
