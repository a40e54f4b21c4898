"""Files that a text carries in itself by uuencode (POSIX uuencode, also its base64 form), without any MIME.

Whole lines of 45 octets are decoded at the speed of C; only what is irregular goes line by line, up to a limit.
Fails as: a file that ends where its lines stop making sense; Hidden.unread says what was not decoded. Never raises.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_IRREGULAR = 50_000
"""Lines that are decoded one by one, of one file."""
MOST_CANDIDATES = 1000
"""Lines that look like a beginning, of one text."""

# Hot path: a pattern that begins with plain letters jumps from one place that has them to the next.
_BEGIN = re.compile(rb"begin(?<![^\n]begin)(-base64)?[ \t]++[0-7]{3,4}[ \t]++([^\r\n]{1,300})\r?\n")
# Atomic, not possessive: in Python before 3.11.5 a possessive group with a choice in it ends in the wrong place.
_REGULAR = re.compile(rb"(?>(?:M[ -`]{60}\r?\n)+)")
_LINE = re.compile(rb"([ -`])([^\r\n]*+)\r?(?:\n|\Z)")
_BASE64_LINES = re.compile(rb"(?>(?:[A-Za-z0-9+/]++={0,2}[ \t]*+\r?(?:\n|\Z))+)")
_TO_BASE64 = bytes.maketrans(bytes(range(32, 97)), b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A")


class Hidden(NamedTuple):
    """A file found within a text."""

    name: bytes
    data: bytes
    unread: str = ""


def uuencoded_files(text: bytes) -> Iterator[Hidden]:
    """The files in it, one after the other. A beginning without a sensible first line is prose."""
    at, candidates = 0, 0
    while (begin := _BEGIN.search(text, at)) is not None:
        candidates += 1
        if candidates > MOST_CANDIDATES:
            yield Hidden(b"", b"", "too many lines that begin like a uuencoded file")
            return
        found, at = _based(begin, text) if begin[1] else _lines(begin, text)
        at = max(at, begin.end())
        if found.data or found.unread:
            yield found


def uudecoded(raw: bytes) -> bytes:
    """The first file of a body whose Content-Transfer-Encoding is x-uuencode; without a beginning, all of it."""
    for found in uuencoded_files(raw):
        return found.data
    return _decoded(raw, 0)[0]


def _lines(begin: re.Match[bytes], text: bytes) -> tuple[Hidden, int]:
    data, at, unread = _decoded(text, begin.end())
    return Hidden(begin[2].strip(), data, unread), at


def _decoded(text: bytes, at: int) -> tuple[bytes, int, str]:
    """What the lines from here on decode to, where they end, and why that is not all."""
    pieces: list[bytes] = []
    for _ in range(MOST_IRREGULAR):
        regular = _REGULAR.match(text, at)
        if regular is not None:
            pieces.append(_regular(regular[0]))
            at = regular.end()
        line = _LINE.match(text, at)
        piece = _irregular(line, is_first=not pieces) if line is not None else None
        if line is None or piece is None:
            return b"".join(pieces), at, ""
        pieces.append(piece)
        at = line.end()
        if not piece:
            return b"".join(pieces), at, ""
    return b"".join(pieces), at, "a uuencoded file of too many odd lines"


def _regular(lines: bytes) -> bytes:
    """Full lines: as base64 in another alphabet, without the first character of each."""
    packed = lines.replace(b"\r", b"").replace(b"\nM", b"")
    return binascii.a2b_base64(packed[1:-1].translate(_TO_BASE64))


def _irregular(line: re.Match[bytes], *, is_first: bool) -> bytes | None:
    """One line of any length; None where it is no such line. Mailers cut spaces at its end, and add signs to it."""
    size = (line[1][0] - 32) & 63
    packed = line[2].rstrip()
    needed = (size + 2) // 3 * 4
    # Another line than this length promises is prose; one character more is an old check sum.
    if len(packed) > needed + 2 or (is_first and len(line[2]) < needed // 2):
        return None
    try:
        return binascii.a2b_uu(line[1] + packed[:needed])
    except binascii.Error:
        return None


def _based(begin: re.Match[bytes], text: bytes) -> tuple[Hidden, int]:
    lines = _BASE64_LINES.match(text, begin.end())
    if lines is None:
        return Hidden(b"", b""), begin.end()
    try:
        data = binascii.a2b_base64(lines[0])
    except binascii.Error:
        data = binascii.a2b_base64(lines[0] + b"A==") if len(lines[0]) else b""
    return Hidden(begin[2].strip(), data), lines.end()
