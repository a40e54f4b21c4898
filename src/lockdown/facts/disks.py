"""How much room the disks have, from the reading `host/disks`: a line for each place with what lies under it.

Fails as: Unknown, with the reason of the reading or the line that is not understood.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "host/disks"


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system under a place; sizes in KiB."""

    place: str
    total: int
    free: int
    inodes: int
    free_inodes: int
    mount: str

    @property
    def free_share(self) -> float:
        """Of the space, or of the inodes, whichever is scarcer."""
        shares = [self.free / self.total] if self.total else []
        shares += [self.free_inodes / self.inodes] if self.inodes else []
        return min(shares, default=0.0)

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            f"df {self.place}", f"{self.free >> 10} MiB free of {self.total >> 10}, mounted on {self.mount}"
        )


def disks(snapshot: Snapshot) -> dict[str, Disk] | Unknown:
    """By place."""
    reading = snapshot.reading(SOURCE)
    if isinstance(reading, Unknown):
        return reading
    found: dict[str, Disk] = {}
    for number, line in enumerate(reading.splitlines(), start=1):
        try:
            place, total, free, inodes, free_inodes, mount = line.split(" ", 5)
            # Some file systems count no inodes, and df says a dash.
            counts = [0 if text == "-" else int(text) for text in (total, free, inodes, free_inodes)]
        except ValueError:
            return Unknown(f"{SOURCE} line {number} is not understood: {line[:80]!r}")
        found[place] = Disk(place, counts[0], counts[1], counts[2], counts[3], mount)
    return found or Unknown(f"{SOURCE} names no disk")
