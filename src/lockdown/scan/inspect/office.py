"""Office documents in compound files: Word, Excel, PowerPoint before 2007, and whatever else is kept that way.

Every stream is looked at by its name, wherever it lies, so that a document within a document is seen as well.
Fails as: unread where the compound file is broken; then its octets are searched for macros all the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from lockdown.model.scan import Trait
from lockdown.scan.inspect import objects, vba, xls
from lockdown.scan.inspect.fields import judge_text_with_fields
from lockdown.scan.inspect.notes import Notes

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

_STREAMS = 5000
"""Streams that are looked at; an installer or a mailbox has hundreds."""


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one compound file."""
    import olefile

    if data[:8] != olefile.MAGIC:
        _without_storage(data, notes, kind)
        return
    try:
        file = olefile.OleFileIO(io.BytesIO(data))
    except Exception as error:
        # The library raises whatever the broken table made it trip over.
        notes.trait(Trait.DAMAGED)
        notes.unread(f"{kind}: the compound file is broken ({str(error)[:80]})")
        _search(data, notes)
        return
    with closing(file):
        _storage(file, notes)


def _without_storage(data: bytes, notes: Notes, kind: str) -> None:
    """Excel before 5 wrote its records straight into the file."""
    if kind == "xls":
        xls.judge_workbook(data, notes)
    _search(data, notes)


def _search(data: bytes, notes: Notes) -> None:
    for source in vba.modules(data, notes.budget):
        vba.judge_source(source, notes)


def _storage(file: OleFileIO, notes: Notes) -> None:
    paths = file.listdir(streams=True, storages=True)
    streams = {"/".join(path).lower() for path in paths}
    for count, path in enumerate(paths):
        if count >= _STREAMS:
            notes.unread(f"more than {_STREAMS} streams")
            return
        notes.budget.step()
        if file.get_type(path) != _STREAM:
            objects.judge_class(file.getclsid(path), notes)
            continue
        content = _read(file, path, notes)
        if content is not None:
            _judge_stream(path, content, streams, notes)


_STREAM = 2


def _read(file: OleFileIO, path: list[str], notes: Notes) -> bytes | None:
    size = file.get_size(path)
    notes.budget.spend(size)
    try:
        content: bytes = file.openstream(path).read()
    except Exception:
        notes.trait(Trait.DAMAGED)
        notes.unread(f"stream {path[-1]} cannot be read")
        return None
    return content


def _judge_stream(path: list[str], content: bytes, streams: set[str], notes: Notes) -> None:
    name = path[-1].lower()
    judge = _BY_NAME.get(name)
    if judge is not None:
        judge(content, notes)
    if len(path) >= 2 and path[-2].lower() == "vba" and name not in ("dir", "_vba_project") and name[:5] != "__srp":
        _module(content, notes)
    elif name == "_vba_project":
        notes.trait(Trait.MACROS)
        _compiled(content, notes)


# ── macros ──


def _module(content: bytes, notes: Notes) -> None:
    """One module of a project: its source stands compressed behind its compiled code."""
    notes.trait(Trait.MACROS)
    sources = vba.modules(content, notes.budget)
    for source in sources:
        vba.judge_source(source, notes)
    if not sources:
        notes.unread("a macro without readable source: only its compiled form is there")


def _compiled(content: bytes, notes: Notes) -> None:
    """The names of a project outlive its source: what was compiled to run by itself still does without it."""
    for wide in re.findall(rb"(?i)(?:auto_?open|auto_?close|document_open|workbook_open|document_close)", content)[:10]:
        notes.trait(Trait.AUTO_EXEC)
        notes.say(wide.decode("latin-1"))


# ── Word ──

_WORD_MAGIC = (0xA5EC, 0xA5DC)
_ENCRYPTED = 0x0100


def _word(content: bytes, notes: Notes) -> None:
    """[MS-DOC] 2.5.2 FibBase: fEncrypted; then the text of fields, in both of its forms."""
    if int.from_bytes(content[:2], "little") in _WORD_MAGIC and int.from_bytes(content[10:12], "little") & _ENCRYPTED:
        notes.locked()
        notes.unread("the document needs a password")
        return
    notes.budget.spend(2 * len(content))
    judge_text_with_fields(content.decode("latin-1"), notes)
    judge_text_with_fields(content.decode("utf-16-le", "replace"), notes)


_TEMPLATE = re.compile(
    rb"((?:h\0t\0t\0p\0(?:s\0)?:\0/\0/\0|\\\0\\\0(?=[\w.-]\0)|f\0i\0l\0e\0:\0/\0/\0)(?:[!-~]\0){3,300}?\.\0d\0o\0t\0)",
    re.IGNORECASE,
)


def _table(content: bytes, notes: Notes) -> None:
    """SttbfAssoc ([MS-DOC] 2.9.273) names the template: from a server, it is fetched when the document opens."""
    for found in _TEMPLATE.finditer(content):
        notes.trait(Trait.REMOTE_TEMPLATE)
        notes.say(found[1].decode("utf-16-le", "replace"))


# ── PowerPoint ──

_CONTAINER, _OLE_STORAGE, _CRYPT_SESSION, _ACTION = 0xF, 0x1011, 0x2F14, 0x0FF3
_RUN_PROGRAM = 2


def _powerpoint(content: bytes, notes: Notes) -> None:
    """[MS-PPT] 2.3.1: records, those of version 15 hold others; objects and macros lie within as compound files."""
    at = 0
    while at + 8 <= len(content):
        notes.budget.step()
        version = content[at] & 0xF
        kind = int.from_bytes(content[at + 2 : at + 4], "little")
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        body = at + 8
        if kind == _OLE_STORAGE:
            _ole_in_powerpoint(content[body : body + length], content[at] >> 4 == 1, notes)
        elif kind == _CRYPT_SESSION:
            notes.locked()
            notes.unread("the presentation needs a password")
        elif kind == _ACTION and content[body + 8 : body + 9] == bytes([_RUN_PROGRAM]):
            notes.trait(Trait.EMBEDDED_PROGRAM)
            notes.say("an action that runs a program")
        at = body if version == _CONTAINER and kind != _OLE_STORAGE else body + length


def _ole_in_powerpoint(data: bytes, compressed: bool, notes: Notes) -> None:
    inner = notes.budget.inflate(data[4:]) if compressed else data
    if inner[:4] == b"\xd0\xcf\x11\xe0":
        look(inner, notes, "ole")
    elif inner:
        notes.embed("", inner)


def _current_user(content: bytes, notes: Notes) -> None:
    """[MS-PPT] 2.3.2: this token says that the document is encrypted."""
    if content[12:16] == b"\xdf\xc4\xd1\xf3":
        notes.locked()
        notes.unread("the presentation needs a password")


# ── encryption of what is inside; objects ──


def _encrypted_package(content: bytes, notes: Notes) -> None:
    notes.locked()
    notes.unread("the document needs a password")


def _native(content: bytes, notes: Notes) -> None:
    objects.unpack(content, notes)


def _package(content: bytes, notes: Notes) -> None:
    notes.embed("", content)


def _contents(content: bytes, notes: Notes) -> None:
    """A document of another program, whole: a PDF, a picture."""
    if content[:4] in (b"%PDF", b"\xd0\xcf\x11\xe0", b"PK\x03\x04") or content[:2] == b"MZ":
        objects.embed("", content, notes)


def _compound_object(content: bytes, notes: Notes) -> None:
    """A link's target: a moniker with a URL is fetched when the link is updated."""
    found = re.search(rb"(h\0t\0t\0p\0(?:s\0)?:\0/\0/\0(?:[!-~]\0){3,300})", content)
    if found and content[4:5] == b"\x01":
        notes.trait(Trait.REMOTE_TEMPLATE)
        notes.say(found[1].decode("utf-16-le", "replace"))


_BY_NAME: dict[str, Callable[[bytes, Notes], None]] = {
    "worddocument": _word,
    "0table": _table,
    "1table": _table,
    "workbook": xls.judge_workbook,
    "book": xls.judge_workbook,
    "powerpoint document": _powerpoint,
    "current user": _current_user,
    "encryptedpackage": _encrypted_package,
    "encryptedsummary": _encrypted_package,
    "\x01ole10native": _native,
    "package": _package,
    "contents": _contents,
    "equation native": objects.equation,
    "\x01ole": _compound_object,
}
"""A stream's name, lower case, and who looks at it."""
