"""The octets of held messages, one file each, and the sweep that makes files and rows agree after a crash.

A file is written aside in `tmp/`, fsynced, renamed to `AB/ABCDEFGH….eml`, and then both directories are fsynced, so
that neither its content nor its name can be lost. Only then may the row be committed, and only then may anyone
hear 250.

Fails as: OSError for what the disk refuses (never swallowed: no durable copy, no 250), OperatorError when the folders
cannot be made.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from lockdown.model.held import HeldMessage
from lockdown.state.layout import make_folder

if TYPE_CHECKING:
    from lockdown.state.store import Store

ORPHANS_KEPT = timedelta(days=7)
SETTLING = timedelta(minutes=15)
_PIECE_BYTES = 1 << 20
_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@runtime_checkable
class Readable(Protocol):
    """A binary file, as far as it matters here."""

    def read(self, size: int, /) -> bytes:
        """The next octets; none at the end."""


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """A file that is on the disk, its name included."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found and did."""

    missing: tuple[str, ...]
    """Rows whose file is not there: octets that we have promised to keep and do not have."""
    orphaned: tuple[str, ...]
    """Files without a row, set aside: the crash came before the commit, so the sender heard no 250 and still has it."""
    removed: int
    """Leftovers of interrupted writes, and orphans past their age."""


class Spool:
    """The folder that holds them; `tmp/` and `orphans/` lie in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = make_folder(Path(directory))
        self._tmp, self._orphans = make_folder(self.directory / "tmp"), make_folder(self.directory / "orphans")

    def write(self, source: Iterable[bytes] | Readable, id: str) -> HeldBytes:
        """Keep these octets under this id. When this returns, file and names are on the disk; OSError otherwise.

        A binary file is read from where it stands. An id that is there already is refused, never overwritten.
        """
        path, aside = self._path(id), self._tmp / f"{id}.{os.getpid()}"
        if path.exists():
            raise FileExistsError(errno.EEXIST, "this id is held already", str(path))
        try:
            size, digest = _write_durably(aside, _pieces(source))
            path.parent.mkdir(mode=0o700, exist_ok=True)
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        # The name lies in the one, the folder's own name in the other.
        fsync_folder(path.parent)
        fsync_folder(self.directory)
        return HeldBytes(path, size, digest)

    def open(self, id: str) -> BinaryIO:
        """The octets, to be read; FileNotFoundError when they are not there."""
        return self._path(id).open("rb")

    def remove(self, id: str) -> bool:
        """Away with them; False when they were not there. The row must say first why they are gone."""
        try:
            self._path(id).unlink()
        except FileNotFoundError:
            return False
        return True

    def sweep(self, known_ids: Collection[str], now: datetime) -> SweepReport:
        """Make folder and rows agree again; `known_ids` are the rows that are held, read before this.

        Files younger than SETTLING are left alone: their row may be on its way.
        """
        files = {path.stem: path for path in self.directory.glob("??/*.eml")}
        settled = (now - SETTLING).timestamp()
        orphaned = [id for id, path in files.items() if id not in known_ids and _written(path) < settled]
        for id in orphaned:
            files[id].replace(self._orphans / files[id].name)
            # It is kept from the day that it was found, not from the day that it was written.
            os.utime(self._orphans / files[id].name, (now.timestamp(), now.timestamp()))
        removed = _remove_older(self._tmp, settled) + _remove_older(self._orphans, (now - ORPHANS_KEPT).timestamp())
        return SweepReport(tuple(sorted(set(known_ids) - files.keys())), tuple(sorted(orphaned)), removed)

    def _path(self, id: str) -> Path:
        """Ids come from command lines too: one with a slash or dots names no file of ours."""
        if len(id) < 3 or not _ID_CHARACTERS.issuperset(id):
            raise ValueError(f"{id!r} is not the id of a message")
        return self.directory / id[:2] / f"{id}.eml"


def hold_durably(store: Store, spool: Spool, meta: HeldMessage, chunks: Iterable[bytes] | Readable) -> HeldMessage:
    """Hold a message so that 250 may be said: file fsync, then directory fsync, then the row is committed.

    Blocks for the disk. Anything raised means that nothing is held and 250 must not be said.
    """
    kept = spool.write(chunks, meta.id)
    try:
        return store.hold(replace(meta, size_bytes=kept.size_bytes, sha256=kept.sha256)).result()
    except BaseException:
        with suppress(OSError):  # the sweep will find it
            spool.remove(meta.id)
        raise


def reconcile(store: Store, spool: Spool, now: datetime) -> SweepReport:
    """The sweep at start; what is missing is marked so in its row."""
    report = spool.sweep(store.held_ids(), now)
    for marked in [store.bytes_missing(id, now) for id in report.missing]:
        marked.result()
    return report


def fsync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pieces(source: Iterable[bytes] | Readable) -> Iterable[bytes]:
    """A file would be iterated by lines."""
    if isinstance(source, Readable):
        return iter(partial(source.read, _PIECE_BYTES), b"")
    return source


def _write_durably(path: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    size, digest = 0, sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _written(path: Path) -> float:
    """When; a file that has just gone is as if new: somebody else takes care of it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _remove_older(folder: Path, before: float) -> int:
    old = [path for path in folder.iterdir() if _written(path) < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
