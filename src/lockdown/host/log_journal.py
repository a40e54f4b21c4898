"""The mail server's log where systemd's journal alone has it: followed as a file is, or its end read once.

`journalctl` is a child that waits in its pipe while nobody reads, so it never runs ahead, and that ends when the pipe
does: it does not outlive us. If it ends before, the next reading starts another one after the last entry that was told.

Fails as: `Piece.missed` in words: a journal that may not be read, a child that ended, what the journal did not take.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lockdown.facts.mail_log.journal import argv, entry
from lockdown.facts.mail_log.place import WRITERS
from lockdown.host.log_files import Piece, Position
from lockdown.model.shown import shown

GROUP = "systemd-journal"
"""Whoever is of it may read all of the journal."""
FOLDERS = (Path("/var/log/journal"), Path("/run/log/journal"))
CLOSED = f"the journal may not be read: usermod -aG {GROUP} lockdown && systemctl restart lockdown-gateway"
PAST = "-7d"
"""So much is read of a journal where no log was ever read: it teaches who writes to whom."""
_LONGEST = 256 * 1024
_STARTS_WITHIN, _GOES_ON_WITHIN = 1000, 50
"""Milliseconds: for a new child to begin to speak, and for one that speaks to go on (the journal wakes it each 250)."""
_MOST_SECONDS = 3.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def journal_files() -> list[Path]:
    """The journals of this machine that are written now: the one on the disk, or else the one in memory."""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
        return [path for folder in FOLDERS if (path := folder / machine / "system.journal").exists()]
    return []


def why_no_journal() -> str:
    """Why there is nothing to read; "" where there is."""
    files = journal_files()
    if not files:
        return "no journal is here"
    if not shutil.which("journalctl", path=_ENVIRONMENT["PATH"]):
        return "journalctl is not installed"
    return "" if any(os.access(path, os.R_OK) for path in files) else CLOSED


def last_lines(octets: int) -> Iterator[bytes]:
    """Of the end of the journal, about so much."""
    return _lines(argv(last=max(1, octets // 200), follow=False))


def lines_since(moment: float) -> Iterator[bytes]:
    """All that is written since then."""
    return _lines(argv(since=f"@{moment:.0f}", follow=False))


def _lines(command: list[str]) -> Iterator[bytes]:
    """OSError where the journal may not be read."""
    if why := why_no_journal():
        raise OSError(0, why)
    writers, read = _writers(), _Read()
    with _started(command) as child:
        assert child.stdout is not None
        try:
            for raw in child.stdout:
                read.take(raw, writers)
                yield from read.lines
                read.lines.clear()
        finally:
            child.kill()


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    # Of its own words we hear what it says last, so they may not fill a pipe: they are few, as it is told to be quiet.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_ENVIRONMENT
    )


def _writers() -> frozenset[str]:
    """Asked anew each time: a mail server may have been installed since."""
    found = set()
    for name in WRITERS:
        with suppress(KeyError):
            found.add(str(pwd.getpwnam(name).pw_uid))
    return frozenset(found)


@dataclass(slots=True)
class _Read:
    """What came out of some entries."""

    lines: list[bytes] = field(default_factory=list)
    cursor: str = ""
    foreign: int = 0
    missed: list[str] = field(default_factory=list)

    def take(self, raw: bytes, writers: frozenset[str]) -> None:
        found = entry(raw, writers)
        if found is None:
            self.missed.append("an entry of the journal is none")
            return
        self.cursor = found.cursor or self.cursor
        self.foreign += found.foreign
        if found.line:
            self.lines.append(found.line.encode("utf-8", "replace") + b"\n")
        if found.suppressed:
            self.missed.append(f"of the journal: {shown(found.suppressed)} (RateLimitBurst= of journald.conf)")


@dataclass(slots=True)
class JournalFollower:
    """Follows the journal. Not for two threads at once."""

    position: Position = field(default_factory=Position)
    since: str = PAST
    """From where to begin without a position."""
    most: int = 32 << 20
    """Octets that are read at once, some 40,000 entries; what is more waits in the child."""
    _child: subprocess.Popen[bytes] | None = None
    _rest: bytes = b""

    def read(self) -> Piece:
        """The lines that were written since the last time; none is nothing."""
        if why := why_no_journal():
            self.close()
            return Piece(b"", (why,))
        try:
            read = self._read()
        except OSError as error:
            self.close()
            return Piece(b"", (f"journalctl: {error.strerror or error}",))
        if read.cursor:
            self.position = Position(cursor=read.cursor)
        return Piece(b"".join(read.lines), tuple(dict.fromkeys(read.missed)), read.foreign)

    def close(self) -> None:
        """End the child."""
        child, self._child, self._rest = self._child, None, b""
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> _Read:
        read, writers, wait, octets, until = _Read(), _writers(), 0, 0, time.monotonic() + _MOST_SECONDS
        if self._child is None:
            self._child = _started(argv(self.position.cursor, self.since))
            wait = _STARTS_WITHIN
        while octets < self.most and time.monotonic() < until and (piece := self._piece(wait)) is not None:
            wait, octets = _GOES_ON_WITHIN, octets + len(piece)
            if not piece:
                read.missed += [] if read.cursor else [self._last_words()]
                self.close()
                break
            *whole, self._rest = (self._rest + piece).split(b"\n")
            for raw in whole:
                read.take(raw, writers)
            if len(self._rest) > _LONGEST:
                read.missed.append("an entry of the journal of more than 256 KiB")
                self._rest = b""
        return read

    def _piece(self, wait: int) -> bytes | None:
        """What the child has said: None if it says nothing now, nothing if it has ended."""
        assert self._child is not None and self._child.stdout is not None
        out = self._child.stdout.fileno()
        poll = select.poll()
        poll.register(out, select.POLLIN)
        return os.read(out, 1 << 16) if poll.poll(wait) else None

    def _last_words(self) -> str:
        assert self._child is not None and self._child.stderr is not None
        code = self._child.wait()
        words = os.read(self._child.stderr.fileno(), 4096).decode("utf-8", "replace").strip()
        return f"journalctl ended with {code}: {shown(words.splitlines()[-1][:200] if words else 'it gave no reason')}"
