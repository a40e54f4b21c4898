"""Web pages, SVG and the like: script, files built in the browser, forms that ask for a password.

Nothing is run and no page is rendered: a page that hides from these words is still a page with script.
Fails as: nothing; every octet string has an answer. What lies beyond 8 MiB is said to be unread.
"""

from __future__ import annotations

import html
import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect import carried
from lockdown.scan.inspect.notes import Notes

_READ = 8 * 1024 * 1024

_GAP = r"[\t\r\n]*+"
# All of the following are for text in lower case, and begin with a letter wherever they can: so they can be looked for
# by it, and most pages have none. A pattern that had to be tried at each place would cost a hundred times as much.
_ELEMENT = re.compile(r"<\s*+(?:\w{1,20}:)?(?:script|handler)\b")
_SCHEME = re.compile(rf"\b(?:{_GAP.join('javascript')}|{_GAP.join('vbscript')}){_GAP}:")
_HANDLER = re.compile(
    r"on(?<=[\s/\"']on)(?:load|error|click|dblclick|mouse\w{2,8}|focus\w{0,3}|blur|begin|end|repeat|toggle|pageshow|show|"
    r"input|hashchange|unload|beforeunload|submit|change|key\w{2,5}|pointer\w{2,8}|animation\w{3,9}|transition\w{3,9}|"
    r"activate|resize|scroll|wheel|copy|cut|paste|drag\w{0,5}|drop|message|popstate|start|finish|bounce|loadstart|"
    r"canplay|play|readystatechange|propertychange|beforeprint|afterprint|zoom)\s*+="
)
_SCRIPT_TAG = re.compile(r"<script\b([^>]{0,2000}+)", re.IGNORECASE)
_ONLY_DATA = re.compile(
    r"\btype\s*+=\s*+[\"']?(?:application/(?:ld\+)?json|text/(?:template|x-template|html)\b)", re.IGNORECASE
)
_FOREIGN = re.compile(r"<\s*+(?:\w{1,20}:)?foreignobject\b", re.IGNORECASE)
_PAGE_IN_A_PICTURE = re.compile(
    r"<\s*+(?:\w{1,20}:)?(?:iframe|form|input|embed|object|meta|frame|base)\b", re.IGNORECASE
)
"""Within a foreignObject; drawing programs put their labels there, as plain paragraphs."""

_BUILDS = re.compile(
    r"\bnew\s++(?:window\.)?(?:blob|file)\b|\bcreateobjecturl\b|\bmssave(?:oropen)?blob\b|"
    r"\[\s*+['\"](?:blob|createobjecturl|mssaveoropenblob|mssaveblob)['\"]\s*+\]|\bshowsavefilepicker\b",
    re.IGNORECASE,
)
"""Making a file of what the script holds."""
_NEW_FILE = re.compile(r"new\s++(?:window\.)?file\b")
_DECODES = re.compile(
    r"\batob\b|\bfromcharcode\b|\buint8array\b|\bcharcodeat\b|\bdecodeuricomponent\b|\bunescape\b|\bfrombase64\b|"
    r"\bcodepointat\b|\bfromcodepoint\b|\bparseint\s*+\(|\bcrypto\.subtle\b|\bcryptojs\b|\bpako\b|\binflate\b",
    re.IGNORECASE,
)
_DECODERS = ("atob", "charcode", "uint8array", "decodeuri", "unescape", "frombase64", "codepoint", "parseint", "crypto",
             "pako", "inflate")  # fmt: skip
_DOWNLOADS = re.compile(
    r"\bdownload\s*+=|\.download\b|['\"]download['\"]|\.click\s*+\(|\blocation(?:\.href)?\s*+=|\bopen\s*+\(",
    re.IGNORECASE,
)
_WRITES_ITSELF = re.compile(
    r"\bdocument\.write(?:ln)?\s*+\(|\beval\s*+\(|\binnerhtml\s*+=|\bnew\s++function\s*+\(", re.IGNORECASE
)

_TAG = re.compile(r"<(input|form|meta)\b([^>]{0,3000}+)", re.IGNORECASE)
"""Possessive, and so each octet is looked at once; the sign that ends a tag may be missing."""
_PASSWORD = re.compile(
    r"\btype\s*+=\s*+[\"']?\s*+password\b|\bautocomplete\s*+=\s*+[\"']?current-password", re.IGNORECASE
)
_PASSWORD_BY_SCRIPT = re.compile(
    r"\.type\s*+=\s*+['\"]password['\"]|setattribute\(\s*+['\"]type['\"]\s*+,\s*+['\"]password['\"]", re.IGNORECASE
)
_REFRESH = re.compile(r"\burl\s*+=\s*+[\"']?([^\"'>\s]{1,300})", re.IGNORECASE)
_ACTION = re.compile(r"\baction\s*+=\s*+[\"']?([^\"'>\s]{1,300})", re.IGNORECASE)
# Of the blank that does not break there are hundreds, and it is no blank to whoever reads markup.
_ENTITIES = re.compile(r"&(?!nbsp;)(?:#x?[0-9a-f]{1,8}|[a-z]{2,31});?", re.IGNORECASE)


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one page or picture in markup."""
    text = _text(data[:_READ])
    if len(data) > _READ:
        notes.unread(f"only the first {_READ} octets of the page were read")
    judge_text(text, kind, notes)
    carried.take_out(text, notes)


def judge_text(text: str, kind: str, notes: Notes) -> None:
    """Write down what a page does; not what it carries."""
    notes.budget.spend(len(text))
    # `java&#115;cript:` is a script to a browser.
    plain = _ENTITIES.sub(_unescaped, text) if "&" in text else text
    lower = plain.lower()
    _script(plain, lower, kind, notes)
    _forms(plain, lower, notes)


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _text(data: bytes) -> str:
    """Browsers go by the byte order mark, and know UTF-16 without one by its zeros; the rest is ASCII to us."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if data[:200].count(b"\0") > 40:
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    return data.decode("latin-1").replace("\0", "")


def _without_data(found: re.Match[str]) -> str:
    """Descriptions for search engines stand in script elements, and are none."""
    return "<data" if _ONLY_DATA.search(found[1]) else found[0]


def _runs(lower: str) -> bool:
    """Whether a browser would run something of this page; the text is in lower case."""
    if "script" in lower or "handler" in lower:
        lower = _SCRIPT_TAG.sub(_without_data, lower)
        if _ELEMENT.search(lower) is not None:
            return True
    if "script:" in _squeezed(lower) and _SCHEME.search(lower) is not None:
        return True
    return _HANDLER.search(lower) is not None


def _squeezed(text: str) -> str:
    """Without what browsers drop from a scheme."""
    return text.replace("\n", "").replace("\r", "").replace("\t", "")


def _script(text: str, lower: str, kind: str, notes: Notes) -> None:
    runs = _runs(lower)
    if runs or (kind == "svg" and _FOREIGN.search(text) and _PAGE_IN_A_PICTURE.search(text)):
        notes.trait(Trait.SCRIPT)
    if not runs:
        return
    builds = _BUILDS.search(text) if _may_build(lower) else None
    decodes = _DECODES.search(text) if any(word in lower for word in _DECODERS) else None
    downloads = _DOWNLOADS.search(text) if builds else None
    if builds and (decodes or downloads):
        notes.trait(Trait.SMUGGLING)
        notes.say(*(found[0] for found in (builds, decodes, downloads) if found))
    if decodes and (writes := _WRITES_ITSELF.search(text)):
        notes.say(f"writes itself: {decodes[0]}, {writes[0]}")


def _may_build(lower: str) -> bool:
    """Whether a word is there that all have which the pattern finds."""
    return "blob" in lower or "createobjecturl" in lower or "filepicker" in lower or _NEW_FILE.search(lower) is not None


def _forms(text: str, lower: str, notes: Notes) -> None:
    for tag in _TAG.finditer(text) if any(word in lower for word in ("<input", "<form", "<meta")) else ():
        notes.budget.step()
        name, inside = tag[1].lower(), tag[2]
        if name == "input" and _PASSWORD.search(inside):
            notes.trait(Trait.PASSWORD_FORM)
        elif name == "form" and (action := _ACTION.search(inside)):
            notes.say(f"a form to {action[1]}")
        elif name == "meta" and "refresh" in inside.lower() and (refresh := _REFRESH.search(inside)):
            notes.say(f"goes on to {refresh[1]}")
    if "password" in lower and _PASSWORD_BY_SCRIPT.search(text):
        notes.trait(Trait.PASSWORD_FORM)
