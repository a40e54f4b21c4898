"""Write compound files ([MS-CFB]) and VBA containers ([MS-OVBA] 2.4.1): documents with macros that harm nobody.

Streams are padded to 4,096 octets, so that no mini stream is needed; siblings hang in one line.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping

SECTOR = 512
_END, _FREE, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF

Tree = Mapping[str, "bytes | Tree"]


def compound(tree: Tree, clsids: Mapping[str, bytes] | None = None) -> bytes:
    """A compound file with these streams (bytes) and storages (mappings); class ids by name."""
    writer = _Writer(clsids or {})
    writer.entries.append([])
    writer.entries[0] = writer.entry("Root Entry", 5, _NONE, writer.children(tree), _END, 0)
    return writer.file()


class _Writer:
    def __init__(self, clsids: Mapping[str, bytes]) -> None:
        self.clsids = clsids
        self.entries: list[list[object]] = []
        self.sectors: list[bytes] = []
        self.table: list[int] = []

    def children(self, tree: Tree) -> int:
        """Write all entries of a storage, each the right sibling of the one before; the first is the root of them."""
        places = []
        for name, content in tree.items():
            places.append(len(self.entries))
            self.entries.append([])
            if isinstance(content, bytes):
                padded = content.ljust(4096, b"\0")
                self.entries[places[-1]] = self.entry(name, 2, _NONE, _NONE, self.chain(padded), len(padded))
            else:
                self.entries[places[-1]] = self.entry(name, 1, _NONE, self.children(content), 0, 0)
        for place, following in itertools.pairwise(places):
            self.entries[place][3] = following
        return places[0] if places else _NONE

    def entry(self, name: str, kind: int, right: int, child: int, start: int, size: int) -> list[object]:
        return [name, kind, _NONE, right, child, self.clsids.get(name, bytes(16)), start, size]

    def chain(self, content: bytes) -> int:
        first = len(self.sectors)
        for at in range(0, len(content), SECTOR):
            self.sectors.append(content[at : at + SECTOR].ljust(SECTOR, b"\0"))
            self.table.append(len(self.sectors))
        self.table[-1] = _END
        return first

    def file(self) -> bytes:
        directory = self.chain(b"".join(self._packed(entry) for entry in self.entries))
        tables = 1
        while len(self.table) + tables > tables * SECTOR // 4:
            tables += 1
        places = [len(self.sectors) + number for number in range(tables)]
        table = [*self.table, *[0xFFFFFFFD] * tables]
        table += [_FREE] * (tables * SECTOR // 4 - len(table))
        self.sectors.append(struct.pack(f"<{len(table)}I", *table))
        header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        header += struct.pack("<9I", 0, tables, directory, 0, 4096, _END, 0, _END, 0)
        return header + struct.pack("<109I", *places, *[_FREE] * (109 - tables)) + b"".join(self.sectors)

    @staticmethod
    def _packed(entry: list[object]) -> bytes:
        name, kind, left, right, child, clsid, start, size = entry
        wide = str(name).encode("utf-16-le") + b"\0\0"
        packed = struct.pack("<64sHBBIII", wide, len(wide), kind, 1, left, right, child)
        return packed + clsid + bytes(20) + struct.pack("<IQ", start, size)  # type: ignore[operator]


def compressed(source: bytes) -> bytes:
    """A compressed container, with copies wherever three octets have come before: slow, and plain."""
    return b"\x01" + b"".join(_chunk(source[at : at + 4096]) for at in range(0, len(source), 4096))


def _chunk(data: bytes) -> bytes:
    packed, at = b"", 0
    while at < len(data):
        flags, group = 0, b""
        for bit in range(8):
            if at >= len(data):
                break
            copy = _copy(data, at)
            if copy is None:
                group += data[at : at + 1]
                at += 1
            else:
                flags |= 1 << bit
                group += struct.pack("<H", copy[0])
                at += copy[1]
        packed += bytes([flags]) + group
    return struct.pack("<H", 0xB000 | (len(packed) - 1)) + packed


def _copy(data: bytes, at: int) -> tuple[int, int] | None:
    """Token and length of the longest copy, or None; [MS-OVBA] 2.4.1.3.19.3."""
    bits = max(4, (at - 1).bit_length()) if at else 4
    longest = (0xFFFF >> bits) + 3
    for length in range(min(longest, len(data) - at, 12), 2, -1):
        start = data.rfind(data[at : at + length], 0, at + length - 1)
        if start >= 0 and at - start <= 1 << bits:
            return ((at - start - 1) << (16 - bits)) | (length - 3), length
    return None


def project(*modules: str, compiled: bytes = b"\xcc\x61") -> Tree:
    """The storages of a VBA project with these modules."""
    sources = {
        f"Module{number}": b"\x01\x16" * 40 + compressed(f'Attribute VB_Name = "Module{number}"\r\n{source}'.encode())
        for number, source in enumerate(modules, 1)
    }
    return {"VBA": {"dir": compressed(b"\x01\0\x04\0\0\0\x03\0\0\0"), "_VBA_PROJECT": compiled, **sources}}


def package(name: str, content: bytes) -> bytes:
    """An Ole10Native stream, as Windows' packager writes it."""
    path = name.encode() + b"\0"
    body = b"\x02\0" + path + b"C:\\x\\" + path + b"\0\0\x03\0" + struct.pack("<I", len(path)) + path
    body += struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body
