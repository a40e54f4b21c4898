"""Readings of what scans mail on this machine: ClamAV, rspamd, SpamAssassin, amavis, OpenDKIM, and the resolvers.

Files only: nothing is started, and no engine is asked here. A file that is not there is told from one that is denied.
Fails as: Unknown("/etc/clamav/clamd.conf: Permission denied"). Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from lockdown.facts.scanner_files import AMAVIS, FRESHCLAM_LOG, PLACES, RESOLVERS, SPAM_RULES
from lockdown.host.asked import File, Native, Sources
from lockdown.host.files import read_file
from lockdown.host.local import gone
from lockdown.model.snapshot import ABSENT, Reading
from lockdown.model.unknown import Unknown

FRESHCLAM_LOGS = "/var/log/clamav/freshclam.log"
RULES = Path("/var/lib/spamassassin")
AMAVIS_SETTINGS = (Path("/etc/amavis/conf.d"), Path("/etc/amavisd"))
TAIL = 64 * 1024
_MOST_FILES = 50
# Of amavis only what decides on viruses and notices: its other settings hold passwords.
_AMAVIS_LINE = re.compile(r"[ \t]*(?:@bypass_(?:virus|spam)_checks_maps|\$final_\w+_destiny|\$warn\w+|\$virus_admin)\b")


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        **{source: File(path) for source, path in PLACES.items()},
        FRESHCLAM_LOG: File(FRESHCLAM_LOGS, TAIL, tail=True),
        SPAM_RULES: Native(partial(_newest_rules, RULES)),
        AMAVIS: Native(partial(_amavis, AMAVIS_SETTINGS)),
        RESOLVERS: File("/etc/resolv.conf"),
    }


def _newest_rules(folder: Path) -> Reading:
    """When sa-update last brought rules: a line for each channel of each version."""
    if gone(folder):
        return f"{ABSENT}: no {folder}\n"
    try:
        found = sorted(folder.glob("*/*.cf"))[:_MOST_FILES]
        lines = [f"{datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat()} {file}\n" for file in found]
    except OSError as error:
        return Unknown(f"{folder}: {error.strerror}")
    return "".join(lines) or f"{ABSENT}: no rules of sa-update in {folder}\n"


def _amavis(folders: tuple[Path, ...]) -> Reading:
    there = [folder for folder in folders if not gone(folder)]
    if not there:
        return f"{ABSENT}: no {' and no '.join(str(folder) for folder in folders)}\n"
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
