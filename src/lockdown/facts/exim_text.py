"""Exim's configuration as text: macros, .ifdef, .include and continued lines resolved, every line with its place.

What `exim` does when it reads its file (spec chapter 6), as far as text goes; nothing is expanded that begins with $.
Fails as: `unread`, the places that could not be followed. Never raises for a bad file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Reading, absent
from lockdown.model.unknown import Unknown

MOST_LINES = 50_000
MOST_TEXT = 100_000
_MACRO = re.compile(r"(?P<name>[A-Z]\w*)\s*(?P<again>==?)\s*(?P<value>.*)\Z", re.DOTALL)
_DIRECTIVE = re.compile(
    r"\.(?P<word>ifdef|ifndef|elifdef|elifndef|else|endif|include_if_exists|include)\b\s*(?P<rest>.*)\Z"
)
_BEGIN = re.compile(r"begin\s+(?P<name>\w+)\s*\Z")
_BUILT_IN = re.compile(r"_(?:HAVE|OPT|DRIVER|EXP|LOG|CONF|VAR)_\w+")


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: what it says, macros replaced, and where it begins."""

    text: str
    source: str
    number: int

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.source, self.text[:300], self.number)


@dataclass(frozen=True, slots=True)
class Text:
    """The sections of a configuration; the first, of the main options, has the name ``."""

    sections: Mapping[str, tuple[Line, ...]]
    unread: tuple[str, ...]

    def section(self, name: str) -> tuple[Line, ...]:
        return self.sections.get(name, ())


ReadFile = Callable[[str], Reading]


def read_text(files: tuple[tuple[str, str], ...], read_file: ReadFile, macros: Mapping[str, str] | None = None) -> Text:
    """The configuration that some files make, one behind the other; `read_file` is asked for what they include."""
    reader = _Reader(read_file, dict(macros or {}))
    for source, text in files:
        reader.read(source, text, 0)
    return Text({name: tuple(lines) for name, lines in reader.sections.items()}, tuple(dict.fromkeys(reader.unread)))


class _Reader:
    """Goes through the lines once, with the macros and conditions that stand at each."""

    def __init__(self, read_file: ReadFile, macros: dict[str, str]) -> None:
        self._read_file = read_file
        self._macros = macros
        self._pattern: re.Pattern[str] | None = None
        self._conditions: list[tuple[bool, bool, bool]] = []  # now taken, one was taken, the outer one is
        self._section = ""
        self._count = 0
        self.sections: dict[str, list[Line]] = {"": []}
        self.unread: list[str] = []

    def read(self, source: str, text: str, depth: int) -> None:
        for line in _logical(source, text):
            self._count += 1
            if self._count > MOST_LINES:
                self.unread.append(f"{source} is longer than {MOST_LINES} lines")
                return
            self._one(line, depth)

    def _one(self, line: Line, depth: int) -> None:
        if directive := _DIRECTIVE.match(line.text):
            self._directive(directive["word"], directive["rest"], line, depth)
        elif self._is_taken():
            self._take(line)

    def _is_taken(self) -> bool:
        return not self._conditions or self._conditions[-1][0]

    def _directive(self, word: str, rest: str, line: Line, depth: int) -> None:
        if word.startswith("include"):
            if self._is_taken():
                self._include(self._replaced(rest).strip().strip('"'), word == "include_if_exists", line, depth)
        elif word in ("ifdef", "ifndef"):
            outer = self._is_taken()
            holds = outer and self._holds(word, rest)
            self._conditions.append((holds, holds, outer))
        elif word == "endif":
            if self._conditions:
                self._conditions.pop()
        elif self._conditions:
            _, done, outer = self._conditions[-1]
            holds = outer and not done and (word == "else" or self._holds(word.removeprefix("el"), rest))
            self._conditions[-1] = (holds, done or holds, outer)

    def _holds(self, word: str, rest: str) -> bool:
        """Names of features of the build count as there: Debian's heavy build has nearly all."""
        found = any(name in rest for name in self._macros) or bool(_BUILT_IN.search(rest))
        return found == (word == "ifdef")

    def _include(self, path: str, may_be_missing: bool, line: Line, depth: int) -> None:
        if depth >= 10:
            self.unread.append(f"{line.source} line {line.number}: included too deeply")
            return
        match self._read_file(path):
            case Unknown(why):
                self.unread.append(f"{path}, included by {line.source} line {line.number}: {why}")
            case text if absent(text):
                if not may_be_missing:
                    self.unread.append(f"{path}, included by {line.source} line {line.number}, is not there")
            case text:
                self.read(path, text, depth + 1)

    def _take(self, line: Line) -> None:
        if macro := _MACRO.match(line.text):  # in any section, as Debian's template does
            self._macros[macro["name"]] = self._replaced(macro["value"].strip())
            self._pattern = None
            return
        text = self._replaced(line.text)
        if begun := _BEGIN.match(text):
            self._section = begun["name"]
            self.sections.setdefault(self._section, [])
        elif text.strip():
            self.sections[self._section].append(Line(text, line.source, line.number))

    def _replaced(self, text: str) -> str:
        """Macros are replaced as plain text, wherever their name stands; a longer name that holds it counts first."""
        if not self._macros:
            return text
        if self._pattern is None:
            names = sorted(self._macros, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, names)))
        for _ in range(10):
            replaced = self._pattern.sub(lambda found: self._macros[found[0]], text)
            if replaced == text or len(replaced) > MOST_TEXT:
                break
            text = replaced
        return text[:MOST_TEXT]


def _logical(source: str, text: str) -> Iterator[Line]:
    """A backslash at the end continues; comments and empty lines between continued ones do not end them."""
    held, begun = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#") or (not line and not held):
            continue
        begun = begun or number
        if line.endswith("\\"):
            held += line[:-1].rstrip(" \t") if held.endswith("{") else line[:-1]
            continue
        if held + line:
            yield Line((held + line).strip(), source, begun)
        held, begun = "", 0
    if held.strip():
        yield Line(held.strip(), source, begun)
