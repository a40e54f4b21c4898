"""What Outlook packs into winmail.dat (MS-OXTNEF): attached files, their names, and the body.

Fails as: Hidden.unread with the reason ("TNEF cut off", "too many TNEF attributes"). Never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from lockdown.mime.words import text_of

SIGNATURE = b"\x78\x9f\x3e\x22"
IN_BASE64 = b"eJ8+I"
MOST_ATTRIBUTES = 10_000
MOST_DEPTH = 8

_ATTRIBUTE = Struct("<BII")
_LONG = Struct("<I")
_PAIR = Struct("<HH")
_BODY, _TITLE, _DATA, _PROPERTIES, _MESSAGE_PROPERTIES, _NEXT_FILE = 0x800C, 0x8010, 0x800F, 0x9005, 0x9003, 0x9002
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _BINARY = 0x3707, 0x3704, 0x3001, 0x3701
_PLAIN, _RTF, _HTML = 0x1000, 0x1009, 0x1013
_BODIES = {_PLAIN: "text/plain", _RTF: "application/x-compressed-rtf", _HTML: "text/html"}
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = frozenset((0x0D, 0x1E, 0x1F, 0x102))
_OBJECT, _UNICODE, _MULTIPLE = 0x0D, 0x1F, 0x1000
_OBJECT_ID = 16
"""Octets of the GUID that stands before an embedded object."""


class Member(NamedTuple):
    """A file or body within; `content_type` is "" for a file."""

    name: str
    data: bytes
    content_type: str = ""
    unread: str = ""


class _File:
    """An attachment of which attributes are still coming."""

    def __init__(self) -> None:
        self.title = self.long_name = ""
        self.data: list[bytes] = []

    def members(self) -> Iterator[Member]:
        """One for each body of octets that claims to be it."""
        for data in dict.fromkeys(self.data):
            yield Member(self.long_name or self.title, data)


def tnef_members(octets: bytes, depth: int = 0) -> Iterator[Member]:
    """All files and bodies in it, those of embedded messages too."""
    if octets[:4] != SIGNATURE:
        yield Member("", b"", unread="TNEF without its signature")
        return
    at, file = 6, _File()
    for _ in range(MOST_ATTRIBUTES):
        if at + _ATTRIBUTE.size > len(octets):
            yield from _settled(file, depth)
            return
        _, kind, size = _ATTRIBUTE.unpack_from(octets, at)
        start = at + _ATTRIBUTE.size
        data = octets[start : start + size]
        if kind & 0xFFFF == _NEXT_FILE:
            yield from _settled(file, depth)
            file = _File()
        yield from _attribute(kind & 0xFFFF, data, file)
        if len(data) < size:
            yield Member("", b"", unread="TNEF cut off")
        at = start + size + 2
    yield from _settled(file, depth)
    yield Member("", b"", unread="too many TNEF attributes")


def _settled(file: _File, depth: int) -> Iterator[Member]:
    """The files of one attachment; an embedded message is opened."""
    for member in file.members():
        yield member
        if member.data[:4] == SIGNATURE:
            if depth < MOST_DEPTH:
                yield from tnef_members(member.data, depth + 1)
            else:
                yield Member(member.name, b"", unread="TNEF nested too deep")


def _attribute(kind: int, data: bytes, file: _File) -> Iterator[Member]:
    if kind == _TITLE:
        file.title = text_of(data.split(b"\0")[0])
    elif kind == _DATA:
        file.data.append(data)
    elif kind == _BODY:
        yield Member("", data.rstrip(b"\0"), "text/plain")
    elif kind == _PROPERTIES:
        for identity, form, value in _properties(data):
            _file_property(identity, form, value, file)
    elif kind == _MESSAGE_PROPERTIES:
        for identity, form, value in _properties(data):
            if identity in _BODIES and value:
                yield Member("", _text(form, value).encode() if identity == _PLAIN else value, _BODIES[identity])


def _file_property(identity: int, form: int, value: bytes, file: _File) -> None:
    if identity == _LONG_NAME:
        file.long_name = _text(form, value)
    elif identity in (_SHORT_NAME, _DISPLAY_NAME):
        file.title = file.title or _text(form, value)
    elif identity == _BINARY:
        file.data.append(value[_OBJECT_ID:] if form == _OBJECT else value)


def _text(form: int, value: bytes) -> str:
    text = value.decode("utf-16-le", "replace") if form == _UNICODE else text_of(value)
    return text.partition("\0")[0]


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Identity, form and first value of each MAPI property; the rest is left where one makes no sense."""
    at, size = 4, len(data)
    for _ in range(MOST_ATTRIBUTES):
        if at + 4 > size:
            return
        form, identity = _PAIR.unpack_from(data, at)
        at += 4
        if identity >= 0x8000:
            at = _past_name(data, at)
        form, several = form & ~_MULTIPLE, bool(form & _MULTIPLE)
        if form in _VARIABLE:
            value, at = _variable(data, at)
        elif form in _FIXED:
            times = _number(data, at) if several else 1
            at += 4 if several else 0
            value, at = data[at : at + _FIXED[form]], at + _FIXED[form] * times
        else:
            return
        yield identity, form, value


def _past_name(data: bytes, at: int) -> int:
    """Behind the GUID and the name or number of a named property."""
    named_by_text, number = _number(data, at + 16), _number(data, at + 20)
    return at + 24 + (-(-number // 4) * 4 if named_by_text else 0)


def _variable(data: bytes, at: int) -> tuple[bytes, int]:
    """The longest of some values of any length, each padded to four octets."""
    count, at = _number(data, at), at + 4
    longest = b""
    for _ in range(min(count, MOST_ATTRIBUTES)):
        if at + 4 > len(data):
            break
        length = _number(data, at)
        value = data[at + 4 : at + 4 + length]
        longest = max(longest, value, key=len)
        at += 4 + -(-length // 4) * 4
    return longest, at


def _number(data: bytes, at: int) -> int:
    return int(_LONG.unpack_from(data, at)[0]) if at + 4 <= len(data) else 0
