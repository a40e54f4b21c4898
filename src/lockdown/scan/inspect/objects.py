"""Files and objects embedded by OLE: a package with a name, an equation that is none, a link to elsewhere.

Fails as: a package that does not parse is given whole, to be read as it is. Never raises.
"""

from __future__ import annotations

import re

from lockdown.mime.filetype import KINDS, Family, kind_of
from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes

EXPLOITED: dict[str, str] = {
    "0002ce02": "Equation Editor 3",
    "0003000b": "Equation Editor 2",
    "0002ce03": "MathType",
    "c62a69f0": "a common control with a known overflow",
    "996ba9d7": "a common control with a known overflow",
    "bdd1f04b": "a common control with a known overflow",
    "dd9da666": "a common control with a known overflow",
    "f20da720": "an Internet Explorer frame",
    "79eac9e0": "a link that fetches a page",
    "06290bd3": "a script moniker",
    "3050f4d8": "an HTML application",
    "d7053240": "an OLE object with a known overflow",
    "f414c260": "Visual Basic script host",
}
"""First part of a class id, and what it has been misused for. Equations are ordinary in old papers: see `equation`."""
_ORDINARY_EQUATIONS = frozenset({"0002ce02", "0003000b", "0002ce03"})

_LONG_FONT_NAME = re.compile(rb"\x08(?s:..)[^\0]{41}")
"""A FONT record of MTEF whose name is longer than the editor has room for (CVE-2017-11882)."""


def unpack(native: bytes, notes: Notes) -> None:
    """Take the file out of an Ole10Native stream ([MS-OLEDS] 2.3.6; the package within is Windows' Object Packager)."""
    name, content = package(native)
    notes.budget.spend(len(content))
    embed(name, content, notes)


def package(native: bytes) -> tuple[str, bytes]:
    """Name and content of a package; without a name where it is some program's own data."""
    body = native[4:]
    if body[:2] == b"\x02\0":
        label, _, rest = body[2:].partition(b"\0")
        source, _, rest = rest.partition(b"\0")
        length = int.from_bytes(rest[4:8], "little")
        after = rest[8 + length :]
        size = int.from_bytes(after[:4], "little")
        if length <= 1024 and 0 < size <= len(after):
            name = _wide_name(after[4 + size :]) or _leaf(label) or _leaf(source)
            return name, after[4 : 4 + size]
    return "", body


def _wide_name(rest: bytes) -> str:
    """Behind the file, the same in UTF-16: where it lay, its label, its source; each with its length."""
    at, label = 0, ""
    for _ in range(2):
        end = at + 4 + 2 * int.from_bytes(rest[at : at + 4], "little")
        label, at = rest[at + 4 : end].decode("utf-16-le", "replace"), end
        if end > len(rest):
            return ""
    return re.split(r"[\\\\/]", label.rstrip("\0"))[-1]


def _leaf(path: bytes) -> str:
    return re.split(r"[\\/]", path.decode("cp1252", "replace"))[-1]


def embed(name: str, content: bytes, notes: Notes) -> None:
    """A file that a double click opens: given to be read, with the trait that its type deserves."""
    kind = KINDS[kind_of(content, name)]
    notes.trait(Trait.EMBEDDED_PROGRAM if kind.dangerous or kind.family is Family.PROGRAM else Trait.EMBEDDED_OBJECT)
    notes.say(f"{name or 'an object'}: {kind.what}")
    notes.embed(name, content)


def judge_class(clsid: str, notes: Notes) -> None:
    """Objects of some classes are there for their bugs."""
    first = clsid.lower()[:8]
    if first in EXPLOITED and first not in _ORDINARY_EQUATIONS:
        notes.trait(Trait.EXPLOIT_OBJECT)
        notes.say(EXPLOITED[first])


def equation(data: bytes, notes: Notes) -> None:
    """An equation's own data: harmless in old papers, unless a font's name runs over its place."""
    if _LONG_FONT_NAME.search(data[28:400]):
        notes.trait(Trait.EXPLOIT_OBJECT)
        notes.say("an equation with an impossible font name")
