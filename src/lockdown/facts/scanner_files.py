"""Where the files of scanners and filters lie in a snapshot, and how a word of their settings is read.

The settings of ClamAV, OpenDKIM and their kin are lines of `Name value`; rspamd's are `name = value;` in UCL. Only what
an audit asks for is understood: a line of any other shape names nothing.
Fails as: Absent for a file that is not there, Unknown with the reason for one that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import ABSENT, Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

NOT_THERE = ABSENT
"""How the reading of a file begins that is not on the machine: another answer than one that may not be read."""

CLAMD, FRESHCLAM, MILTER = "clamav/clamd.conf", "clamav/freshclam.conf", "clamav/clamav-milter.conf"
FRESHCLAM_LOG = "clamav/freshclam.log"
OPENDKIM = "opendkim/opendkim.conf"
AMAVIS = "amavis/settings"
SPAM_RULES = "spamassassin/rules"
RESOLVERS = "host/resolvers"

PLACES: Mapping[str, str] = {
    CLAMD: "/etc/clamav/clamd.conf",
    FRESHCLAM: "/etc/clamav/freshclam.conf",
    MILTER: "/etc/clamav/clamav-milter.conf",
    OPENDKIM: "/etc/opendkim.conf",
    **{
        f"rspamd/{name}": f"/etc/rspamd/{name}"
        for name in (
            "options.inc",
            "local.d/options.inc",
            "override.d/options.inc",
            "local.d/antivirus.conf",
            "override.d/antivirus.conf",
            "local.d/dkim_signing.conf",
            "override.d/dkim_signing.conf",
        )
    },
}
"""Each reading, and the file that it is."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The file is not on the machine."""

    why: str


@dataclass(frozen=True, slots=True)
class Word:
    """One setting as written: its value, and its line."""

    value: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A file of settings. A name that is written more than once has all its values, in their order."""

    path: str
    words: Mapping[str, tuple[Word, ...]]

    def last(self, name: str) -> str | None:
        """What is written last, which is what counts; None where it is not written."""
        found = self.words.get(name.lower())
        return found[-1].value if found else None

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(word.value for word in self.words.get(name.lower(), ()))

    def is_on(self, name: str) -> bool:
        """ClamAV takes yes, true and 1 for the same."""
        return (self.last(name) or "").lower() in ("yes", "true", "1", "on")

    def evidence(self, name: str, default: str = "not written") -> Evidence:
        """The line, or that there is none."""
        found = self.words.get(name.lower())
        if found:
            return Evidence(self.path, found[-1].text, found[-1].line)
        return Evidence(self.path, f"{name}: {default}")


def words_of(snapshot: Snapshot, source: str) -> Words | Absent | Unknown:
    """The settings in one reading."""
    match snapshot.reading(source):
        case Unknown() as unknown:
            return unknown
        case str() as text if text.startswith(NOT_THERE):
            return Absent(text.strip())
        case str() as text:
            return Words(PLACES.get(source, source), _parse(text, is_ucl=source.startswith("rspamd/")))


_SETTING = re.compile(r"[ \t]*\$?(?P<name>[A-Za-z_][\w.-]*)[ \t]*(?:=[ \t]*|[ \t])(?P<value>\S[^\n]*)")


def _parse(text: str, *, is_ucl: bool) -> dict[str, tuple[Word, ...]]:
    found: dict[str, list[Word]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("#", "/*")):
            continue
        # UCL may write a whole section on one line.
        for piece in re.split(r"[{};]", line) if is_ucl else [line]:
            if setting := _SETTING.match(piece):
                value = setting["value"].strip().rstrip(";").strip("\"'")
                found.setdefault(setting["name"].lower(), []).append(Word(value, number, line.strip()))
    return {name: tuple(words) for name, words in found.items()}


_SIZE = re.compile(r"([0-9]{1,15})([KMG]?)B?", re.IGNORECASE)
_FACTOR = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size_in(text: str) -> ByteSize | None:
    """`25M`, `100K`, `1048576`; None for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    return ByteSize(int(found[1]) * _FACTOR[found[2].upper()]) if found else None
