"""The hands on a queue of Postfix: read its files, put messages on hold, let them go, archive them, put them back.

What `postsuper -h` does is done here for messages that nobody is at work on, without a process for it: a rename from
deferred or incoming into hold. The queue manager expects that a file is gone when it comes for it. What is active, or
locked, is left to postsuper itself. A message is known again by its file's inode and by what stands in it, never by its
id alone. Root is needed, or the mail owner.

Fails as: `OperatorError` where the queue cannot be read at all; single messages that cannot be moved are counted, and
the first reason is said.
"""

# ruff: noqa: PTH102, PTH104, PTH108, PTH110, PTH116, PTH120, PTH123
# Plain paths: Path objects for tens of thousands of files would cost more than the renames.

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from lockdown.facts.queue_file import (
    NotWhole,
    fingerprint,
    first_reason,
    hashed_by,
    header_of,
    id_for_inode,
    inode_in,
    is_id,
    message,
    queued,
)
from lockdown.host.commands import run
from lockdown.host.queue_archive import Archive, members
from lockdown.host.side_by_side import in_two
from lockdown.mime.subject import subject_of
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint, Queued
from lockdown.model.unknown import Unknown

_BUSY = ("incoming", "active")
_NOT_HELD = (*_BUSY, "deferred")
QUEUES = (*_NOT_HELD, "hold")
_HEAD = 4096
_MOST_OCTETS = 16 * 1024 * 1024
"""So much of a file is read for its envelope; a message to tens of thousands of recipients has a few MiB."""
_READY = 0o700
"""Postfix sets the owner's execute bit when a file is whole."""
_ROUNDS = 3
_THREADS = 8
_SECONDS = 120.0
_LOGS = ("defer", "bounce", "trace")
_UNFINISHED = ".lockdown."
_AT_A_TIME = 1_000
"""So many more, and who asks is told."""
Takes: TypeAlias = Callable[[Queued], bool]
Tell: TypeAlias = Callable[[int], None]
"""Hears now and then how many are done."""


def untold(done: int) -> None:
    """For who does not ask."""


class Found(NamedTuple):
    """A message, and the file that it lay in."""

    message: Queued
    path: str
    inode: int
    changed: int
    """When the file was last changed or renamed, in nanoseconds: as long as it is the same, so is the message."""


@dataclass(slots=True)
class Outcome:
    """What became of each message of a deed."""

    done: list[Fingerprint] = field(default_factory=list)
    gone: int = 0
    """Delivered, deleted, or another message by now."""
    failed: int = 0
    why: str = ""
    """The first reason of those that failed."""

    def fail(self, why: str, count: int = 1) -> None:
        """So many were not moved."""
        self.failed += count
        self.why = self.why or why


def postfix_queue_here(config: str = "") -> PostfixQueue | Unknown:
    """The queue of the Postfix that is installed, as it is set."""
    with_config = ["-c", config] if config else []
    said = run(["postconf", *with_config, "-h", "queue_directory", "hash_queue_names", "hash_queue_depth"])
    if isinstance(said, Unknown):
        return said
    lines = said.splitlines()
    if len(lines) != 3 or not lines[0].startswith("/") or not lines[2].strip().isdigit():
        return Unknown(f"postconf said {said[:100]!r}")
    return PostfixQueue(Path(lines[0]), frozenset(lines[1].replace(",", " ").split()), int(lines[2]), config)


class PostfixQueue:
    """The queue below one directory."""

    kind = "postfix"

    def __init__(
        self,
        directory: Path,
        hashed: frozenset[str] = frozenset({"deferred", "defer"}),
        depth: int = 1,
        config: str = "",
    ) -> None:
        self.directory, self._hashed, self._depth, self._config = directory, hashed, depth, config
        self.unread = 0
        """Files of the last reading that are no queue files."""

    # ── reading ──

    def read(self, *, with_subject: bool = False, with_reason: bool = False) -> Iterator[Found]:
        """All messages, each once; one that is delivered meanwhile is passed over."""
        self.unread = 0
        self._may_be_read()
        seen: set[int] = set()
        # What goes from deferred to active while deferred is read, is met in active at last.
        for queue in (*QUEUES, *_BUSY):
            for path in _files(f"{self.directory}/{queue}"):
                found = self._read_one(path, queue, with_subject, with_reason)
                if found and found.inode not in seen:
                    seen.add(found.inode)
                    yield found

    def find(self, takes: Takes, *, with_subject: bool = False, with_reason: bool = False) -> list[Found]:
        """As `read`, those that are taken; a large queue by two processes at once."""
        self.unread = 0
        self._may_be_read()
        found: dict[int, Found] = {}
        for queue in (*QUEUES, *_BUSY):
            look = partial(self._look, queue, takes, with_subject, with_reason)
            for one in in_two(look, list(_files(f"{self.directory}/{queue}"))):
                if isinstance(one, int):
                    self.unread += one
                else:
                    found.setdefault(one.inode, one)
        return list(found.values())

    def _look(
        self, queue: str, takes: Takes, with_subject: bool, with_reason: bool, paths: Sequence[str]
    ) -> list[Found | int]:
        """Those of these files that are taken, and how many are no queue files."""
        before, self.unread = self.unread, 0
        read = (self._read_one(path, queue, with_subject, with_reason) for path in paths)
        found: list[Found | int] = [one for one in read if one and takes(one.message)]
        found.append(self.unread)
        self.unread = before
        return found

    def _may_be_read(self) -> None:
        try:
            os.close(os.open(self.directory / "deferred", os.O_RDONLY | os.O_DIRECTORY))
        except OSError as error:
            raise OperatorError(
                "queue-unread",
                what="The queue of Postfix could not be read.",
                why=f"{self.directory}/deferred: {error.strerror}",
                try_this="sudo lockdown queue …     (the same command)",
            ) from None

    def _read_one(self, path: str, queue: str, with_subject: bool, with_reason: bool) -> Found | None:
        id = path.rpartition("/")[2]
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            about = os.fstat(handle)
            if about.st_mode & 0o170777 != 0o100000 | _READY:
                return None  # not whole yet
            octets = os.read(handle, _HEAD)
            read = queued(octets, id, queue)
            if isinstance(read, NotWhole):
                octets = os.pread(handle, _MOST_OCTETS, 0)
                read = queued(octets, id, queue, is_whole=True)
        except OSError:
            read = None
        finally:
            os.close(handle)
        if not isinstance(read, tuple) or isinstance(read, NotWhole):
            self.unread += 1
            return None
        if with_subject:
            read = read._replace(subject=subject_of(header_of(octets)))
        if with_reason and queue in ("deferred", "hold"):
            read = read._replace(reason=self._reason(id))
        return Found(read, path, about.st_ino, about.st_ctime_ns)

    def _reason(self, id: str) -> str:
        with suppress(OSError), open(self._place("defer", id), "rb") as opened:
            return first_reason(opened.read(_HEAD))
        return ""

    def _place(self, queue: str, id: str) -> str:
        folders = "".join(f"{letter}/" for letter in hashed_by(id)[: self._depth]) if queue in self._hashed else ""
        return f"{self.directory}/{queue}/{folders}{id}"

    # ── hold and release ──

    def hold(self, found: Sequence[Found]) -> Outcome:
        """Put these on hold: first all that can simply be moved, then, through postsuper, what is being worked on."""
        outcome = Outcome()
        left: list[Fingerprint] = []
        there = {path.rpartition("/")[2] for path in _files(f"{self.directory}/hold")}
        for one in found:
            if one.message.id in there:
                self._beside(one.message.fingerprint, outcome)
                continue
            moved = self._move(one, outcome)
            if moved is not False:
                (outcome.done if moved else left).append(one.message.fingerprint)
        if left:
            self._by_postsuper(left, outcome)
        return outcome

    def _beside(self, one: Fingerprint, outcome: Outcome) -> None:
        """That name is held already: by somebody else, or it is another message, whose end a move would be."""
        if self.is_there(one, "hold"):
            outcome.gone += 1
        else:
            outcome.fail(f"{one.id}: another message of that name is held already")

    def _move(self, one: Found, outcome: Outcome) -> bool | None:
        """Moved, gone, or (None) not to be moved by us."""
        try:
            if one.message.queue == "deferred":
                # Nobody writes or delivers what lies here: whoever wants to, moves it away first, and then it is gone.
                about = os.stat(one.path, follow_symlinks=False)
                if (about.st_ino, about.st_ctime_ns) != (one.inode, one.changed):
                    return None
                self._rename(one.path, self._place("hold", one.message.id))
                return True
            return self._move_locked(one) if one.message.queue == "incoming" else None
        except FileNotFoundError:
            return None
        except OSError as error:
            outcome.fail(f"{one.path}: {error.strerror}")
            return False

    def _move_locked(self, one: Found) -> bool | None:
        """What may be written or delivered at this moment: who does, holds a lock."""
        handle = os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            about = os.fstat(handle)
            if (about.st_ino, about.st_ctime_ns) != (one.inode, one.changed):
                return None
            # While the file is open here, its inode is nobody else's.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._rename(one.path, self._place("hold", one.message.id))
        except BlockingIOError:
            return None
        finally:
            os.close(handle)
        return True

    def _rename(self, path: str, to: str) -> None:
        try:
            os.rename(path, to)
        except FileNotFoundError:
            if os.path.exists(os.path.dirname(to)):
                raise
            self._make_folders(os.path.dirname(to))
            os.rename(path, to)

    def _make_folders(self, folder: str) -> None:
        owner = self.directory.joinpath("deferred").stat()
        for made in [str(part) for part in reversed([Path(folder), *Path(folder).parents])]:
            if not os.path.exists(made):
                os.mkdir(made, 0o700)
                os.chown(made, owner.st_uid, owner.st_gid)

    def release(self, messages: Sequence[Fingerprint]) -> Outcome:
        """From hold to deferred, as `postsuper -H` does; what is not held any more, is left."""
        outcome = Outcome()
        held, gone = _split(messages, lambda one: self.is_there(one, "hold"))
        outcome.gone = len(gone)
        for _ in range(_ROUNDS):
            if held:
                self._postsuper("-H", [one.id for one in held])
            # Out of hold is released: the queue manager may have it already, or it is delivered.
            held, left = _split(held, lambda one: self.is_there(one, "hold"))
            outcome.done += left
        if held:
            outcome.fail(f"postsuper -H did not move it: {held[0].id}", len(held))
        return outcome

    def _by_postsuper(self, messages: Sequence[Fingerprint], outcome: Outcome) -> None:
        """Have Postfix hold what is being worked on; what is there afterwards is held."""
        # What is held before Postfix was told, somebody else holds.
        others, left = _split(messages, lambda one: self.is_there(one, "hold"))
        outcome.gone += len(others)
        for _ in range(_ROUNDS):
            if named := [one for one in left if any(self.is_there(one, queue) for queue in _NOT_HELD)]:
                self._postsuper("-h", [one.id for one in named])
            held, left = _split(left, lambda one: self.is_there(one, "hold"))
            outcome.done += held
            # On its way between two queues it may have been missed.
            left, gone = _split(left, lambda one: any(self.is_there(one, queue) for queue in QUEUES))
            outcome.gone += len(gone)
            if not left:
                return
        outcome.fail(f"postsuper -h did not move it: {left[0].id}", len(left))

    def _postsuper(self, option: str, ids: Sequence[str]) -> None:
        config = ["-c", self._config] if self._config else []
        program = shutil.which("postsuper", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "postsuper"
        try:
            subprocess.run(
                [program, *config, option, "-"], input="".join(f"{id}\n" for id in ids), text=True, timeout=_SECONDS,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OperatorError(
                "postsuper",
                what="The queue was not changed whole.",
                why=f"postsuper {option}: {error}",
                try_this="postsuper -s     (then: postqueue -p)",
            ) from None

    # ── single files ──

    def is_there(self, one: Fingerprint, queue: str) -> bool:
        """Is this very message in that queue?"""
        return self._known(self._place(queue, one.id), one)

    @staticmethod
    def _known(path: str, one: Fingerprint) -> bool:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            read = fingerprint(os.read(handle, _HEAD), one.id)
            if isinstance(read, NotWhole):
                read = fingerprint(os.pread(handle, _HEAD * 16, 0), one.id)
            return read == one
        except OSError:
            return False
        finally:
            os.close(handle)

    def whole(self, one: Fingerprint, most: int = 1024 * 1024) -> bytes:
        """The message as it would be delivered, or its first octets; empty where it is not held any more."""
        path = self._place("hold", one.id)
        if not self._known(path, one):
            return b""
        with suppress(OSError), open(path, "rb") as opened:
            return message(opened.read(most))
        return b""

    # ── archive, remove, put back ──

    def archive(self, messages: Sequence[Fingerprint], to: Path, tell: Tell = untold) -> tuple[list[Fingerprint], str]:
        """The files of those that are held, byte for byte, on the disk when this returns; and the archive's digest."""
        kept: list[Fingerprint] = []
        with Archive(to) as archive:
            for one in messages:
                if held := self._held(one):
                    archive.add(one.id, *held)
                    kept.append(one)
                    if len(kept) % _AT_A_TIME == 0:
                        tell(len(kept))
            return kept, archive.seal()

    def _held(self, one: Fingerprint) -> tuple[bytes, float] | None:
        """All octets of a message's file, and its time; None where it is not held any more."""
        try:
            handle = os.open(self._place("hold", one.id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as opened:
            about, octets = os.fstat(handle), opened.read()
        return (octets, about.st_mtime) if fingerprint(octets, one.id) == one else None

    def remove(self, messages: Sequence[Fingerprint], tell: Tell = untold) -> Outcome:
        """Out of hold for good, with what Postfix has noted beside them."""
        outcome = Outcome()

        def one_by_one(one: Fingerprint) -> tuple[bool, str]:
            path = self._place("hold", one.id)
            if not self._known(path, one):
                return False, ""
            try:
                os.unlink(path)
            except OSError as error:
                return False, "" if isinstance(error, FileNotFoundError) else f"{path}: {error.strerror}"
            for log in _LOGS:
                with suppress(OSError):
                    os.unlink(self._place(log, one.id))
            return True, ""

        with ThreadPoolExecutor(_THREADS) as threads:
            results = threads.map(one_by_one, messages)
            for number, (one, (removed, why)) in enumerate(zip(messages, results, strict=True)):
                if number % _AT_A_TIME == 0:
                    tell(number)
                if removed:
                    outcome.done.append(one)
                elif why:
                    outcome.fail(why)
                else:
                    outcome.gone += 1
        return outcome

    def restore(
        self, archive: Path, digest: str, already: Callable[[Fingerprint], bool], tell: Tell = untold
    ) -> Restored:
        """Back into hold, byte for byte, each under an id that agrees with its new inode."""
        put = Restored()
        owner = self._owner()
        # One deed is put back by one process at a time, and its archive lies in its own folder.
        prefix = f"{_UNFINISHED}{archive.parent.name}."
        self._remove_unfinished(prefix)
        fresh: list[tuple[Fingerprint, str]] = []
        for name, octets, mtime in members(archive, digest):
            read = fingerprint(octets, name)
            if not is_id(name) or not isinstance(read, Fingerprint):
                put.fail(f"{name}: not a queue file")
            elif self.is_there(read, "hold") or already(read):
                put.here += 1
            elif path := self._written(f"hold/{prefix}{read.id}", octets, mtime, owner, put):
                fresh.append((read, path))
                if len(fresh) % _AT_A_TIME == 0:
                    tell(len(fresh))
        self._name(fresh, put)
        return put

    def _remove_unfinished(self, prefix: str) -> None:
        """What one who was cut off has written, and not yet given a name."""
        for entry in os.scandir(self.directory / "hold"):
            if entry.name.startswith(prefix):
                os.unlink(entry.path)

    def _written(
        self, name: str, octets: bytes, mtime: float, owner: tuple[int, int], put: Restored
    ) -> str:  # fmt: skip
        """Where it lies now, under a name that is no message's; "" where it could not be written."""
        path = f"{self.directory}/{name}"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _write(handle, octets)
                os.fchown(handle, *owner)
                os.utime(handle, (mtime, mtime))
                os.fchmod(handle, _READY)
            finally:
                os.close(handle)
        except OSError as error:
            with suppress(OSError):
                os.unlink(path)
            put.fail(f"{path}: {error.strerror}")
            return ""
        return path

    def _name(self, fresh: Sequence[tuple[Fingerprint, str]], put: Restored) -> None:
        """From now on these are messages: once all of them are on the disk, which is waited for once."""
        if fresh:
            os.sync()
        for one, path in fresh:
            try:
                id = id_for_inode(one.id, os.stat(path).st_ino)
                if inode_in(one.id) < 0 or any(os.path.exists(self._place(queue, id)) for queue in QUEUES):
                    raise FileExistsError(17, f"there is a message {id}")
                self._rename(path, self._place("hold", id))
            except OSError as error:
                with suppress(OSError):
                    os.unlink(path)
                put.fail(f"{one.id}: {error.strerror}")
            else:
                put.done.append(one._replace(id=id))

    def lay(self, octets: bytes, due: float) -> str:
        """A message of our own, deferred until then; its id. OSError where it cannot be."""
        put = Restored()
        path = self._written(f"deferred/{_UNFINISHED}laid.{os.getpid()}", octets, due, self._owner(), put)
        if not path:
            raise OSError(0, put.why)
        id = id_for_inode("000000", os.stat(path).st_ino)
        self._rename(path, self._place("deferred", id))
        return id

    def _owner(self) -> tuple[int, int]:
        about = self.directory.joinpath("hold").stat()
        with suppress(KeyError):
            if about.st_uid == 0:
                user = pwd.getpwnam("postfix")
                return user.pw_uid, user.pw_gid
        return about.st_uid, about.st_gid


@dataclass(slots=True)
class Restored:
    """What came back, under which ids."""

    done: list[Fingerprint] = field(default_factory=list)
    here: int = 0
    """Never gone, or back already."""
    failed: int = 0
    why: str = ""

    def fail(self, why: str) -> None:
        """One did not come back."""
        self.failed += 1
        self.why = self.why or why


def _files(folder: str, depth: int = 3) -> Iterator[str]:
    """The queue files below a folder, hashed or not."""
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth and len(entry.name) == 1:
                    yield from _files(entry.path, depth - 1)
            elif is_id(entry.name):
                yield entry.path


def _split(
    messages: Sequence[Fingerprint], holds: Callable[[Fingerprint], bool]
) -> tuple[list[Fingerprint], list[Fingerprint]]:
    yes: list[Fingerprint] = []
    no: list[Fingerprint] = []
    for one in messages:
        (yes if holds(one) else no).append(one)
    return yes, no


def _write(handle: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(handle, octets) :]
