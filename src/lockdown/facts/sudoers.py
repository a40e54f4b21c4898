"""sudo: who may become root, from /etc/sudoers and what lies in /etc/sudoers.d (sudoers(5)).

Only rules that make someone root are told: user, group and alias specifications whose commands are ALL or a shell.
Fails as: Absent where there is no sudo, Unknown with the reason for a file that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

MAIN, PARTS = "accounts/sudoers", "accounts/sudoers.d"
_FILE = "/etc/sudoers"
_RULE = re.compile(r"(?P<who>(?:\"[^\"]*\"|[^=\\]|\\.)+?)\s+(?P<host>[^\s=]+)\s*=\s*(?P<what>.+)\Z")
_ROOTS = re.compile(r"(?:^|[\s,:)])(?:ALL|(?:/usr)?/bin/(?:ba|da|z)?sh|(?:/usr)?/bin/su)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Rule:
    """Someone may become root: a user, `%group`, `#uid` or an alias resolved; with or without a password."""

    who: str
    no_password: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Sudo:
    """The rules that make someone root, in their order; `unread` are files that are included and were not read."""

    rules: tuple[Rule, ...]
    unread: tuple[str, ...] = ()


def sudo(snapshot: Snapshot) -> Sudo | Absent | Unknown:
    """The rules of the machine."""
    main = snapshot.reading(MAIN)
    if isinstance(main, Unknown):
        return main
    if gone := absent(main):
        return Absent(gone)
    texts = [(_FILE, main)]
    unread: list[str] = []
    listing = snapshot.reading(PARTS)
    if _includes_folder(main):
        if isinstance(listing, Unknown):
            return Unknown(f"/etc/sudoers.d: {listing.why}")
        for path, reading in snapshot.below(PARTS).items():
            name = path.rpartition("/")[2]
            # sudoers(5): names with a dot or ending in ~ are skipped.
            if "." in name or name.endswith("~"):
                continue
            if isinstance(reading, Unknown):
                unread.append(path)
            else:
                texts.append((path, reading))
    others = [path for path in re.findall(r"(?m)^\s*[@#]include\s+(\S+)", main) if path != _FILE]
    return parse_sudoers(texts, (*unread, *others))


def _includes_folder(text: str) -> bool:
    return bool(re.search(r"(?m)^\s*[@#]includedir\s+/etc/sudoers\.d/?\s*$", text))


def parse_sudoers(texts: list[tuple[str, str]], unread: tuple[str, ...] = ()) -> Sudo:
    """The rules of some files, in their order."""
    lines = [(path, number, line) for path, text in texts for number, line in _logical(text)]
    users = dict(_aliases(line for _, _, line in lines))
    rules = [rule for path, number, line in lines for rule in _rules(path, number, line, users)]
    return Sudo(tuple(rules), unread)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines that end in a backslash go on; a # begins a comment, unless digits make it a uid."""
    gathered, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first or number
        gathered += line[:-1] + " " if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        whole = re.sub(r"(?:^|\s)#(?!\d).*|(?<![\w=,(%!])#(?!\d).*", "", gathered).strip()
        if whole and not whole.startswith("@"):
            yield first, whole
        gathered, first = "", 0


def _aliases(lines: Iterator[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in lines:
        if found := re.match(r"User_Alias\s+(.*)", line):
            for part in found[1].split(":"):
                name, equals, members = part.partition("=")
                if equals:
                    yield name.strip(), tuple(member.strip() for member in members.split(",") if member.strip())


def _rules(path: str, number: int, line: str, users: Mapping[str, tuple[str, ...]]) -> Iterator[Rule]:
    if re.match(r"(Defaults|User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias|Cmd_Alias)\b", line):
        return
    found = _RULE.match(line)
    if not found or not _ROOTS.search(found["what"]):
        return
    # As another user than root, `(www-data) ALL` makes nobody root.
    runas = re.match(r"\(([^)]*)\)", found["what"])
    if runas and not re.search(r"\b(ALL|root)\b|#0\b", runas[1].partition(":")[0]):
        return
    no_password = "NOPASSWD" in found["what"]
    for who in (word.strip().strip('"') for word in found["who"].split(",")):
        for member in users.get(who, (who,)):
            yield Rule(member, no_password, Evidence(path, line, number))
