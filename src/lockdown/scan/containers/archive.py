"""Archives through libarchive: 7z, rar, tar, cab, iso, cpio, lha, xar, rpm …, and streams Python has no decoder for.

Each is opened as what it is and as nothing else, so that libarchive tries one format and never a filter that would
start a program (lrzip, grzip, lzop). In memory only: nothing is ever written.
Fails as: a `Flaw` for what is encrypted, damaged, or compressed by an unsupported method; members before it are given.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lockdown.model.scan import Trait
from lockdown.scan.containers.member import Allowance, Flaw, Member, Opened, Opener, damaged
from lockdown.scan.containers.stream import inner_name

if TYPE_CHECKING:
    from libarchive.exception import ArchiveError  # type: ignore[import-untyped]

BLOCK = 256 * 1024
COMPLAINTS_LIMIT = 100
"""Members that libarchive complains of before the rest is given up: a damaged archive can have no end."""
FATAL = -30
"""ARCHIVE_FATAL: nothing more comes out of this archive."""


class _Way(NamedTuple):
    """How libarchive is asked: its format, one filter, and whether what comes out is one file without a name."""

    format: str
    filter: str = "none"
    single: bool = False


WAYS: Mapping[str, _Way] = {
    "7z": _Way("7zip"),
    "rar4": _Way("rar"),
    "rar5": _Way("rar5"),
    "tar": _Way("tar"),
    "cab": _Way("cab"),
    "iso": _Way("iso9660"),
    "cpio": _Way("cpio"),
    "ar": _Way("ar"),
    "deb": _Way("ar"),
    "lha": _Way("lha"),
    "xar": _Way("xar"),
    "rpm": _Way("cpio", "rpm"),
    "zip": _Way("zip_seekable"),
    "zstd": _Way("raw", "zstd", single=True),
    "lz4": _Way("raw", "lz4", single=True),
    "lzip": _Way("raw", "lzip", single=True),
    "compress": _Way("raw", "compress", single=True),
}
"""By the kind of the file."""


def archive_opener(kind: str) -> Opener:
    """Who opens archives of this kind."""
    way = WAYS[kind]

    def opener(data: bytes, name: str, allowance: Allowance) -> Opened:
        return _open(data, name, way, allowance)

    return opener


def _open(data: bytes, name: str, way: _Way, allowance: Allowance) -> Opened:
    import libarchive  # type: ignore[import-untyped]
    from libarchive.exception import ArchiveError

    try:
        with libarchive.memory_reader(data, way.format, way.filter) as archive:
            yield from _members(archive, inner_name(name) if way.single else "", allowance)
    except ArchiveError as error:
        yield _flaw(error)


def _members(archive: Any, only_name: str, allowance: Allowance) -> Opened:
    from libarchive.exception import ArchiveError

    for _ in range(COMPLAINTS_LIMIT):
        try:
            for entry in archive:
                if entry.isreg:
                    allowance.take_member()
                    yield from _content(archive, entry, only_name or _name(entry), allowance)
            return
        except ArchiveError as error:
            yield _flaw(error)
            if error.retcode == FATAL:
                return
    yield damaged(f"more than {COMPLAINTS_LIMIT} damaged members")


def _content(archive: Any, entry: Any, name: str, allowance: Allowance) -> Opened:
    """A member, or as much of it as comes out before an error."""
    from libarchive import ffi
    from libarchive.exception import ArchiveError

    if ffi.libarchive.archive_entry_is_encrypted(ctypes.c_void_p(entry._entry_p)):
        yield Flaw("encrypted", name, entry.size or 0, Trait.ENCRYPTED)
        return
    pieces: list[bytes] = []
    flaw = None
    try:
        for block in entry.get_blocks(BLOCK):
            allowance.take(len(block))
            pieces.append(block)
    except ArchiveError as error:
        flaw = _flaw(error, name)
    if pieces or flaw is None:
        yield Member(name, b"".join(pieces))
    if flaw is not None:
        yield flaw


def _name(entry: Any) -> str:
    path = entry.pathname
    if isinstance(path, bytes):
        return path.decode("latin-1")
    return (path or "").encode("utf-8", "replace").decode()


def _flaw(error: ArchiveError, name: str = "") -> Flaw:
    says = str(error.msg or "damaged or cut off")
    if "ncrypt" in says or "assphrase" in says:
        return Flaw("encrypted", name, trait=Trait.ENCRYPTED if name else Trait.ENCRYPTED_NAMES)
    if "nsupported" in says:
        return Flaw(f"no builtin reader: {says}", name)
    return damaged(says, name)
