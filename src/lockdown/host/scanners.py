"""Readings of what scans mail on this machine: ClamAV, rspamd, SpamAssassin, amavis, OpenDKIM, and the resolvers.

Files only: nothing is started, and no engine is asked here. A file that is not there is told from one that is denied.
Fails as: Unknown("/etc/clamav/clamd.conf: Permission denied"). Never raises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from lockdown.facts.scanner_files import AMAVIS, FRESHCLAM_LOG, NOT_THERE, PLACES, RESOLVERS, SPAM_RULES
from lockdown.host.files import read_file
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

FRESHCLAM_LOGS = Path("/var/log/clamav/freshclam.log")
RULES = Path("/var/lib/spamassassin")
AMAVIS_SETTINGS = (Path("/etc/amavis/conf.d"), Path("/etc/amavisd"))
TAIL = 64 * 1024
_MOST_FILES = 50
# Of amavis only what decides on viruses and notices: its other settings hold passwords.
_AMAVIS_LINE = re.compile(r"[ \t]*(?:@bypass_(?:virus|spam)_checks_maps|\$final_\w+_destiny|\$warn\w+|\$virus_admin)\b")


def scanner_sources() -> dict[str, Callable[[], Reading]]:
    """Each reading, and how it is taken."""
    files = {source: partial(_file, Path(path)) for source, path in PLACES.items()}
    return {
        **files,
        FRESHCLAM_LOG: partial(_tail, FRESHCLAM_LOGS),
        SPAM_RULES: partial(_newest_rules, RULES),
        AMAVIS: partial(_amavis, AMAVIS_SETTINGS),
        RESOLVERS: partial(_file, Path("/etc/resolv.conf")),
    }


def _absent(path: Path) -> str | None:
    """How a file that is surely not there reads; None where it is there, or where that may not be known."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"{NOT_THERE}: no {path}\n"
    except OSError:
        return None
    return None


def _file(path: Path) -> Reading:
    return _absent(path) or read_file(path)


def _tail(path: Path) -> Reading:
    """The end of a log: what is older does not count."""
    if absent := _absent(path):
        return absent
    try:
        with path.open("rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - TAIL))
            return opened.read(TAIL).decode("utf-8", "replace")
    except OSError as error:
        return Unknown(f"{path}: {error.strerror}")


def _newest_rules(folder: Path) -> Reading:
    """When sa-update last brought rules: a line for each channel of each version."""
    if absent := _absent(folder):
        return absent
    try:
        found = sorted(folder.glob("*/*.cf"))[:_MOST_FILES]
        lines = [f"{datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat()} {file}\n" for file in found]
    except OSError as error:
        return Unknown(f"{folder}: {error.strerror}")
    return "".join(lines) or f"{NOT_THERE}: no rules of sa-update in {folder}\n"


def _amavis(folders: tuple[Path, ...]) -> Reading:
    there = [folder for folder in folders if not _absent(folder)]
    if not there:
        return f"{NOT_THERE}: no {' and no '.join(str(folder) for folder in folders)}\n"
    lines: list[str] = []
    for file in (file for folder in there for file in sorted(folder.glob("*"))[:_MOST_FILES]):
        match read_file(file):
            case Unknown() as unknown:
                return unknown
            case str() as text:
                lines += _deciding_lines(file, text)
    return "".join(lines) or "# nothing is written on viruses and notices\n"


def _deciding_lines(file: Path, text: str) -> Iterator[str]:
    """A list may go on over lines; it ends with its semicolon."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if inside or _AMAVIS_LINE.match(line):
            yield f"{line.strip()}    # {file}:{number}\n"
            inside = ";" not in line
