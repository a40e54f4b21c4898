"""OneNote sections: the files that they carry behind pictures to click on.

[MS-ONESTORE] 2.6.13 FileDataStoreObject. Fails as: a file that is cut off is given as far as it goes. Never raises.
"""

from __future__ import annotations

import re

from lockdown.mime.filetype import KINDS, Family, kind_of
from lockdown.mime.kinds import DANGEROUS_NAMES
from lockdown.model.scan import Trait
from lockdown.scan.inspect import objects
from lockdown.scan.inspect.notes import Notes

_STORE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
_HEADER = 36
_ENDING = re.compile(rb"\.\0((?:[A-Za-z0-9]\0){1,12})(?![A-Za-z0-9]\0)")
_SHOWN = 80


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one section."""
    at = data.find(_STORE)
    while at >= 0:
        notes.budget.step(10)
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        content = data[at + _HEADER : at + _HEADER + size]
        notes.budget.spend(len(content))
        if KINDS[kind_of(content)].family is Family.PICTURE:
            notes.embed("", content)
        elif content:
            objects.embed("", content, notes)
        # A size that lies must not hide the next file.
        at = data.find(_STORE, at + 16)
    _names(data, notes)


def _names(data: bytes, notes: Notes) -> None:
    """Names stand apart from the files; one that would run tells what a text among them is."""
    for found in _ENDING.finditer(data):
        notes.budget.step()
        if found[1].decode("utf-16-le").lower() in DANGEROUS_NAMES and notes.embedded:
            notes.trait(Trait.EMBEDDED_PROGRAM)
            start = max(found.start() % 2, found.start() - _SHOWN)
            notes.say(data[start : found.end()].decode("utf-16-le", "replace"))
