"""Documents that carry a file or a program: OLE compound files, OOXML, PDF, RTF, winmail.dat. As small as they can be.

Fails as: nothing; what they carry is small and ours.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from lockdown.checklist.antivirus.samples.archives import zipped

_SECTOR, _MINI_SECTOR = 512, 64
_FREE, _CHAIN_ENDS, _FAT_ITSELF = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_NO_STREAM = 0xFFFFFFFF
_ROOT, _STREAM = 5, 2

MSI = bytes.fromhex("84100c0000000000c000000000000046")
"""The class of a Windows installer package: {000C1084-0000-0000-C000-000000000046}."""


def compound(streams: Mapping[str, bytes], clsid: bytes = bytes(16)) -> bytes:
    """An OLE compound file of version 3 with these streams, each below 4,096 octets ([MS-CFB])."""
    mini_fat, mini = _mini_stream(list(streams.values()))
    directory = _directory(streams, len(mini), clsid)
    used = len(directory) // _SECTOR + 1 + -(-len(mini) // _SECTOR)
    # Sector 0 is the FAT; then the directory, the mini FAT and the mini stream, each a chain of neighbours.
    first_mini_fat = 1 + len(directory) // _SECTOR
    chains = (len(directory) // _SECTOR, 1, -(-len(mini) // _SECTOR))
    fat = _words([_FAT_ITSELF, *_chains(1, chains)], _SECTOR)
    assert used < _SECTOR // 4 and len(mini_fat) <= _SECTOR // 4
    sectors = fat + directory + _words(mini_fat, _SECTOR) + mini.ljust(chains[2] * _SECTOR, b"\0")
    return _compound_header(first_mini_fat) + sectors


def _compound_header(first_mini_fat: int) -> bytes:
    magic, minor, major, little_endian = bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE
    begin = magic + bytes(16) + struct.pack("<HHHHH6x", minor, major, little_endian, 9, 6)
    counts = struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, first_mini_fat, 1, _CHAIN_ENDS, 0)
    return begin + counts + _words([0], _SECTOR - len(begin) - len(counts))


def _mini_stream(contents: list[bytes]) -> tuple[list[int], bytes]:
    lengths = [-(-len(data) // _MINI_SECTOR) for data in contents]
    padded = b"".join(data.ljust(n * _MINI_SECTOR, b"\0") for data, n in zip(contents, lengths, strict=True))
    return _chains(0, lengths), padded


def _chains(start: int, lengths: tuple[int, ...] | list[int]) -> list[int]:
    entries: list[int] = []
    for length in lengths:
        at = start + len(entries)
        entries += [*range(at + 1, at + length), _CHAIN_ENDS] if length else []
    return entries


def _directory(streams: Mapping[str, bytes], mini_octets: int, clsid: bytes) -> bytes:
    """The root, then each stream as the right neighbour of the one before: a tree, if not a balanced one."""
    names = sorted(streams, key=lambda name: (len(name), name.upper()))
    starts, at = {}, 0
    for name, data in streams.items():
        starts[name], at = at, at - (-len(data) // _MINI_SECTOR)
    mini_start = 1 + -(-(len(names) + 1) // 4) + 1
    entries = _entry("Root Entry", _ROOT, _NO_STREAM, 1 if names else _NO_STREAM, clsid, mini_start, mini_octets)
    for number, name in enumerate(names, start=1):
        beside = number + 1 if number < len(names) else _NO_STREAM
        entries += _entry(name, _STREAM, beside, _NO_STREAM, bytes(16), starts[name], len(streams[name]))
    unused = bytes(68) + struct.pack("<III", _NO_STREAM, _NO_STREAM, _NO_STREAM) + bytes(48)
    return entries + unused * (-(len(entries) // 128) % 4)


def _entry(name: str, kind: int, right: int, child: int, clsid: bytes, start: int, octets: int) -> bytes:
    coded = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(coded), kind, 1, _NO_STREAM, right, child)
    return coded.ljust(64, b"\0") + links + clsid + bytes(20) + struct.pack("<IQ", start, octets)


def _words(values: list[int], octets: int) -> bytes:
    return b"".join(struct.pack("<I", value) for value in values).ljust(octets, struct.pack("<I", _FREE)[:1])


def ole_package(name: str, data: bytes) -> bytes:
    """The content of an Ole10Native stream: a file that a double click opens."""
    label = name.encode() + b"\0"
    inner = b"\x02\0" + label + label + b"\0\0\x03\0" + struct.pack("<I", len(label)) + label
    inner += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(inner)) + inner


def ole_with_file(name: str, data: bytes) -> bytes:
    """A compound file that carries a file as a package."""
    return compound({"\x01Ole10Native": ole_package(name, data), "Contents": b"Nothing to see.\r\n"})


_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="bin" ContentType="application/vnd.openxmlformats-officedocument.oleObject"/>'
    '<Override PartName="/word/document.xml" ContentType="%s"/></Types>'
)
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_WORD_WITH_MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"
_RELATIONSHIPS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TEXT = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>"
)


def docx(
    words: str = "A letter.", parts: Mapping[str, bytes] | None = None, inner: str = "", kind: str = _WORD
) -> bytes:
    """A Word document; `parts` are more files in it, `inner` the relationships of its text."""
    to_text = f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
    members = {
        "[Content_Types].xml": (_TYPES % kind).encode(),
        "_rels/.rels": (_RELATIONSHIPS % to_text).encode(),
        "word/document.xml": (_TEXT % words).encode(),
        "word/_rels/document.xml.rels": (_RELATIONSHIPS % inner).encode(),
    }
    return zipped({**members, **(parts or {})})


def docx_with_file(name: str, data: bytes) -> bytes:
    """A Word document with an embedded package."""
    inner = f'<Relationship Id="r2" Type="{_OFFICE}/oleObject" Target="embeddings/oleObject1.bin"/>'
    return docx(parts={"word/embeddings/oleObject1.bin": ole_with_file(name, data)}, inner=inner)


def docm() -> bytes:
    """A Word document with a place for macros and none in it."""
    kind = "http://schemas.microsoft.com/office/2006/relationships/vbaProject"
    inner = f'<Relationship Id="r2" Type="{kind}" Target="vbaProject.bin"/>'
    project = compound({"PROJECT": b'Name="Project"\r\nModule=Module1\r\n', "dir": b"\x01\0"})
    return docx(parts={"word/vbaProject.bin": project}, inner=inner, kind=_WORD_WITH_MACROS)


def pdf(words: str = "A page.") -> bytes:
    """A PDF of one page."""
    return _pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", *_pages(words)])


def pdf_with_file(name: str, data: bytes) -> bytes:
    """A PDF with an embedded, compressed file (ISO 32000 7.11.4)."""
    packed = zlib.compress(data)
    catalog = f"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[({name})6 0 R]>>>>>>".encode()
    spec = f"<</Type/Filespec/F({name})/UF({name})/EF<</F 7 0 R>>>>".encode()
    file = b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)
    return _pdf_of([catalog, *_pages("See the file."), spec, file])


def _pages(words: str) -> list[bytes]:
    """Objects 2 to 5."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode()
    return [
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]


def _pdf_of(objects: list[bytes]) -> bytes:
    made, offsets = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(made))
    return made + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (count, table, trailer)


def rtf_with_file(name: str, data: bytes) -> bytes:
    """An RTF document with an embedded package, as Word writes it (RTF 1.9.1, [MS-OLEDS] 2.2.5)."""
    native = ole_package(name, data)
    kind = b"Package\0"
    header = struct.pack("<III", 0x501, 2, len(kind)) + kind + struct.pack("<II", 0, 0)
    coded = (header + struct.pack("<I", len(native)) + native).hex().encode()
    return rb"{\rtf1\ansi A letter.{\object\objemb{\*\objclass Package}{\*\objdata " + coded + b"}}}\r\n"


_MESSAGE_LEVEL, _ATTACHMENT_LEVEL = 1, 2
_TNEF_VERSION, _CODE_PAGE = 0x00089006, 0x00069007
_RENDERING, _TITLE, _CONTENT = 0x00069002, 0x00018010, 0x0006800F


def tnef(name: str, data: bytes) -> bytes:
    """Outlook's winmail.dat with one attachment ([MS-OXTNEF])."""
    attributes = (
        (_MESSAGE_LEVEL, _TNEF_VERSION, struct.pack("<I", 0x00010000)),
        (_MESSAGE_LEVEL, _CODE_PAGE, struct.pack("<II", 1252, 0)),
        (_ATTACHMENT_LEVEL, _RENDERING, struct.pack("<HIHHI", 1, 0xFFFFFFFF, 0, 0, 0)),
        (_ATTACHMENT_LEVEL, _TITLE, name.encode() + b"\0"),
        (_ATTACHMENT_LEVEL, _CONTENT, data),
    )
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(_attribute(*one) for one in attributes)


def _attribute(level: int, what: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, what, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
