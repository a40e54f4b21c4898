"""Files in clothes of text (uuencode, yEnc, BinHex, calendars, contacts) and Outlook's TNEF, as files of their own.

The readers are those of messages. Fails as: a `Flaw` with their reason.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable

from lockdown.mime.binhex import binhex_files
from lockdown.mime.reader import read_message
from lockdown.mime.uudecode import Hidden, uuencoded_files
from lockdown.mime.yenc import yencoded_files
from lockdown.scan.containers.member import Allowance, Flaw, Member, Opened

_AS_TNEF = b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n\r\n"


_FOLD = re.compile(rb"\r?\n[ \t]")
_INLINE = re.compile(rb"BASE64|ENCODING=\"?B\b", re.IGNORECASE)
_VALUE = re.compile(rb"[:,]([A-Za-z0-9+/]{8,}+={0,2})[ \t\r]*+\Z")
_FILENAME = re.compile(rb"(?:FILENAME|X-LABEL)=\"?([^\";:\r\n]{1,255})", re.IGNORECASE)
_PROPERTY_HEAD = 4000
"""Octets at the start of a line in which its parameters are looked for."""


def open_calendar(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Files within the properties of a calendar (RFC 5545 3.8.1.1) or a contact (RFC 6350 6.2.4)."""
    for line in _FOLD.sub(b"", data).split(b"\n"):
        head = line[:_PROPERTY_HEAD]
        value = _VALUE.search(line) if _INLINE.search(head) else None
        if value is None:
            continue
        named = _FILENAME.search(head)
        packed = value[1].rstrip(b"=")
        packed = packed[: len(packed) - (len(packed) % 4 == 1)]
        content = binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))
        allowance.take_member()
        allowance.take(len(content))
        label = named[1].decode("utf-8", "replace") if named else head.partition(b";")[0].decode("latin-1")[:40].lower()
        yield Member(label, content, quiet=named is None)


def open_uuencode(data: bytes, name: str, allowance: Allowance) -> Opened:
    """All files that begin in it."""
    return _files(uuencoded_files(data), allowance)


def open_yenc(data: bytes, name: str, allowance: Allowance) -> Opened:
    """All files that begin in it."""
    return _files(yencoded_files(data), allowance)


def open_binhex(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Its forks."""
    return _files(binhex_files(data), allowance)


def open_tnef(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Its attachments and its body."""
    message = read_message(_AS_TNEF + data)
    for unread in message.unread:
        yield Flaw(unread.why, too_big=unread.too_big)
    for part in message.parts:
        if not part.is_container and "/" in part.path:
            allowance.take_member()
            content = part.data()
            allowance.take(len(content))
            yield Member(part.name or part.path.rpartition("/")[2], content)


def _files(found: Iterable[Hidden], allowance: Allowance) -> Opened:
    for file in found:
        if file.unread:
            yield Flaw(file.unread)
        if file.data:
            allowance.take_member()
            allowance.take(len(file.data))
            yield Member(file.name.decode("utf-8", "replace"), file.data)
