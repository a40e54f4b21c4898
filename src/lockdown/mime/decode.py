"""Content-Transfer-Encodings: base64 and quoted-printable with all their oddities (RFC 2045 6), at the speed of C.

Decoding gives what a forgiving mail program would give. Where programs differ, `base64_doubts` and
`quoted_printable_doubts` say so, with the other readings.
Fails as: nothing; every octet string decodes to something, never longer than itself.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from lockdown.mime.uudecode import uudecoded
from lockdown.mime.yenc import ydecoded
from lockdown.model.scan import Ambiguity

IDENTITY = frozenset(("7bit", "8bit", "binary"))
MOST_PADDINGS = 1000
"""A file joined from so many padded pieces is read; no mailer makes more."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET))
_SPACE = b" \t\r\n\x0b\x0c"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PADDED_PIECE = re.compile(rb"[^=]++=*+")
_PADDED_BREAK = re.compile(rb"=[ \t]++(?=\r?\n|\Z)")
# Not in a row of signs, as people draw lines with.
_BAD_ESCAPE = re.compile(rb"(?<!=)=(?!=|[0-9A-Fa-f]{2}|[ \t]*+(?:\r?\n|\Z))")
# What well-known files begin with, in base64: programs, archives, office documents, PDF, scripts, the test virus.
_FILE_STARTS = (
    b"TVo", b"TVp", b"TVq", b"TVr", b"UEsDB", b"UmFyIR", b"N3q8r", b"H4sI", b"QlpoO", b"/Td6W", b"0M8R4KGx", b"JVBERi",
    b"e1xydG", b"TVNDR", b"f0VMRg", b"WDVPIVAl", b"eJ8+Ig", b"TAAAAAEUAg", b"PCFET0NUWVBF", b"PGh0bW", b"PHNjcmlwd",
    b"PHN2Zy", b"IyEv", b"KLUv", b"SVRTR",
)  # fmt: skip
_FILE_START = rb"(?:" + b"|".join(map(re.escape, _FILE_STARTS)) + rb")"
_WHOLE_FILE = re.compile(
    rb"\s*+(?="
    + _FILE_START
    + rb")(?:[A-Za-z0-9+/]{20,}+={0,2}[ \t]*+(?:\r?\n|\Z))(?>(?:[A-Za-z0-9+/]++={0,2}[ \t]*+(?:\r?\n|\Z))*)"
)
_LONG_RUN = re.compile(rb"[A-Za-z0-9+/]{40}")
SHORT = 2000
"""Octets of a preamble of a few words, as most are."""
_FILE_LINE = re.compile(rb"[A-Za-z0-9+/]{40,}+={0,2}[ \t]*+\r?(?:\n|\Z)")


class Doubts(NamedTuple):
    """What is odd about encoded octets, and what else they may be read as. `unread` says what was not tried."""

    ambiguity: Ambiguity | None = None
    others: tuple[bytes, ...] = ()
    unread: str = ""


NO_DOUBTS = Doubts()


def decoded(raw: bytes, encoding: str) -> bytes:
    """The content under this (effective) encoding; unknown ones leave it as it is."""
    if encoding in IDENTITY:
        return raw
    if encoding == "base64":
        return base64_decoded(raw)
    if encoding == "quoted-printable":
        return quoted_printable_decoded(raw)
    if encoding == "x-uuencode":
        return uudecoded(raw)
    return ydecoded(raw) if encoding == "x-yenc" else raw


def base64_decoded(raw: bytes) -> bytes:
    """Up to its padding, foreign characters skipped (RFC 2045 6.8), a cut-off end taken as far as it goes."""
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        return _without_padding(raw)


def _without_padding(raw: bytes) -> bytes:
    """All characters of the alphabet, whatever stands between them."""
    packed = raw.translate(None, _FOREIGN)
    whole = packed[:-1] if len(packed) % 4 == 1 else packed
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def base64_doubts(raw: bytes) -> Doubts:
    """Whether programs decode these octets differently: some read on after a padding, some stop at a foreign sign."""
    marks = raw.translate(None, _ALPHABET)
    if b" " in marks and _is_prose(raw):
        return Doubts(Ambiguity.ENCODING_LIES, (raw,))
    strange = marks.translate(None, _SPACE)
    if strange in (b"", b"=", b"=="):
        cut_off = (len(raw) - len(marks)) % 4 == 1
        return NO_DOUBTS if not strange and not cut_off else _of_padding(raw, cut_off=cut_off)
    return _of_strange(raw, strange)


def _of_padding(raw: bytes, *, cut_off: bool) -> Doubts:
    """A single padding, or none and a cut-off end: six bits that are no octet, where some give up on all of it."""
    padding = raw.find(b"=")
    if padding >= 0 and raw[padding:].strip(b"=" + _SPACE):
        return _read_on(raw, padding)
    return Doubts(Ambiguity.BROKEN_BASE64) if cut_off else NO_DOUBTS


def _of_strange(raw: bytes, strange: bytes) -> Doubts:
    """Characters that are not base64, or several paddings."""
    padding = raw.find(b"=")
    foreign = strange.translate(None, b"=")
    if padding >= 0 and raw[padding:].strip(b"=" + _SPACE):
        return _read_on(raw, padding)
    others = (base64_decoded(raw.translate(_URL_SAFE)),) if foreign.strip(b"-_") != foreign else ()
    return Doubts(Ambiguity.BROKEN_BASE64, others) if foreign else NO_DOUBTS


def _read_on(raw: bytes, padding: int) -> Doubts:
    """After a padding some stop, some begin anew, and some go on as if it were not there."""
    tail = raw[padding:].lstrip(b"=").strip(_SPACE)
    if _is_footer(tail):
        return NO_DOUBTS
    if raw.count(b"=") > 2 * MOST_PADDINGS:
        return Doubts(Ambiguity.BROKEN_BASE64, (_without_padding(raw),), "base64 joined from too many pieces")
    anew = b"".join(base64_decoded(piece) for piece in _PADDED_PIECE.findall(raw))
    return Doubts(Ambiguity.BROKEN_BASE64, (anew, _without_padding(raw)))


def _is_footer(tail: bytes) -> bool:
    """Words of a mailing list or a virus scanner, put below the base64 by a program that did not look."""
    return b" " in tail and _file_line(tail) < 0 and _longest_run(tail) < 60


def _longest_run(text: bytes) -> int:
    return max(map(len, text.translate(bytes.maketrans(b"-_.:/", b"     ")).split()), default=0)


def _is_prose(raw: bytes) -> bool:
    """Plain words where base64 is promised: several spaces within its first lines."""
    first = raw[:400].lstrip(_SPACE)
    return b" " in first.partition(b"\n")[0].strip() and first.count(b" ") > 3


def quoted_printable_decoded(raw: bytes) -> bytes:
    """RFC 2045 6.7; white space between a soft break's sign and the end of its line is padding, and goes."""
    if b"= " in raw or b"=\t" in raw:
        raw = _PADDED_BREAK.sub(b"=", raw)
    return binascii.a2b_qp(raw)


def quoted_printable_doubts(raw: bytes, data: bytes) -> Doubts:
    """Whether programs decode differently. `data` is what it was decoded to: lengths tell at once when all is well."""
    # Hot path: to count one octet, taking it out is faster than counting it.
    signs, breaks = len(raw) - len(raw.replace(b"=", b"")), raw.count(b"=\r\n")
    if len(data) == len(raw) - 2 * signs - breaks:
        return NO_DOUBTS
    others = (binascii.a2b_qp(raw),) if _PADDED_BREAK.search(raw) else ()
    if others and others[0] != data:
        return Doubts(Ambiguity.BROKEN_QUOTED_PRINTABLE, others)
    return Doubts(Ambiguity.BROKEN_QUOTED_PRINTABLE) if _BAD_ESCAPE.search(raw) else NO_DOUBTS


def base64_file(raw: bytes, start: int, end: int) -> bytes:
    """A file in base64 that stands where something else was promised, decoded; empty for none."""
    found = _WHOLE_FILE.match(raw, start, end)
    return base64_decoded(found[0]) if found else b""


def base64_file_within(text: bytes) -> bytes:
    """The first file in base64 that begins on some line of a text, decoded; empty for none."""
    at = _file_line(text)
    return base64_decoded(text[at:]) if at >= 0 else b""


def _file_line(text: bytes) -> int:
    """Where a line stands that is the first of a file in base64, or -1. Plain searches: no pattern is as fast."""
    if len(text) < SHORT and _LONG_RUN.search(text) is None:
        return -1
    lines = b"\n" + text
    for start in _FILE_STARTS:
        at = lines.find(b"\n" + start)
        for _ in range(MOST_PADDINGS):
            if at < 0:
                break
            if _FILE_LINE.match(lines, at + 1):
                return at
            at = lines.find(b"\n" + start, at + 1)
    return -1
