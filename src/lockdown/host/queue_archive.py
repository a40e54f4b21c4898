"""Archives of what is taken out of a queue: one `tar.gz` of its files, octet for octet, that anybody's tar can read.

Fails as: OSError where it cannot be written, is not on the disk, or does not read back as what was put into it: then
nothing may be deleted. `OperatorError` where it is not what was archived any more.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from gzip import BadGzipFile, GzipFile
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol, cast

from lockdown.model.errors import OperatorError

_AT_A_TIME = 1 << 18
_RESERVE = 16 * 1024 * 1024
"""So much room is left on the disk of the archive."""


class _Readable(Protocol):
    def read(self, most: int, /) -> bytes: ...


class _Summing:
    """Writes on, and sums up what it was told."""

    def __init__(self, to: GzipFile) -> None:
        self.to: GzipFile | None = to
        """None: it is over, and nothing is written any more."""
        self.sum = sha256()

    def write(self, octets: bytes) -> int:
        """All of it."""
        self.sum.update(octets)
        return self.to.write(octets) if self.to else len(octets)


class Archive:
    """A new one that only we may read; with an error on the way, it is none."""

    def __init__(self, to: Path) -> None:
        self._place = to
        handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(handle, "wb")
        # Level 1: four times as fast as 6, and a flood repeats itself anyway.
        self._packed = GzipFile(fileobj=self._file, mode="wb", compresslevel=1, mtime=0)
        self._told = _Summing(self._packed)
        self._tar = tarfile.open(  # noqa: SIM115
            fileobj=cast(IO[bytes], self._told), mode="w|", bufsize=_AT_A_TIME, format=tarfile.GNU_FORMAT
        )

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        # Whatever is not sealed is thrown away: on a full disk the buffers would fail once more, and for nothing.
        self._told.to = None
        with suppress(OSError):
            self._file.close()

    def add(self, name: str, octets: bytes, mtime: float) -> None:
        """A file more."""
        about = tarfile.TarInfo(name)
        about.size, about.mtime, about.mode = len(octets), int(mtime), 0o700
        self._tar.addfile(about, BytesIO(octets))

    def seal(self) -> str:
        """On the disk, read back whole; its digest. What is deleted after this can be put back."""
        self._tar.close()
        self._packed.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        _sync_folder(self._place.parent)
        if not self._reads_back():
            raise OSError(0, "it does not read back as it was written")
        return _digest(self._place)

    def _reads_back(self) -> bool:
        try:
            with GzipFile(self._place) as back:
                return _sum(back) == self._told.sum.hexdigest()
        except (EOFError, BadGzipFile, zlib.error):
            return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sum(of: _Readable) -> str:
    summed = sha256()
    while piece := of.read(1 << 20):
        summed.update(piece)
    return summed.hexdigest()


def _digest(archive: Path) -> str:
    with archive.open("rb") as opened:
        return _sum(opened)


def members(archive: Path, digest: str) -> Iterator[tuple[str, bytes, float]]:
    """Name, octets and time of each file, of an archive that is what was archived."""
    try:
        if _digest(archive) != digest:
            raise OSError(0, "it is not what was archived")
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                if member.isfile() and (opened := tar.extractfile(member)):
                    yield member.name, opened.read(), member.mtime
    except (OSError, tarfile.TarError, EOFError) as error:
        raise OperatorError(
            "archive-unread",
            what="The archive cannot be put back.",
            why=f"{archive}: {error}",
            try_this=f"tar -tzf {archive} | head",
        ) from None


def room_for(octets: int, folder: Path) -> str:
    """Why an archive of so much will not fit; empty where it will. Mail compresses, but nobody knows how well."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if octets + _RESERVE <= free:
        return ""
    return f"{octets} octets would be archived, and {free} are free on the disk of {folder}"
