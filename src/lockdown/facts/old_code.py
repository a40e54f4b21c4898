"""Programs that still run code whose file has been replaced: the fix is installed, and not in use.

Fails as: Unknown with the reason; without root only one's own processes may be looked at. Never raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "packages/old-code"
_FIELDS = 3


@dataclass(frozen=True, slots=True)
class OldCode:
    """One process, and the first file of it that is gone."""

    pid: int
    program: str
    file: str


@dataclass(frozen=True, slots=True)
class OldCodes:
    """What was found; `whole` when every process could be looked at."""

    found: tuple[OldCode, ...]
    whole: bool


def old_code(snapshot: Snapshot) -> OldCodes | Unknown:
    """The processes that run code of files that are gone."""
    reading = snapshot.reading(SOURCE)
    if isinstance(reading, Unknown):
        return reading
    user, *lines = reading.splitlines() or [""]
    if not user.startswith("user "):
        return Unknown("the list of processes is damaged")
    fields = (line.split("\t") for line in lines)
    found = (OldCode(int(part[0]), part[1], part[2]) for part in fields if len(part) == _FIELDS and _is_pid(part[0]))
    return OldCodes(tuple(found), user == "user 0")


def _is_pid(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12
