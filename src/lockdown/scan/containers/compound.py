"""Compound files (OLE2): the streams of installers, old Office documents and thumbnails; the attachments of .msg files.

After MS-CFB and MS-OXMSG. olefile reads the file; loops and sizes that cannot be are its errors and our flaws.
Fails as: a `Flaw` for a stream, or the whole, that is damaged.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockdown.scan.containers.member import Allowance, Flaw, Member, Opened, damaged

if TYPE_CHECKING:
    from olefile import OleFileIO  # type: ignore[import-untyped]

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ERRORS = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError, RecursionError,
          OverflowError, EOFError)  # fmt: skip
"""What olefile lets out for octets that cannot be right."""
NAME_BYTES = 4096
"""A name is not longer than a path."""
_MSI_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_ATTACHMENT = "__attach_version1.0_"
_EMBEDDED_MESSAGE = "__substg1.0_3701000D"
_FILE = "__substg1.0_37010102"
_NAMES = ("__substg1.0_3707", "__substg1.0_3704", "__substg1.0_3001")
"""PidTagAttachLongFilename, PidTagAttachFilename, PidTagDisplayName; then 001F (UTF-16) or 001E."""


def open_compound(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Every stream, as a piece that nobody sees."""
    return _open(data, allowance, names={}, quiet=True)


def open_installer(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Every stream of an installer package, under the name that its odd alphabet spells."""
    return _open(data, allowance, names={}, quiet=False)


def open_outlook_message(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The attachments of a .msg under their names; its other streams (bodies, properties) as pieces."""
    try:
        with _compound(data) as compound:
            names = dict(_attachments(compound))
    except ERRORS as error:
        yield damaged(_says(error))
        return
    yield from _open(data, allowance, names=names, quiet=True)


def _compound(data: bytes) -> OleFileIO:
    from olefile import OleFileIO

    return OleFileIO(io.BytesIO(data))


def _open(data: bytes, allowance: Allowance, *, names: dict[str, str], quiet: bool) -> Opened:
    try:
        with _compound(data) as compound:
            for path in compound.listdir():
                yield from _stream(compound, path, allowance, names, quiet)
            if compound.parsing_issues:
                yield damaged(str(compound.parsing_issues[0][1])[:200])
    except ERRORS as error:
        yield damaged(_says(error))


def _stream(compound: OleFileIO, path: list[str], allowance: Allowance, names: dict[str, str], quiet: bool) -> Opened:
    whole = "/".join(path)
    name = names.get(whole)
    if name is None and quiet:
        allowance.take_piece()
    else:
        allowance.take_member()
    try:
        size = compound.get_size(path)
        allowance.take(size)
        content = compound.openstream(path).read()
    except ERRORS as error:
        yield Flaw(_says(error), name or _spelled(whole))
        return
    yield Member(name or _spelled(whole), content, quiet and name is None)


def _attachments(compound: OleFileIO) -> Iterator[tuple[str, str]]:
    """Path of each attachment's content, and its name. Nested messages have theirs deeper, and are found as well."""
    for path in compound.listdir():
        if path[-1] == _FILE and len(path) > 1 and path[-2].startswith(_ATTACHMENT):
            yield "/".join(path), _attachment_name(compound, path[:-1])


def _attachment_name(compound: OleFileIO, folder: list[str]) -> str:
    for start in _NAMES:
        for suffix, charset in (("001F", "utf-16-le"), ("001E", "cp1252")):
            path = [*folder, start + suffix]
            if compound.exists(path) and compound.get_size(path) <= NAME_BYTES:
                return str(compound.openstream(path).read().decode(charset, "replace").rstrip("\0"))
    return folder[-1]


def _spelled(name: str) -> str:
    """MSI packs two letters of its alphabet into one character from U+3800 on."""
    letters = []
    for sign in name:
        code = ord(sign) - 0x3800
        if 0 <= code < 0x1000:
            letters.append(_MSI_LETTERS[code & 63] + _MSI_LETTERS[code >> 6])
        elif 0x1000 <= code < 0x1040:
            letters.append(_MSI_LETTERS[code - 0x1000])
        elif code != 0x1040:  # marks a table of the installer
            letters.append(sign if sign.isprintable() else "_")
    return "".join(letters)


def _says(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
