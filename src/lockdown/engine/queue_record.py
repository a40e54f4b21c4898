"""The record of each deed on the queue: a folder of its own with a journal, the messages by name, samples, the archive.

Below `STATE/queue`, root's own: whoever could write there, could have root release or delete what he likes.

Fails as: `OperatorError` where a deed is not there or its record cannot be read; nothing is done then.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lockdown.host.journal import Entry, Journal, journals, not_ours
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint

FOLDER = "queue"
"""Below the state directory."""
ARCHIVE, SAMPLES, MESSAGES, PROGRESS = "archive.tar.gz", "samples", "messages", "progress"
_ID = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]{1,3})?\Z")
_MOST_A_SECOND = 100


class State(StrEnum):
    """Where the messages of a deed are now."""

    HOLDING = "holding"
    """Begun, and not said to be done: cut off, or at work."""
    HELD = "held"
    DUE = "to-be-deleted"
    """Held, and a person has said that it is to be deleted: who keeps house does it."""
    RELEASED = "released"
    DELETING = "deleting"
    """Archived, and on the way out of the queue."""
    DELETED = "deleted"
    """Out of the queue; the archive can be put back."""
    EXPIRED = "expired"
    """The archive is gone too."""


_STATES = {
    "intended": State.HOLDING, "held": State.HELD, "due": State.DUE, "released": State.RELEASED,
    "archived": State.DELETING, "deleted": State.DELETED, "restored": State.HELD, "expired": State.EXPIRED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """One deed, as its journal tells it."""

    id: str
    state: State
    at: datetime
    since: datetime
    """Of its state."""
    server: str
    """postfix or exim."""
    what: str
    by: str
    why: str
    count: int
    octets: int
    digest: str
    """Of the archive; "" where there is none."""
    progress: str
    """How far what is under way has come, or why it does not go on; "" where nothing is."""
    entries: tuple[Entry, ...]


class Record:
    """The record of one deed."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self.folder, self.id = journal, journal.folder, journal.folder.name

    def append(self, event: str, **fields: Any) -> None:
        """One line more, on the disk when this returns."""
        self._journal.append(event, **fields)
        with suppress(OSError):
            (self.folder / PROGRESS).unlink()

    def write_messages(self, messages: Iterable[Fingerprint]) -> None:
        """Those that the deed is about from now on; whole on the disk before the old ones are gone."""
        fresh = self.folder / f"{MESSAGES}.new"
        with fresh.open("w", encoding="ascii") as file:
            file.writelines(f"{one.id} {one.arrived} {one.size} {one.sender}\n" for one in messages)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.folder / MESSAGES)

    def messages(self) -> list[Fingerprint]:
        """Those that the deed is about."""
        try:
            lines = (self.folder / MESSAGES).read_text(encoding="ascii").splitlines()
            return [_fingerprint(line) for line in lines]
        except (OSError, ValueError) as error:
            raise _unread(self.id, f"{self.folder / MESSAGES}: {error}") from None

    def keep_sample(self, id: str, octets: bytes) -> None:
        """A whole message, as evidence."""
        samples = self.folder / SAMPLES
        samples.mkdir(mode=0o700, exist_ok=True)
        (samples / f"{id}.eml").write_bytes(octets)

    def tell(self, progress: str) -> None:
        """How far it is: good to know, and no reason to fail. It does not outlast the next entry."""
        with suppress(OSError):
            (self.folder / PROGRESS).write_text(progress, encoding="utf-8")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time is at work on a deed; the lock ends with its process."""
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def samples(self) -> tuple[Path, ...]:
        """The files of those."""
        with suppress(OSError):
            return tuple(sorted((self.folder / SAMPLES).iterdir()))
        return ()

    @property
    def archive(self) -> Path:
        """Where the archive lies, or would."""
        return self.folder / ARCHIVE

    def deed(self) -> Deed:
        """As it stands."""
        written = self._journal.read()
        first = written.entries[0] if written.entries else None
        if written.problem or first is None or first.event != "intended":
            raise _unread(self.id, written.problem or "its journal says nothing")
        told = [entry for entry in written.entries if entry.event in _STATES]
        last = told[-1]
        archived = written.last("archived")
        count = next((entry.fields["count"] for entry in reversed(told) if "count" in entry.fields), 0)
        octets = next((entry.fields["octets"] for entry in reversed(told) if "octets" in entry.fields), 0)
        words = {name: str(first.fields.get(name, "")) for name in ("server", "what", "by", "why")}
        digest = str(archived.fields.get("digest", "")) if archived else ""
        return Deed(
            self.id, _STATES[last.event], first.at, last.at, **words, count=int(count), octets=int(octets),
            digest=digest, progress=self._progress(written.entries[-1]), entries=written.entries,
        )  # fmt: skip

    def _progress(self, last: Entry) -> str:
        with suppress(OSError):
            return (self.folder / PROGRESS).read_text(encoding="utf-8")[:200]
        return "" if last.event in _STATES else str(last.fields.get("said", ""))


def begin(directory: Path, now: datetime) -> Record:
    """A new record; its name is the time."""
    name = f"{now:%Y%m%d-%H%M%S}"
    for number in range(_MOST_A_SECOND):
        with suppress(FileExistsError):
            return Record(Journal.begin(directory / FOLDER / (f"{name}-{number}" if number else name)))
    raise OperatorError(
        "queue-busy", what="nothing is changed", why="a hundred deeds on the queue within one second",
        try_this="lockdown queue status     (lists them)",
    )  # fmt: skip


def records(directory: Path) -> Iterator[Record]:
    """All there are, the newest first; whatever else lies there is passed over."""
    for journal in journals(directory / FOLDER):
        if _ID.match(journal.folder.name):
            yield Record(journal)


def record(directory: Path, id: str) -> Record:
    """One by its id, or `last`."""
    if id == "last":
        newest = next(records(directory), None)
        if newest is None:
            raise _none(id)
        return newest
    if not _ID.match(id) or not (directory / FOLDER / id).is_dir():
        raise _none(id)
    return Record(Journal(directory / FOLDER / id))


def may_be_trusted(directory: Path) -> str:
    """Why the records may be forged; empty where they are ours, or there are none yet."""
    folder = directory / FOLDER
    return not_ours(folder) if folder.exists() else ""


def in_order(found: Sequence[Fingerprint]) -> list[Fingerprint]:
    """By arrival: what is shown of them is the same each time."""
    return sorted(found, key=lambda one: (one.arrived, one.id))


def _fingerprint(line: str) -> Fingerprint:
    id, arrived, size, sender = line.split(" ")
    return Fingerprint(id, int(arrived), int(size), sender)


def _none(id: str) -> OperatorError:
    return OperatorError(
        "no-deed", what=f"there is no deed {id} on the queue", why="nothing of that name was done here",
        try_this="lockdown queue status     (lists what was done)",
    )  # fmt: skip


def _unread(id: str, why: str) -> OperatorError:
    return OperatorError(
        "deed-unread", what=f"the deed {id} cannot be read, so nothing is done", why=why,
        try_this="lockdown doctor",
    )  # fmt: skip
