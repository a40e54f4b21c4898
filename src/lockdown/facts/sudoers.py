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
_ROOTS = re.compile(r"(?:ALL|(?:/usr)?/bin/(?:ba|da|z)?sh|(?:/usr)?/bin/su)(?:\s.*)?\Z")


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
    included = [text for _, text in texts]
    others = [path for text in included for path in re.findall(r"(?m)^\s*[@#]include(?:dir)?\s+(\S+)", text)]
    others = [path for path in others if path.rstrip("/") not in (_FILE, "/etc/sudoers.d")]
    return parse_sudoers(texts, (*unread, *others))


def _includes_folder(text: str) -> bool:
    return bool(re.search(r"(?m)^\s*[@#]includedir\s+/etc/sudoers\.d/?\s*$", text))


def parse_sudoers(texts: list[tuple[str, str]], unread: tuple[str, ...] = ()) -> Sudo:
    """The rules of some files, in their order."""
    lines = [(path, number, line) for path, text in texts for number, line in _logical(text)]
    users, commands, others = (dict(_aliases(kind, (line for _, _, line in lines))) for kind in _KINDS)
    free = next((one for one in lines if re.match(r"Defaults(?![:@!>])\s.*!\s*authenticate\b", one[2])), None)
    rules = [
        rule for path, number, line in lines for rule in _rules(path, number, line, _Names(users, commands, others))
    ]
    if free:
        place = Evidence(free[0], free[2], free[1])
        rules = [Rule(rule.who, True, place) for rule in rules]
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


_KINDS = ("User_Alias", "Cmn?d_Alias", "Runas_Alias")


@dataclass(frozen=True, slots=True)
class _Names:
    """The aliases of users, commands and those to run as."""

    users: Mapping[str, tuple[str, ...]]
    commands: Mapping[str, tuple[str, ...]]
    runas: Mapping[str, tuple[str, ...]]


def _members(word: str, aliases: Mapping[str, tuple[str, ...]], depth: int = 0) -> Iterator[str]:
    """What an alias stands for, aliases within it included."""
    if word not in aliases or depth > 8:
        yield word
        return
    for member in aliases[word]:
        yield from _members(member, aliases, depth + 1)


def _aliases(kind: str, lines: Iterator[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in lines:
        if found := re.match(rf"{kind}\s+(.*)", line):
            for part in found[1].split(":"):
                name, equals, members = part.partition("=")
                if equals:
                    yield name.strip(), tuple(member.strip() for member in members.split(",") if member.strip())


def _rules(path: str, number: int, line: str, names: _Names) -> Iterator[Rule]:
    if re.match(r"(Defaults|User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias|Cmd_Alias)\b", line):
        return
    found = _RULE.match(line)
    free = _makes_root(found["what"], names) if found else None
    if not found or free is None:
        return
    for who in (word.strip().strip('"') for word in found["who"].split(",")):
        for member in _members(who, names.users):
            yield Rule(member, free, Evidence(path, line, number))


def _makes_root(what: str, names: _Names) -> bool | None:
    """Whether the commands make someone root, and without a password; None where they make nobody root.

    A tag such as NOPASSWD holds until another one follows, and so does whom to run as (sudoers(5)).
    """
    free, as_root, answer = False, True, None
    for command in re.split(r",(?![^(]*\))", what):
        rest = command.strip()
        if runas := re.match(r"\(([^)]*)\)\s*", rest):
            people = [
                one for word in re.split(r"[\s,]+", runas[1].partition(":")[0]) for one in _members(word, names.runas)
            ]
            as_root = any(one in ("ALL", "root", "#0") for one in people)
            rest = rest[runas.end() :]
        while tag := re.match(r"([A-Z_]+):\s*", rest):
            free = {"NOPASSWD": True, "PASSWD": False}.get(tag[1], free)
            rest = rest[tag.end() :]
        if as_root and any(_ROOTS.match(one) for one in _members(rest.strip(), names.commands)):
            answer = free or bool(answer)
    return answer
