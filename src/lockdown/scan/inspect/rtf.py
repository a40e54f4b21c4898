"""RTF: objects and what is in them, templates from elsewhere, fields that run something.

Word reads through any amount of noise; so hexadecimal data is collected over white space, groups and control words.
Fails as: an object without an end is read to the end of the file. Never raises.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect import objects, office
from lockdown.scan.inspect.fields import judge_instruction
from lockdown.scan.inspect.notes import Notes
from lockdown.scan.inspect.ooxml import is_outside

_OBJECT_DATA = re.compile(rb"\\(?:objdata|datastore)\b")
_TOKEN = re.compile(
    rb"(?P<hex>[0-9A-Fa-f\s]++)|\\bin(?P<bin>\d{1,9})[ ]?|\\'[0-9A-Fa-f]{2}|(?P<skip>\{\s*+\\\*\s*+\\[a-z]++)|"
    rb"\\[a-zA-Z]++-?\d*+[ ]?|(?P<open>\{)|(?P<close>\})|\\.|[^\\{}0-9A-Fa-f\s]++",
    re.DOTALL,
)
_EXPLOITED_CLASSES = re.compile(
    rb"(?i)equation\.[23]|\bole2link\b|otkloadr|mscomctllib|htmlfile|scriptletfile|\bscript:|word\.document\.8\.0\.\.|"
    rb"forms\.html|shockwaveflash|internetexplorer|\bstdole2?link"
)
_GROUP_OF_TEXT = re.compile(rb"\\(template|fldinst|objclass)\b")
_UNICODE = re.compile(r"\\u(-?\d{1,6})[ ]?\??|\\'([0-9a-fA-F]{2})|\\[a-zA-Z]+-?\d*[ ]?|\\\*|[{}\r\n]|\\([\\{}])")
_GROUP_BYTES = 4000
"""Of a template or an instruction that are read; a field in a field has its own turn."""
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one RTF document."""
    at = 0
    while found := _OBJECT_DATA.search(data, at):
        content, at = object_data(data, found.end(), notes)
        if found[0] == b"\\objdata":
            _object(content, notes)
    for group in _GROUP_OF_TEXT.finditer(data):
        raw = group_at(data, group.end())
        notes.budget.step(5 + len(raw) // 20)
        _text_group(group[1], _UNICODE.sub(_unescape, raw.decode("cp1252", "replace")), notes)
    if b"\\objautlink" in data or b"\\objupdate" in data:
        notes.trait(Trait.EMBEDDED_OBJECT)
        notes.say("an object that updates itself when the document opens")


def object_data(data: bytes, at: int, notes: Notes) -> tuple[bytes, int]:
    """What an \\objdata group holds, decoded, and where it ends."""
    digits: list[bytes] = []
    depth, skipped = 0, -1
    while found := _TOKEN.match(data, at):
        notes.budget.step()
        at = found.end()
        group = found.lastgroup
        if group == "hex" and skipped < 0:
            digits.append(found[0])
        elif group == "bin":
            raw = data[at : at + int(found["bin"])]
            digits.append(raw.hex().encode())
            at += len(raw)
        elif group in ("open", "skip"):
            depth += 1
            skipped = depth if group == "skip" and skipped < 0 else skipped
        elif group == "close":
            skipped = -1 if depth == skipped else skipped
            depth -= 1
            if depth < 0:
                break
    return _from_hex(b"".join(digits), notes), at


def _from_hex(digits: bytes, notes: Notes) -> bytes:
    packed = digits.translate(None, b" \t\r\n\x0b\x0c")
    notes.budget.spend(len(packed))
    return bytes.fromhex(packed[: len(packed) & ~1].decode("ascii"))


def _object(content: bytes, notes: Notes) -> None:
    """An OLE 1 object ([MS-OLEDS] 2.2.5), or what is left of one: its parts are found by what they look like."""
    notes.trait(Trait.EMBEDDED_OBJECT)
    if found := _EXPLOITED_CLASSES.search(content[:4096]):
        notes.trait(Trait.EXPLOIT_OBJECT)
        notes.say(found[0].decode("latin-1"))
    compound = content.find(_OLE_MAGIC)
    if compound >= 0:
        office.look(content[compound:], notes, "ole")
        notes.embed("", content[compound:])
        return
    native = _native(content)
    if native:
        objects.unpack(len(native).to_bytes(4, "little") + native, notes)
    elif content:
        objects.embed("", _own_data(content), notes)


_PACKAGE = re.compile(rb"\x02\0[^\0]{1,260}\0[^\0]{1,260}\0")


def _native(content: bytes) -> bytes:
    """The data of a package behind its header; empty where there is none."""
    found = _PACKAGE.search(content, 0, 4096)
    return content[found.start() :] if found else b""


def _own_data(content: bytes) -> bytes:
    """Behind the head of an OLE 1 object ([MS-OLEDS] 2.2.4, 2.2.5): its class, topic and item, then its data."""
    at = 8
    for _ in range(3):
        at += 4 + int.from_bytes(content[at : at + 4], "little")
    size = int.from_bytes(content[at : at + 4], "little")
    is_whole = content[4:8] == b"\x02\0\0\0" and 0 < size <= len(content) - at - 4
    return content[at + 4 : at + 4 + size] if is_whole else content


# ── text in groups ──


def group_at(data: bytes, at: int) -> bytes:
    """The rest of the group around this place, from here on."""
    depth, piece = 0, data[at : at + _GROUP_BYTES]
    for brace in re.finditer(rb"[{}]", piece):
        depth += 1 if brace[0] == b"{" else -1
        if depth < 0:
            return piece[: brace.start()]
    return piece


def _unescape(found: re.Match[str]) -> str:
    number, octet, literal = found.groups()
    if number:
        code = int(number) % 65536
        return chr(code) if not 0xD800 <= code < 0xE000 else ""
    if octet:
        return bytes([int(octet, 16)]).decode("cp1252", "replace")
    return literal or ""


def _text_group(word: bytes, text: str, notes: Notes) -> None:
    text = text.strip()
    if word == b"template" and is_outside(text):
        notes.trait(Trait.REMOTE_TEMPLATE)
        notes.say(f"template {text}")
    elif word == b"fldinst":
        judge_instruction(text, notes)
    elif word == b"objclass" and text:
        notes.trait(Trait.EMBEDDED_OBJECT)
        notes.say(f"an object of class {text}")
        if _EXPLOITED_CLASSES.search(text.encode()):
            notes.trait(Trait.EXPLOIT_OBJECT)
