"""Restraint: how messages that have these values in common are treated until then. Values only; nobody judges here.

Fails as: `Unknown(why)` for a match that cannot be read back, as from a newer Lockdown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lockdown.model.mail import Client
from lockdown.model.traffic import Dimension, Doors, Match, Rung
from lockdown.model.unknown import Unknown

_NETWORKS = frozenset({Dimension.CLIENT, Dimension.NETWORK, Dimension.WIDE_NETWORK})
_MAILBOXES = frozenset({Dimension.SENDER, Dimension.RECIPIENT})
_NUMBER = re.compile(r"\d[\d.,:/-]*")
_MOST_SUBJECT = 60


@dataclass(frozen=True, slots=True)
class Restraint:
    """One term of it. `ended_at` is set when it was ended by hand; else it ends at `until`."""

    match: Match
    rung: Rung
    since: datetime
    until: datetime
    by: str
    why: str
    incident: int = 0
    """Whose answer it is; 0 for none."""
    shadow: bool = False
    """It counts what it would have met, and does nothing."""
    doors: Doors = Doors.MAIL
    hits: int = 0
    """Messages, and connections that were turned away."""
    ended_at: datetime | None = None
    ended_by: str = ""
    number: int = 0
    """0 until the store has given it one."""

    @property
    def id(self) -> str:
        """What people type."""
        return f"r{self.number}"

    def runs(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.ended_at is None and self.until > now


class Restrained(NamedTuple):
    """A client, and the restraints whose last value has just become known of it, its envelope or its message."""

    client: Client
    restraints: tuple[Restraint, ...]
    before_greeting: bool = False
    crowded: bool = False
    """So many already wait for their answers that one more may not."""


def plain_value(dimension: Dimension, value: str) -> str:
    """One spelling for one value: 192.0.2.7/24 is 192.0.2.0/24, <A@Example.org> is a@example.org."""
    if dimension in _NETWORKS:
        return _plain_network(value.strip(), is_address=dimension is Dimension.CLIENT)
    return (value.strip("<>") if dimension in _MAILBOXES else value.strip()).lower()


def subject_shape(subject: str) -> str:
    """Its words, numbers as #: "invoice # of #", so that copies with other numbers are the same."""
    short = _NUMBER.sub("#", subject[: 2 * _MOST_SUBJECT].lower())
    return " ".join(short.split())[:_MOST_SUBJECT]


def _plain_network(value: str, *, is_address: bool) -> str:
    try:
        return str(ipaddress.ip_address(value) if is_address else ipaddress.ip_network(value, strict=False))
    except ValueError:
        return value  # it matches nothing, which harms nobody


def plain_match(match: Iterable[tuple[Dimension, str]]) -> Match:
    """In the order of the dimensions, each value in its one spelling."""
    order = list(Dimension)
    values = [(dimension, plain_value(dimension, value)) for dimension, value in match]
    return tuple(sorted(values, key=lambda entry: (order.index(entry[0]), entry[1])))


def match_in_words(match: Match) -> str:
    """For people: `network 203.0.113.0/24, subject "you have won"`."""
    return ", ".join(
        f"{dimension} {value or ('nobody' if dimension is Dimension.USER else '<>')}" for dimension, value in match
    )


def read_match(entries: object) -> Match | Unknown:
    """What the store has kept."""
    try:
        return tuple((Dimension(str(dimension)), str(value)) for dimension, value in entries)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        return Unknown(f"its match cannot be read: {error}")
