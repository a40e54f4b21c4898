"""apt.conf as apt reads it: files in their order, blocks and names with `::`, lists that grow, `#clear`.

Only names and values are understood. A file that breaks off in the middle has said what it has said until there.
Fails as: Absent where there is no file, Unknown with the first file that could not be read. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

CONF = "packages/apt.conf"
# apt.conf(5): files of apt.conf.d whose names end otherwise are not read.
_READ = re.compile(r"/etc/apt/apt\.conf\Z|/etc/apt/apt\.conf\.d/[A-Za-z0-9_-]+(?:\.conf)?\Z")
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z)|\#(?!clear\b|include\b)[^\n]*)
      | (?P<text>"[^"\n]*"?) | (?P<open>\{) | (?P<close>\}) | (?P<end>;) | (?P<word>[^\s{};"]+) | (?P<space>\s+)""",
    re.VERBOSE | re.DOTALL,
)
_DEEP = 32


@dataclass(frozen=True, slots=True)
class AptWord:
    """One value as written, and where."""

    value: str
    path: str
    line: int
    text: str

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.path, self.text, self.line)


@dataclass(frozen=True, slots=True)
class AptConf:
    """Every name, in small letters, with its values in the order they are written."""

    words: Mapping[str, tuple[AptWord, ...]]

    def all(self, name: str) -> tuple[AptWord, ...]:
        """Every entry of a list."""
        return self.words.get(name.lower(), ())

    def last(self, name: str) -> AptWord | None:
        """What counts of a single value: what is written last."""
        return found[-1] if (found := self.all(name)) else None


def apt_conf(snapshot: Snapshot) -> AptConf | Absent | Unknown:
    """The settings of apt and of what is set up with it."""
    listed = snapshot.reading(CONF)
    files = snapshot.below(CONF)
    if isinstance(listed, Unknown) and not files:
        return listed
    if isinstance(listed, str) and (gone := absent(listed)):
        return Absent(gone)
    words: dict[str, list[AptWord]] = {}
    # apt reads the folder first and /etc/apt/apt.conf last.
    for path, text in sorted(files.items(), key=lambda file: (file[0] == "/etc/apt/apt.conf", file[0])):
        if not _READ.match(path):
            continue
        if isinstance(text, Unknown):
            return text
        for name, word in assignments(text, path):
            if name.startswith("#clear "):
                _forget(words, name.removeprefix("#clear "))
            else:
                words.setdefault(name, []).append(word)
    return AptConf({name: tuple(found) for name, found in words.items()})


def _forget(words: dict[str, list[AptWord]], name: str) -> None:
    for known in [known for known in words if known == name or known.startswith(f"{name}::")]:
        del words[known]


def assignments(text: str, path: str) -> Iterator[tuple[str, AptWord]]:
    """Each name with a value; a bare value within a block is an entry of the block's list."""
    lines = text.splitlines()
    scopes: list[str] = []
    said: list[tuple[str, str, int]] = []
    line = 1
    for token in _TOKEN.finditer(text):
        kind, piece = str(token.lastgroup), token[0]
        if kind in ("text", "word"):
            said.append((kind, piece.strip('"') if kind == "text" else piece, line))
        elif kind == "open":
            scopes.append(_joined(said[0][1] if said else "") if len(scopes) < _DEEP else "")
            said = []
        elif kind in ("close", "end"):
            if said:
                yield from _assigned(scopes, said, path, lines)
            said = []
            if kind == "close" and scopes:
                scopes.pop()
        line += piece.count("\n")
    if said:
        yield from _assigned(scopes, said, path, lines)


def _assigned(
    scopes: list[str], said: list[tuple[str, str, int]], path: str, lines: list[str]
) -> Iterator[tuple[str, AptWord]]:
    (kind, first, line), rest = said[0], said[1:]
    prefix = "::".join(part for part in scopes if part)
    text = lines[line - 1].strip() if line <= len(lines) else first
    if first == "#clear":
        for _, name, _ in rest:
            yield f"#clear {_joined(name)}", AptWord("", path, line, text)
        return
    if kind == "text" or not rest:
        yield prefix, AptWord(first, path, line, text)
        return
    name = "::".join(part for part in (prefix, _joined(first)) if part)
    yield name, AptWord(rest[-1][1], path, line, text)


def _joined(name: str) -> str:
    """`APT::Periodic::` with its last colons, which make it a list, is the same name without them."""
    return name.lower().rstrip(":")
