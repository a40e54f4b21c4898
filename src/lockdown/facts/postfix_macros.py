"""Expand `$name` in Postfix settings as Postfix does: postconf(5), "parameter syntax", with its ternaries and levels.

Fails as: `Unexpandable` for a setting that refers to itself or grows without bound; Postfix itself gives up there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_DEPTH = 30
"""Postfix's own bound is 100 nested macros; real files stay under five."""
MAX_LENGTH = 256 * 1024

_NAME = re.compile(r"\w+")
_CONDITION = re.compile(r"\s*(<=level|<level|>=level|>level|==level|!=level|==|!=|<=|>=|<|>)\s*")
_PAIRS = {"{": "}", "(": ")"}


class Unexpandable(Exception):
    """The text cannot be expanded; the message says why."""


Lookup = Callable[[str], str]


def expand(text: str, lookup: Lookup, depth: int = 0) -> str:
    """The text with every macro replaced; an undefined name is empty, as in Postfix."""
    if depth > MAX_DEPTH:
        raise Unexpandable("macros are nested too deeply; a setting probably refers to itself")
    done: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        done.append(text[at:dollar])
        piece, at = _macro(text, dollar + 1, lookup, depth)
        done.append(piece)
    done.append(text[at:])
    whole = "".join(done)
    if len(whole) > MAX_LENGTH:
        raise Unexpandable("the expanded text is too long")
    return whole


def _macro(text: str, at: int, lookup: Lookup, depth: int) -> tuple[str, int]:
    """What stands for the macro after the dollar, and where the text goes on."""
    first = text[at : at + 1]
    if first == "$":
        return "$", at + 1
    if first in _PAIRS:
        end = _closing(text, at)
        return _braced(text[at + 1 : end], lookup, depth + 1), end + 1
    if name := _NAME.match(text, at):
        return expand(lookup(name[0]), lookup, depth + 1), name.end()
    return "$", at


def _closing(text: str, at: int) -> int:
    """The index of the bracket that closes the one at `at`."""
    opens, closes = text[at], _PAIRS[text[at]]
    level = 0
    for index in range(at, len(text)):
        level += (text[index] == opens) - (text[index] == closes)
        if level == 0:
            return index
    raise Unexpandable(f"{text[at : at + 40]!r} is never closed")


def _braced(inside: str, lookup: Lookup, depth: int) -> str:
    if inside.lstrip().startswith("{"):
        holds, rest = _comparison(inside.lstrip(), lookup, depth)
        return _choose(holds, rest, lookup, depth)
    name = _NAME.match(inside)
    if not name:
        raise Unexpandable(f"{inside[:40]!r} is not a name")
    rest = inside[name.end() :].strip()
    value = expand(lookup(name[0]), lookup, depth)
    return _choose(bool(value), rest, lookup, depth) if rest else value


def _choose(holds: bool, rest: str, lookup: Lookup, depth: int) -> str:
    """`?yes`, `:no`, `?{yes}:{no}`: the branch that applies; a branch that is not written is empty."""
    if rest.startswith(":"):
        return "" if holds else expand(_unbraced(rest[1:])[0], lookup, depth)
    if not rest.startswith("?"):
        raise Unexpandable(f"{rest[:40]!r} is not a choice")
    yes, after = _unbraced(rest[1:])
    if holds:
        return expand(yes, lookup, depth)
    return expand(_unbraced(after[1:])[0], lookup, depth) if after.startswith(":") else ""


def _unbraced(text: str) -> tuple[str, str]:
    """A branch without its braces, and what follows it; without braces the whole rest is the branch."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return text, ""
    end = _closing(stripped, 0)
    return stripped[1:end].strip(), stripped[end + 1 :].strip()


def _comparison(text: str, lookup: Lookup, depth: int) -> tuple[bool, str]:
    left, rest = _unbraced(text)
    operator = _CONDITION.match(rest)
    if not operator:
        raise Unexpandable(f"{rest[:40]!r} is not a comparison")
    right, after = _unbraced(rest[operator.end() :])
    return _compare(expand(left, lookup, depth), operator[1], expand(right, lookup, depth)), after


def _compare(left: str, operator: str, right: str) -> bool:
    a: object = left
    b: object = right
    if operator.endswith("level"):
        a, b = _level(left), _level(right)
    elif left.isdigit() and right.isdigit():
        a, b = int(left), int(right)
    return _order(a, b, operator.removesuffix("level"))


def _order(a: object, b: object, operator: str) -> bool:
    less, same = a < b, a == b  # type: ignore[operator]
    return bool(
        {"==": same, "!=": not same, "<": less, "<=": less or same, ">": not (less or same), ">=": not less}[operator]
    )


def _level(text: str) -> tuple[int, ...]:
    """`3.6` as numbers, so that 3.10 is above 3.9."""
    numbers = tuple(int(part) for part in text.strip().split(".") if part.isdigit())
    return (*numbers, 0, 0, 0)[:3]
