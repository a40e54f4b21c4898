"""Whose a listener is: the program, the unit or init script that starts it, and the package that it came with.

From the reading `host/owners`, a line for each: `tcp 0.0.0.0:23 /usr/sbin/inetd UNIT PACKAGE SCRIPT`, `-` where a part
is not known. What is not known is empty, never guessed.
Fails as: Unknown, with the reason of the reading or the line that is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "host/owners"
_LINE = re.compile(
    r"(?P<protocol>tcp|udp) \S*:(?P<port>\d{1,5}) (?P<program>\S+) (?P<unit>[\w@.\\:-]+) (?P<package>[a-z0-9.+:-]+)"
    r" (?P<script>[\w.+-]+)\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who listens; an empty part is not known."""

    program: str
    """Its file."""
    unit: str
    """The systemd unit that runs it or, of a port that systemd holds open, its socket."""
    package: str
    script: str
    """The init script that starts it, by its name in /etc/init.d."""

    @property
    def starter(self) -> str:
        """What is stopped and masked: the unit, else the init script by the name that its unit would have."""
        return self.unit or (f"{self.script}.service" if self.script else "")

    @property
    def names(self) -> frozenset[str]:
        """Every name that it goes by, without the ending of a unit or the instance of a template."""
        bare = re.sub(r"(?:@[^.]*)?\.\w+\Z", "", self.unit)
        if self.unit.endswith(".socket"):
            # systemd holds the port open for it: the program that listens is not the one that is meant.
            return frozenset({bare})
        return frozenset({self.program.rpartition("/")[2], bare, self.package.partition(":")[0], self.script} - {""})


Owners = Mapping[tuple[str, int], tuple[Owner, ...]]
"""By protocol and port; of an address of its own each."""


def owners(snapshot: Snapshot) -> Owners | Unknown:
    """Whose each port is."""
    reading = snapshot.reading(SOURCE)
    if isinstance(reading, Unknown):
        return reading
    found: dict[tuple[str, int], dict[Owner, None]] = {}
    for number, line in enumerate(reading.splitlines(), start=1):
        parts = _LINE.match(line)
        if not parts:
            return Unknown(f"{SOURCE} line {number} is not understood: {line[:80]!r}")
        words = ["" if parts[name] == "-" else parts[name] for name in ("program", "unit", "package", "script")]
        found.setdefault((parts["protocol"], int(parts["port"])), {})[Owner(*words)] = None
    return {place: tuple(those) for place, those in found.items()}
