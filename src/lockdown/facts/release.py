"""Which release of which distribution runs here, and until when it gets security updates.

The table is what the distributions have announced (the package distro-info-data, and the pages named in it).
Fails as: Absent where there is no os-release, Unknown with the reason. Never raises.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

OS_RELEASE = "packages/os-release"
PLACES = ("/etc/os-release", "/usr/lib/os-release")


@dataclass(frozen=True, slots=True)
class Support:
    """Ends of support: by the security team, and by the long-term team, which covers less."""

    ends: datetime
    long_term_ends: datetime | None = None


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SUPPORT: Mapping[tuple[str, str], Support] = {
    ("debian", "8"): Support(_day("2018-06-17"), _day("2020-06-30")),
    ("debian", "9"): Support(_day("2020-07-18"), _day("2022-06-30")),
    ("debian", "10"): Support(_day("2022-09-10"), _day("2024-06-30")),
    ("debian", "11"): Support(_day("2024-08-14"), _day("2026-08-31")),
    ("debian", "12"): Support(_day("2026-07-11"), _day("2028-06-30")),
    ("debian", "13"): Support(_day("2028-08-09"), _day("2030-06-30")),
    # Ubuntu's extension is sold, and needs a subscription that a machine may or may not have.
    ("ubuntu", "16.04"): Support(_day("2021-04-30")),
    ("ubuntu", "18.04"): Support(_day("2023-05-31")),
    ("ubuntu", "20.04"): Support(_day("2025-05-29")),
    ("ubuntu", "22.04"): Support(_day("2027-06-01")),
    ("ubuntu", "24.04"): Support(_day("2029-05-31")),
    ("ubuntu", "26.04"): Support(_day("2031-05-29")),
}


@dataclass(frozen=True, slots=True)
class Release:
    """What os-release says."""

    id: str
    version: str
    codename: str
    name: str
    evidence: Evidence

    @property
    def support(self) -> Support | None:
        return SUPPORT.get((self.id, self.version))


def release(snapshot: Snapshot) -> Release | Absent | Unknown:
    """The release of the machine."""
    listed = snapshot.reading(OS_RELEASE)
    if isinstance(listed, Unknown):
        return listed
    if gone := absent(listed):
        return Absent(gone)
    files = snapshot.below(OS_RELEASE)
    for path in PLACES:
        match files.get(path):
            case str(text):
                return _release(path, text)
            case Unknown() as unknown if path == PLACES[-1]:
                return unknown
    return Unknown("os-release was not read")


def _release(path: str, text: str) -> Release:
    words: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        try:
            words[name.strip()] = " ".join(shlex.split(value))
        except ValueError:
            words[name.strip()] = value.strip("\"'")
    name = words.get("PRETTY_NAME") or words.get("NAME") or "an unnamed system"
    place = next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith("PRETTY_NAME")), None)
    return Release(
        words.get("ID", ""),
        words.get("VERSION_ID", ""),
        words.get("VERSION_CODENAME", ""),
        name,
        Evidence(path, f"PRETTY_NAME={name}", place),
    )
