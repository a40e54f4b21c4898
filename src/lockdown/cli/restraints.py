"""Restraints as `lockdown block` shows them: what a flood has in common, how it is treated, until when, and why.

Fails as: an empty list where nothing runs; the store's own errors go through.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from lockdown.cli.options import print_labelled, print_table
from lockdown.engine.blocking import Network, read_network
from lockdown.engine.restraining import BECOMES
from lockdown.engine.story import lets_go
from lockdown.model.mail import AUTOMATIC
from lockdown.model.restraint import Restraint, match_in_words, plain_value
from lockdown.model.traffic import Dimension, Doors, Rung
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown

REMEMBERED = timedelta(days=30)
_ID = re.compile(r"r(\d{1,15})\Z")
_NETWORKS = frozenset({Dimension.CLIENT, Dimension.NETWORK, Dimension.WIDE_NETWORK})
_HEADS = ("id", "what", "is", "still", "met", "by", "why")


def number_of(typed: str) -> int | None:
    """Of `r7`; None for what is no id of a restraint."""
    found = _ID.match(typed.strip())
    return int(found[1]) if found else None


def print_running(restraints: list[Restraint], now: datetime) -> None:
    """A table, where there is something in it."""
    if restraints:
        print_table([_row(one, now) for one in restraints], _HEADS)
        click.echo("\none ends it: lockdown block remove ID")


def _row(one: Restraint, now: datetime) -> tuple[str, ...]:
    met = str(one.hits) + (" in shadow" if one.shadow else "")
    return one.id, match_in_words(one.match), _becomes(one), _left(one.until, now), met, one.by, one.why


def _becomes(one: Restraint) -> str:
    at = " where users sign in" if one.doors is Doors.SIGN_IN else ""
    return f"{'would be ' if one.shadow else ''}{BECOMES[one.rung]}{at}"


def _left(until: datetime, now: datetime) -> str:
    return show_duration(timedelta(seconds=max(0, round((until - now).total_seconds()))))


def about(typed: str, restraints: Iterable[Restraint]) -> list[Restraint]:
    """Those that an address, a sender, a domain, a user, a subject or an id is meant by."""
    number, network = number_of(typed), read_network(typed)
    return [one for one in restraints if one.number == number or any(_means(typed, network, *key) for key in one.match)]


def _means(typed: str, network: Network | Unknown, dimension: Dimension, value: str) -> bool:
    if dimension in _NETWORKS:
        return not isinstance(network, Unknown) and _overlaps(network, value)
    domain = typed.rpartition("@")[2]
    return value == plain_value(dimension, typed) or (dimension is Dimension.SENDER_DOMAIN and value == domain.lower())


def _overlaps(network: Network, value: str) -> bool:
    try:
        return ipaddress.ip_network(value).overlaps(network)
    except (ValueError, TypeError):
        return False


def sole_networks(restraints: Iterable[Restraint], network: Network) -> list[Restraint]:
    """Those that are about exactly this address or network, and nothing besides."""
    return [
        one
        for one in restraints
        if len(one.match) == 1 and one.match[0][0] in _NETWORKS and read_network(one.match[0][1]) == network
    ]


def print_story(found: Iterable[Restraint], now: datetime) -> None:
    """Each with its end and its reason, those that run first."""
    for one in sorted(found, key=lambda one: (not one.runs(now), -one.number)):
        for line in _story(one, now):
            print_labelled("", line.lstrip(), len(line) - len(line.lstrip()))


def _story(one: Restraint, now: datetime) -> Iterator[str]:
    what = f"{one.id}: {match_in_words(one.match)}"
    if one.runs(now):
        yield f"{what} is {_becomes(one)}, still {_left(one.until, now)}, by {one.by}: {one.why}"
        yield f"  it has met {one.hits} since {one.since:%F %H:%M}Z; one ends it: lockdown block remove {one.id}"
        if release := lets_go(one):
            yield f"  what it holds lies in quarantine: {release}"
        if one.incident:
            yield f"  its story: lockdown incident show {one.incident}"
        return
    ended = one.ended_at or one.until
    by = f" (ended by {one.ended_by})" if one.ended_at and one.ended_by != AUTOMATIC else ""
    yield f"  {one.since:%F %H:%M} to {ended:%F %H:%M}{by}  {what} was {_becomes(one)}, met {one.hits}: {one.why}"


def fields(one: Restraint) -> dict[str, Any]:
    """For machines."""
    return {
        "id": one.id,
        "match": [[dimension.value, value] for dimension, value in one.match],
        "rung": one.rung.name.lower(),
        "doors": one.doors.value,
        "shadow": one.shadow,
        "since": one.since.isoformat(),
        "until": one.until.isoformat(),
        "hits": one.hits,
        "by": one.by,
        "why": one.why,
        "incident": one.incident,
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "ended_by": one.ended_by,
    }


def is_kept_by_the_kernel(one: Restraint) -> bool:
    """The packet filter has it too: the agent lets go of it within seconds."""
    return one.rung is Rung.DROP and not one.shadow
