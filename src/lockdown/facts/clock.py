"""Whether the clock of the machine is kept right, and by whom.

Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.facts.packages import packages
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

TIMEDATECTL, CHRONY = "clock/timedatectl", "clock/chrony"
_KEEPERS = ("chrony", "ntpsec", "ntp", "openntpd", "systemd-timesyncd", "ntpdate")


@dataclass(frozen=True, slots=True)
class Clock:
    """`synchronised` is the machine's own word; None where only the program for it is known to be installed."""

    synchronised: bool | None
    keeper: str
    evidence: Evidence


def clock(snapshot: Snapshot) -> Clock | Unknown:
    """How the clock is kept."""
    chrony, told = snapshot.reading(CHRONY), snapshot.reading(TIMEDATECTL)
    for line in chrony.splitlines() if isinstance(chrony, str) and not absent(chrony) else ():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if colon and name == "Leap status":
            return Clock(value != "Not synchronised", "chrony", Evidence("chronyc tracking", line.strip()))
    words = dict(line.partition("=")[::2] for line in told.splitlines()) if isinstance(told, str) else {}
    if "NTPSynchronized" in words:
        line = f"NTP={words.get('NTP', '')} NTPSynchronized={words['NTPSynchronized']}"
        return Clock(words["NTPSynchronized"] == "yes", "", Evidence("timedatectl show", line))
    known = packages(snapshot)
    if isinstance(known, Mapping):
        for name in _KEEPERS:
            if name in known and known[name].is_installed:
                return Clock(None, name, Evidence("dpkg", f"{name} {known[name].version}"))
    return told if isinstance(told, Unknown) else Unknown("neither timedatectl nor chronyc said so")
