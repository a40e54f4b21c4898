"""ZIP and all that is a ZIP within: Office packages, Java and Android programs, e-books, what is appended to a program.

Members that either list names are read; the sizes that they claim are not believed. Methods that Python has no
decoder for go through libarchive.
Fails as: a `Flaw` for each member that is encrypted, damaged or of a method without a reader; overlaps are a bomb.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any

from lockdown.model.scan import Trait
from lockdown.scan.containers.archive import archive_opener
from lockdown.scan.containers.member import Allowance, Doubt, Flaw, Member, Opened, damaged
from lockdown.scan.containers.stream import CUT_OFF, DICTIONARY_LIMIT, Inflated, inflate, raw_deflate
from lockdown.scan.containers.zip_directory import Entry, directory_of

_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
_BY_LIBARCHIVE = (95, 98)
"""xz, PPMd."""
_METHODS = {1: "shrunk", 6: "imploded", 9: "deflated with 64 KiB", 10: "imploded for IBM", 18: "IBM TERSE", 93: "zstd",
            96: "JPEG", 97: "WavPack", 99: "AES"}  # fmt: skip


def open_zip(data: bytes, name: str, allowance: Allowance, *, quiet: bool = False) -> Opened:
    """Every member once, in the order of its octets. `quiet`: a document, whose members nobody sees."""
    limit = max(1, allowance.pieces if quiet else allowance.members) + 1
    directory = directory_of(data, limit)
    if directory.overlaps:
        yield Flaw("members share their octets", trait=Trait.BOMB, too_big=True)
    if directory.is_encrypted:
        yield Flaw("encrypted", trait=Trait.ENCRYPTED_NAMES)
    elif directory.flaw:
        yield damaged(directory.flaw)
    for entry in directory.entries:
        if not (entry.name.endswith("/") and not entry.size_bytes):
            yield from _read(data, entry, allowance, quiet)
    if any(entry.method in _BY_LIBARCHIVE and not entry.is_encrypted for entry in directory.entries):
        wanted = {entry.name for entry in directory.entries if entry.method in _BY_LIBARCHIVE}
        yield from _through_libarchive(data, name, wanted, allowance)


def open_package(data: bytes, name: str, allowance: Allowance) -> Opened:
    """A document that is a ZIP within."""
    return open_zip(data, name, allowance, quiet=True)


def _read(data: bytes, entry: Entry, allowance: Allowance, quiet: bool) -> Opened:
    if quiet:
        allowance.take_piece()
    else:
        allowance.take_member()
    if entry.is_encrypted:
        yield Flaw("encrypted", entry.name, entry.size_bytes, Trait.ENCRYPTED)
        return
    if entry.method in _BY_LIBARCHIVE:
        return
    if entry.method not in _UNPACKERS:
        method = _METHODS.get(entry.method, f"method {entry.method}")
        yield Flaw(f"no builtin reader for a member that is {method}", entry.name, entry.size_bytes)
        return
    unpacked = _UNPACKERS[entry.method](data, entry, allowance)
    yield Member(entry.name, unpacked.data, quiet)
    if flaw := unpacked.flaw or _wrong_sum(entry, unpacked.data):
        yield damaged(flaw, entry.name)


def _wrong_sum(entry: Entry, unpacked: bytes) -> str:
    return "its checksum is wrong" if entry.sizes_known and zlib.crc32(unpacked) != entry.crc else ""


def _packed(data: bytes, entry: Entry) -> memoryview:
    """Its octets; of one whose length comes behind it, all there are."""
    return memoryview(data)[entry.start : entry.end if entry.sizes_known else None]


def _stored(data: bytes, entry: Entry, allowance: Allowance) -> Inflated:
    packed = data[entry.start : entry.end]
    if not entry.sizes_known and not entry.packed_bytes:
        packed = data[entry.start : _next_signature(data, entry.start)]
    allowance.take(len(packed))
    whole = len(packed) >= entry.packed_bytes
    return Inflated(packed, "" if whole else CUT_OFF, len(packed))


def _next_signature(data: bytes, start: int) -> int:
    found = [at for sign in (b"PK\x07\x08", b"PK\x03\x04", b"PK\x01\x02") if (at := data.find(sign, start)) >= 0]
    return min(found, default=len(data))


def _deflated(data: bytes, entry: Entry, allowance: Allowance) -> Inflated:
    return inflate(_packed(data, entry), raw_deflate(), allowance)


def _bzipped(data: bytes, entry: Entry, allowance: Allowance) -> Inflated:
    return inflate(_packed(data, entry), bz2.BZ2Decompressor(), allowance)


def _lzma(data: bytes, entry: Entry, allowance: Allowance) -> Inflated:
    """APPNOTE 5.8.8: version, length of the properties, properties, then the stream."""
    packed = _packed(data, entry)
    if len(packed) < 9 or bytes(packed[2:4]) != b"\x05\x00":
        return Inflated(b"", "damaged LZMA properties", 0)
    properties, dictionary = packed[4], struct.unpack_from("<L", packed, 5)[0]
    if dictionary > DICTIONARY_LIMIT or properties >= 225:
        return Inflated(b"", "wants more memory than one file may have", 0)
    chosen: dict[str, Any] = {
        "id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096),
        "lc": properties % 9, "lp": properties // 9 % 5, "pb": properties // 45,
    }  # fmt: skip
    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen])
    except (lzma.LZMAError, ValueError) as error:
        return Inflated(b"", str(error), 0)
    unpacked = inflate(packed[9:], decoder, allowance)
    # Without an end mark, which is optional, the stream ends where its size says.
    ended = unpacked.flaw == CUT_OFF and len(unpacked.data) == entry.size_bytes
    return unpacked._replace(flaw="") if ended else unpacked


_UNPACKERS: dict[int, Callable[[bytes, Entry, Allowance], Inflated]] = {
    _STORED: _stored,
    _DEFLATED: _deflated,
    _BZIP2: _bzipped,
    _LZMA: _lzma,
}


def _through_libarchive(data: bytes, name: str, wanted: set[str], allowance: Allowance) -> Opened:
    for opened in archive_opener("zip")(data, name, allowance):
        if not isinstance(opened, Doubt) and (not opened.name or opened.name in wanted):
            yield opened
