"""What watches this machine's logs and bans whoever guesses, and how the logs themselves fare.

fail2ban's files are read as it reads them: *.conf before *.local, and what is written last counts.
Fails as: Absent where nothing is set up, Unknown with the reason. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

FAIL2BAN, CROWDSEC = "watchers/fail2ban", "watchers/crowdsec"
LOG, LOGS, ROTATION, DISKS = "logs/mail", "logs/files", "logs/rotation", "logs/disks"
_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_SETTING = re.compile(r"(?P<name>[\w-]+)\s*[=:]\s*(?P<value>.*)")
MAIL_JAILS = re.compile(r"postfix|dovecot|exim|sasl|sieve|cyrus|courier|sendmail|roundcube|lockdown|mail|recidive")


@dataclass(frozen=True, slots=True)
class Jail:
    """One section, with the settings of the default one below it, and the line of each."""

    name: str
    words: Mapping[str, tuple[str, Evidence]]

    def value(self, name: str) -> str:
        return self.words[name][0] if name in self.words else ""

    @property
    def is_on(self) -> bool:
        return self.value("enabled").lower() in ("true", "yes", "1", "on")

    @property
    def evidence(self) -> Evidence:
        return self.words["enabled"][1] if "enabled" in self.words else Evidence("fail2ban", f"[{self.name}]")


def jails(snapshot: Snapshot) -> tuple[Jail, ...] | Absent | Unknown:
    """The jails that are written, on or off."""
    listed = snapshot.reading(FAIL2BAN)
    if isinstance(listed, Unknown):
        return listed
    if gone := absent(listed):
        return Absent(gone)
    sections: dict[str, dict[str, tuple[str, Evidence]]] = {}
    # jail.conf, jail.d/*.conf, jail.local, jail.d/*.local: jail.conf(5).
    for path, text in sorted(snapshot.below(FAIL2BAN).items(), key=lambda file: (_turn(file[0]), file[0])):
        if isinstance(text, Unknown):
            return text
        _read(path, text, sections)
    default = sections.pop("DEFAULT", {})
    return tuple(Jail(name, {**default, **words}) for name, words in sections.items() if name != "INCLUDES")


def _turn(path: str) -> int:
    return (2 if path.endswith(".local") else 0) + (1 if "/jail.d/" in path else 0)


def _read(path: str, text: str, sections: dict[str, dict[str, tuple[str, Evidence]]]) -> None:
    section, name = "DEFAULT", ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if match := _SECTION.match(line):
            section, name = match["name"].strip(), ""
        elif line[0].isspace() and name:
            value, evidence = sections[section][name]
            sections[section][name] = (f"{value} {line.strip()}".strip(), evidence)
        elif match := _SETTING.match(line):
            name = match["name"].lower()
            value = match["value"].partition(" #")[0].strip()
            sections.setdefault(section, {})[name] = (value, Evidence(path, line.strip(), number))


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system: what is used of it, in hundredths."""

    mount: str
    used: int
    what: str
    evidence: Evidence


def disks(snapshot: Snapshot) -> tuple[Disk, ...] | Unknown:
    """The file systems that queue, mail and logs lie on: room and inodes."""
    reading = snapshot.reading(DISKS)
    if isinstance(reading, Unknown):
        return reading
    found: dict[tuple[str, str], Disk] = {}
    what = "room"
    for line in reading.splitlines():
        if line.startswith("Filesystem"):
            what = "inodes" if "IUse" in line or "Inodes" in line else "room"
        match = re.search(r"\s(?P<used>[0-9]{1,3})%\s+(?P<mount>/.*)\Z", line)
        if match:
            found[match["mount"], what] = Disk(match["mount"], int(match["used"]), what, Evidence("df", line))
    return tuple(found.values()) or Unknown("df named no file system")
