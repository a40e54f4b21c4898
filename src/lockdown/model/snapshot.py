"""Snapshot: the readings of one machine at one moment; each a text, or Unknown with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lockdown.model.unknown import Unknown

Reading = str | Unknown


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
