"""systemd: what starts by itself, and how well each mail unit is shut in.

Fails as: Absent where systemd does not run, Unknown with the reason of the reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lockdown.facts.listings import entries
from lockdown.facts.scanner_files import Absent
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

ENABLED, SCORES, SCRIPTS = "host/units", "host/unit-scores", "host/boot-scripts"
GATEWAY_GROUPS = "host/gateway-groups"


def enabled_units(snapshot: Snapshot) -> frozenset[str] | Absent | Unknown:
    """Services, sockets and timers that start by themselves."""
    reading = snapshot.reading(ENABLED)
    if isinstance(reading, Unknown):
        return reading
    if gone := absent(reading):
        return Absent(gone)
    return frozenset(words[0] for line in reading.splitlines() if (words := line.split()))


def boot_scripts(snapshot: Snapshot) -> frozenset[str] | Unknown:
    """Init scripts that are started at boot where systemd does not run, by the names their units would have."""
    found = entries(snapshot, SCRIPTS)
    if isinstance(found, Unknown):
        return found
    names = [re.fullmatch(r"S\d\d(.+)", one.path.rpartition("/")[2]) for one in found]
    return frozenset(f"{name[1]}.service" for name in names if name)


def unit_groups(snapshot: Snapshot) -> frozenset[str]:
    """Groups that the gateway has by its unit alone; none where that could not be read, which gives it no right."""
    reading = snapshot.reading(GATEWAY_GROUPS)
    return frozenset() if isinstance(reading, Unknown) or absent(reading) else frozenset(reading.split())


def unit_scores(snapshot: Snapshot) -> Mapping[str, float] | Absent | Unknown:
    """The exposure of each mail unit that runs, 0 (shut in) to 10 (may do everything): systemd-analyze security."""
    reading = snapshot.reading(SCORES)
    if isinstance(reading, Unknown):
        return reading
    if gone := absent(reading):
        return Absent(gone)
    found = re.findall(r"exposure level for (\S+?)(?:\.service)?: (\d{1,2}(?:\.\d)?)", reading)
    return {unit: float(score) for unit, score in found}
