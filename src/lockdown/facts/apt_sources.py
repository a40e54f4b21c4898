"""Where packages come from: the lines of sources.list and the stanzas of `*.sources`.

Fails as: Absent where no source is written, Unknown with the first file that could not be read. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

SOURCES = "packages/sources"
_ONE_LINE = re.compile(r"\s*deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")


@dataclass(frozen=True, slots=True)
class Source:
    """One suite of one archive, for packages ready to install."""

    uri: str
    suite: str
    evidence: Evidence

    @property
    def is_security(self) -> bool:
        """Debian: `bookworm-security`, until 10 `buster/updates`; Ubuntu: `jammy-security`."""
        return "-security" in self.suite or self.suite.rstrip("/").endswith("/updates")


def apt_sources(snapshot: Snapshot) -> tuple[Source, ...] | Absent | Unknown:
    """Every source that is in use, in the order of the files."""
    listed, files = snapshot.reading(SOURCES), snapshot.below(SOURCES)
    if isinstance(listed, Unknown) and not files:
        return listed
    if isinstance(listed, str) and (gone := absent(listed)):
        return Absent(gone)
    found: list[Source] = []
    for path, text in files.items():
        if isinstance(text, Unknown):
            return text
        found += _stanzas(path, text) if path.endswith(".sources") else _lines(path, text)
    return tuple(found)


def _lines(path: str, text: str) -> Iterator[Source]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := _ONE_LINE.match(line):
            yield Source(match["uri"], match["suite"], Evidence(path, line.strip(), number))


def _stanzas(path: str, text: str) -> Iterator[Source]:
    fields: dict[str, str] = {}
    start, name = 0, ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            yield from _of_stanza(path, fields, start)
            fields, name = {}, ""
        elif line[0].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        else:
            start = start if fields else number
            name = line.partition(":")[0].strip().lower()
            fields[name] = line.partition(":")[2].strip()


def _of_stanza(path: str, fields: dict[str, str], start: int) -> Iterator[Source]:
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
        return
    for uri in fields.get("uris", "").split():
        for suite in fields.get("suites", "").split():
            yield Source(uri, suite, Evidence(path, f"{uri} {suite}", start))
