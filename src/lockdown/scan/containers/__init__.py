"""Containers of files: what is in them, member by member, within what one message may cost.

`openers(kind, data)` says by whom a file is opened; an opener yields `Member`s, and a `Flaw` for each thing that it
could not read. Only for reader processes: these are libraries in C on a stranger's octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lockdown.scan.containers.archive import WAYS, archive_opener
from lockdown.scan.containers.compound import MAGIC, open_compound, open_installer, open_outlook_message
from lockdown.scan.containers.encoded import open_binhex, open_calendar, open_tnef, open_uuencode, open_yenc
from lockdown.scan.containers.mail import open_apple_mail, open_cms, open_mail, open_mailbox, open_pgp
from lockdown.scan.containers.member import Opener
from lockdown.scan.containers.pdf_streams import open_pdf
from lockdown.scan.containers.stream import open_activemime, open_bzip2, open_gzip, open_lzma
from lockdown.scan.containers.szdd import open_szdd
from lockdown.scan.containers.zip_directory import LOCAL, ends_as_zip
from lockdown.scan.containers.zipped import open_package, open_zip

OPENS: Mapping[str, Opener] = {
    **{kind: archive_opener(kind) for kind in WAYS},
    "zip": open_zip,
    "gzip": open_gzip,
    "svgz": open_gzip,
    "bzip2": open_bzip2,
    "xz": open_lzma,
    "lzma": open_lzma,
    "szdd": open_szdd,
    "activemime": open_activemime,
    "uuencode": open_uuencode,
    "yenc": open_yenc,
    "binhex": open_binhex,
    "tnef": open_tnef,
    "ics": open_calendar,
    "vcard": open_calendar,
    "msi": open_installer,
    "msg": open_outlook_message,
    "eml": open_mail,
    "mht": open_mail,
    "mbox": open_mailbox,
    "emlx": open_apple_mail,
    "pkcs7": open_cms,
    "pgp": open_pgp,
    "pdf": open_pdf,
}
"""By the kind of the file. Whatever is a ZIP or a compound file within is opened as well, be its kind what it may."""

UNOPENED = frozenset(
    {
        "arj", "ace", "zoo", "arc", "alz", "egg", "installshield-cab", "stuffit", "lzop", "lrzip", "brotli",
        "macbinary", "dmg", "wim", "squashfs", "ext", "img", "vhd", "vhdx", "vmdk", "qcow", "vdi", "udf", "chm",
        "pst", "sis", "hlp", "access", "warc",
    }
)  # fmt: skip
"""Kinds that have files in them, and no builtin reader: each is told as unread."""

STREAMS = frozenset({"gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "lzip", "compress"})
"""Kinds that have exactly one file in them, most often an archive."""
NOT_SEARCHED = frozenset({"text", "html", "ics", "vcard", "empty", "tar", "cpio", "ar", "eml", "mbox", "zip"})
"""Kinds in which no second container is looked for: text, and what has its members in the open."""
_SECONDS: Mapping[bytes, Opener] = {
    b"Rar!\x1a\x07\x00": OPENS["rar4"],
    b"Rar!\x1a\x07\x01\x00": OPENS["rar5"],
    b"7z\xbc\xaf\x27\x1c\x00": OPENS["7z"],
    b"MSCF\x00\x00\x00\x00": OPENS["cab"],
    MAGIC: open_installer,
}
"""What can begin anywhere, because it says of itself where it is."""
SECONDS_LIMIT = 8


_VOLUME = re.compile(r"(?:[rz]\d\d|part\d+|\d{3})")
_ARCHIVE_NAMES = frozenset(
    {
        "zip", "zipx", "7z", "rar", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "lzma", "zst", "lz4", "lz", "z",
        "cab", "arj", "ace", "lha", "lzh", "cpio", "xar", "iso", "udf", "vhd", "vhdx", "dmg", "wim", "uue", "hqx",
    }
)  # fmt: skip


def why_unopened(kind: str, last: str) -> str:
    """Why a file of this kind, with this extension, keeps files from us; "" where it does not."""
    if kind in UNOPENED:
        return f"no builtin reader for {kind}"
    if kind == "unknown" and last in _ARCHIVE_NAMES:
        return f"named .{last}, and not to be read as one"
    if kind == "unknown" and _VOLUME.fullmatch(last):
        return "a piece of an archive, of which the others are elsewhere"
    return ""


class Way(NamedTuple):
    """One way to open a file: by somebody, from an octet on."""

    opener: Opener
    start: int = 0
    by_chance: bool = False
    """The sign of a container stands there in any case: programs that unpack know it, compound files are in pieces."""


def ways_to_open(kind: str, data: bytes) -> Iterator[Way]:
    """All of them: a file can be two containers at once, and its receiver's program may see the other one."""
    if data[:4] == LOCAL:
        yield Way(open_zip if kind in ("zip", "unknown") else open_package)
    elif data[:8] == MAGIC:
        yield Way(OPENS[kind] if kind in ("msi", "msg") else open_compound)
    elif kind in OPENS:
        yield Way(OPENS[kind])
    if kind not in NOT_SEARCHED and data[:4] != LOCAL:
        yield from _seconds(data, by_chance=data[:2] == b"MZ" or data[:8] == MAGIC)


def _seconds(data: bytes, *, by_chance: bool) -> Iterator[Way]:
    """What is appended to a program that unpacks itself, or to a picture that is more than one."""
    if ends_as_zip(data):
        yield Way(open_zip, 0, by_chance)
    # One search for each: at the speed of memory, where one pattern for all would look at every octet.
    for sign, opener in _SECONDS.items():
        at = 0
        for _ in range(SECONDS_LIMIT):
            at = data.find(sign, at + 1)
            if at < 0:
                break
            if opener is not OPENS["cab"] or data[at + 12 : at + 16] == bytes(4):
                yield Way(opener, at, by_chance)
