"""Whether Lockdown would act on this mail server by itself: only then does the server lack what that rests on.

Fails as: Unknown with the reason, where it cannot be told whether an agent starts here.
"""

from __future__ import annotations

from typing import Literal

from lockdown.config import Settings
from lockdown.facts.scanner_files import Absent
from lockdown.facts.units import enabled_units
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

AGENT = "lockdown-agent.service"


def acts_here(snapshot: Snapshot, policy: Settings, kind: Literal["grip", "hold"]) -> bool | Unknown:
    """The settings ask for it, or an agent starts here whose answers of that kind are given and not only told."""
    asked = policy.monitoring
    if asked.hold_accounts:
        return True
    if asked.mode != "answer" or kind in asked.shadow:
        return False
    units = enabled_units(snapshot)
    return units if isinstance(units, Unknown) else not isinstance(units, Absent) and AGENT in units
