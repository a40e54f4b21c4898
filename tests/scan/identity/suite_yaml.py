"""Reads the small part of YAML that test suites of others are written in: no anchors, no tags, no flow mappings.

Enough for block mappings and sequences, flow sequences, all scalar styles and several documents. Every plain scalar is
a string. Fails as: ValueError that names the line.
"""

from __future__ import annotations

import re
from typing import Any

_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#"'\[][^#]*?):(?:\s+(.*))?$""")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_FLOW = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,\]]*)\s*(,|\]|$)""")


def documents(text: str) -> list[Any]:
    """Each document of a stream."""
    parts = re.split(r"(?m)^---[^\n]*\n", text.replace("\r\n", "\n"))
    return [found for part in parts if (found := _Reader(part).value(0)) is not None]


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0

    def _next(self) -> tuple[int, str] | None:
        """Indentation and text of the next line that says something."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if (said := line.strip()) and said[0] != "#":
                return len(line) - len(line.lstrip()), said
            self.at += 1
        return None

    def value(self, indent: int) -> Any:
        found = self._next()
        if found is None or found[0] < indent:
            return None
        return self._sequence(found[0]) if re.match(r"-(\s|$)", found[1]) else self._mapping(found[0])

    def _sequence(self, indent: int) -> list[Any]:
        values = []
        while (found := self._next()) and found[0] == indent and re.match(r"-(\s|$)", found[1]):
            rest = found[1][1:].strip()
            if not rest:
                self.at += 1
                values.append(self.value(indent + 1))
            elif _KEY.match(rest) and rest[0] != "[":
                # The mapping begins on the dash's own line.
                self.lines[self.at] = self.lines[self.at].replace("-", " ", 1)
                values.append(self._mapping(len(self.lines[self.at]) - len(self.lines[self.at].lstrip())))
            else:
                values.append(self._scalar(rest, indent))
        return values

    def _mapping(self, indent: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (found := self._next()) and found[0] == indent and not re.match(r"-(\s|$)", found[1]):
            entry = _KEY.match(found[1])
            if entry is None:
                raise ValueError(f"line {self.at + 1}: no key in {found[1]!r}")
            key, rest = _unquoted(entry[1].strip()), (entry[2] or "").strip()
            if rest and rest[0] != "#":
                values[key] = self._scalar(rest, indent)
            else:
                self.at += 1
                inner = self._next()
                here = indent if inner and re.match(r"-(\s|$)", inner[1]) else indent + 1
                values[key] = self.value(here)
        return values

    def _scalar(self, text: str, indent: int) -> Any:
        self.at += 1
        if text[0] in "|>":
            return self._block(text, indent)
        if text == "{}":
            return {}
        if text[0] == "[":
            while "]" not in text:
                text += " " + self.lines[self.at].strip()
                self.at += 1
            return _flow(text)
        if text[0] in "\"'":
            while not re.match(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(#.*)?$""", text):
                text += self._continued(text)
            return _unquoted(re.sub(r"""^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*').*$""", r"\1", text, flags=re.DOTALL))
        while (found := self._next()) and found[0] > indent:
            text += " " + found[1]
            self.at += 1
        return re.split(r"\s#", text, maxsplit=1)[0].strip()

    def _continued(self, text: str) -> str:
        line = self.lines[self.at].strip()
        self.at += 1
        return line if text.endswith("\\") else f" {line}" if line else "\n"

    def _block(self, style: str, indent: int) -> str:
        taken = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                break
            taken.append(line)
            self.at += 1
        first = next((line for line in taken if line.strip()), "")
        depth = len(first) - len(first.lstrip())
        text = "\n".join(line[depth:] for line in taken).rstrip("\n")
        if style[0] == ">":
            text = re.sub(r"(?<!\n)\n(?=[^\s])", " ", text)
        return text if "-" in style or not text.strip() else text + "\n"


def _flow(text: str) -> list[str]:
    values, at = [], 1
    while (item := _FLOW.match(text, at)) and (item[1] or item[2] == ","):
        values.append(_unquoted(item[1].strip()))
        at = item.end()
        if item[2] == "]":
            break
    return values


def _unquoted(text: str) -> str:
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] != '"':
        return text
    return _ESCAPE.sub(lambda found: _escaped(found[1]), text[1:-1])


def _escaped(code: str) -> str:
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)
