"""Office documents saved as web pages: macros and objects lie in ActiveMime parts.

Fails as: unread where an ActiveMime part does not unpack.
"""

from __future__ import annotations

import binascii
import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect import office, web
from lockdown.scan.inspect.notes import Notes

_IN_BASE64 = re.compile(r"QWN0aXZlTWlt[A-Za-z0-9+/=\s]{20,}+")
"""ActiveMime, at the start of a base64 text."""


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect an ActiveMime part, or a page with its parts in one file (RFC 2557)."""
    if kind == "activemime":
        activemime(data, notes)
        return
    notes.budget.spend(len(data))
    text = data.decode("latin-1")
    for found in _IN_BASE64.finditer(text):
        notes.budget.step()
        activemime(decode(found[0]), notes)
    # Its parts are read one by one elsewhere; here it is read as who knows nothing of parts would.
    web.judge_text(text.replace("=\r\n", "").replace("=\n", "").replace("=3D", "="), "html", notes)


def activemime(data: bytes, notes: Notes) -> None:
    """Unpack a part: behind a header whose length is written in it, a zlib stream with a compound file."""
    for offset in dict.fromkeys((int.from_bytes(data[0x1E:0x20], "little") + 46, 0x32, 0x22A)):
        if data[offset : offset + 1] != b"\x78":
            continue
        content = notes.budget.inflate(data[offset:])
        if content[:4] == b"\xd0\xcf\x11\xe0":
            office.look(content, notes, "ole")
            return
    notes.trait(Trait.MACROS)
    notes.unread("an ActiveMime part, which holds macros or objects, does not unpack")


def decode(text: str) -> bytes:
    """Base64 as Office folds it; what is cut off at the end is left out."""
    packed = "".join(text.split()).rstrip("=")
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    return binascii.a2b_base64(packed + "=" * (-len(packed) % 4))
