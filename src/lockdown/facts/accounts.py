"""Who is on the machine: accounts, groups, the kind of their passwords, their keys, when they were last used.

Fails as: Unknown with the reason of the reading, or the line that is not understood. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

PASSWD, GROUP, SHADOW = "accounts/passwd", "accounts/group", "accounts/shadow"
LAST, KEYS, IN_USE = "accounts/lastlog", "accounts/keys", "accounts/in-use"
LOGIN_DEFS, QUALITY, COMMON_PASSWORD = "accounts/login.defs", "accounts/pwquality", "accounts/common-password"
PANELS = "accounts/panels"
ROTATION, JOURNAL, JOURNAL_KEPT = "accounts/logrotate", "accounts/journald", "accounts/logs"
ROOT_GROUPS = ("sudo", "wheel", "admin", "docker", "lxd", "disk", "shadow", "incus-admin")
"""Members of these can become root without being asked twice."""
LEAST_LENGTH = {"starter": 8, "business": 10, "strict": 12}
"""What is demanded of new passwords, by site.profile."""
_NO_SHELL = re.compile(r"(?:/nologin|/false|/sync|/shutdown|/halt)\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEAK = frozenset({"md5", "des", "bsdi", "sun-md5"})


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    evidence: Evidence
    password: str = "x"
    """What stands in its second field: x where the shadow file has it, else the kind of a password of old."""

    @property
    def has_shell(self) -> bool:
        return not _NO_SHELL.search(self.shell) and self.shell != ""


@dataclass(frozen=True, slots=True)
class Password:
    """What the shadow file says of a password: its kind, and for how many days at most it may be used."""

    kind: str
    longest_days: int | None
    evidence: Evidence
    changed: int | None = None
    """The day on which it was set, counted from 1970-01-01."""
    expires: int | None = None
    """The day from which the account lets nobody in, whatever he has."""

    @property
    def lets_in(self) -> bool:
        return self.kind not in ("none", "damaged") and not self.kind.startswith("locked")

    @property
    def is_weak(self) -> bool:
        return self.kind in _WEAK

    def is_shut(self, now: datetime) -> bool:
        """No password opens it, and it has expired, so no key does either."""
        return not self.lets_in and self.expires is not None and self.expires <= (now - _EPOCH).days


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that lets someone in as the owner of its file."""

    account: str
    kind: str
    bits: int
    fingerprint: str
    is_tied: bool
    comment: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts, and the members of each group."""

    accounts: tuple[Account, ...]
    members: Mapping[str, frozenset[str]]

    def named(self, name: str) -> Account | None:
        return next((one for one in self.accounts if one.name == name), None)


def _text(snapshot: Snapshot, source: str) -> str | Unknown:
    reading = snapshot.reading(source)
    return Unknown(gone) if (gone := absent(reading)) else reading


def accounts(snapshot: Snapshot) -> Accounts | Unknown:
    """Accounts and groups."""
    passwd, group = _text(snapshot, PASSWD), _text(snapshot, GROUP)
    if isinstance(passwd, Unknown):
        return passwd
    if isinstance(group, Unknown):
        return group
    found = tuple(_accounts(passwd))
    if not any(one.uid == 0 for one in found):
        return Unknown("/etc/passwd names no root: it was cut short, or is none")
    members: dict[str, set[str]] = {}
    numbers: dict[int, str] = {}
    for line in group.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isascii() and fields[2].isdigit() and len(fields[2]) < 12:
            members[fields[0]] = {name for name in fields[3].split(",") if name}
            numbers[int(fields[2])] = fields[0]
    for one in found:
        if one.gid in numbers:
            members[numbers[one.gid]].add(one.name)
    return Accounts(found, {name: frozenset(names) for name, names in members.items()})


def _accounts(text: str) -> Iterator[Account]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split(":")
        if len(fields) == 7 and all(field.isascii() and field.isdigit() and len(field) < 12 for field in fields[2:4]):
            name, kind, uid, gid, comment, home, shell = fields
            place = Evidence("/etc/passwd", line, number)
            yield Account(name, int(uid), int(gid), comment, home, shell, place, kind)


def passwords(snapshot: Snapshot) -> Mapping[str, Password] | Unknown:
    """By account; what the shadow file was reduced to at reading."""
    text = _text(snapshot, SHADOW)
    if isinstance(text, Unknown):
        return text
    found: dict[str, Password] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split(" ")
        if len(fields) != 8:
            return Unknown(f"{SHADOW} line {number} is not understood")
        changed, longest, expires = (_days(fields[at]) for at in (2, 4, 7))
        # The hash itself was left out when it was read.
        shown = f"{fields[0]}: {fields[1]}" + (f", to be changed after {longest} days" if longest else "")
        shown += f", expires on day {expires}" if expires is not None else ""
        found[fields[0]] = Password(fields[1], longest, Evidence("/etc/shadow", shown, number), changed, expires)
    return found or Unknown("/etc/shadow holds no line")


def _days(field: str) -> int | None:
    return int(field) if field.isascii() and field.isdigit() and len(field) < 9 else None


def shut_accounts(snapshot: Snapshot) -> frozenset[str]:
    """Accounts that surely let nobody in any more; where the shadow file was not read, none is known to be."""
    kept = passwords(snapshot)
    if isinstance(kept, Unknown):
        return frozenset()
    return frozenset(name for name, one in kept.items() if one.is_shut(snapshot.taken_at))


def in_use(snapshot: Snapshot) -> frozenset[str] | Unknown:
    """Accounts that somebody is signed in with, or that a process runs as, now."""
    text, found = _text(snapshot, IN_USE), accounts(snapshot)
    if isinstance(text, Unknown):
        return text
    if isinstance(found, Unknown):
        return found
    words = set(text.split())
    if "0" not in words:
        return Unknown(f"{IN_USE} tells of no process of root: it was cut short, or is none")
    return frozenset(one.name for one in found.accounts if one.name in words or str(one.uid) in words)


def login_setting(snapshot: Snapshot, name: str) -> tuple[str, Evidence] | Unknown:
    """A setting of /etc/login.defs; empty where it is not written. The last line counts."""
    text = _text(snapshot, LOGIN_DEFS)
    if isinstance(text, Unknown):
        return text
    value, evidence = "", Evidence("/etc/login.defs", f"{name} is not written")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if len(words) >= 2 and words[0] == name:
            value, evidence = words[1], Evidence("/etc/login.defs", line.strip(), number)
    return value, evidence


def keys(snapshot: Snapshot) -> tuple[Key, ...] | Unknown:
    """The keys of every home that could be read; a home that could not makes it Unknown."""
    listing = snapshot.reading(KEYS)
    if absent(listing):
        return ()
    if isinstance(listing, Unknown):
        return listing
    found: list[Key] = []
    for path, reading in snapshot.below(KEYS).items():
        if isinstance(reading, Unknown):
            return reading
        found += _keys(path, reading)
    return tuple(found)


def _keys(path: str, text: str) -> Iterator[Key]:
    owner = "root" if path.startswith("/root/") else path.split("/")[2]
    for number, line in enumerate(text.splitlines(), start=1):
        kind, bits, fingerprint, tied, comment = (*line.split(" ", 4), "", "", "", "", "")[:5]
        size = int(bits) if bits.isascii() and bits.isdigit() and len(bits) < 9 else 0
        shown = Evidence(path, f"{kind} {fingerprint} {comment}", number)
        yield Key(owner, kind, size, fingerprint, tied == "tied", "" if comment == "-" else comment, shown)


def last_use(snapshot: Snapshot) -> Mapping[str, datetime | None] | Unknown:
    """When each account last signed in, from `lastlog`; None: never."""
    text = _text(snapshot, LAST)
    if isinstance(text, Unknown):
        return text
    found: dict[str, datetime | None] = {}
    for line in text.splitlines()[1:]:
        name = line.split()[0] if line.split() else ""
        if "**Never logged in**" in line:
            found[name] = None
        elif when := re.search(r"(\w{3}) +(\d+) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})\s*\Z", line):
            try:
                written = f"{when[1]} {when[2]} {when[3]} {when[4]} {when[5]}"
                found[name] = datetime.strptime(written, "%b %d %H:%M:%S %z %Y").astimezone(UTC)
            except (ValueError, OverflowError):
                return Unknown(f"lastlog: {line[:80]!r} is not understood")
    return found


def least_length(snapshot: Snapshot) -> tuple[int | None, Evidence] | Unknown:
    """The least length of a password that PAM demands; None where it demands none."""
    pam = _text(snapshot, COMMON_PASSWORD)
    if isinstance(pam, Unknown):
        return pam
    for number, line in enumerate(pam.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        if "pam_pwquality" in line or "pam_cracklib" in line or "pam_passwdqc" in line:
            found = re.search(r"\bminlen=(\d{1,4})\b", line)
            length = int(found[1]) if found else _quality_length(snapshot)
            return length, Evidence("/etc/pam.d/common-password", line.strip(), number)
    for number, line in enumerate(pam.splitlines(), start=1):
        if "pam_unix" in line and (found := re.search(r"\bminlen=(\d{1,4})\b", line)):
            return int(found[1]), Evidence("/etc/pam.d/common-password", line.strip(), number)
    return None, Evidence("/etc/pam.d/common-password", "no module demands a length")


def _quality_length(snapshot: Snapshot) -> int:
    """pwquality.conf(5): 8 unless written; the drop-ins are read first, so the main file has the last word."""
    length = 8
    files = sorted(snapshot.below(QUALITY).items(), key=lambda one: (not one[0].count(".d/"), one[0]))
    for _, reading in files:
        if isinstance(reading, str) and (found := re.findall(r"(?m)^\s*minlen\s*=\s*(\d{1,4})", reading)):
            length = int(found[-1])
    return length
