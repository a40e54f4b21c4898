"""Which of the messages that wait are meant: words that a person types, or what a flood has in common.

Fails as: `Unknown(why)` for what a queue does not say, or a value that is none; so that nothing is chosen by accident.
An empty choice chooses nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from lockdown.facts.queue_groups import domain
from lockdown.model.queued import Queued
from lockdown.model.restraint import plain_value, subject_shape
from lockdown.model.traffic import Dimension, Match
from lockdown.model.unknown import Unknown

Choice: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, all of which must hold: (("sender", "a@example.net"), ("older-than", "3600"))."""
Takes: TypeAlias = Callable[[Queued], bool]


def _client(value: str, now: datetime) -> Takes:
    network = ipaddress.ip_network(value, strict=False)
    if network.num_addresses == 1:
        only = str(network.network_address)
        return lambda it: it.client == only or _lies_in(it.client, network)
    return lambda it: _lies_in(it.client, network)


def _lies_in(client: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address) in network


def _older_than(value: str, now: datetime) -> Takes:
    before = (now - timedelta(seconds=float(value))).timestamp() * 1_000_000
    return lambda it: it.arrived < before


_TESTS: dict[str, Callable[[str, datetime], Takes]] = {
    "sender": lambda value, now: lambda it: it.sender.lower() == value.lower(),
    "sender-domain": lambda value, now: lambda it: domain(it.sender) == value.lower(),
    "client": _client,
    "user": lambda value, now: lambda it: it.user.lower() == value.lower(),
    "domain": lambda value, now: lambda it: any(domain(to) == value.lower() for to in it.recipients),
    "recipient": lambda value, now: lambda it: any(to.lower() == value.lower() for to in it.recipients),
    "subject": lambda value, now: lambda it: value.lower() in it.subject.lower(),
    "subject-shape": lambda value, now: lambda it: subject_shape(it.subject) == value,
    "reason": lambda value, now: lambda it: value.lower() in it.reason.lower(),
    "helo": lambda value, now: lambda it: plain_value(Dimension.HELO, it.helo) == plain_value(Dimension.HELO, value),
    "older-than": _older_than,
    "id": lambda value, now: lambda it: it.id == value,
}
NAMES = tuple(_TESTS)
_MAY_BE_EMPTY = frozenset({"sender"})
"""The null sender is one; everything else that is empty is in every message."""

_OF_DIMENSION = {
    Dimension.USER: "user", Dimension.CLIENT: "client", Dimension.NETWORK: "client", Dimension.WIDE_NETWORK: "client",
    Dimension.SENDER: "sender", Dimension.SENDER_DOMAIN: "sender-domain", Dimension.RECIPIENT: "recipient",
    Dimension.SUBJECT: "subject-shape", Dimension.HELO: "helo",
}  # fmt: skip


def choice_of(match: Match) -> Choice | Unknown:
    """What a flood has in common, as far as all of it can be seen in a queue."""
    unseen = [dimension for dimension, _ in match if dimension not in _OF_DIMENSION]
    if unseen:
        return Unknown(f"the queue does not say the {unseen[0]} of a message")
    return tuple((_OF_DIMENSION[dimension], value) for dimension, value in match)


def _may_be_empty(name: str, choice: Choice) -> bool:
    """No user: nobody has signed in for it. So it is with most mail, so that is no choice by itself."""
    return name in _MAY_BE_EMPTY or (name == "user" and any(other != "user" for other, _ in choice))


def taking(choice: Choice, now: datetime) -> Takes | Unknown:
    """The test of each message."""
    if not choice:
        return Unknown("nothing says which messages are meant")
    tests: list[Takes] = []
    for name, value in choice:
        if name not in _TESTS:
            return Unknown(f"{name!r} is nothing that a message is chosen by")
        if not value.strip() and not _may_be_empty(name, choice):
            return Unknown(f"{name} is empty, and that would be all messages")
        try:
            tests.append(_TESTS[name](value, now))
        except (ValueError, OverflowError) as error:
            return Unknown(f"{name}: {error}")
    if len(tests) == 1:
        return tests[0]
    return lambda it: all(test(it) for test in tests)


def in_words(choice: Choice) -> str:
    """`sender a@example.net, older-than 3600`."""
    return ", ".join(f"{name} {value or ('nobody' if name == 'user' else '<>')}" for name, value in choice)
