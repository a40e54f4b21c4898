"""What a text is: markup, settings, a message, a script; by how it begins.

Fails as: "text", which is no promise that it is harmless: a script looks like any other text. Never raises.
"""

from __future__ import annotations

import re

_BLANK = b" \t\r\n\x0b\x0c\x00"
_UTF8_MARK = b"\xef\xbb\xbf"


def kind_of_text(head: bytes) -> str:
    """The word of `KINDS` for a text that begins so (ASCII or a superset of it; up to 4 KiB)."""
    start = head.removeprefix(_UTF8_MARK).lstrip(_BLANK)
    if not start:
        return "text"
    if start[0] == _LESS_THAN:
        return _markup(start)
    for pattern, word in _BEGINNINGS.get(start[0], ()):
        if pattern.match(start) is not None:
            return word
    # PDF readers look for their mark within the first KiB, whatever stands before it.
    return "pdf" if b"%PDF-" in start and b" obj" in start else "text"


_LESS_THAN = ord("<")

# ── markup ──

# A repeated group is never possessive here: Python before 3.11.5 loses its way in one with alternatives. What is
# repeated within the group is, so that giving back costs a step for each item and no more.
_ROOT = re.compile(
    rb"(?:\s++|<\?(?!php)[^>]*+>|<!--(?:[^-]++|-(?!->))*-->|<!doctype(?!\s++(?:html|svg))[^>\[]*+"
    rb"(?:\[[^\]]*+\]\s*+)?>)*<(!doctype\s++\w++|[?%/]?[a-z_][\w.:-]*+)",
    re.IGNORECASE,
)

_ROOTS: dict[bytes, str] = {
    b"svg": "svg", b"svg:svg": "svg", b"!doctype svg": "svg", b"?php": "script", b"%": "script",
    b"job": "wsf", b"scriptlet": "sct",
    b"pkg:package": "word-xml", b"w:worddocument": "word-xml", b"worddocument": "word-xml",
    b"workbook": "excel-xml", b"ss:workbook": "excel-xml",
    b"librarydescription": "library-ms", b"persistedquery": "search-ms", b"searchconnectordescription": "search-ms",
    b"pcsettings": "settingcontent-ms", b"mmc_consolefile": "msc", b"jnlp": "jnlp", b"xdp:xdp": "xdp", b"xdp": "xdp",
    b"office:document": "odt",
}  # fmt: skip

_SCRIPTED = {b"package": "wsf", b"component": "sct"}
_PAGE = frozenset({
    b"html", b"head", b"body", b"title", b"meta", b"style", b"script", b"div", b"p", b"table", b"tr", b"td",
    b"font", b"span", b"a", b"br", b"b", b"i", b"u", b"h1", b"h2", b"h3", b"h4", b"hr", b"ul", b"ol", b"li", b"img",
    b"iframe", b"frameset", b"form", b"link", b"base", b"center", b"strong", b"em", b"pre", b"blockquote",
    b"!doctype", b"object", b"embed", b"marquee", b"basefont", b"input", b"button", b"video", b"audio", b"details",
    b"math", b"main", b"section", b"article", b"header", b"nav", b"template",
})  # fmt: skip
"""Elements that make a browser, or a mail program, take a text for a page."""


def _markup(start: bytes) -> str:
    lower = start.lower()
    if b"<hta:application" in lower:
        return "hta"
    root = _ROOT.match(lower)
    if root is None:
        # Browsers show what begins with a comment, or with a tag that nobody knows.
        return "html" if lower.startswith((b"<!--", b"<script")) else "text"
    name = b" ".join(root[1].split())
    if name in (b"!doctype html", b"html:html") or name.split()[0] in _PAGE:
        return "html"
    if name in (b"package", b"component"):
        # Both are also the roots of harmless files: an e-book's list, an application's description.
        return _SCRIPTED[name] if b"<job" in lower or b"<script" in lower or b"<registration" in lower else "xml"
    if name.rpartition(b":")[2] == b"assembly":
        return "clickonce" if b"deployment" in lower else "xml"
    if name == b"plist":
        return "webloc" if b"<key>url</key>" in lower else "xml"
    found = _ROOTS.get(name)
    if found is not None:
        return found
    return "xml" if lower.startswith(b"<?xml") or b"xmlns" in lower else _odd_root(lower)


def _odd_root(lower: bytes) -> str:
    return "html" if re.search(rb"<(?:html|body|script|table|div|font|br|svg)\b", lower) else "xml"


# ── what else has a beginning of its own ──

_HEADER = (
    rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*){0,200}?"
    rb"(?:received|message-id|mime-version|content-type|return-path)[ \t]*+:"
)
_FIELDS = (
    rb"(?:received|from|to|cc|subject|date|message-id|mime-version|content-type|return-path|delivered-to|reply-to|"
    rb"dkim-signature|authentication-results|x-[\w-]++|arc-seal|sender|list-[\w-]++|envelope-to|references|"
    rb"content-[\w-]++|thread-[\w-]++|organization|user-agent)[ \t]*+:"
)
_ONE_MORE_FIELD = rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*[!-9;-~]++[ \t]*+:"
_PATTERNS: tuple[tuple[bytes, str], ...] = (
    (rb"\{\\rt", "rtf"),
    (rb"\{\s*+(?:\"|\})", "json"),
    (rb"#@~\^", "jse"),
    (rb"#![^\n]{0,100}?\b(?:ba|z|k|c|tc|da|a)?sh\b", "shell"),
    (rb"#!\s*+/", "script"),
    (rb"\[internetshortcut[\].]", "url"),
    (rb"\[\{000214a0", "url"),
    (rb"\[shell\]\s++command\s*+=", "scf"),
    (rb"\[desktop entry\]", "desktop"),
    (rb"\[scriptfile\]", "wsh"),
    (rb"\[version\][^\[]{0,2000}?signature\s*+=", "inf"),
    (rb"windows registry editor|regedit4", "reg"),
    (rb"-----begin pgp", "pgp"),
    (rb"-----begin ", "pem"),
    (rb"\(this file must be converted with binhex", "binhex"),
    (rb"begin(?:-base64)? [0-7]{3,4} [^\r\n]++\r?\n", "uuencode"),
    (rb"=ybegin ", "yenc"),
    (rb"@?+echo[ \t]++(?:off|on)\b", "bat"),
    (rb"id;p", "sylk"),
    (rb"web\r?\n1\r?\n", "iqy"),
    (rb"warc/[01]\.\d", "warc"),
    (rb"begin:vcalendar", "ics"),
    (rb"begin:vcard", "vcard"),
    (rb"from [^\r\n]{1,200}?\d\d:\d\d[^\r\n]{0,60}\r?\n[!-9;-~]++:", "mbox"),
    (rb"[a-z ]{1,40}+:[is]:[^\n]*+\n(?s:.){0,2000}?full address:s:", "rdp"),
    (rb"full address:s:", "rdp"),
    (rb"mime-version[ \t]*+:|snapshot-content-location[ \t]*+:", "eml"),
    (_FIELDS + rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*" + _HEADER, "eml"),
    (rb"(?:received|return-path|message-id|delivered-to)[ \t]*+:" + _ONE_MORE_FIELD, "eml"),
)  # fmt: skip


def _beginnings() -> dict[int, tuple[tuple[re.Pattern[bytes], str], ...]]:
    """By the first octet, so that an ordinary text meets few of them."""
    compiled = [(re.compile(pattern, re.IGNORECASE), word) for pattern, word in _PATTERNS]
    found: dict[int, tuple[tuple[re.Pattern[bytes], str], ...]] = {}
    for first in range(128):
        char = chr(first).lower()
        fitting = [pair for pair, (source, word) in zip(compiled, _PATTERNS, strict=True)
                   if _may_begin(source, word, char)]  # fmt: skip
        if fitting:
            found[first] = tuple(fitting)
    return found


_LETTER_BEGINNINGS = {"eml": "rftcsdmaxleocu", "rdp": "abcdefghijklmnopqrstuvwxyz", "bat": "@e", "reg": "wr"}


def _may_begin(source: bytes, word: str, char: str) -> bool:
    """Whether a pattern may match a text that begins with this character."""
    if word in _LETTER_BEGINNINGS:
        return char in _LETTER_BEGINNINGS[word]
    literal = source.removeprefix(b"\\").decode()
    return char == literal[0]


_BEGINNINGS = _beginnings()
