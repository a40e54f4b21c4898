"""How each DNS blocklist of the settings has passed its own test: readings `blocklists/<n>.json`.

Fails as: Unknown, with the reason of the reading or of the test that could not be made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "blocklists/"


@dataclass(frozen=True, slots=True)
class Tried:
    """One list: it lists what must be listed, and nothing that nobody can list; else `why` not."""

    zone: str
    passes: bool
    why: str


def described(zone: str, *, passes: bool, told: bool, why: str) -> str:
    """The reading. `told` is false where the test could not be made."""
    return json.dumps({"zone": zone, "passes": passes, "told": told, "why": why}, indent=1) + "\n"


def blocklists(snapshot: Snapshot) -> tuple[Tried | Unknown, ...]:
    """Every list that was tried."""
    return tuple(_parse(snapshot.readings[name]) for name in sorted(snapshot.readings) if name.startswith(FOLDER))


def _parse(reading: object) -> Tried | Unknown:
    if isinstance(reading, Unknown):
        return reading
    try:
        fields = json.loads(str(reading))
        if not fields["told"]:
            return Unknown(f"{fields['zone']}: {fields['why']}")
        return Tried(str(fields["zone"]), fields["passes"] is True, str(fields["why"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Unknown(f"what was said of a blocklist is damaged: {error}")
