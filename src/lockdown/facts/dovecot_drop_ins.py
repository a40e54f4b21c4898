"""Whether a file of ours in Dovecot's conf.d would be read, and would have the last word.

Fails as: a sentence why not; empty where it would.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from lockdown.facts.dovecot import FILES, MAIN, Dovecot
from lockdown.model.snapshot import Snapshot

FOLDER = "/etc/dovecot/conf.d"
_INCLUDE = re.compile(r"\s*!include(?:_try)?\s+(\S+)\s*\Z")


def why_no_drop_in(snapshot: Snapshot, found: Dovecot, path: str, *names: str) -> str:
    """Why a file at `path` would not settle these settings, outside of all sections or in `plugin`."""
    if found.unread:
        return f"{found.unread[0]} was not read"
    text = snapshot.reading(f"{FILES}{MAIN}")
    if not isinstance(text, str):
        return f"{MAIN} was not read"
    line = _included_at(text, path)
    if line is None:
        return f"{MAIN} does not include {path}"
    for setting in found.settings:
        place = setting.evidence
        is_later = place.source == MAIN and (place.line or 0) > line
        elsewhere = place.source.startswith("/") and place.source != MAIN and not place.source.startswith(f"{FOLDER}/")
        if setting.name in names and setting.within in ((), ("plugin",)) and (is_later or elsewhere):
            return f"{place.source} sets {setting.name} after it"
    return ""


def _included_at(text: str, path: str) -> int | None:
    """The line of dovecot.conf that brings the file in."""
    for number, line in enumerate(text.splitlines(), start=1):
        found = _INCLUDE.match(line)
        if found and fnmatchcase(path, found[1] if found[1].startswith("/") else f"/etc/dovecot/{found[1]}"):
            return number
    return None
