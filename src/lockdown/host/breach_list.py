"""Passwords that others have lost: a file of `SHA1:COUNT` lines sorted by hash, as Have I Been Pwned ships them.

It has tens of gigabytes and is never read whole: some forty lines of it are, by halving. Nothing leaves the machine.
Fails as: Unknown for a file that cannot be read, or that is no such list. Never raises for what stands in it.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from lockdown.model.unknown import Unknown

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(?::(\d{1,12}))?\s*\Z")
_LONGEST_LINE = 64


def times_lost(path: Path, password: str) -> int | Unknown:
    """How often it was found among what others have lost; 0: not in the list."""
    wanted = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as opened:
            return _sought(opened, os.fstat(opened.fileno()).st_size, wanted)
    except OSError as error:
        return Unknown(f"{path}: {error.strerror}")
    except ValueError as error:
        return Unknown(f"{path} is no list of SHA1:COUNT sorted by hash: {error}")


def _sought(opened: BinaryIO, size: int, wanted: bytes) -> int | Unknown:
    """`low` and `high` hold the wanted line's start between them; both are starts of lines."""
    low, high = 0, size
    if size == 0:
        raise ValueError("it is empty")
    below, above = b"", b"G"
    while low < high:
        start, found, count, end = _line_from(opened, low, (low + high) // 2, high)
        if not below <= found <= above:
            raise ValueError(f"the hash at octet {start} is out of order")
        if found == wanted:
            return count
        if found < wanted:
            low, below = end, found
        else:
            high, above = start, found
    return 0


def _line_from(opened: BinaryIO, low: int, middle: int, high: int) -> tuple[int, bytes, int, int]:
    """The first line that begins in the upper half or, where none does, the one at `low`."""
    start = middle
    if middle > low:
        opened.seek(middle - 1)
        rest = opened.readline(_LONGEST_LINE)
        start = middle - 1 + len(rest)
    if start >= high:
        start = low
    opened.seek(start)
    line = opened.readline(_LONGEST_LINE)
    matched = _LINE.match(line)
    if not matched:
        raise ValueError(f"the line at octet {start} is another one")
    return start, matched[1].upper(), int(matched[2] or 1), start + len(line)
