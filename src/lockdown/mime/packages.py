"""What lies in a zip or a compound file: told by the names in their lists, without unpacking anything.

Both lists are read as far as they are believable and within bounds. Fails as: "zip" and "ole", the container itself.
Never raises.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_NAMES = 2000
"""Members of a zip whose names are looked at."""
_COMMENT = 65_535 + 22
_SECTORS = 64
"""Directory sectors of a compound file that are read: at 512 octets, 256 entries."""


# ── zip ──


def end_of_zip(data: bytes) -> int:
    """Where the end-of-central-directory record stands, or -1: readers look for it from the end."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _COMMENT))
    return at if at >= 0 and at + 22 <= len(data) else -1


def kind_of_zip(data: bytes) -> str:
    """The word of `KINDS` for a zip, by the names of its members in both of its lists."""
    names = {name.lower().replace("\\", "/").lstrip("/") for name in _names_of_zip(data)}
    kind = _office(names) or _program(names) or _open_document(names, data)
    return kind or "zip"


def _names_of_zip(data: bytes) -> Iterator[str]:
    """Names of the central directory, and of local headers: readers differ in which they believe."""
    yield from _central_names(data)
    for count, header in enumerate(re.finditer(rb"PK\x03\x04(?s:.){22}(?s:(..))(?s:..)", data[:_SCANNED])):
        if count == _NAMES:
            return
        length = int.from_bytes(header[1], "little")
        yield data[header.end() : header.end() + min(length, 300)].decode("utf-8", "replace")


_SCANNED = 4 * 1024 * 1024


def _central_names(data: bytes) -> Iterator[str]:
    end = end_of_zip(data)
    if end < 0:
        return
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    at = end - size if size < end else int.from_bytes(data[end + 16 : end + 20], "little")
    for _ in range(_NAMES):
        if data[at : at + 4] != b"PK\x01\x02" or at + 46 > len(data):
            return
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        yield data[at + 46 : at + 46 + min(name, 300)].decode("utf-8", "replace")
        at += 46 + name + extra + comment


def _office(names: set[str]) -> str:
    """Office Open XML (ECMA-376 part 2): a list of types at the root, and a folder that tells the program."""
    if "[content_types].xml" not in names:
        return ""
    macros = any(name.endswith("vbaproject.bin") or "/macrosheets/" in name for name in names)
    for folder, plain, with_macros in (("word/", "docx", "docm"), ("ppt/", "pptx", "pptm"), ("xl/", "xlsx", "xlsm")):
        if any(name.startswith(folder) for name in names):
            if "xl/workbook.bin" in names:
                return "xlsb"
            return with_macros if macros else plain
    if any(name.startswith("visio/") for name in names):
        return "visio"
    if any(name.endswith((".fdseq", ".fpage")) for name in names):
        return "xps"
    return "appx" if "appxmanifest.xml" in names or "appxblockmap.xml" in names else "ooxml"


def _program(names: set[str]) -> str:
    if "androidmanifest.xml" in names or "classes.dex" in names or "bundleconfig.pb" in names:
        return "apk"
    if "appxmanifest.xml" in names or "appxmetadata/appxbundlemanifest.xml" in names:
        return "appx"
    if "install.rdf" in names or ("manifest.json" in names and any(n.startswith("meta-inf/mozilla") for n in names)):
        return "xpi"
    if any(name.startswith("payload/") and ".app/" in name for name in names):
        return "ipa"
    # A Java program needs its manifest; classes alone are as good as one.
    return "jar" if "meta-inf/manifest.mf" in names or any(name.endswith(".class") for name in names) else ""


_MIMETYPES = (
    (b"application/epub+zip", "epub"),
    (b"application/hwp+zip", "hwp"),
    (b"opendocument.text", "odt"),
    (b"opendocument.spreadsheet", "ods"),
    (b"opendocument.presentation", "odp"),
    (b"opendocument.graphics", "odp"),
    (b"vnd.sun.xml.writer", "odt"),
    (b"vnd.sun.xml.calc", "ods"),
    (b"vnd.sun.xml.impress", "odp"),
    (b"opendocument.", "odf"),
)


def _open_document(names: set[str], data: bytes) -> str:
    """OpenDocument (ISO 26300-3 3.3) and EPUB: the first member is called mimetype, and is not compressed."""
    if "mimetype" in names:
        start = data[:300]
        for mark, word in _MIMETYPES:
            if mark in start:
                return word
    # One that was packed otherwise: some program opens it by its name.
    if len(names & {"mimetype", "content.xml", "meta-inf/manifest.xml"}) > 1:
        return "odf"
    return "epub" if "meta-inf/container.xml" in names else ""


# ── compound files ──

_INSTALLERS = frozenset(bytes.fromhex(f"{first}100c0000000000c000000000000046") for first in ("84", "86", "82", "85"))
"""Class ids of msi, msp, mst, pcp: {000C1084-0000-0000-C000-000000000046} and kin, as they lie in the file."""

_STREAMS: tuple[tuple[str, str], ...] = (
    ("encryptedpackage", "encrypted-office"),
    ("worddocument", "doc"),
    ("workbook", "xls"),
    ("book", "xls"),
    ("powerpoint document", "ppt"),
    ("pp40", "ppt"),
    ("pp97_dualstorage", "ppt"),
    ("__properties_version1.0", "msg"),
    ("visiodocument", "visio"),
    ("quill", "publisher"),
    ("matost", "works"),
    ("props9", "project"),
    ("props12", "project"),
    ("props14", "project"),
    ("hwpsummaryinformation", "hwp"),
    ("\x01ole10native", "ole-package"),
    ("\x01ole10itemname", "ole-package"),
)
"""Names at the root, in the order of their weight."""


def kind_of_ole(data: bytes) -> str:
    """The word of `KINDS` for a compound file ([MS-CFB]), by its class id and the names of its streams."""
    entries = list(_entries(data))
    if entries and entries[0][1] in _INSTALLERS:
        return "msi"
    names = {name.lower().removeprefix("\x05") for name, _ in entries}
    for stream, word in _STREAMS:
        if stream in names:
            return word
    # Stream names of an installer's tables are packed into a range of Chinese characters ([MS-MSI] has none of it).
    packed = sum(1 for name, _ in entries if name[:1] >= "\u3800" and name[:1] < "\u4841")
    return "msi" if packed >= 5 else "ole"


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and class id of the directory's entries, as far as its chain of sectors can be followed."""
    if len(data) < 512:
        return
    size = 1 << min(max(int.from_bytes(data[30:32], "little"), 7), 16)  # an entry has 128 octets
    sector = int.from_bytes(data[48:52], "little")
    for _ in range(_SECTORS):
        start = (sector + 1) * size
        block = data[start : start + size]
        if not block:
            return
        yield from _entries_of(block)
        sector = _next_sector(data, sector, size)


def _entries_of(block: bytes) -> Iterator[tuple[str, bytes]]:
    for at in range(0, len(block) - 127, 128):
        length = int.from_bytes(block[at + 64 : at + 66], "little")
        if 2 <= length <= 64:
            yield block[at : at + length - 2].decode("utf-16-le", "replace"), block[at + 80 : at + 96]


def _next_sector(data: bytes, sector: int, size: int) -> int:
    """What the allocation table says; a table that is broken or far away lets the next in line be tried."""
    per_table = size // 4
    index = sector // per_table if per_table else 0
    if index >= 109:
        return sector + 1
    table = int.from_bytes(data[76 + 4 * index : 80 + 4 * index], "little")
    at = (table + 1) * size + 4 * (sector % per_table)
    following = data[at : at + 4]
    return int.from_bytes(following, "little") if len(following) == 4 else sector + 1
