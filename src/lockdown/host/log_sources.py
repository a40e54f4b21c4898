"""Where the mail server logs, as the settings name it: files, "journal", or "auto": whichever of the two is written.

Whoever reads a log asks here, so that a file and the journal are one to him.

Fails as: words of `closed` for a log that is there and may not be read; a follower says the rest with each `Piece`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from lockdown.facts.mail_log.place import AUTO, JOURNAL, OF_SYSLOG, place
from lockdown.host import log_journal
from lockdown.host.log_files import LogFollower, Piece, Position
from lockdown.host.log_journal import PAST, JournalFollower


class Follower(Protocol):
    """One log; each reading tells what is new."""

    position: Position

    def read(self) -> Piece: ...

    def close(self) -> None: ...


def sources(names: Iterable[str]) -> tuple[str, ...]:
    """The logs, each once; "auto" is then the one that is written."""
    return tuple(dict.fromkeys(_here() if name == AUTO else name for name in names))


def _here() -> str:
    files = {name: at for name in OF_SYSLOG if (at := _written_at(Path(name))) is not None}
    journals = [at for path in log_journal.journal_files() if (at := _written_at(path)) is not None]
    return place(files, max(journals, default=None))


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def follower(name: str, known: Mapping[str, Position]) -> Follower:
    """Whoever follows it from where we were; `known` are the logs that were read before, this one or others."""
    position = known.get(name, Position())
    if name != JOURNAL:
        return LogFollower(Path(name), position)
    # What a file had, the journal has, too: who changes from one to the other must not be told it twice.
    return JournalFollower(position, since="now" if known else PAST)


def is_there(name: str) -> bool:
    """It may be read, or nobody lets us look."""
    if name == JOURNAL:
        return bool(log_journal.journal_files())
    try:
        return Path(name).exists()
    except OSError:
        return True


def closed(name: str) -> str:
    """Why this log, which is there, may not be read; "" if it may, or is not there."""
    if not is_there(name):
        return ""
    if name == JOURNAL:
        return log_journal.why_no_journal()
    return "" if os.access(name, os.R_OK) else f"{name} may not be read"


def mend(name: str) -> str:
    """What to type for a log that may not be read."""
    group = log_journal.GROUP if name == JOURNAL else "adm"
    return f"usermod -aG {group} lockdown && systemctl restart lockdown-gateway"


def grown(name: str) -> int:
    """A number that is another one when something was written."""
    try:
        if name == JOURNAL:
            return sum(path.stat().st_mtime_ns for path in log_journal.journal_files())
        return Path(name).stat().st_size
    except OSError:
        return 0


def end_of(name: str, octets: int) -> Iterator[bytes]:
    """About so much of the end of a log, in lines; OSError where it may not be read."""
    if name == JOURNAL:
        yield from log_journal.last_lines(octets)
        return
    with Path(name).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - octets))
        yield from (line + b"\n" for line in file.read(octets).split(b"\n"))
