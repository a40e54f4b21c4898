"""The journal of one apply: what is intended, each deed before and after it is done, how the machine was before.

A folder for each apply: `journal.jsonl`, one line for each entry, on the disk when `append` returns; and `images/`, the
files as they were and as they are to be. Whoever can write there can have root put any file anywhere, so what does not
belong to the reader alone is not read.

Fails as: a torn last line is what a crash leaves, and is passed over; anything else that cannot be read is a `problem`
in words, and nothing is guessed from the rest. OSError when it cannot be written: then the deed must not be done.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockdown.host.change.files import FileImage
from lockdown.model.errors import OperatorError

FILE, IMAGES = "journal.jsonl", "images"
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
        folder.mkdir(mode=0o700)
        (folder / IMAGES).mkdir(mode=0o700)
        _sync_folder(folder)
        _sync_folder(folder.parent)
        return cls(folder)

    @property
    def id(self) -> str:
        return self.folder.name

    # ── writing ──

    def append(self, event: str, **fields: Any) -> None:
        """One entry, on the disk when this returns."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "event": event, **fields}, ensure_ascii=False)
        file = self.folder / FILE
        is_new = not file.exists()
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _cut_torn_line(handle)
            _write_all(handle, line.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _sync_folder(self.folder)

    def keep(self, name: str, image: FileImage) -> dict[str, Any]:
        """Keep an image beside the journal; what to write into an entry so that `image` finds it again."""
        about: dict[str, Any] = {"path": image.path, "mode": image.mode, "uid": image.uid, "gid": image.gid}
        if image.link is not None:
            about["link"] = image.link
        if image.octets is None:
            return about
        handle = os.open(self.folder / IMAGES / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_all(handle, image.octets)
            os.fsync(handle)
        finally:
            os.close(handle)
        return {**about, "file": name, "sha256": hashlib.sha256(image.octets).hexdigest()}

    def seal_images(self) -> None:
        """All images are on the disk, their names too."""
        _sync_folder(self.folder / IMAGES)

    # ── reading ──

    def read(self) -> Written:
        """Every entry. Never raises."""
        if why := not_ours(self.folder.parent) or not_ours(self.folder) or not_ours(self.folder / FILE):
            return Written((), why)
        try:
            octets = _read(self.folder / FILE, MOST_BYTES)
        except OSError as error:
            return Written((), f"{self.folder / FILE}: {error.strerror or error}")
        return entries_of(octets)

    def image(self, about: Mapping[str, Any]) -> FileImage:
        """An image as it was kept; ValueError where it is not what was kept."""
        octets, name = None, about.get("file")
        if name is not None:
            if not isinstance(name, str) or "/" in name or name.startswith("."):
                raise ValueError(f"{name!r} is not the name of an image")
            octets = _read(self.folder / IMAGES / name)
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


def _cut_torn_line(handle: int) -> None:
    """What a crash has left unfinished was never promised; it must not take the next line with it."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)


def journals(folder: Path) -> tuple[Journal, ...]:
    """All there are, the newest first. Nothing else lies in that folder but a lock."""
    with suppress(FileNotFoundError, NotADirectoryError):
        found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return tuple(Journal(path) for path in sorted(found, reverse=True))
    return ()


def not_ours(path: Path) -> str:
    """Why what lies there may have been written by somebody else; empty: it is only ours."""
    try:
        about = path.lstat()
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    if stat.S_ISLNK(about.st_mode):
        return f"{path} is a link"
    if about.st_uid not in (0, os.geteuid()) or about.st_mode & 0o022:
        return f"{path} can be written by others"
    return ""


def _read(path: Path, most: int = -1) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(0, "it is not a regular file")
        return opened.read(most)


def _write_all(handle: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(handle, octets) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
