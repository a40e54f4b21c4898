"""sshd as its files set it up: the first value of a keyword counts, Match blocks are told apart (sshd_config(5)).

Fails as: Absent where there is no sshd, Unknown with the reason for a file that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

MAIN, PARTS = "accounts/sshd_config", "accounts/sshd_config.d"
_FILE = "/etc/ssh/sshd_config"
DEFAULTS: Mapping[str, str] = {
    "permitrootlogin": "prohibit-password",
    "passwordauthentication": "yes",
    "permitemptypasswords": "no",
    "kbdinteractiveauthentication": "yes",
    "pubkeyauthentication": "yes",
}
"""sshd_config(5), OpenSSH 7.0 and later."""
_SAME = {"challengeresponseauthentication": "kbdinteractiveauthentication"}


@dataclass(frozen=True, slots=True)
class Written:
    """A keyword as written, within a Match block (its condition) or outside (empty)."""

    value: str
    match: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Sshd:
    """Every keyword in lower case with what is written of it, in the order in which sshd reads."""

    written: Mapping[str, tuple[Written, ...]]
    unread: tuple[str, ...] = ()
    """What is included and was not read: it may say anything."""

    def value(self, keyword: str) -> str:
        """What holds for everyone: the first outside of Match blocks, else the default; lower case."""
        everyone = [one.value for one in self.written.get(keyword, ()) if not one.match]
        return (everyone[0] if everyone else DEFAULTS.get(keyword, "")).lower()

    def in_match(self, keyword: str) -> tuple[Written, ...]:
        """What is written of it for some only."""
        return tuple(one for one in self.written.get(keyword, ()) if one.match)

    def evidence(self, keyword: str) -> Evidence:
        """The line that decides."""
        for one in self.written.get(keyword, ()):
            if not one.match:
                return one.evidence
        return Evidence(_FILE, f"{keyword} is not written; sshd's default is {DEFAULTS.get(keyword, 'unset')}")


def sshd(snapshot: Snapshot) -> Sshd | Absent | Unknown:
    """sshd on the machine."""
    main = snapshot.reading(MAIN)
    if isinstance(main, Unknown):
        return main
    if gone := absent(main):
        return Absent(gone)
    parts: list[tuple[str, str]] = []
    if re.search(r"(?mi)^\s*include\s+(?:/etc/ssh/)?sshd_config\.d/", main):
        listing = snapshot.reading(PARTS)
        if isinstance(listing, Unknown):
            return Unknown(f"/etc/ssh/sshd_config.d: {listing.why}")
        for path, reading in snapshot.below(PARTS).items():
            if isinstance(reading, Unknown):
                return reading
            parts.append((path, reading))
    return parse_sshd(main, parts)


def parse_sshd(main: str, parts: list[tuple[str, str]]) -> Sshd:
    """The drop-ins stand where the main file includes them."""
    written: dict[str, list[Written]] = {}
    _read(_FILE, main, parts, written)
    texts = [main, *(text for _, text in parts)]
    included = [
        words
        for text in texts
        for line in re.findall(r"(?mi)^\s*include\s+(\S.*?)\s*$", text)
        for words in line.split()
    ]
    unread = [path for path in included if not re.fullmatch(r"(?:/etc/ssh/)?sshd_config\.d/\*\.conf", path)]
    return Sshd({name: tuple(values) for name, values in written.items()}, tuple(unread))


def _read(path: str, text: str, parts: list[tuple[str, str]], written: dict[str, list[Written]]) -> None:
    match = ""
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)(\S.*?)\s*\Z", re.sub(r"\s#.*", "", line))
        if not found or line.lstrip().startswith("#"):
            continue
        keyword, value = found[1].lower(), found[2].strip('"')
        keyword = _SAME.get(keyword, keyword)
        if keyword == "match":
            match = "" if value.lower() == "all" else value
        elif keyword == "include":
            if "sshd_config.d" in value:
                for part, inner in parts:
                    _read(part, inner, [], written)
        else:
            written.setdefault(keyword, []).append(Written(value, match, Evidence(path, line.strip(), number)))
