"""Tables as text: CSV and SYLK, whose cells Excel takes for formulas, and SYLK's old macros.

Fails as: nothing; every text has an answer. Never raises.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes

_DDE_CALL = re.compile(r"\|\s*+['\"]([^'\"\r\n]{1,300})['\"]\s*+!")
"""Of service|'topic'!item, what stands behind the service."""
_SERVICE = re.compile(r"[=+@-][^\"|\r\n\t;,!=]{0,80}?([A-Za-z][\w.\\: /-]{0,60})\Z")
"""Before it: what begins like a formula, and the name of a program."""
_OLD_CALLS = re.compile(r"\b(EXEC|CALL|REGISTER|FOPEN|FWRITE|FWRITELN)\(")
_AUTO = re.compile(r"^NN;.{0,200}?N(auto_(?:open|close|activate|deactivate)\w{0,20})", re.IGNORECASE | re.MULTILINE)
_MACRO_SHEET = re.compile(r"^O;(?:[^\r\n]{0,200};)?E(?:;|\r?$)", re.MULTILINE)
_LINES = 8 * 1024 * 1024


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one table."""
    text = data[:_LINES].decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", "replace")
    if len(data) > _LINES:
        notes.unread(f"only the first {_LINES} octets of the table were read")
    judge_cell(text, notes)
    if kind == "sylk":
        _sylk(text, notes)


def judge_cell(text: str, notes: Notes) -> None:
    """DDE in one formula, or in a whole text of them."""
    for found in _DDE_CALL.finditer(text):
        notes.budget.step()
        service = _SERVICE.search(text, max(0, found.start() - 150), found.start())
        if service:
            notes.trait(Trait.DDE)
            notes.say(f"{service[1]} | {found[1]}")


def _sylk(text: str, notes: Notes) -> None:
    """An O record with E says that this is a macro sheet; NN names a cell."""
    if not _MACRO_SHEET.search(text):
        return
    notes.trait(Trait.OLD_MACROS)
    for auto in _AUTO.finditer(text):
        notes.trait(Trait.AUTO_EXEC)
        notes.say(auto[1])
    for call in _OLD_CALLS.finditer(text):
        notes.trait(Trait.WRITES_OR_RUNS)
        notes.say(call[1])
