"""Pins of apt that keep a package at its version: from its fixes, that is.

Fails as: Unknown with the first file that could not be read. Never raises.
"""

from __future__ import annotations

import re

from lockdown.facts.packages import PINS
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_KEEPS = 1000
"""apt_preferences(5): above it a pinned version is kept even where it is the older one."""
_FIELD = re.compile(r"(?P<name>Package|Pin|Pin-Priority):\s*(?P<value>.*)", re.IGNORECASE)


def keeping_pins(snapshot: Snapshot) -> tuple[tuple[str, Evidence], ...] | Unknown:
    """The packages that are pinned to one version, with the line that says so."""
    listed, files = snapshot.reading(PINS), snapshot.below(PINS)
    if isinstance(listed, Unknown) and not files:
        return listed
    found: list[tuple[str, Evidence]] = []
    for path, text in files.items():
        if isinstance(text, Unknown):
            return text
        found += _of_file(path, text)
    return tuple(found)


def _of_file(path: str, text: str) -> list[tuple[str, Evidence]]:
    found, fields, place = [], dict[str, str](), 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if match := _FIELD.match(line):
            fields[match["name"].lower()] = match["value"].strip()
            place = number if match["name"].lower() == "pin" else place
        elif not line.strip():
            # A whole archive that is ranked low keeps nothing back: only one version of one package does.
            if fields.get("pin", "").startswith("version") and _priority(fields) > _KEEPS - 500:
                found.append((fields.get("package", "*"), Evidence(path, f"Pin: {fields['pin']}", place)))
            fields = {}
    return found


def _priority(fields: dict[str, str]) -> int:
    text = fields.get("pin-priority", "0")
    return int(text) if re.fullmatch(r"-?\d{1,6}", text) else 0
