"""Dovecot as it is set up: every setting with the sections that it stands in, from its own answer or from its files.

2.3 and 2.4 write the same syntax with other names; what a name means is for whoever asks. `doveconf -n` is believed
where there is one, and gives no lines; the files give the lines, and stand alone where nothing else was given.

Fails as: Absent (surely not installed), Unknown("…: Permission denied"). Never raises for a bad file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Reading, Snapshot, absent
from lockdown.model.unknown import Unknown

EFFECTIVE, VERSION, FILES = "dovecot/doveconf-n", "dovecot/version", "dovecot/files"
MAIN = "/etc/dovecot/dovecot.conf"
_DEPTH = 16
_MOST_SETTINGS = 20_000


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `within` are the heads of the sections around it: ("protocol imap",)."""

    name: str
    value: str
    within: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Every setting that is no default, in the order in which Dovecot reads; the last one counts."""

    version: tuple[int, ...]
    settings: tuple[Setting, ...]
    sections: tuple[tuple[str, ...], ...]
    unread: tuple[str, ...] = ()
    """Files that are included and were not read."""

    @property
    def is_new(self) -> bool:
        """Whether it has the names of 2.4."""
        return self.version >= (2, 4)

    def all(self, *names: str) -> Iterator[Setting]:
        """Settings of these names, in whatever section."""
        return (one for one in self.settings if one.name in names)

    def top(self, *names: str) -> Setting | None:
        """What holds outside of all sections."""
        found = [one for one in self.all(*names) if not one.within]
        return found[-1] if found else None

    def value(self, name: str, default: str) -> str:
        """The value outside of all sections, in lower case."""
        found = self.top(name)
        return found.value.lower() if found else default

    def evidence(self, name: str, default: str) -> Evidence:
        """The line that decides, or that it is the default."""
        found = self.top(name)
        return found.evidence if found else Evidence(MAIN, f"{name} is not written; Dovecot's default is {default}")

    def has_section(self, pattern: str) -> bool:
        """Whether a section of such a head is there: `service quota-status`."""
        return any(re.match(rf"{pattern}\b", head) for path in self.sections for head in path)


def as_far_as_read(found: Dovecot, finding: Finding) -> Finding:
    """Where an included file was not given, only what stands in a line that was read is known to be bad; nothing good.

    The file that is missing may set what is not written here, and may set again what is.
    """
    is_written = bool(finding.evidence) and all(one.line is not None for one in finding.evidence)
    if not found.unread or finding.state not in (State.PASS, State.WARN, State.FAIL):
        return finding
    if is_written and finding.state is not State.PASS:
        return finding
    says = f"{found.unread[0]} is included and was not given; without it: {finding.says}"
    ask = "lockdown audit FOLDER     (all of /etc/dovecot)"
    return replace(finding, state=State.UNKNOWN, says=says, next_command=ask)


def dovecot(snapshot: Snapshot) -> Dovecot | Absent | Unknown:
    """Dovecot on the machine."""
    effective = snapshot.reading(EFFECTIVE)
    files = {path: one for path, one in snapshot.below(FILES).items() if not absent(one)}
    main = files.get(MAIN)
    if absent(effective) and not isinstance(main, str):
        return Absent(absent(effective) or "")
    if isinstance(effective, str) and not absent(effective):
        return _of_answer(effective, snapshot, files)
    if isinstance(main, str):
        return _of_files(main, files, snapshot)
    why = effective.why if isinstance(effective, Unknown) else "doveconf gave no answer"
    listing = snapshot.reading(FILES)
    return Unknown(main.why if isinstance(main, Unknown) else listing.why if isinstance(listing, Unknown) else why)


def _of_answer(text: str, snapshot: Snapshot, files: Mapping[str, Reading]) -> Dovecot | Unknown:
    parsed = _Reader({}, "doveconf -n")
    parsed.read("doveconf -n", text)
    version = _version(text, snapshot)
    if not version:
        return Unknown("doveconf -n names no version of Dovecot: it was cut short, or is none")
    lines = _Reader({path: one for path, one in files.items() if isinstance(one, str)}, MAIN)
    if isinstance(main := files.get(MAIN), str):
        lines.read(MAIN, main)
    places = {(one.within, one.name): one.evidence for one in lines.settings}
    settings = tuple(
        Setting(one.name, one.value, one.within, places.get((one.within, one.name), one.evidence))
        for one in parsed.settings
    )
    return Dovecot(version, settings, tuple(parsed.sections))


def _of_files(main: str, files: Mapping[str, Reading], snapshot: Snapshot) -> Dovecot | Unknown:
    reader = _Reader({path: one for path, one in files.items() if isinstance(one, str)}, MAIN)
    reader.read(MAIN, main)
    if reader.trouble:
        return Unknown(reader.trouble)
    # A file that may not be read may be one of those included, by a pattern or by an include that forgives.
    denied = [path for path, one in files.items() if isinstance(one, Unknown)]
    unread = (*reader.unread, *denied)
    return Dovecot(_version(main, snapshot) or (2, 3), tuple(reader.settings), tuple(reader.sections), unread)


def _version(text: str, snapshot: Snapshot) -> tuple[int, ...]:
    found = re.search(r"(?m)^dovecot_config_version\s*=\s*(\d+(?:\.\d+)*)|^#\s*(\d+\.\d+\S*)\s", text)
    said = snapshot.reading(VERSION)
    words = (found[1] or found[2]) if found else said if isinstance(said, str) and not absent(said) else ""
    return tuple(int(part) for part in re.findall(r"\d{1,6}", words)[:3])


class _Reader:
    """Reads the syntax, following what is included as far as it was given."""

    def __init__(self, files: Mapping[str, str], source: str) -> None:
        self._files, self._source = files, source
        self.settings: list[Setting] = []
        self.sections: list[tuple[str, ...]] = []
        self.unread: list[str] = []
        self.trouble = ""

    def read(self, path: str, text: str, within: tuple[str, ...] = (), depth: int = 0) -> None:
        """One file; what it includes stands where it is included."""
        open_sections = list(within)
        for number, line in _logical(text):
            if len(self.settings) > _MOST_SETTINGS:
                self.trouble = f"{path}: more than {_MOST_SETTINGS} settings"
                return
            if line == "}":
                if len(open_sections) == len(within):
                    self.trouble = f"{path}:{number}: a bracket is closed that was never opened"
                    return
                open_sections.pop()
            elif found := re.match(r"!include(?P<try>_try)?\s+(?P<what>\S+)\Z", line):
                self._include(path, found["what"], bool(found["try"]), tuple(open_sections), depth)
            elif line.endswith("{") and "=" not in line.partition("{")[0]:
                open_sections.append(" ".join(line[:-1].split()))
                self.sections.append(tuple(open_sections))
            elif found := re.match(r"(?P<name>[\w./:%-]+)\s*=\s*(?P<value>.*)\Z", line):
                place = Evidence(path, line, number if path != "doveconf -n" else None)
                value = found["value"].strip().strip('"')
                self.settings.append(Setting(found["name"], value, tuple(open_sections), place))
            else:
                self.trouble = self.trouble or f"{path}:{number}: {line[:80]!r} is not understood"
        if len(open_sections) != len(within):
            self.trouble = self.trouble or f"{path}: {open_sections[-1]!r} is never closed"

    def _include(self, path: str, what: str, is_try: bool, within: tuple[str, ...], depth: int) -> None:
        pattern = what if what.startswith("/") else f"{path.rpartition('/')[0]}/{what}"
        matching = sorted(name for name in self._files if fnmatchcase(name, pattern))
        if not matching and not is_try:
            self.unread.append(pattern)
        for name in matching:
            if depth < _DEPTH:
                self.read(name, self._files[name], within, depth + 1)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments; `name { a = b }` on one line is three."""
    gathered, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if not gathered and (not bare or bare.startswith("#")):
            continue
        bare = re.sub(r"\s#.*\Z", "", bare)
        first = first or number
        gathered += bare[:-1].strip() + " " if bare.endswith("\\") else bare
        if bare.endswith("\\"):
            continue
        yield from ((first, part) for part in _parts(gathered))
        gathered, first = "", 0
    if gathered:
        yield first, gathered.strip()


def _parts(line: str) -> Iterator[str]:
    inner = re.match(r"([^={}]*\{)\s*(.+?)\s*\}\Z", line)
    if inner and "%{" not in line and "{" not in inner[2]:
        yield inner[1].strip()
        yield inner[2].strip()
        yield "}"
    else:
        yield line.strip()
