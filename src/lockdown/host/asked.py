"""What a machine can be asked for a reading: one command, one file, files by pattern, a listing, a fixed script.

These are values: the same list is asked of this machine, of one over ssh, and of a folder of files. Whatever is asked
is fixed here in the source; nothing that a machine has said is ever run.

Conventions of the answers, the same wherever they come from:
- what is surely not there reads `not installed: no /etc/clamav/clamd.conf` (`model.snapshot.absent`);
- what could not be read is Unknown with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockdown.model.snapshot import Reading

Reduce = Callable[[str], str]
"""Takes secrets out of a text before it becomes a reading: what a snapshot does not hold, it cannot leak."""

COMMAND_SECONDS = 10.0
COMMAND_BYTES = 8 * 1024 * 1024
FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """A program with fixed arguments; the first is a bare name, looked for where system programs lie.

    `answers` are the exit codes that are an answer; any other is Unknown with the first line of its errors.
    """

    argv: tuple[str, ...]
    seconds: float = COMMAND_SECONDS
    most: int = COMMAND_BYTES
    answers: tuple[int, ...] = (0,)
    reduce: Reduce | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """A fixed POSIX shell script, for what needs a loop; only reads, and uses what every Debian has.

    `arguments` become $1, $2 …
    """

    text: str
    arguments: tuple[str, ...] = ()
    seconds: float = COMMAND_SECONDS
    most: int = COMMAND_BYTES
    reduce: Reduce | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """Where a program lies: its path, or `not installed: no NAME in …`."""

    program: str


@dataclass(frozen=True, slots=True)
class File:
    """One text file; of a log only the end, by `tail`. Octets that are not UTF-8 make it Unknown, but not in a tail."""

    path: str
    most: int = FILE_BYTES
    tail: bool = False
    expected: bool = False
    """Something else names it: that it is not there is then Unknown, no answer."""
    reduce: Reduce | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """Every file of some patterns (`*` and `?` within one part of the path, sorted), each a reading of its own.

    The reading itself lists the paths, one a line, or says `not installed: …` when nothing matches. The file
    `/etc/dovecot/conf.d/10-auth.conf` of the reading `dovecot/files` is the reading
    `dovecot/files/etc/dovecot/conf.d/10-auth.conf`.
    """

    patterns: tuple[str, ...]
    most_files: int = 100
    most: int = FILE_BYTES
    reduce: Reduce | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Who owns what: for each file of some patterns a line of eight fields parted by a tab, as `find` prints them.

    `kind mode user group bytes mtime path target`: kind is f, d, l, s …; mode octal; mtime in seconds of UTC with
    their fraction; target is what a link points to, else empty. `depth` is how far below a folder to go: 0 lists the
    folder itself only. A pattern without a match has no line; a folder that may not be looked into makes it Unknown.
    """

    patterns: tuple[str, ...]
    depth: int = 0
    most_lines: int = 5000


@dataclass(frozen=True, slots=True)
class Native:
    """Read by our own code on this machine; `elsewhere` is what to ask a machine that we only reach by ssh."""

    call: Callable[[], Reading]
    elsewhere: Command | Script | None = None


Asked = Command | Script | Where | File | Files | Listing | Native
Sources = Mapping[str, Asked]
"""The name of each reading, and what it is the answer to."""
