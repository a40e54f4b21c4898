"""Lines of a listing as entries: who owns a file, how large it is, when it was last changed.

Fails as: Unknown with the reason; a line of any other shape is left out. Never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link."""

    kind: str
    mode: int
    user: str
    group: str
    size: int
    changed: datetime
    path: str
    target: str


def entries(snapshot: Snapshot, source: str) -> tuple[Entry, ...] | Unknown:
    """What the listing of that name holds."""
    reading = snapshot.reading(source)
    return reading if isinstance(reading, Unknown) else tuple(_entries(reading))


def _entries(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) != _FIELDS:
            continue
        kind, mode, user, group, size, changed, path, target = fields
        try:
            then = datetime.fromtimestamp(float(changed), UTC)
            yield Entry(kind, int(mode, 8), user, group, int(size), then, path, target)
        except (ValueError, OverflowError, OSError):
            continue
