"""Compressed streams with one file in them, in bounded pieces: gzip, bzip2, xz, lzma by the standard library.

Fails as: a `Flaw` for what is cut off, damaged or wants too much memory; what came out before is still given.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from lockdown.model.scan import Trait
from lockdown.scan.containers.member import Allowance, Flaw, Member, Opened, damaged

PIECE = 1024 * 1024
"""Octets that come out at once; so much may be too much before it is seen."""
FED = 64 * 1024
"""Octets that go in at once."""
CUT_OFF = "cut off"
DICTIONARY_LIMIT = 128 * 1024 * 1024
"""Memory for one LZMA decoder; xz -9 wants 65 MiB. A header can ask for 4 GiB and more."""
STREAMS_LIMIT = 10_000
"""Compressed streams one behind the other in one file (RFC 1952 2.2), as pigz and bgzip write them."""


_OTHER_THAN_ZERO = re.compile(rb"[^\0]")


class _Inflater(Protocol):
    """What the three decoders of the standard library have in common."""

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Zlib:
    """zlib's decoder in the manner of the other two: it keeps what it has not yet read."""

    __slots__ = ("_inner",)

    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def raw_deflate() -> _Inflater:
    """RFC 1951 without a frame, as in ZIP."""
    return _Zlib(-15)


def zlib_deflate() -> _Inflater:
    """RFC 1950, as in PDF."""
    return _Zlib(15)


def gzip_deflate() -> _Inflater:
    """RFC 1952."""
    return _Zlib(31)


def any_lzma() -> _Inflater:
    """xz, or lzma alone."""
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=DICTIONARY_LIMIT)


ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
"""What they raise for octets that cannot be right. MemoryError is not among them: it is ours."""


class Inflated(NamedTuple):
    """What came out; `flaw` says why there is no more ("" = it is whole), `used` is how many octets it took."""

    data: bytes
    flaw: str
    used: int


def inflate(packed: memoryview, inflater: _Inflater, allowance: Allowance) -> Inflated:
    """One stream, to its end. Fed in pieces, so that what is not yet wanted is never copied again and again."""
    pieces: list[bytes] = []
    at, fed = 0, b""
    try:
        while not inflater.eof:
            piece = inflater.decompress(fed, PIECE)
            allowance.take(len(piece))
            pieces.append(piece)
            fed = b""
            if len(piece) < PIECE and not inflater.eof:
                if at >= len(packed):
                    return Inflated(b"".join(pieces), CUT_OFF, at)
                fed = bytes(packed[at : at + FED])
                at += len(fed)
    except ERRORS as error:
        return Inflated(b"".join(pieces), str(error) or type(error).__name__, at)
    return Inflated(b"".join(pieces), "", at - len(inflater.unused_data))


def open_gzip(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The file in a gzip, under the name in its header or its own without .gz."""
    return _streams(data, _gzip_name(data) or inner_name(name), gzip_deflate, b"\x1f\x8b", allowance)


def open_bzip2(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The file in a bzip2."""
    return _streams(data, inner_name(name), bz2.BZ2Decompressor, b"BZh", allowance)


def open_lzma(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The file in an xz or lzma."""
    return _streams(data, inner_name(name), any_lzma, b"\xfd7zXZ\0", allowance)


def _streams(data: bytes, name: str, new: Callable[[], _Inflater], magic: bytes, allowance: Allowance) -> Opened:
    """All streams that follow each other are one file."""
    allowance.take_member()
    whole: list[bytes] = []
    packed, at, flaw = memoryview(data), 0, ""
    for _ in range(STREAMS_LIMIT):
        read = inflate(packed[at:], new(), allowance)
        whole.append(read.data)
        flaw, at = read.flaw, at + read.used
        following = _behind_zeros(data, at)
        if data.startswith(magic, following):
            at = following
        if flaw or data[at : at + len(magic)] != magic:
            break
    else:
        flaw = f"more than {STREAMS_LIMIT} streams"
    yield Member(name, b"".join(whole))
    if flaw:
        yield _flaw(flaw)
    elif (at := _behind_zeros(data, at)) < len(data):
        # What stands behind the end is no part of the file for some readers, and all of it for others.
        yield Member("behind the end", data[at:], quiet=True)


def _behind_zeros(data: bytes, at: int) -> int:
    """Padding between streams, as tapes have it, is passed over by most readers."""
    if data[at : at + 1] != b"\0":
        return at
    found = _OTHER_THAN_ZERO.search(data, at)
    return found.start() if found else len(data)


def _flaw(why: str) -> Flaw:
    if "emory" in why:  # lzma: "Memory usage limit exceeded"
        return Flaw("wants more memory than one file may have", trait=Trait.BOMB, too_big=True)
    return damaged(why)


def _gzip_name(data: bytes) -> str:
    """FNAME (RFC 1952 2.3.1), which is what many programs call the file that they unpack."""
    if len(data) < 11 or not data[3] & 8:
        return ""
    at = 10
    if data[3] & 4:
        at += 2 + int.from_bytes(data[10:12], "little")
    return data[at : at + 256].partition(b"\0")[0].decode("latin-1").rpartition("/")[2]


_WITHOUT = {"tgz": ".tar", "tbz": ".tar", "tbz2": ".tar", "txz": ".tar", "tzst": ".tar", "taz": ".tar", "svgz": ".svg"}
_SUFFIXES = ("gz", "z", "bz2", "bz", "xz", "lzma", "zst", "lz4", "lz", "uu", "uue")


def inner_name(name: str) -> str:
    """What a file is called once it is unpacked: `a.txt.gz` is `a.txt`, `a.tgz` is `a.tar`."""
    stem, dot, suffix = name.rpartition(".")
    suffix = suffix.lower()
    if dot and suffix in _WITHOUT:
        return stem + _WITHOUT[suffix]
    return stem if dot and stem and suffix in _SUFFIXES else f"{name}~"


def open_activemime(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The compound file in an ActiveMime part, which Office writes for macros in XML and web pages."""
    start = data.find(b"\x78", 0x20, 0x80)
    if start < 0:
        yield damaged("ActiveMime without content")
        return
    allowance.take_piece()
    read = inflate(memoryview(data)[start:], zlib_deflate(), allowance)
    yield Member("content", read.data, quiet=True)
    if read.flaw:
        yield _flaw(read.flaw)
