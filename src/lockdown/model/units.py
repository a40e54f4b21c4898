"""Sizes and rates as people write them: `25 MiB`, `500/h`. Durations are `timedelta`, written `5m`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB|K|M|G|T)?\s*\Z", re.IGNORECASE)
_BINARY = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "kib": 1, "mib": 2, "gib": 3, "tib": 4}
_DECIMAL = {"kb": 1, "mb": 2, "gb": 3, "tb": 4}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d*)\s*(s|m|h|d)\s*\Z")


class ByteSize(int):
    """A number of octets that prints as people write it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `25 MiB`, `25M` (both binary), `10 MB` (decimal) or plain octets; ValueError otherwise."""
        found = _SIZE.match(text)
        if not found:
            raise ValueError(f"{text!r} is not a size; write it like `25 MiB`")
        unit = (found[2] or "").lower()
        factor = 1000 ** _DECIMAL[unit] if unit in _DECIMAL else 1024 ** _BINARY[unit]
        return cls(int(float(found[1]) * factor))

    def __str__(self) -> str:
        for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
            if self >= 1024**power:
                return f"{self / 1024**power:.4g} {unit}"
        return f"{int(self)} B"


def parse_duration(text: str) -> timedelta:
    """Read `5m`, `1h30m`, `7d`; ValueError otherwise. Months and years are not durations."""
    compact = text.strip()
    parts = _DURATION.findall(compact)
    if not parts or _DURATION.sub("", compact).strip():
        raise ValueError(f"{text!r} is not a duration; write it like `5m` or `7d`")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def show_duration(duration: timedelta) -> str:
    """Write a duration as people do: the largest units that say it exactly, `1h30m`."""
    left = round(duration.total_seconds() * 1000)
    shown = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, round(_SECONDS[unit] * 1000))
        shown += f"{count}{unit}" if count else ""
    return shown or "0s"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within a sliding time."""

    count: int
    per: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `500/h` or `30/10m`; ValueError otherwise."""
        found = _RATE.match(text)
        if not found:
            raise ValueError(f"{text!r} is not a rate; write it like `500/h` or `30/10m`")
        return cls(int(found[1]), timedelta(seconds=int(found[2] or 1) * _SECONDS[found[3]]))

    def __str__(self) -> str:
        shown = show_duration(self.per)
        return f"{self.count}/{shown.removeprefix('1') if shown in ('1s', '1m', '1h', '1d') else shown}"
