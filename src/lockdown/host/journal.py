"""The journal of one apply: what is intended, each deed before and after it is done, how the machine was before.

A folder for each apply: `journal.jsonl`, one line for each entry, on the disk when `append` returns; and `images/`, the
files as they were and as they are to be. Whoever can write there can have root put any file anywhere, so what does not
belong to the reader alone is not read. The folder above may be another's, who can exchange what lies in it at any
moment: so folders are opened first, looked at then, and everything is reached through what is open.

Fails as: a torn last line is what a crash leaves, and is passed over; anything else that cannot be read is a `problem`
in words, and nothing is guessed from the rest. OSError when it cannot be written: then the deed must not be done.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockdown.host.change.files import FileImage
from lockdown.model.errors import OperatorError

FILE, IMAGES, RESERVE = "journal.jsonl", "images", "room-for-an-undo"
_RESERVE_BYTES = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_BYTES = 64 * 1024 * 1024
"""Of a journal; a longer one is none of ours."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when, what, and whatever belongs to it."""

    at: datetime
    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in a journal. With a `problem`, the entries are those before it."""

    entries: tuple[Entry, ...]
    problem: str = ""

    def last(self, *events: str) -> Entry | None:
        """The newest entry that is one of these."""
        return next((entry for entry in reversed(self.entries) if entry.event in events), None)


class Journal:
    """The journal in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def begin(cls, folder: Path) -> Journal:
        """A new one; its folder must not exist yet, the one above is made if need be."""
        if not folder.parent.exists():
            folder.parent.mkdir(mode=0o700)
            _sync_folder(folder.parent.parent)
        if why := not_ours(folder.parent):
            raise OperatorError(
                "journal-not-ours",
                what="nothing is changed",
                why=f"{why}, so what is written there could be forged",
                try_this=f"ls -ld {folder.parent}     (move it away, or run as its owner)",
            )
        with opened_folder(folder.parent) as above:
            os.mkdir(folder.name, 0o700, dir_fd=above)
            with _inside(folder.name, above) as inside:
                os.mkdir(IMAGES, 0o700, dir_fd=inside)
                # On a full disk an undo must be written down all the same: this gives way to it.
                _write_file(RESERVE, os.urandom(_RESERVE_BYTES), inside)
                os.fsync(inside)
            os.fsync(above)
        return cls(folder)

    @property
    def id(self) -> str:
        return self.folder.name

    # ── writing ──

    def append(self, event: str, **fields: Any) -> None:
        """One entry, on the disk when this returns."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "event": event, **fields}, ensure_ascii=False)
        with self._open() as inside:
            try:
                _append(inside, line.encode() + b"\n")
            except OSError as error:
                if error.errno not in _FULL or not _give_way(inside):
                    raise
                _append(inside, line.encode() + b"\n")

    @contextmanager
    def _open(self) -> Iterator[int]:
        with opened_folder(self.folder.parent) as above, _inside(self.folder.name, above) as inside:
            yield inside

    def keep(self, name: str, image: FileImage) -> dict[str, Any]:
        """Keep an image beside the journal; what to write into an entry so that `image` finds it again."""
        about: dict[str, Any] = {"path": image.path, "mode": image.mode, "uid": image.uid, "gid": image.gid}
        if image.link is not None:
            about["link"] = image.link
        if image.octets is None:
            return about
        with self._open() as inside, _inside(IMAGES, inside) as images:
            _write_file(name, image.octets, images)
        return {**about, "file": name, "sha256": hashlib.sha256(image.octets).hexdigest()}

    def seal_images(self) -> None:
        """All images are on the disk, their names too."""
        with self._open() as inside, _inside(IMAGES, inside) as images:
            os.fsync(images)

    # ── reading ──

    def read(self) -> Written:
        """Every entry. Never raises."""
        if why := not_ours(self.folder.parent) or not_ours(self.folder) or not_ours(self.folder / FILE):
            return Written((), why)
        try:
            with self._open() as inside:
                octets = _read(FILE, inside, MOST_BYTES)
        except OSError as error:
            return Written((), f"{self.folder / FILE}: {error.strerror or error}")
        return entries_of(octets)

    def image(self, about: Mapping[str, Any]) -> FileImage:
        """An image as it was kept; ValueError where it is not what was kept."""
        octets, name = None, about.get("file")
        if name is not None:
            if not isinstance(name, str) or "/" in name or name.startswith("."):
                raise ValueError(f"{name!r} is not the name of an image")
            with self._open() as inside, _inside(IMAGES, inside) as images:
                octets = _read(name, images)
            if hashlib.sha256(octets).hexdigest() != about.get("sha256"):
                raise ValueError(f"the image {name} is not what was kept")
        path, link = about["path"], about.get("link")
        if not isinstance(path, str) or not path.startswith("/"):
            raise ValueError(f"{path!r} is not the path of a file")
        return FileImage(path, octets, int(about["mode"]), int(about["uid"]), int(about["gid"]), link)


def entries_of(octets: bytes) -> Written:
    """The entries of a journal's text; what stands behind the last line end was never finished. Never raises."""
    entries: list[Entry] = []
    for number, line in enumerate(octets.split(b"\n")[:-1], start=1):
        try:
            entries.append(_entry(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return Written(tuple(entries), f"line {number} of the journal cannot be read: {type(error).__name__}")
    return Written(tuple(entries))


def _entry(line: bytes) -> Entry:
    fields = dict(json.loads(line))
    at, event = datetime.fromisoformat(fields.pop("at")), fields.pop("event")
    if at.tzinfo is None or not isinstance(event, str):
        raise ValueError("no entry")
    return Entry(at, event, fields)


def _give_way(folder: int) -> bool:
    """Free the room that was kept; False where it is used already."""
    try:
        os.unlink(RESERVE, dir_fd=folder)
    except FileNotFoundError:
        return False
    os.fsync(folder)
    return True


def _append(folder: int, line: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(FILE, flags, 0o600, dir_fd=folder)
    try:
        is_new = os.fstat(handle).st_size == 0
        _cut_torn_line(handle)
        _write_all(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        os.fsync(folder)


def _cut_torn_line(handle: int) -> None:
    """What a crash has left unfinished was never promised; it must not take the next line with it."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)


def journals(folder: Path) -> tuple[Journal, ...]:
    """All there are, the newest first. Nothing else lies in that folder but a lock."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except PermissionError:
        raise OperatorError(
            "journals-not-readable", what="what was changed on this machine cannot be told",
            why=f"{folder} is for whoever changes it", try_this="the same with sudo",
        ) from None  # fmt: skip
    return tuple(Journal(path) for path in sorted(found, reverse=True))


def not_ours(path: Path) -> str:
    """Why what lies there may have been written by somebody else; empty: it is only ours."""
    try:
        about = path.lstat()
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    if stat.S_ISLNK(about.st_mode):
        return f"{path} is a link"
    return f"{path} can be written by others" if _is_of_others(about) else ""


def _is_of_others(about: os.stat_result) -> bool:
    return about.st_uid not in (0, os.geteuid()) or bool(about.st_mode & 0o022)


@contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """A folder that is only ours, open; OSError where it is not, or a link. The path up to it may be anybody's."""
    with _inside(str(path), None) as handle:
        yield handle


@contextmanager
def _inside(name: str, above: int | None) -> Iterator[int]:
    handle = os.open(name, _FOLDER, dir_fd=above)
    try:
        if _is_of_others(os.fstat(handle)):
            raise PermissionError(errno.EPERM, f"{name} can be written by others")
        yield handle
    finally:
        os.close(handle)


def open_beside(folder: Path, name: str) -> int:
    """A file beside a journal, to be added to; whoever opens it closes it."""
    with opened_folder(folder.parent) as above, _inside(folder.name, above) as inside:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=inside)


def _read(name: str, folder: int, most: int = -1) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as opened:
        about = os.fstat(opened.fileno())
        if not stat.S_ISREG(about.st_mode) or _is_of_others(about):
            raise OSError(0, f"{name} is not a regular file of ours")
        return opened.read(most)


def _write_file(name: str, octets: bytes, folder: int) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        _write_all(handle, octets)
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(handle: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(handle, octets) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
