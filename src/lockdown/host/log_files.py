"""Read the logs of mail servers from files: the whole of one at speed, or what was written to it since the last time.

A file that was rotated is read to its end first, whether it was renamed, copied and emptied, or already compressed, and
those that came and went since then are read after it, in their order; where we were is a `Position`, which outlives our
own restart. Memory is bounded, a line that does not end is cut.

Fails as: OperatorError for a file that cannot be opened. What could not be read of a log is said in `Piece.missed`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from glob import escape
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, cast

from lockdown.facts.mail_log.blocks import BlockReader
from lockdown.facts.mail_log.picture import ROOM, Picture, joined
from lockdown.model.errors import OperatorError

BLOCK = 1 << 19
LONGEST_LINE = 64 * 1024
_WORTH_A_PROCESS = 8 << 20
_MOST_PROCESSES = 3
"""Each needs memory of its own, and two read a million lines in a second."""
_HEAD = 256
_MOST_OLD = 400
_MOST_ASKED = 50
_UNPACKERS: tuple[tuple[bytes, Callable[[BinaryIO], object]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
)
"""By the first octets of a file."""
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What a packed file that is damaged, or just being written, fails with."""


# ── the whole of a file ──


def picture_of(*paths: Path, processes: int | None = None) -> Picture:
    """The full picture of one log, of which these files, compressed or not, are the parts: the oldest first.

    Each is read with as many processes as there are cores, or three.
    """
    return joined(picture for path in paths for picture in _parts(path, processes)).finished()


def _parts(path: Path, processes: int | None) -> Iterator[Picture]:
    try:
        with opened(path) as file:
            if not isinstance(file, BufferedReader):
                yield _picture(blocks(file))
                return
        yield from _side_by_side(path, _pieces(path, _affordable(path, processes)))
    except BROKEN as error:
        raise _unreadable(path, error) from error


def opened(path: Path) -> BinaryIO:
    """The file, unpacked if it is compressed by its first octets."""
    file = path.open("rb")
    begins = file.peek(6)
    if begins.startswith(_ZSTANDARD):
        file.close()
        raise OSError(0, "it is packed by zstd, and can be read when it is unpacked")
    unpack = next((unpack for magic, unpack in _UNPACKERS if begins.startswith(magic)), None)
    return cast(BinaryIO, unpack(file)) if unpack else file


_DATED = re.compile(r"[.-](?P<date>\d{8}(?:[-.]?\d{2,10})?|\d{4}-\d\d-\d\d)")
_NUMBERED = re.compile(r"\.(?P<number>\d{1,4})(?:\.\w+)?\Z")


def rotated(path: Path) -> list[Path]:
    """The files that were this log once, the newest first: by when each was written last, or else by its name."""
    found = []
    name, stem, suffix = map(escape, (path.name, path.stem, path.suffix))
    for one in {*path.parent.glob(f"{name}[.-]*"), *path.parent.glob(f"{stem}[.-]*{suffix}*")}:
        with suppress(OSError):
            if one.name != path.name and (age := _age(one.name[len(path.stem) :])) is not None and one.is_file():
                found.append((one.stat().st_mtime_ns // 10**9, age, one))
    return [one for _, _, one in sorted(found, reverse=True)[:_MOST_OLD]]


def _age(rest: str) -> tuple[str, int] | None:
    """What tells the age in a name, the younger the greater: a date, or a number. None: it is no rotated log."""
    if found := _DATED.search(rest):
        return found["date"], 0
    return ("", -int(found["number"])) if (found := _NUMBERED.search(rest)) else None


def blocks(file: BinaryIO, most: int | None = None) -> Iterator[bytes]:
    """Whole lines, some at a time; of a line that does not end, nothing but that it was there."""
    rest, left, is_cut = b"", most, False
    while octets := file.read(BLOCK if left is None else min(BLOCK, left)):
        left = None if left is None else left - len(octets)
        if is_cut:
            _, newline, octets = octets.partition(b"\n")
            is_cut = not newline
        end = octets.rfind(b"\n") + 1
        if end:
            yield rest + octets[:end]
            rest = octets[end:]
        else:
            rest += octets
        if len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE] + b"\n"
            rest, is_cut = b"", True
    if rest:
        yield rest


def blocks_since(path: Path, is_before: Callable[[bytes], bool | None], more: int) -> Iterator[bytes]:
    """Of a file that was written in order of time: all that is not before, and about `more` octets in front of that.

    `is_before` says of a line whether it is, None where it cannot say. A packed file is read whole.
    """
    with opened(path) as file:
        if isinstance(file, BufferedReader):
            start = max(0, _first(file, is_before) - more)
            file.seek(start)
            if start:
                file.readline(LONGEST_LINE)
        yield from blocks(file)


def _first(file: BinaryIO, is_before: Callable[[bytes], bool | None]) -> int:
    """About where the first line stands that is not before; rather too early than too late."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > BLOCK:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline(LONGEST_LINE)
        lines = (file.readline(LONGEST_LINE) for _ in range(_MOST_ASKED))
        if next((told for told in map(is_before, lines) if told is not None), False):
            low = middle
        else:
            high = middle
    return low


def _affordable(path: Path, processes: int | None) -> int:
    # A fork of a process with threads may hang in a lock that another thread holds.
    most = 1 if threading.active_count() > 1 else processes or min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))
    return max(1, min(most, path.stat().st_size // _WORTH_A_PROCESS))


def _pieces(path: Path, count: int) -> list[tuple[int, int]]:
    """About equal, each from the beginning of a line to the end of one."""
    size = path.stat().st_size
    bounds = [0]
    with path.open("rb") as file:
        for number in range(1, count):
            file.seek(size * number // count)
            file.readline(LONGEST_LINE)
            bounds.append(max(bounds[-1], file.tell()))
    return list(zip(bounds, [*bounds[1:], size], strict=True))


def _side_by_side(path: Path, pieces: list[tuple[int, int]]) -> Iterator[Picture]:
    """The first here, the others each in a process of its own, in the order of the file."""
    room = ROOM // len(pieces)
    others = [_started(path, begin, end, room) for begin, end in pieces[1:]]
    yield _piece(path, *pieces[0], room)
    for pid, pipe in others:
        with os.fdopen(pipe, "rb") as said:
            picture = _said(said)
        os.waitpid(pid, 0)
        if picture is None:
            raise OSError(0, "a process of ours ended before it had read its part")
        yield picture


def _said(pipe: BinaryIO) -> Picture | None:
    try:
        picture: Picture = pickle.load(pipe)
        return picture
    except (EOFError, pickle.UnpicklingError):
        return None


def _started(path: Path, begin: int, end: int, room: int) -> tuple[int, int]:
    """A child that reads this part and says its picture into a pipe. No thread is here (see `_affordable`)."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    try:
        with os.fdopen(theirs, "wb") as to:
            pickler = pickle.Pickler(to, pickle.HIGHEST_PROTOCOL)
            pickler.fast = True  # a picture has no part twice, and to remember each takes as much room again
            pickler.dump(_piece(path, begin, end, room))
    finally:
        os._exit(0)


def _piece(path: Path, begin: int, end: int, room: int) -> Picture:
    with path.open("rb") as file:
        file.seek(begin)
        return _picture(blocks(file, end - begin), room)


def _picture(whole: Iterator[bytes], room: int = ROOM) -> Picture:
    reader = BlockReader(room)
    for block in whole:
        reader.read(block)
    return reader.picture


def _unreadable(path: Path, error: Exception) -> OperatorError:
    why = getattr(error, "strerror", None) or str(error)
    return OperatorError(
        "log-unreadable", what=f"{path} could not be read.", why=why, try_this=f"sudo ls -l {path}; is it a log?"
    )


# ── what was written since ──


@dataclass(frozen=True, slots=True)
class Position:
    """Where we are in a log: how its file begins tells it again, whatever it is called by then."""

    inode: int = 0
    offset: int = 0
    head: bytes = b""
    """Its first octets."""
    cursor: str = ""
    """Of the journal instead: its last entry that was told."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was new: whole lines."""

    octets: bytes
    missed: tuple[str, ...] = ()
    """What of the log was not read, in words."""
    foreign: int = 0
    """Entries of the journal in the mail server's name, by a user who is none."""


@dataclass(slots=True)
class _Open:
    file: FileIO
    inode: int
    offset: int


@dataclass(slots=True)
class LogFollower:
    """Follows one log by its path. Not for two threads at once."""

    path: Path
    position: Position = field(default_factory=Position)
    most: int = 16 << 20
    """Octets that are read at once; what is more waits for the next time."""
    _open: _Open | None = None

    def read(self) -> Piece:
        """The lines that were written since the last time; none is nothing."""
        missed: list[str] = []
        octets = b""
        try:
            if self._open is None:
                octets += self._resume(missed)
            octets += self._rest_of_open(missed)
            octets += self._follow_rotation(missed, self.most - len(octets))
        except FileNotFoundError:
            missed.append(f"{self.path} is not there")
        except OSError as error:
            missed.append(f"{self.path}: {error.strerror or error}")
        return Piece(octets, tuple(missed))

    def close(self) -> None:
        """Let go of the file."""
        if self._open is not None:
            self._open.file.close()
            self._open = None

    # ── where we were ──

    def _resume(self, missed: list[str]) -> bytes:
        """Open the log; if it is not the file that we have read, read that one to its end first."""
        before = self.position
        file = _unbuffered(self.path)
        inode = os.fstat(file.fileno()).st_ino
        if not before.head:
            self._open = _Open(file, inode, before.offset if before.inode == inode else 0)
            return b""
        if _begins_with(file, before.head):
            # One that is shorter now is met again in `_rest_of_open`.
            self._open = _Open(file, inode, before.offset)
            return b""
        self._open, self.position = _Open(file, inode, 0), Position(inode)
        rest = self._rest_of_older(before, missed)
        if rest is None:
            missed.append("the file that was read before is gone: what was written to it last was not read")
        return rest or b""

    def _rest_of_older(self, before: Position, missed: list[str], *, but_ours: bool = False) -> bytes | None:
        """What we had not yet read of the file that we were in, and all of those that came after it."""
        older = rotated(self.path)
        last = next((number for number, path in enumerate(older) if _is(path, before)), None)
        if last is None:
            return None
        octets, offset = b"", 0 if but_ours else before.offset
        for path in reversed(older[: last + (not but_ours)]):
            octets += self._rest_of(path, offset, self.most - len(octets), missed)
            offset = 0
        return octets

    def _rest_of(self, path: Path, offset: int, most: int, missed: list[str]) -> bytes:
        octets = b""
        try:
            with opened(path) as rest:
                rest.seek(offset)
                octets = rest.read(max(0, most))
                if rest.read(1):
                    missed.append(f"{path.name} has more than can be read at once")
                    octets = octets[: octets.rfind(b"\n") + 1]
        except BROKEN as error:
            missed.append(f"{path.name} could not be read to its end: {type(error).__name__}")
        return octets if octets.endswith(b"\n") or not octets else octets + b"\n"

    # ── reading on ──

    def _rest_of_open(self, missed: list[str]) -> bytes:
        now = self._open
        if now is None:
            return b""
        size = os.fstat(now.file.fileno()).st_size
        before = b""
        was = self.position
        if not _begins_with(now.file, was.head):
            before = self._rest_of_copy(missed)
            now.offset = 0
        elif size < now.offset:
            # The same log, so what is left of it was read already.
            missed.append("the log was cut short: what was written to it last may not have been read")
            now.offset = size
        now.file.seek(now.offset)
        return before + self._take(now, self.most, missed)

    def _take(self, now: _Open, most: int, missed: list[str]) -> bytes:
        octets = now.file.read(max(0, most))
        end = octets.rfind(b"\n") + 1
        if not end and len(octets) > LONGEST_LINE:
            missed.append("a line of more than 64 KiB")
            end = len(octets)
        now.offset += end
        self._remember(now)
        return octets[:end]

    def _remember(self, now: _Open) -> None:
        now.file.seek(0)
        self.position = Position(now.inode, now.offset, now.file.read(min(_HEAD, now.offset)))

    def _rest_of_copy(self, missed: list[str]) -> bytes:
        """The log was copied and emptied: the copy has what we had not yet read."""
        octets = self._rest_of_older(self.position, missed)
        if octets is None:
            missed.append("the log was emptied: what was written to it last was not read")
        return octets or b""

    def _follow_rotation(self, missed: list[str], most: int) -> bytes:
        """The name means another file now: the old one was read to its end just before."""
        now = self._open
        if now is None or self.path.stat().st_ino == now.inode or most <= 0:
            return b""
        now.file.seek(now.offset)
        rest = now.file.read(most)
        if len(rest) == most:
            now.offset += (end := rest.rfind(b"\n") + 1)
            self._remember(now)
            return rest[:end]
        now.offset += len(rest)
        self._remember(now)
        between = self._rest_of_older(self.position, missed, but_ours=True) if now.offset else None
        now.file.close()
        file = _unbuffered(self.path)
        self._open = _Open(file, os.fstat(file.fileno()).st_ino, 0)
        joined_with = b"\n" if rest and not rest.endswith(b"\n") else b""
        rest += joined_with + (between or b"")
        return rest + self._take(self._open, most - len(rest), missed)


def _unbuffered(path: Path) -> FileIO:
    # A buffer would still hold what stood there before the file was emptied.
    return FileIO(path, "rb")


def _begins_with(file: BinaryIO | FileIO, head: bytes) -> bool:
    file.seek(0)
    return file.read(len(head)) == head


def _is(path: Path, before: Position) -> bool:
    """It begins as the one that we have read, and goes at least as far."""
    try:
        with opened(path) as file:
            return _begins_with(file, before.head) and _reaches(file, before.offset)
    except BROKEN:
        return False


def _reaches(file: BinaryIO, offset: int) -> bool:
    return file.seek(offset) == offset
