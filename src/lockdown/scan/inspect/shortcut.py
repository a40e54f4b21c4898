"""Shortcuts: where they lead and with what arguments. They are forbidden as such; this is the evidence.

Fails as: a shortcut that is cut off says what was in it until then. Never raises.
"""

from __future__ import annotations

import re

from lockdown.mime.textkind import kind_of_text
from lockdown.scan.inspect.notes import Notes

_TARGET_LIST, _LINK_INFO, _UNICODE = 0x1, 0x2, 0x80
_STRINGS = (0x4, 0x8, 0x10, 0x20, 0x40)
"""[MS-SHLLINK] 2.1.1 flags of the strings that follow, in their order: name, path, folder, arguments, icon."""
_READ = 1024 * 1024
_LEADS = re.compile(
    r"(?:^|[\r\n])\s*+((?:base)?url|iconfile|command|exec|workingdirectory)\s*+=\s*+([^\r\n]{1,400})|"
    r"<(url|simplelocation|deeplink|path|location|string)\b[^>]{0,300}>([^<]{1,400})",
    re.IGNORECASE,
)


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one shortcut."""
    if kind == "lnk":
        _windows(data, notes)
        return
    text = (
        data[:_READ]
        .decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
        .replace("\0", "")
    )
    for found in list(_LEADS.finditer(text))[:20]:
        notes.say(f"{found[1] or found[3]} {found[2] or found[4]}")
    if kind == "appref-ms":
        notes.say(text)


def _windows(data: bytes, notes: Notes) -> None:
    """[MS-SHLLINK] 2: a header, a list of items, link information, strings, blocks of extra data."""
    flags, at = int.from_bytes(data[0x14:0x18], "little"), 0x4C
    if flags & _TARGET_LIST:
        notes.say(*_paths(data[at + 2 : at + 2 + _number(data, at, 2)]))
        at += 2 + _number(data, at, 2)
    if flags & _LINK_INFO:
        notes.say(*_paths(data[at : at + _number(data, at, 4)]))
        at += _number(data, at, 4)
    width = 2 if flags & _UNICODE else 1
    for flag in _STRINGS:
        if flags & flag:
            end = at + 2 + width * _number(data, at, 2)
            notes.say(" ".join(data[at + 2 : end].decode("utf-16-le" if width == 2 else "cp1252", "replace").split()))
            at = end
    _appended(data, _after_blocks(data, at), notes)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _paths(items: bytes) -> list[str]:
    """Readable names in a list of shell items."""
    return [found.decode("latin-1") for found in re.findall(rb"[A-Za-z0-9_\\:][ -~]{3,200}", items)[:10]]


def _after_blocks(data: bytes, at: int) -> int:
    while (size := _number(data, at, 4)) >= 4 and at < len(data):
        at += size
    return at + 4


def _appended(data: bytes, end: int, notes: Notes) -> None:
    """A script or a program behind the shortcut, that the shortcut reads out of itself."""
    rest = data[end:]
    if len(rest) > 16 and rest.strip(b"\0 "):
        notes.say(f"{len(rest)} octets behind the shortcut ({kind_of_text(rest[:4096])})")
        notes.embed("behind the shortcut", rest)
