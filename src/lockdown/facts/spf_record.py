"""An SPF record as a receiver would walk it (RFC 7208): look-ups, void look-ups, and how it ends.

Nothing is asked here: the answers are handed in, and what they leave open is said, never taken for absent. Names with
macros depend on the message, so they are counted and not followed.
Fails as: `unread` names each answer that is missing; `errors` each thing at which a receiver stops. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from lockdown.facts.dns_records import DnsAnswer, Nothing, Records
from lockdown.model.unknown import Unknown

Lookup: TypeAlias = Callable[[str, str], DnsAnswer]
"""The answer for a name and a type."""

MOST_LOOKUPS, MOST_VOIDS = 10, 2
"""RFC 7208 4.6.4."""
_WALK_ENDS = 40
_DEEPEST = 12
_TERM = re.compile(
    r"(?P<sign>[-+~?]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?P<rest>[:/]\S*)?|"
    r"(?P<modifier>[A-Za-z][\w.-]*)=(?P<value>\S*)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_ASKS = frozenset({"include", "a", "mx", "ptr", "exists"})


class Term(NamedTuple):
    """One mechanism or modifier."""

    name: str
    sign: str
    """"+", "-", "~" or "?"; "=" for a modifier."""
    target: str
    """The domain that it names, without its prefix length; "" for the domain of the record itself."""


@dataclass(slots=True)
class Walk:
    """What a walk has met. `ending` is the sign before `all` of the record itself, "" where it has none."""

    records: tuple[str, ...] = ()
    lookups: int = 0
    voids: int = 0
    ending: str = ""
    allows_all: str = ""
    """The term by which everybody may send; empty for none."""
    redirects: bool = False
    uses_ptr: bool = False
    unread: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def is_spf(text: str) -> bool:
    """RFC 7208 4.5: the version stands alone, or before a space."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def terms(record: str) -> tuple[tuple[Term, ...], str]:
    """The terms after the version, and the first word that is none."""
    found: list[Term] = []
    for word in record.split()[1:]:
        term = _TERM.fullmatch(word)
        if term is None:
            return tuple(found), word
        if term["modifier"]:
            found.append(Term(term["modifier"].lower(), "=", term["value"]))
        else:
            target = (term["rest"] or "").removeprefix(":") if (term["rest"] or "").startswith(":") else ""
            plain = target if term["name"].lower() in ("ip4", "ip6") else target.partition("/")[0]
            found.append(Term(term["name"].lower(), term["sign"] or "+", plain))
    return tuple(found), ""


def walk(lookup: Lookup, domain: str) -> Walk:
    """Walk the record of a domain, and those that it includes."""
    found = Walk()
    match lookup(domain, "TXT"):
        case Unknown(why):
            found.unread.append(why)
        case Records(values):
            found.records = tuple(value for value in values if is_spf(value))
        case Nothing():
            pass
    if len(found.records) == 1:
        _record(found, lookup, domain, found.records[0], 0)
    return found


def _record(found: Walk, lookup: Lookup, domain: str, record: str, depth: int) -> None:
    known, odd = terms(record)
    if odd:
        found.errors.append(f"`{odd}` in the record of {domain} is no SPF")
    has_all = False
    for term in known:
        if term.sign == "+" and (term.name == "all" or (term.name in ("ip4", "ip6") and term.target.endswith("/0"))):
            found.allows_all = f"{term.name}{':' * bool(term.target)}{term.target}"
        if term.name == "all":
            has_all = True
            found.ending = term.sign if depth == 0 else found.ending
            break  # RFC 7208 5.1: what stands behind is never looked at
        if term.name in _ASKS:
            _follow(found, lookup, domain, term, depth)
    redirect = next((term for term in known if term.name == "redirect"), None)
    if redirect and not has_all:
        found.redirects = found.redirects or depth == 0
        _follow(found, lookup, domain, redirect, depth)


def _follow(found: Walk, lookup: Lookup, domain: str, term: Term, depth: int) -> None:
    found.lookups += 1
    if found.lookups > _WALK_ENDS or depth >= _DEEPEST or "%" in term.target:
        return
    if term.name == "ptr":
        found.uses_ptr = True
        return
    name = (term.target or domain).lower().rstrip(".")
    if not _NAME.fullmatch(name):
        found.errors.append(f"`{term.name}` of {domain} names `{name[:80]}`, which is no domain")
        return
    kind = {"include": "TXT", "redirect": "TXT", "mx": "MX"}.get(term.name, "A")
    match lookup(name, kind):
        case Unknown(why):
            found.unread.append(why)
        case Records(values) if kind == "TXT":
            _included(found, lookup, name, values, depth)
        case Nothing():
            found.voids += 1
            if kind == "TXT":
                found.errors.append(f"{name} has no SPF record, though {domain} names it")
        case _:
            pass


def _included(found: Walk, lookup: Lookup, name: str, values: tuple[str, ...], depth: int) -> None:
    records = [value for value in values if is_spf(value)]
    if len(records) != 1:
        found.errors.append(f"{name} has {len(records) or 'no'} SPF record{'s' if len(records) > 1 else ''}")
    else:
        _record(found, lookup, name, records[0], depth + 1)
