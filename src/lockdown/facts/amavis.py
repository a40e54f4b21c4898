"""amavis, from the few lines of its settings that are read: whether it checks for viruses, and whom it tells of them.

Fails as: Absent where it is not installed, Unknown with the reason of the reading.
"""

from __future__ import annotations

import re

from lockdown.facts.scanner_files import AMAVIS, NOT_THERE, Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

# Debian switches the checks off by leaving `@bypass_…_checks_maps` to its package, and on by writing it anew.
_BYPASS = re.compile(r"@bypass_(?P<what>virus|spam)_checks_maps\s*=\s*\((?P<maps>[^)]*)")
_SETTING = re.compile(r"\$(?P<name>\w+)\s*=\s*(?P<value>[^;#]*)")
_DESTINY = re.compile(r"final_(?:virus|banned|spam)_destiny")


def _lines(snapshot: Snapshot) -> str | Absent | Unknown:
    match snapshot.reading(AMAVIS):
        case str() as text if text.startswith(NOT_THERE):
            return Absent(text.strip())
        case reading:
            return reading


def checks(snapshot: Snapshot, what: str) -> bool | Absent | Unknown:
    """Whether it looks for "virus" or "spam": the list of those who go without is written, and is not everyone."""
    text = _lines(snapshot)
    if not isinstance(text, str):
        return text
    written = [found["maps"].strip() for found in _BYPASS.finditer(text) if found["what"] == what]
    return bool(written) and written[-1] != "1"


def notices(snapshot: Snapshot, *, of_spam: bool, after_queue: bool) -> tuple[Evidence, ...] | Absent | Unknown:
    """The settings by which the sender of a virus, or of spam, gets a message, or the recipient gets the virus.

    After the queue there is nobody left to refuse: of a D_REJECT Postfix makes a bounce.
    """
    text = _lines(snapshot)
    if not isinstance(text, str):
        return text
    last = {found["name"]: found for found in _SETTING.finditer(text)}
    return tuple(
        Evidence("amavis", found[0].strip())
        for name, found in last.items()
        if ("spam" in name) is of_spam and _is_bad(name, found["value"].strip(), after_queue)
    )


def _is_bad(name: str, value: str, after_queue: bool) -> bool:
    if name.startswith("warn") and name.endswith("sender"):
        return value not in ("0", "undef", "''", '""')
    if name == "final_virus_destiny" and value == "D_PASS":
        return True
    bounces = ("D_BOUNCE", "D_REJECT") if after_queue else ("D_BOUNCE",)
    return bool(_DESTINY.fullmatch(name)) and value in bounces
