"""Snapshot: the readings of one machine at one moment; each a text, or Unknown with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lockdown.model.unknown import Unknown

Reading = str | Unknown

ABSENT = "not installed"
"""How the reading begins of something that is surely not there: another answer than one that may not be read."""


def absent(reading: Reading) -> str | None:
    """What is said of something that is surely not there; None for anything else, Unknown included."""
    return reading.strip() if isinstance(reading, str) and reading.startswith(ABSENT) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`readings` maps a source name (`postfix/postconf-n`, `gateway/settings.json` …) to its text or Unknown(why)."""

    host: str
    taken_at: datetime
    version: str
    readings: Mapping[str, Reading]

    def reading(self, source: str) -> Reading:
        """The reading, or Unknown: a source that was never asked is not an empty one."""
        return self.readings.get(source, Unknown(f"{source} was not read"))

    def below(self, source: str) -> dict[str, Reading]:
        """The readings of files that were asked for by pattern: by their path, in its order."""
        start = f"{source}/"
        found = {name[len(start) - 1 :]: reading for name, reading in self.readings.items() if name.startswith(start)}
        return dict(sorted(found.items()))
