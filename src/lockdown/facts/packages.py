"""Packages of this machine, and the security updates that its distribution offers for them.

What is installed is compared with what the distribution's own security suite has, by the distribution's own order of
versions: never with version ranges of upstream, since distributions mend old versions in place.
Fails as: Absent where there is no dpkg, Unknown with the reason. Never raises for a damaged list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.debian_version import Version
from lockdown.facts.listings import Entry, entries
from lockdown.facts.scanner_files import Absent
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

STATUS, SECURITY, SECURITY_PACKED = "packages/status", "packages/security", "packages/security-packed"
LISTS, PINS = "packages/lists", "packages/pins"
READ_FIELDS = ("Package", "Version", "Architecture", "Status", "Source")

_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Package:
    """One package as dpkg knows it."""

    name: str
    version: str
    architecture: str
    status: str
    source: str

    @property
    def is_installed(self) -> bool:
        return self.status.endswith(" installed")

    @property
    def is_held(self) -> bool:
        return self.status.startswith("hold ")

    @property
    def is_whole(self) -> bool:
        """Unpacked and set up; anything between is an installation that broke off."""
        return self.status.rpartition(" ")[2] in ("installed", "config-files", "not-installed")


@dataclass(frozen=True, slots=True)
class Pending:
    """A newer version that the security suite has; `since` is when that list was made, so it waits at least so long."""

    package: Package
    offered: str
    path: str
    since: datetime | None


def reduce_stanzas(text: str) -> str:
    """Of stanzas as dpkg and apt write them, a line for each package: name, version, architecture, source, status."""
    lines: list[str] = []
    fields: dict[str, str] = {}
    for line in [*text.split("\n"), ""]:
        if line:
            name, colon, value = line.partition(": ")
            if colon and name in READ_FIELDS:
                fields[name] = value.strip()
        elif fields:
            lines.append(_line(fields))
            fields = {}
    return "".join(lines)


def _line(fields: Mapping[str, str]) -> str:
    name = fields.get("Package", "")
    source = fields.get("Source", name).partition(" ")[0]
    told = (name, fields.get("Version", "-"), fields.get("Architecture", "-"), source, fields.get("Status", "-"))
    return " ".join(told) + "\n" if name else ""


def packages(snapshot: Snapshot) -> Mapping[str, Package] | Absent | Unknown:
    """What dpkg knows, by name; of two architectures the last, which has the same version."""
    reading = snapshot.reading(STATUS)
    if isinstance(reading, Unknown):
        return reading
    if gone := absent(reading):
        return Absent(gone)
    found = {package.name: package for package in _packages(reading)}
    return found or Unknown("/var/lib/dpkg/status names no package")


def _packages(text: str) -> Iterator[Package]:
    for line in text.splitlines():
        parts = line.split(" ", 4)
        if len(parts) == _FIELDS:
            name, version, architecture, source, status = parts
            yield Package(name, version, architecture, status, source)


@dataclass(frozen=True, slots=True)
class Offered:
    """What the security suites have: by package the newest version, and the list that has it."""

    versions: Mapping[str, tuple[str, str]]
    lists: tuple[str, ...]


def offered(snapshot: Snapshot) -> Offered | Absent | Unknown:
    """The lists of the security suites, whether they lie packed or not."""
    plain, packed = snapshot.reading(SECURITY), snapshot.reading(SECURITY_PACKED)
    texts: dict[str, str] = {}
    files = {} if isinstance(plain, str) and absent(plain) else snapshot.below(SECURITY)
    for path, reading in files.items():
        if isinstance(reading, Unknown):
            return reading
        texts[path] = reading
    texts |= _unpacked(packed) if isinstance(packed, str) else {}
    if texts:
        return Offered(_newest(texts), tuple(texts))
    for reading in (plain, packed):
        if isinstance(reading, Unknown):
            return reading
    return Absent("no list of a security suite lies in /var/lib/apt/lists")


def _unpacked(text: str) -> dict[str, str]:
    """The script's answer: `# PATH` before the lines of each list."""
    found: dict[str, list[str]] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("# "):
            path = line[2:]
            found[path] = []
        elif path:
            found[path].append(f"{line} -")
    return {path: "\n".join(lines) for path, lines in found.items()}


def _newest(texts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    best: dict[str, tuple[str, str]] = {}
    for path, text in texts.items():
        for package in _packages(text):
            before = best.get(package.name)
            if before is None or Version(before[0]) < Version(package.version):
                best[package.name] = (package.version, path)
    return best


def pending(snapshot: Snapshot) -> tuple[Pending, ...] | Absent | Unknown:
    """The security updates that are offered and not installed, by name."""
    installed, has = packages(snapshot), offered(snapshot)
    if not isinstance(installed, Mapping):
        return installed
    if not isinstance(has, Offered):
        return has
    made = {entry.path: entry.changed for entry in list_entries(snapshot)}
    waiting = []
    for name, package in sorted(installed.items()):
        version, path = has.versions.get(name, ("", ""))
        if package.is_installed and version and Version(package.version) < Version(version):
            waiting.append(Pending(package, version, path, made.get(path)))
    return tuple(waiting)


def list_entries(snapshot: Snapshot) -> tuple[Entry, ...]:
    """The files of /var/lib/apt/lists; none where they could not be listed."""
    found = entries(snapshot, LISTS)
    return () if isinstance(found, Unknown) else found


def last_fetched(snapshot: Snapshot) -> datetime | Absent | Unknown:
    """When apt last fetched its lists with success, by the newest trace of it."""
    found = entries(snapshot, LISTS)
    if isinstance(found, Unknown):
        return found
    traces = [
        entry.changed
        for entry in found
        if entry.path.endswith(("/partial", "update-success-stamp", "/update-stamp"))
        and entry.changed > datetime.fromtimestamp(0, UTC)
    ]
    lists = [entry for entry in found if "_Packages" in entry.path or "Release" in entry.path]
    if not lists:
        return Absent("no package lists lie in /var/lib/apt/lists")
    return max(traces, default=max(entry.changed for entry in lists))
