"""Files that stand in the text of a page: data: URLs, base64, pages that a script spells out. Taken out, to be read.

Fails as: what does not decode is not taken for a file; more than fifty are said to be unread.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from lockdown.mime.filetype import KINDS, Family, kind_of
from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes
from lockdown.scan.signatures import holds_test_virus

_FILES = 400
"""Files of a page that are taken out."""
_SMALL_PICTURE = 1024 * 1024
"""Of larger ones only the start is decoded."""
_TEXTS = 3000
"""Texts of a page that are decoded to see whether they are files."""

_DATA_URL = re.compile(
    r"\bdata:([\w.+-]{0,160}+(?>(?:/[\w.+-]{0,80})?))((?>(?:;[\w=.\"-]{1,80}){0,5})),([^\"'<>\s)]{8,}+)", re.IGNORECASE
)
_LONG = 64
_AS_RUNS = bytes(ord("A") if bytes([octet]).isalnum() or octet in b"+/" else 32 for octet in range(256))
_RUN = b"A" * _LONG
_JOINED = re.compile(r"[\"'`]\s{0,50}+\+\s{0,50}+[\"'`]")
_BASE64 = re.compile(rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{{_LONG},}}+(?:\s{{1,8}}+[A-Za-z0-9+/]{{4,}}+)*={{0,2}}")
_SPELLED = re.compile(r"(?:\\x[0-9a-f]{2}){20,}|(?:\\u00[0-9a-f]{2}){20,}", re.IGNORECASE)
_PERCENT = re.compile(r"[\"'`]([^\"'`\r\n%]{0,40}%3c[^\"'`\r\n]{20,}+)", re.IGNORECASE)
_HEX_PAIR = re.compile(r"\\(?:x|u00)([0-9a-f]{2})", re.IGNORECASE)
_OUTSIDE_BASE64 = re.compile(r"[^A-Za-z0-9+/]")

_SHOWN = (
    "image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp", "image/x-icon", "font/",
    "application/font", "application/x-font", "text/css", "audio/", "video/", "text/plain",
)  # fmt: skip
"""Media types that a page may hold for itself; their start is looked at all the same."""
_WEAKLY_TOLD = frozenset({
    "arj", "cpio", "compress", "lzma", "dos-exe", "com", "zoo", "arc", "macbinary", "img", "pyc", "tar", "lha", "sis",
    "shell", "script", "bat", "vhd", "dmg", "text", "unknown", "empty", "uuencode", "iqy", "sylk", "stuffit",
    "java-class",
})  # fmt: skip
"""Kinds whose signature is so short that a random token in a link would have it now and then."""
_CARRIED = frozenset({
    Family.PROGRAM, Family.SCRIPT, Family.SHORTCUT, Family.DISK_IMAGE, Family.CONTAINER, Family.DOCUMENT,
    Family.MACRO_DOCUMENT,
})  # fmt: skip


def take_out(text: str, notes: Notes) -> None:
    """Give the files that a page holds to be read; a page that holds one is one that smuggles."""
    taken = 0
    for count, content in enumerate(_decoded_texts(text)):
        notes.budget.step(20)
        if count >= _TEXTS or taken >= _FILES:
            notes.unread("more files or texts in the page than are decoded")
            return
        kind = kind_of(content)
        is_file = (kind not in _WEAKLY_TOLD and KINDS[kind].family in _CARRIED) or holds_test_virus(content)
        if not is_file and KINDS[kind].family is not Family.WEB:
            continue
        taken += 1
        notes.budget.spend(len(content))
        if is_file:
            notes.trait(Trait.SMUGGLING)
            notes.say(f"carries {KINDS[kind].what}")
        notes.embed("", content)


def _decoded_texts(text: str) -> Iterator[bytes]:
    """Each pattern is tried only where its letters are there at all: on most pages none is."""
    ends: list[int] = [0]
    lower = text.lower()
    for found in _DATA_URL.finditer(text) if "data:" in lower else ():
        ends.append(found.end())
        if not found[1].lower().startswith(_SHOWN) or _hides_a_file(found[3]):
            yield _from_base64(found[3]) if "base64" in found[2].lower() else unquote_to_bytes(html.unescape(found[3]))
    rest = _DATA_URL.sub(" ", text) if len(ends) > 1 else text
    joined = _JOINED.sub("", rest) if "+" in rest else rest
    lower = lower if joined is text else joined.lower()
    for found in _BASE64.finditer(joined) if _has_long_run(joined) else ():
        yield _from_base64(found[0])
    for found in _SPELLED.finditer(joined) if "\\x" in lower or "\\u00" in lower else ():
        yield bytes(int(pair, 16) for pair in _HEX_PAIR.findall(found[0]))
    for found in _PERCENT.finditer(joined) if "%3c" in lower else ():
        yield unquote_to_bytes(found[1])


def _has_long_run(text: str) -> bool:
    """Whether letters of base64 stand side by side for long; words do not. One sign for all makes it a plain search."""
    return _RUN in text.encode("latin-1", "replace").translate(_AS_RUNS)


def _hides_a_file(encoded: str) -> bool:
    """A program under the name of a picture, or the test virus."""
    kind = kind_of(_from_base64(encoded[:400]))
    if len(encoded) < _SMALL_PICTURE and holds_test_virus(_from_base64(encoded)):
        return True
    return kind not in _WEAKLY_TOLD and KINDS[kind].family in _CARRIED | {Family.WEB}


def _from_base64(text: str) -> bytes:
    if "&" in text or "%" in text:
        text = unquote_to_bytes(html.unescape(text)).decode("latin-1")
    packed = _OUTSIDE_BASE64.sub("", text)
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    return binascii.a2b_base64(packed + "=" * (-len(packed) % 4))
