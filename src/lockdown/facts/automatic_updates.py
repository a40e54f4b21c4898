"""Whether updates install themselves: apt's periodic runs, unattended-upgrades, and what its log and stamps say.

Fails as: Unknown with the reason, for each part on its own. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.apt_conf import AptConf, AptWord, apt_conf
from lockdown.facts.listings import entries
from lockdown.facts.packages import LISTS, Package, packages
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

LOG = "packages/unattended-upgrades.log"
LOG_PATH = "/var/log/unattended-upgrades/unattended-upgrades.log"
TIMERS = "packages/timers"
STAMP = "/var/lib/apt/periodic/unattended-upgrades-stamp"
OTHER_MEANS = ("cron-apt", "yum-cron", "dnf-automatic", "landscape-client", "puppet", "puppet-agent", "salt-minion")
"""Programs that may install updates by a way of their own; what they do is not read."""

_OFF = ("", "0", "false", "no", "off")
_LOGGED = re.compile(r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ (?P<level>[A-Z]+) (?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Automatic:
    """How updates install themselves, as it is written."""

    installed: bool
    refreshes: AptWord | None
    upgrades: AptWord | None
    origins: tuple[AptWord, ...]
    passed_over: tuple[AptWord, ...]
    mail: AptWord | None
    masked: tuple[str, ...]
    other: str

    @property
    def is_on(self) -> bool:
        """Installed, told to run, and its timer not taken away."""
        return self.installed and is_set(self.upgrades) and not self.masked

    @property
    def takes_security(self) -> bool:
        """Whether one of the origins is the distribution's security suite, by any of the ways to write it."""
        return any("security" in word.value.lower() for word in self.origins)


def is_set(word: AptWord | None) -> bool:
    """A number of days, `always`, or a word for yes."""
    return word is not None and word.value.strip().lower() not in _OFF


def automatic(snapshot: Snapshot) -> Automatic | Absent | Unknown:
    """What apt.conf says of it. Absent where this is not a Debian."""
    known, conf = packages(snapshot), apt_conf(snapshot)
    if isinstance(conf, Unknown):
        return conf
    if isinstance(known, Absent):
        return known
    # No apt.conf at all is apt with its defaults, by which nothing installs itself.
    conf = AptConf({}) if isinstance(conf, Absent) else conf
    here: Mapping[str, Package] = {} if isinstance(known, Unknown) else known
    own = here.get("unattended-upgrades")
    # Where dpkg's list was not given, its settings are the only sign of it.
    there = own.is_installed if own else isinstance(known, Unknown) and bool(_origins(conf))
    return Automatic(
        installed=there,
        refreshes=conf.last("APT::Periodic::Update-Package-Lists"),
        upgrades=conf.last("APT::Periodic::Unattended-Upgrade"),
        origins=_origins(conf),
        passed_over=conf.all("Unattended-Upgrade::Package-Blacklist"),
        mail=conf.last("Unattended-Upgrade::Mail"),
        masked=_masked(snapshot),
        other=next((name for name in OTHER_MEANS if name in here and here[name].is_installed), ""),
    )


def _origins(conf: AptConf) -> tuple[AptWord, ...]:
    names = ("Unattended-Upgrade::Allowed-Origins", "Unattended-Upgrade::Origins-Pattern")
    return tuple(word for name in names for word in conf.all(name))


def _masked(snapshot: Snapshot) -> tuple[str, ...]:
    found = entries(snapshot, TIMERS)
    if isinstance(found, Unknown):
        return ()
    return tuple(entry.path for entry in found if entry.kind == "l" and entry.target == "/dev/null")


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run that is known of: when, and what went wrong in it."""

    when: datetime
    errors: tuple[Evidence, ...]
    evidence: Evidence


def last_run(snapshot: Snapshot) -> LastRun | Absent | Unknown:
    """By the log, or by the stamp that is touched after each run."""
    log = snapshot.reading(LOG)
    runs = _runs(log) if isinstance(log, str) and not absent(log) else None
    stamp = _stamp(snapshot)
    if runs and (stamp is None or runs.when >= stamp.when or runs.errors):
        return runs
    if stamp:
        return stamp
    if isinstance(log, Unknown):
        return log
    return Absent(f"neither {LOG_PATH} nor {STAMP} tells of a run")


def _runs(log: str) -> LastRun | None:
    when: datetime | None = None
    errors: list[Evidence] = []
    said = ""
    for line in log.splitlines():
        match = _LOGGED.match(line)
        if not match:
            continue
        if match["text"].startswith(("Starting unattended upgrades script", "Initial ")):
            errors = []
        try:
            when = datetime.fromisoformat(match["when"]).replace(tzinfo=UTC)
        except ValueError:
            continue
        said = line
        if match["level"] in ("ERROR", "CRITICAL"):
            errors.append(Evidence(LOG_PATH, line))
    return LastRun(when, tuple(errors[:3]), Evidence(LOG_PATH, said)) if when else None


def _stamp(snapshot: Snapshot) -> LastRun | None:
    found = entries(snapshot, LISTS)
    for entry in () if isinstance(found, Unknown) else found:
        if entry.path == STAMP:
            return LastRun(entry.changed, (), Evidence(STAMP, f"changed {entry.changed:%Y-%m-%d %H:%M} UTC"))
    return None
