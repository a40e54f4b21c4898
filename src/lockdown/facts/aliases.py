"""/etc/aliases: who gets the mail of a name, followed to its end (aliases(5)).

Fails as: Absent for a machine without the file, Unknown with the reason for one that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

ALIASES = "accounts/aliases"
FILE = "/etc/aliases"
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Aliases:
    """Names in lower case, their targets as written, and the line of each."""

    targets: Mapping[str, tuple[str, ...]]
    lines: Mapping[str, int]

    def ends(self, name: str) -> frozenset[str]:
        """Where mail for a name goes in the end: local names that are no alias, addresses, files, programs."""
        found: set[str] = set()
        waiting = [name.lower()]
        seen: set[str] = set()
        while waiting and len(seen) < 1000:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            if current in self.targets:
                waiting += [target if _is_place(target) else target.lower() for target in self.targets[current]]
            else:
                found.add(current)
        return frozenset(found)

    def evidence(self, name: str) -> Evidence:
        """The alias as written, or that there is none."""
        if name in self.targets:
            return Evidence(FILE, f"{name}: {', '.join(self.targets[name])}", self.lines[name])
        return Evidence(FILE, f"no line for {name}")


def _is_place(target: str) -> bool:
    return target.startswith(("/", "|", '"', ":")) or "@" in target


def aliases(snapshot: Snapshot) -> Aliases | Absent | Unknown:
    """The aliases of the machine."""
    reading = snapshot.reading(ALIASES)
    if isinstance(reading, Unknown):
        return reading
    if gone := absent(reading):
        return Absent(gone)
    return parse_aliases(reading)


def parse_aliases(text: str) -> Aliases:
    """Continuations begin with white space; the last line of a name counts."""
    targets: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and current:
            targets[current] += _split(line)
            continue
        name, colon, rest = line.partition(":")
        current = name.strip().strip('"').lower() if colon else ""
        if current:
            targets[current], lines[current] = _split(rest), number
    return Aliases(targets, lines)


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in re.findall(r'"[^"]*"|[^,]+', text) if word.strip())
