"""Office documents written as one XML file: the flat package of Word since 2007, and the XML formats of 2003.

Fails as: binary data that does not decode gives what came before. Never raises for a broken document.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect import odf, office, office_web, ooxml, tables, web
from lockdown.scan.inspect.notes import Notes
from lockdown.scan.inspect.ooxml import INSIDE

_PART = re.compile(rf"<pkg:part\s({INSIDE})>")
_BINARY = re.compile(r"<(?:\w++:)?(?:binaryData|binData|docOleData)(?:\s[^<>]*+)?>([A-Za-z0-9+/=\s]*+)<")
_TEMPLATE = re.compile(rf"<(?:\w++:)?(attachedTemplate|frame|src)\s({INSIDE})>", re.IGNORECASE)
_FORMULA = re.compile(r"""(?:\w+:)?Formula\s*+=\s*+["']([^"']{1,2000})""")
_OURS = ("schemas.microsoft.com/office", "urn:schemas-microsoft-com:office", "schemas.openxmlformats.org",
         "urn:oasis:names:tc:opendocument")  # fmt: skip

_SCRIPTED = ("http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "urn:schemas-microsoft-com:xslt",
             "http://xml.apache.org/xalan")  # fmt: skip
"""Name spaces in which XML runs script, in a browser or where it is transformed."""
_HAS_MACROS = re.compile(r"macrosPresent\s*+=\s*+[\"']yes", re.IGNORECASE)


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one XML document, if it is one of an Office program."""
    text = ooxml.text_of(data)
    notes.budget.spend(len(text))
    if kind == "xml":
        if any(mark in text for mark in _SCRIPTED) or "&#" in text[:4000]:
            web.judge_text(text, kind, notes)
        if not any(mark in text for mark in _OURS):
            return
    starts = [found.start() for found in _PART.finditer(text)]
    if starts:
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            notes.budget.step()
            _flat_part(text[start:end], notes)
    else:
        _whole(text, notes)
    odf.judge_xml(text, notes)


def _flat_part(text: str, notes: Notes) -> None:
    opening = _PART.match(text)
    name = ooxml.attributes(opening[1] if opening else "").get("name", "").lstrip("/")
    binary = _BINARY.search(text)
    ooxml.judge_part(name, office_web.decode(binary[1]) if binary else text.encode("utf-8", "replace"), notes)


def _whole(text: str, notes: Notes) -> None:
    ooxml.judge_part("word/document.xml", text.encode("utf-8", "replace"), notes)
    if _HAS_MACROS.search(text):
        notes.trait(Trait.MACROS)
    for found in _TEMPLATE.finditer(text):
        target = ooxml.attributes(found[2]).get("val", "")
        if ooxml.is_outside(target):
            notes.trait(Trait.REMOTE_TEMPLATE)
            notes.say(f"{found[1]} {target}")
    for found in _BINARY.finditer(text):
        notes.budget.step()
        judge_binary(office_web.decode(found[1]), notes)
    for found in _FORMULA.finditer(text):
        tables.judge_cell(found[1], notes)


def judge_binary(content: bytes, notes: Notes) -> None:
    """What is carried in base64: a project of macros in ActiveMime, an object in a compound file."""
    notes.budget.spend(len(content))
    if content[:10] == b"ActiveMime":
        office_web.activemime(content, notes)
    elif content[:4] == b"\xd0\xcf\x11\xe0":
        office.look(content, notes, "ole")
