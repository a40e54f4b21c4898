"""Files that a text carries in itself by yEnc (yEnc draft 1.3): `=ybegin` … `=yend`.

Fails as: a file that runs to the end of its text; Hidden.unread says what was not decoded. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.mime.uudecode import Hidden

MOST_ESCAPES = 100_000
"""Escapes that are undone one by one, where they are not the usual few kinds."""
USUAL_ESCAPES = (b"@", b"J", b"M", b"I", b"`", b"n")
"""Of NUL, LF, CR, tab, space and dot; "=}" is the seventh."""
MOST_FILES = 1000

_BEGIN = re.compile(rb"=ybegin (?<![^\n]=ybegin )[^\r\n]{0,300}?\bname=([^\r\n]{1,300})\r?\n")
_PART = re.compile(rb"=ypart [^\r\n]{0,300}\r?\n")
_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_PLAIN = bytes((octet - 42) % 256 for octet in range(256))


def yencoded_files(text: bytes) -> Iterator[Hidden]:
    """The files in it, one after the other."""
    at = 0
    for _ in range(MOST_FILES):
        begin = _BEGIN.search(text, at)
        if begin is None:
            return
        part = _PART.match(text, begin.end())
        start = part.end() if part else begin.end()
        # The next beginning first: to look for each end through all of the text would be quadratic.
        following = text.find(b"\n=ybegin ", start - 1)
        last = following if following >= 0 else len(text)
        end = text.find(b"\n=yend ", start - 1, last)
        at = max(start, end if end >= 0 else last)
        data, unread = _decoded(text[start:at])
        yield Hidden(begin[1].strip(), data, unread)
    yield Hidden(b"", b"", "too many yEnc files")


def ydecoded(raw: bytes) -> bytes:
    """The first file of a body whose Content-Transfer-Encoding is x-yenc; without a beginning, all of it."""
    for found in yencoded_files(raw):
        return found.data
    return _decoded(raw)[0]


def _decoded(lines: bytes) -> tuple[bytes, str]:
    packed = lines.translate(None, b"\r\n")
    if b"==" in packed:
        return _one_by_one(packed)
    for kind in USUAL_ESCAPES:
        packed = packed.replace(b"=" + kind, bytes(((kind[0] - 64) % 256,)))
    # What becomes "=" itself must come last, or it would begin an escape.
    if packed.count(b"=") != packed.count(b"=}"):
        return _one_by_one(packed)
    return packed.replace(b"=}", b"=").translate(_PLAIN), ""


def _one_by_one(packed: bytes) -> tuple[bytes, str]:
    if packed.count(b"=") > MOST_ESCAPES:
        return packed.translate(_PLAIN), "a yEnc file with too many escapes"
    plain = _ESCAPE.sub(lambda escape: bytes(((escape[1][0] - 64) % 256,)), packed)
    return plain.translate(_PLAIN), ""
