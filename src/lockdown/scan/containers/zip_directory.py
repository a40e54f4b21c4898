"""The two lists of a ZIP: its directory at the end, and the headers before its members. Readers go by one or the other.

Only headers are read here, nothing is unpacked. What only one list names is found as well, so that a file cannot hide
from us in the list that the receiver's program reads. After PKWARE's APPNOTE 6.3.10.
Fails as: entries with a `flaw`; a directory that cannot be read gives what the headers say.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from lockdown.mime.filename import extension

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"
END64 = b"PK\x06\x06"
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ALL_ONES = 0xFFFFFFFF
COMMENT_LIMIT = 65535
ENCRYPTED_FLAG, LATER_SIZES_FLAG, UTF8_FLAG, HIDDEN_FLAG = 0x1, 0x8, 0x800, 0x2000


class Entry(NamedTuple):
    """A member, as one of the two lists has it."""

    name: str
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    start: int
    """Where its packed octets begin."""
    header: int
    """Where its local header stands."""
    sizes_known: bool = True
    other_name: str = ""
    """Of another type, for programs that do not know the Unicode field."""

    @property
    def end(self) -> int:
        return self.start + self.packed_bytes

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTED_FLAG)


class Directory(NamedTuple):
    """What a ZIP says is in it."""

    entries: tuple[Entry, ...]
    """In the order of their octets; where both lists name a member differently it is there twice."""
    overlaps: bool
    """Members share octets, which only a bomb needs."""
    flaw: str
    """Why there may be more than this; "" for none."""
    is_encrypted: bool = False
    """The directory itself is (APPNOTE 7.3)."""


def directory_of(data: bytes, limit: int) -> Directory:
    """Both lists, joined; at most `limit` entries of each."""
    listed, flaw = _listed(data, limit)
    spans = sorted({(entry.header, entry.end) for entry in listed})
    overlaps = any(one[1] > other[0] for one, other in itertools.pairwise(spans))
    starts = [entry.header for entry in listed]
    overlaps = overlaps or len(starts) != len(set(starts))
    found: list[Entry] = []
    for entry in sorted(listed, key=lambda entry: entry.header):
        found.append(entry)
        if entry.other_name:
            found.append(entry._replace(name=entry.other_name))
        local = _local(data, entry.header)
        if local is not None and _differs(local, entry):
            found.append(local._replace(packed_bytes=entry.packed_bytes, size_bytes=entry.size_bytes, sizes_known=True))
    strays = [] if overlaps else list(_strays(data, spans, limit))
    if len(found) + len(strays) > limit:
        flaw = flaw or "more members than one message may have unpacked"
    hidden = any(entry.flags & HIDDEN_FLAG for entry in listed)
    return Directory(tuple((found + strays)[:limit]), overlaps, flaw, hidden)


def _differs(local: Entry, central: Entry) -> bool:
    return local.method != central.method or local.name.replace("\\", "/") != central.name.replace("\\", "/")


def ends_as_zip(data: bytes) -> bool:
    """Whether a ZIP ends here, whatever stands before it: program, picture, document."""
    at = _end_of_directory(data)
    return at >= 0 and (at < 46 or CENTRAL in data[max(0, at - 1024 * 1024) : at])


def _end_of_directory(data: bytes) -> int:
    return data.rfind(END, max(0, len(data) - COMMENT_LIMIT - _END.size))


def _listed(data: bytes, limit: int) -> tuple[list[Entry], str]:
    """What the directory names."""
    end = _end_of_directory(data)
    if end < 0 or end + _END.size > len(data):
        return [], "cut off: its directory is missing"
    fields = _END.unpack_from(data, end)
    size, offset, directory_end = fields[5], fields[6], end
    end64 = data.rfind(END64, max(0, end - 1024), end)
    if _ALL_ONES in (size, offset) and end64 >= 0 and end64 + _END64.size <= len(data):
        size, offset, directory_end = *_END64.unpack_from(data, end64)[8:10], end64
    start = directory_end - size
    if not 0 <= start <= directory_end or data[start : start + 4] not in (CENTRAL, END, END64):
        return [], "its directory is not where it says"
    # Octets before the archive move everything: a program that unpacks itself, or something that should not be there.
    return _entries(data, start, directory_end, start - offset, limit)


def _entries(data: bytes, at: int, end: int, moved: int, limit: int) -> tuple[list[Entry], str]:
    entries: list[Entry] = []
    while at + _CENTRAL.size <= end and data[at : at + 4] == CENTRAL:
        if len(entries) >= limit:
            return entries, "more members than one message may have unpacked"
        fields = _CENTRAL.unpack_from(data, at)
        flags, method, crc, packed, size = fields[3], fields[4], fields[7], fields[8], fields[9]
        name_length, extra_length, comment_length, offset = fields[10], fields[11], fields[12], fields[16]
        name = data[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
        extra = data[at + _CENTRAL.size + name_length : at + _CENTRAL.size + name_length + extra_length]
        size, packed, offset = _large(extra, size, packed, offset)
        at += _CENTRAL.size + name_length + extra_length + comment_length
        header = offset + moved
        if not 0 <= header <= len(data) - _LOCAL.size or data[header : header + 4] != LOCAL:
            return entries, "its directory leads nowhere"
        lengths = _LOCAL.unpack_from(data, header)
        start = header + _LOCAL.size + lengths[9] + lengths[10]
        shown, other = _names(name, extra, flags)
        entries.append(Entry(shown, flags, method, crc, packed, size, start, header, other_name=other))
    return entries, "" if at == end else "its directory is damaged"


def _local(data: bytes, header: int) -> Entry | None:
    """What the header before a member says."""
    if header + _LOCAL.size > len(data) or data[header : header + 4] != LOCAL:
        return None
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(data, header)
    at = header + _LOCAL.size
    name, extra = data[at : at + name_length], data[at + name_length : at + name_length + extra_length]
    size, packed, _ = _large(extra, size, packed, 0)
    known = not flags & LATER_SIZES_FLAG
    start = at + name_length + extra_length
    shown, other = _names(name, extra, flags)
    return Entry(shown, flags, method, crc, packed, size, start, header, known, other)


def _strays(data: bytes, spans: list[tuple[int, int]], limit: int) -> Iterator[Entry]:
    """Members between the listed ones, that a reader who goes from header to header would find."""
    edges = [0, *(end for _, end in spans)]
    for at, gap_end in zip(edges, [*(start for start, _ in spans), len(data)], strict=True):
        while limit > 0 and (at := data.find(LOCAL, at, gap_end)) >= 0:
            entry = _local(data, at)
            if entry is None or not _is_plausible(entry, len(data)):
                at += 4
                continue
            limit -= 1
            yield entry
            at = max(at + 4, entry.end if entry.sizes_known else entry.start)


def _is_plausible(entry: Entry, length: int) -> bool:
    """The four octets alone may stand anywhere."""
    return entry.method < 100 and entry.start <= length and bool(entry.name) and "\0" not in entry.name


def _large(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """ZIP64 (APPNOTE 4.5.3): what does not fit into 32 bits stands in the extra field, in this order."""
    if _ALL_ONES not in (size, packed, offset):
        return size, packed, offset
    values = iter(
        struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]) if (field := _extra_field(extra, 1)) else ()
    )
    return tuple(next(values, value) if value == _ALL_ONES else value for value in (size, packed, offset))  # type: ignore[return-value]


def _extra_field(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        number, length = struct.unpack_from("<2H", extra, at)
        if number == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _names(name: bytes, extra: bytes, flags: int) -> tuple[str, str]:
    """As unpacking programs show it: the Unicode field, UTF-8 where it is said, else the DOS code page.

    And as those show it that do not know the field, where that is another type of file.
    """
    plain = name.decode("utf-8", "replace") if flags & UTF8_FLAG else name.decode("cp437")
    field = _extra_field(extra, 0x7075)
    if len(field) <= 5:
        return plain, ""
    shown = field[5:].decode("utf-8", "replace")
    return shown, plain if extension(plain) != extension(shown) else ""
