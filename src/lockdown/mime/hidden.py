"""Parts where no part should be: before the first boundary, behind the last, behind lines like a boundary.

Fails as: nothing found. Never raises.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FIELDS = (b"content-type", b"content-transfer-encoding", b"content-disposition")
_MOST_LOOKALIKES = 100
_GUESSED_WITHIN = 1024 * 1024
"""Octets of a body that are searched for the boundary that its header does not tell."""
_LINE_BEFORE = re.compile(rb"--([^\r\n]{1,200}?)[ \t]*+\r?\Z")
_FIRST_DELIMITER = re.compile(rb"\n--([^\r\n]{1,200}?)[ \t]*+\r?\n(?:content-|\r?\n)", re.IGNORECASE)
_LONGEST_HEADER = 8 * 1024


class Region(NamedTuple):
    """Where a header begins that nobody announced, and the boundary that stands on the line before ("" for none)."""

    start: int
    boundary: bytes


def header_within(octets: bytes, start: int, end: int) -> Region | None:
    """The first header of a part in a region that should hold prose only."""
    if end - start < 16:
        return None
    at = _first_of(octets[start:end].lower())
    if at < 0:
        return None
    begin = _first_field(octets, start, start + at)
    line = octets.rfind(b"\n", max(start, begin - 300), begin - 1) + 1 if begin > start else begin
    before = _LINE_BEFORE.match(octets[max(line, start) : max(begin - 1, start)])
    return Region(begin, before[1] if before else b"")


def _first_of(text: bytes) -> int:
    """Where the first field of a part stands in a text in lower case, or -1. Plain searches: no pattern is as fast."""
    lines, found = b"\n" + text, -1
    for name in _FIELDS:
        at = lines.find(b"\n" + name)
        for _ in range(_MOST_LOOKALIKES):
            if at < 0 or lines[at + 1 + len(name) : at + 21 + len(name)].lstrip(b" \t")[:1] == b":":
                break
            at = lines.find(b"\n" + name, at + 1)
        if at >= 0 and (found < 0 or at < found):
            found = at
    return found


def _first_field(octets: bytes, start: int, at: int) -> int:
    """Where the header block begins that this line belongs to: behind a boundary or an empty line."""
    lowest = max(start, at - _LONGEST_HEADER)
    block = b"\n" + octets[lowest:at]
    empty = max((block.rfind(sign) + len(sign) for sign in (b"\n\n", b"\n\r\n") if sign in block), default=1)
    dashes = block.rfind(b"\n--")
    behind_dashes = block.find(b"\n", dashes + 1) + 1 if dashes >= 0 else 1
    return lowest + max(empty, behind_dashes) - 1


def likely_boundary(octets: bytes, body: int, end: int) -> bytes:
    """What a reader would guess for the boundary of a multipart that declares none."""
    found = _FIRST_DELIMITER.search(octets, max(0, body - 1), min(end, body + _GUESSED_WITHIN))
    return found[1] if found else b""
