"""OpenDocument: macros, encryption, objects, what is fetched.

Fails as: DAMAGED and unread where the zip is broken; a part that is encrypted is said to be so.
"""

from __future__ import annotations

import html
import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect import office, office_web, ooxml, vba
from lockdown.scan.inspect.notes import Notes
from lockdown.scan.inspect.ooxml import INSIDE

_MODULE = re.compile(r"^(?:basic/[^/]+/(?!script-l[bc]|dialog-l[bc])[^/]+\.(?:xml|xba)|scripts/[^/]+/.+)$")
_SOURCE = re.compile(r"<(?:\w++:)?(?:source-code|module)(?:\s[^<>]*+)?>([^<]*+)<")
_BINARY = re.compile(r"<(?:\w++:)?binary-data(?:\s[^<>]*+)?>([A-Za-z0-9+/=\s]{8,}+)<")
_BLANK = b"\xff\xfe\xef\xbb\xbf \t\r\n"
_LISTENER = re.compile(rf"<(?:\w++:)?event-listener\s({INSIDE})>")
_OBJECT = re.compile(rf"<draw:(?:object|object-ole|plugin|applet|floating-frame)\s({INSIDE})>")
_DDE = re.compile(rf"<(?:text:dde-connection-decl|office:dde-source)\s({INSIDE})>")
_BY_ITSELF = re.compile(
    r"(?:dom:|office:|on-)(?:load|new|open|view-created|layout-finished|create|title-changed|print|unload|view-close|prepare-unload)"
)


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one OpenDocument package (ISO 26300-3), or the same as one XML file (ISO 26300-1, 2.2.1)."""
    if data[:400].lstrip(_BLANK)[:1] in (b"<", b"\0"):
        _flat(ooxml.text_of(data), notes)
        return
    for name, content in ooxml.parts(data, notes):
        judge_part(name.lower(), content, notes)


def _flat(text: str, notes: Notes) -> None:
    notes.budget.spend(len(text))
    judge_xml(text, notes)
    for source in _SOURCE.finditer(text):
        if source[1].strip():
            notes.trait(Trait.MACROS)
            vba.judge_source(html.unescape(source[1]).encode("utf-8", "replace"), notes)
    for binary in _BINARY.finditer(text):
        notes.budget.step(20)
        content = office_web.decode(binary[1])
        notes.budget.spend(len(content))
        if content:
            notes.embed("", content)


def judge_part(name: str, content: bytes, notes: Notes) -> None:
    """Write down what one part says."""
    if name == "meta-inf/manifest.xml" and b"encryption-data" in content:
        notes.locked()
        notes.unread("the document needs a password")
    elif _MODULE.match(name):
        notes.trait(Trait.MACROS)
        vba.judge_source(html.unescape(ooxml.text_of(content)).encode(), notes)
    elif content[:4] == b"\xd0\xcf\x11\xe0":
        before = len(notes.embedded)
        office.look(content, notes, "ole")
        if len(notes.embedded) == before:
            notes.trait(Trait.EMBEDDED_OBJECT)
    elif name.endswith(("content.xml", "styles.xml", "settings.xml")):
        judge_xml(ooxml.text_of(content), notes)


def judge_xml(text: str, notes: Notes) -> None:
    """Listeners, objects and DDE in the document's own XML."""
    for found in _LISTENER.finditer(text):
        said = ooxml.attributes(found[1])
        notes.trait(Trait.MACROS)
        notes.say(f"{said.get('event-name', '')} {said.get('href', '')}")
        if _BY_ITSELF.search(said.get("event-name", "").lower()):
            notes.trait(Trait.AUTO_EXEC)
    for found in _OBJECT.finditer(text):
        target = ooxml.attributes(found[1]).get("href", "")
        if ooxml.is_outside(target):
            notes.trait(Trait.REMOTE_TEMPLATE)
            notes.say(target)
    for found in _DDE.finditer(text):
        said = ooxml.attributes(found[1])
        notes.trait(Trait.DDE)
        notes.say(f"{said.get('dde-application', '')} | {said.get('dde-topic', '')}")
