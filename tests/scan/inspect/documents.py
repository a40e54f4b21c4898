"""Small documents made for the tests: packages, PDFs, shortcuts; clean ones, and with one thing in them each."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

import pikepdf

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return packed.getvalue()


def word(body: str = "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>", **more: str | bytes) -> bytes:
    """A Word document; further parts by name, with `__` for a slash and `_x_` for a dot."""
    named = {name.replace("__", "/").replace("_x_", "."): content for name, content in more.items()}
    return zipped({
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relationships(("officeDocument", "word/document.xml", False)),
        "word/document.xml": f"<w:document xmlns:w='x'><w:body>{body}</w:body></w:document>",
        **named,
    })  # fmt: skip


def excel(parts: Mapping[str, str | bytes] | None = None) -> bytes:
    sheet = "<worksheet><sheetData><row><c><f>SUM(A1:A2)</f><v>3</v></c></row></sheetData></worksheet>"
    return zipped({
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": "<workbook><sheets><sheet name='Call (list)'/></sheets></workbook>",
        "xl/worksheets/sheet1.xml": sheet,
        **(parts or {}),
    })  # fmt: skip


def relationships(*targets: tuple[str, str, bool]) -> str:
    rows = "".join(
        f"<Relationship Id='r{number}' Type='{RELATIONSHIPS}/{kind}' Target='{target}'"
        f"{' TargetMode=' + chr(34) + 'External' + chr(34) if external else ''}/>"
        for number, (kind, target, external) in enumerate(targets)
    )
    return f"<?xml version='1.0'?><Relationships xmlns='x'>{rows}</Relationships>"


def field(*runs: str) -> str:
    instructions = "".join(f"<w:r><w:instrText xml:space='preserve'>{run}</w:instrText></w:r>" for run in runs)
    begin, end = (f"<w:r><w:fldChar w:fldCharType='{edge}'/></w:r>" for edge in ("begin", "end"))
    return f"<w:p>{begin}{instructions}{end}</w:p>"


def pdf(change: Callable[[pikepdf.Pdf], None] = lambda document: None, password: str = "", owner: str = "") -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    change(document)
    packed = io.BytesIO()
    locked = pikepdf.Encryption(user=password, owner=owner or password) if password or owner else False
    document.save(packed, encryption=locked)
    return packed.getvalue()


def shortcut(arguments: str, appended: bytes = b"") -> bytes:
    header = b"L\0\0\0" + bytes.fromhex("0114020000000000c000000000000046") + struct.pack("<I", 0x20 | 0x80) + bytes(52)
    wide = arguments.encode("utf-16-le")
    return header + struct.pack("<H", len(arguments)) + wide + bytes(4) + appended


def section(*files: bytes) -> bytes:
    """A OneNote section with these files in it."""
    start = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(100)
    store = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
    return start + b"".join(store + struct.pack("<QIQ", len(file), 0, 0) + file for file in files)
