"""ClamAV as it is set up on the machine: how far clamd reads, what it says of what it has not read, how it is updated.

Fails as: Absent where it is not installed, Unknown with the reason of the reading. Never raises for a bad file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.scanner_files import (
    CLAMD,
    FRESHCLAM,
    FRESHCLAM_LOG,
    MILTER,
    NOT_THERE,
    Absent,
    Words,
    size_in,
    words_of,
)
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

# clamd.conf(5). The release 0.105.0 raised all three.
_SINCE_0_105 = {"StreamMaxLength": "100M", "MaxFileSize": "100M", "MaxScanSize": "400M"}
_BEFORE = {"StreamMaxLength": "25M", "MaxFileSize": "25M", "MaxScanSize": "100M"}
LIMITS = tuple(_SINCE_0_105)
_RAISED = (0, 105)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of an engine; `value` None is without end."""

    name: str
    value: ByteSize | None
    evidence: Evidence


def limits(conf: Words, version: str) -> tuple[Limit, ...] | Unknown:
    """The three limits that end clamd's reading. `version` decides the defaults; "" is not known."""
    found = []
    for name in LIMITS:
        if (written := conf.last(name)) is None and not version:
            return Unknown(f"{conf.path} does not write {name}, and its default depends on clamd's version")
        default = (_SINCE_0_105 if _is_since(version) else _BEFORE)[name]
        text = written if written is not None else default
        if (size := size_in(text)) is None:
            return Unknown(f"{conf.path}: {name} {text} is no size")
        evidence = conf.evidence(name, f"not written, {default} is the default")
        found.append(Limit(name, size or None, evidence))
    return tuple(found)


def _is_since(version: str) -> bool:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= _RAISED


def tells_what_it_skipped(conf: Words) -> bool:
    """AlertExceedsMax: whether what lies beyond a limit is named, or called clean."""
    return conf.is_on("AlertExceedsMax")


def tells_encrypted(conf: Words) -> bool:
    """AlertEncrypted, or its two halves together."""
    halves = conf.is_on("AlertEncryptedArchive") and conf.is_on("AlertEncryptedDoc")
    return conf.is_on("AlertEncrypted") or halves


def clamd(snapshot: Snapshot) -> Words | Absent | Unknown:
    """clamd.conf."""
    return words_of(snapshot, CLAMD)


def milter(snapshot: Snapshot) -> Words | Absent | Unknown:
    """clamav-milter.conf."""
    return words_of(snapshot, MILTER)


def freshclam(snapshot: Snapshot) -> Words | Absent | Unknown:
    """freshclam.conf."""
    return words_of(snapshot, FRESHCLAM)


def sockets(conf: Words) -> tuple[str, ...]:
    """Where clamd listens, as `antivirus.engines` would write it."""
    paths = [f"clamd://{path}" for path in conf.all("LocalSocket")]
    hosts = conf.all("TCPAddr") or ("127.0.0.1",)
    ports = [f"clamd://{host}:{port}" for port in conf.all("TCPSocket") for host in hosts]
    return tuple(_plain(url) for url in (*paths, *ports))


def is_of(conf: Words, url: str) -> bool:
    """Whether these may be the settings of the clamd at that place; systemd may hand it sockets that are not named."""
    return not sockets(conf) or _plain(url) in sockets(conf)


def _plain(url: str) -> str:
    """/var/run is /run, and every name of loopback is one."""
    return re.sub(r"//(?:localhost|0\.0\.0\.0|\[?::1?\]?):", "//127.0.0.1:", url.replace("///var/run/", "///run/"))


_STAMP = re.compile(r"\w{3} (\w{3}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4}) -> (.*)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SUCCESS = re.compile(r"(?:daily|main)\.c[lv]d (?:database )?(?:is up[- ]to[- ]date|updated)|Database updated")


@dataclass(frozen=True, slots=True)
class Update:
    """The last success in freshclam's log. Its clock is the machine's own, taken for UTC."""

    at: datetime
    evidence: Evidence


def last_update(snapshot: Snapshot) -> Update | Absent | Unknown:
    """When freshclam last had all that there is."""
    match snapshot.reading(FRESHCLAM_LOG):
        case Unknown() as unknown:
            return unknown
        case str() as text if text.startswith(NOT_THERE):
            return Absent(text.strip())
        case str() as text:
            return _last_update(text)


def _last_update(log: str) -> Update | Unknown:
    for line in reversed(log.splitlines()):
        stamp = _STAMP.match(line)
        if stamp and _SUCCESS.search(stamp[5]) and (at := _time(stamp)):
            return Update(at, Evidence(FRESHCLAM_LOG, line.strip()[:200]))
    return Unknown("the end of freshclam's log holds no successful update")


def _time(stamp: re.Match[str]) -> datetime | None:
    try:
        hour, minute, second = (int(part) for part in stamp[3].split(":"))
        return datetime(int(stamp[4]), _MONTHS.index(stamp[1]) + 1, int(stamp[2]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
