"""Traces of backups: settings and schedules of the usual programs, and when they last did something.

What is written in a script of one's own is understood as far as its lines name a program that makes backups. What is
not understood is no fact here: a repository or a set of paths that is not found is empty, never guessed.
Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockdown.facts.listings import Entry, entries
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

SETTINGS, ROOT_SETTINGS = "backups/settings", "backups/settings-of-root"
SCHEDULES, ROOT_SCHEDULES = "backups/schedules", "backups/schedules-of-root"
TRACES, ROOT_TRACES = "backups/traces", "backups/traces-of-root"

PROGRAMS = (
    "borgmatic", "borg", "resticprofile", "autorestic", "restic", "rsnapshot", "duplicity", "duply", "rdiff-backup",
    "backupninja", "proxmox-backup-client", "bacula-fd", "bareos-fd", "kopia", "tarsnap", "duplicati", "syncoid",
    "burp", "urbackupclientbackend", "automysqlbackup", "doveadm backup", "rsync", "rclone",
)  # fmt: skip
"""What makes backups. The last two copy, and so count only where the line or its file speaks of a backup."""
_COPIES = ("rsync", "rclone")
_NAMED = re.compile(rf"(?<![\w-])(?P<program>{'|'.join(re.escape(name) for name in PROGRAMS)})(?![\w-])")
_REMOTE = re.compile(
    r"(?:ssh|sftp|rest|s3|b2|azure|gs|swift|rclone|https?|scp|pexpect\+scp|rsync|ftps?|webdavs?)(?:\+\w+)?:|"
    r"[\w.*-]+@[\w.-]+:(?!:)|[\w-]{2,}(?:\.[\w-]+)*:(?!:)"
)
_REPOSITORY = (
    re.compile(r"(?:BORG_REPO|RESTIC_REPOSITORY|TARGET)\s*=\s*[\"']?(?P<place>[^\"'\s]+)"),
    re.compile(r"restic\b.*?(?:-r|--repo)[= ]\s*[\"']?(?P<place>[^\"'\s]+)"),
    re.compile(r"borg\s+create\b.*?\s[\"']?(?P<place>[^\"'\s]+)::"),
    re.compile(r"snapshot_root\s+(?P<place>\S+)"),
    re.compile(r"duplicity\b.*\s(?P<place>\w+:/\S+)"),
    re.compile(r"-?\s*path:\s*[\"']?(?P<place>[^\"'\s]+)"),
    re.compile(r"proxmox-backup-client\b.*--repository\s+(?P<place>\S+)"),
    re.compile(r"(?:rsync|rclone|rdiff-backup|doveadm backup)\b.*\s(?P<place>[\w.*@-]+:\S*)"),
)
_PATH = re.compile(r"(?<![\w:=/.*-])(?P<path>/[\w./-]*)")
_SAVES = re.compile(r"(?:restic\b.*\sbackup|borg\s+create|rdiff-backup|rsync|duplicity|doveadm backup)\s")
_YAML_LIST = re.compile(
    r"(?P<indent>\s*)(?P<name>repositories|source_directories|backup_paths|from)\s*:\s*(?P<rest>.*)"
)
_KEEPS = re.compile(
    r"keep[-_](?:within|daily|weekly|monthly|yearly|last|hourly)|\bretain\s|(?:^|\s)(?:forget|prune)\b|remove-older-than"
    r"|MAX_AGE|keep-last|--keep\b|remove-all-but"
)
_CHECKS = re.compile(r"\b(?:borg|restic)\s(?:.*\s)?check\b|^\s*checks:|check_repository|--read-data|\bverify\b")
_TELLS = re.compile(
    r"healthchecks|hc-ping|cronitor|cronhub|uptime_?kuma|ntfy|pagerduty|OnFailure\s*=|MAILTO\s*=\s*\S|apprise"
    r"|on_error|when_fail|\bmail\b.*-s|dead-?man",
    re.IGNORECASE,
)
# dpkg copies its own list each day under such a name.
_OWN_SCRIPT = re.compile(r"(?<!dpkg-db-)(?<!dpkg-)backup")
_DUMPS = re.compile(r"(?:mysql|mariadb|postgresql|sqlite|mongodb)_databases|mysqldump|mariadb-dump|mariabackup|pg_dump")


@dataclass(frozen=True, slots=True)
class Backups:
    """Everything that was found, with the line for each; empty where nothing is written of it."""

    programs: Mapping[str, Evidence]
    schedules: tuple[Evidence, ...]
    repositories: tuple[tuple[str, Evidence], ...]
    paths: tuple[tuple[str, Evidence], ...]
    keeps: Evidence | None
    checks: Evidence | None
    tells: Evidence | None
    dumps: Evidence | None
    last: tuple[datetime, Evidence] | None
    unread: Unknown | None

    @property
    def remote(self) -> tuple[tuple[str, Evidence], ...]:
        """The repositories on other machines."""
        return tuple(found for found in self.repositories if is_remote(found[0]))


def is_remote(place: str) -> bool:
    """Another machine, by the ways in which backup programs write one."""
    return not place.startswith(("/", ".", "file:", "local:")) and bool(_REMOTE.match(place))


def backups(snapshot: Snapshot) -> Backups | Unknown:
    """What is known of backups; Unknown when nothing at all could be read."""
    asked = (SETTINGS, ROOT_SETTINGS, SCHEDULES, ROOT_SCHEDULES)
    readings = [snapshot.reading(source) for source in asked]
    unread = next((reading for reading in readings if isinstance(reading, Unknown)), None)
    if unread and all(isinstance(reading, Unknown) for reading in readings):
        return unread
    lines = [*_lines(snapshot, SETTINGS), *_lines(snapshot, ROOT_SETTINGS)]
    scheduled = [*_lines(snapshot, SCHEDULES), *_lines(snapshot, ROOT_SCHEDULES)]
    # A script is a setting too, and its schedule names it without naming the program.
    programs = {name: line for line in [*scheduled, *lines] if (name := _program(line))}
    every = [*lines, *scheduled]
    return Backups(
        programs,
        tuple(line for line in scheduled if _runs_it(line)),
        tuple(_repositories(every)),
        tuple(_paths(every)),
        _first(_KEEPS, every),
        _first(_CHECKS, every) or programs.get("borgmatic"),
        _first(_TELLS, every),
        _first(_DUMPS, every),
        _last(snapshot),
        unread,
    )


def _lines(snapshot: Snapshot, source: str) -> Iterator[Evidence]:
    listed = snapshot.reading(source)
    if isinstance(listed, str) and absent(listed):
        return
    for path, text in snapshot.below(source).items():
        if isinstance(text, str):
            for number, line in enumerate(text.splitlines(), 1):
                if line.strip() and not line.lstrip().startswith(("#", ";")):
                    yield Evidence(path, line.rstrip()[:300], number)


def _program(line: Evidence) -> str:
    for name, sign in (("borgmatic", "borgmatic"), ("rsnapshot", "rsnapshot.conf"), ("restic", "/restic")):
        if sign in line.source and line.source.endswith((".yaml", ".yml", "rsnapshot.conf")):
            return name
    match = _NAMED.search(line.text)
    if match is None:
        return ""
    name = match["program"]
    about = f"{line.source} {line.text}".lower()
    return "" if name in _COPIES and "backup" not in about else name


def _runs_it(line: Evidence) -> bool:
    """A line of cron, or of a timer with such a name; a service alone is run by nobody."""
    if line.source.endswith(".timer"):
        return line.text.startswith("On") and bool(_NAMED.search(line.source) or "backup" in line.source.lower())
    about = line.text.lower()
    return not line.source.endswith(".service") and (bool(_program(line)) or _OWN_SCRIPT.search(about) is not None)


def _first(pattern: re.Pattern[str], lines: list[Evidence]) -> Evidence | None:
    return next((line for line in lines if pattern.search(line.text)), None)


def _repositories(lines: list[Evidence]) -> Iterator[tuple[str, Evidence]]:
    seen: set[str] = set()
    for line, item in [*_listed(lines, ("repositories",)), *((line, "") for line in lines)]:
        matches = (pattern.search(line.text) for pattern in _REPOSITORY if not item)
        places = [item.removeprefix("path:").strip(" \"'")] if item else [match["place"] for match in matches if match]
        for place in places:
            if (
                place
                and place not in seen
                and (item or _program(line) or "=" in line.text or "snapshot_root" in line.text)
            ):
                seen.add(place)
                yield place, line


def _paths(lines: list[Evidence]) -> Iterator[tuple[str, Evidence]]:
    for line, item in _listed(lines, ("source_directories", "from")):
        yield item.strip("\"'"), line
    for line in lines:
        text = line.text.strip()
        if text.startswith(("backup\t", "backup ")) and line.source.endswith("rsnapshot.conf"):
            yield text.split()[1], line
        elif match := re.search(
            r"(?:restic\b.*\sbackup|borg\s+create|rdiff-backup|rsync|duplicity|doveadm backup)\s", text
        ):
            yield from ((path, line) for path in _PATH.findall(text[match.end() :].partition("#")[0]))


def _listed(lines: list[Evidence], names: tuple[str, ...]) -> Iterator[tuple[Evidence, str]]:
    """The entries of a list in YAML, written below its name or behind it in brackets."""
    inside, depth = False, 0
    for line in lines:
        match = _YAML_LIST.fullmatch(line.text)
        if match:
            inside, depth = match["name"] in names, len(match["indent"])
            for item in match["rest"].strip("[] ").split(",") if inside and match["rest"] else ():
                yield line, item.strip(" \"'")
        elif inside and line.text.lstrip().startswith("- "):
            yield line, line.text.lstrip()[2:].strip(" \"'")
        elif inside and len(line.text) - len(line.text.lstrip()) <= depth:
            inside = False


def _last(snapshot: Snapshot) -> tuple[datetime, Evidence] | None:
    """The newest trace that a run leaves behind."""
    found: list[Entry] = []
    for source in (TRACES, ROOT_TRACES):
        listed = entries(snapshot, source)
        found += () if isinstance(listed, Unknown) else listed
    if not found:
        return None
    newest = max(found, key=lambda entry: entry.changed)
    return newest.changed, Evidence(newest.path, f"changed {newest.changed:%Y-%m-%d %H:%M} UTC")
