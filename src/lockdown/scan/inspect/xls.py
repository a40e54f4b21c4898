"""Excel's records before 2007 (BIFF): passwords, old macros, DDE.

[MS-XLS] 2.1.4: each record is a type, a length and a body. Fails as: a record that is cut off ends the reading.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes

_FILEPASS, _BOUNDSHEET, _NAME, _SUPBOOK, _EXTERNNAME, _FORMULA, _BOF = 0x2F, 0x85, 0x18, 0x1AE, 0x23, 0x06, 0x809
_MACRO_SHEET = 1
_BUILTIN = 0x20
_AUTO = {1: "Auto_Open", 2: "Auto_Close"}
_OLE_LINK = 0x10

_CALLS = re.compile(rb"[\x22\x42\x62](?s:.)(\x6e|\x84|\x89|\x8a|\x95|\x96)[\0\x80]|[\x21\x41\x61](\x6e|\x95|\x96)\0")
"""A function token ([MS-XLS] 2.5.198.62 PtgFuncVar) of one of these."""
_CALLED = {0x6E: "EXEC", 0x84: "FOPEN", 0x89: "FWRITELN", 0x8A: "FWRITE", 0x95: "REGISTER", 0x96: "CALL"}


def judge_workbook(stream: bytes, notes: Notes) -> None:
    """Write down what a workbook's records say."""
    at, in_macros, autos, link = 0, False, [], ""
    while at + 4 <= len(stream):
        notes.budget.step()
        kind = stream[at] | stream[at + 1] << 8
        end = at + 4 + (stream[at + 2] | stream[at + 3] << 8)
        body = stream[at + 4 : end]
        if kind == _FILEPASS:
            notes.locked()
            notes.unread("the workbook needs a password")
            return
        if kind == _BOUNDSHEET:
            _sheet(body, notes)
        elif kind == _NAME:
            autos += _auto_name(body)
        elif kind == _SUPBOOK:
            link = _dde_target(body)
        elif kind == _EXTERNNAME and link:
            _dde(link, body, notes)
            link = ""
        elif kind & 0xFF == 0x09 and len(body) >= 4:
            in_macros = body[2:4] == b"\x40\0"
        elif kind & 0xFF == _FORMULA and in_macros:
            judge_tokens(body, notes)
        at = end
    if Trait.OLD_MACROS in notes.traits and autos:
        notes.trait(Trait.AUTO_EXEC)
        notes.say(*autos)


def _sheet(body: bytes, notes: Notes) -> None:
    """[MS-XLS] 2.4.28: where, visible or hidden, and of which type."""
    if len(body) >= 6 and body[5] == _MACRO_SHEET:
        notes.trait(Trait.OLD_MACROS)
        notes.say(("an Excel 4 macro sheet", "a hidden Excel 4 macro sheet", "a very hidden Excel 4 macro sheet")
                  [min(body[4] & 3, 2)])  # fmt: skip


def _auto_name(body: bytes) -> list[str]:
    """[MS-XLS] 2.4.150: a defined name; the builtin ones are a number."""
    if len(body) < 16:
        return []
    name = body[14:]
    if body[0] & _BUILTIN:
        number = name[1] if name[0] in (0, 1) else name[0]
        return [_AUTO[number]] if number in _AUTO else []
    plain = name[: 2 * body[3] + 1].replace(b"\0", b"").lower()
    return ["Auto_Open"] if b"auto_open" in plain else ["Auto_Close"] if b"auto_close" in plain else []


def _dde_target(body: bytes) -> str:
    """[MS-XLS] 2.4.271: for DDE and OLE links, "service" 0x03 "topic"."""
    text = body[5:].decode("utf-16-le" if body[4:5] == b"\x01" else "latin-1", "replace")
    service, mark, topic = text.partition("\x03")
    return f"{service} | {topic}" if mark and service else ""


def _dde(link: str, body: bytes, notes: Notes) -> None:
    if not (body[:1] and body[0] & _OLE_LINK) and "." not in link.partition(" | ")[0]:
        notes.trait(Trait.DDE)
        notes.say(link)


def judge_tokens(formula: bytes, notes: Notes) -> None:
    """Functions of old macros that run programs or write files."""
    for found in _CALLS.finditer(formula):
        notes.trait(Trait.WRITES_OR_RUNS)
        notes.say(_CALLED[(found[1] or found[2])[0]])
