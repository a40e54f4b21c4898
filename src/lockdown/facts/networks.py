"""Lists of networks as Postfix writes them (mynetworks): what they cover, and how wide that is.

Fails as: an entry whose `unknown` says why it could not be told (a table that was not read, a word that is no network).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TypeAlias

from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WORD = re.compile(r"[^\s,]+")
MAX_TABLE_DEPTH = 3


class Width(IntEnum):
    """How many are trusted with a network."""

    LOOPBACK = 0
    NARROW = 1
    """A subnet of one's own: a /24 of IPv4, a /48 of IPv6, or less."""
    BROAD = 2
    """More than one subnet of private addresses, yet not a whole range of them."""
    WHOLE_PRIVATE_RANGE = 3
    """All of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 … : guests, containers, tunnels."""
    PUBLIC = 4
    """Public addresses of more than one subnet: some are surely not yours."""
    EVERYONE = 5
    """So much of the Internet that strangers are in it."""


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    """One word of the list. `network` is None where `unknown` says why."""

    text: str
    network: Network | None
    excluded: bool = False
    unknown: str = ""


ReadTable: TypeAlias = Callable[[str], Reading]


def parse_networks(text: str, read_table: ReadTable, depth: int = 0) -> tuple[NetworkEntry, ...]:
    """The entries of a list, files and tables replaced by what they hold."""
    return tuple(entry for word in _WORD.findall(text) for entry in _entries(word, read_table, depth))


def _entries(word: str, read_table: ReadTable, depth: int) -> Iterator[NetworkEntry]:
    excluded, bare = word.startswith("!"), word.lstrip("!")
    if network := parse_network(bare):
        yield NetworkEntry(word, network, excluded)
    elif bare.startswith("/") or re.match(r"[a-z]+:", bare):
        yield from _table_entries(word, bare, excluded, read_table, depth)
    else:
        yield NetworkEntry(word, None, excluded, f"{bare} is not a network")


def _table_entries(word: str, table: str, excluded: bool, read_table: ReadTable, depth: int) -> Iterator[NetworkEntry]:
    match read_table(table):
        case Unknown(why):
            yield NetworkEntry(word, None, excluded, why)
        case _ if depth >= MAX_TABLE_DEPTH:
            yield NetworkEntry(word, None, excluded, f"{table} is nested too deeply")
        case str() as text:
            keys = " ".join(_first_words(text) if ":" in table.partition("/")[0] else _without_comments(text))
            for entry in parse_networks(keys, read_table, depth + 1):
                yield NetworkEntry(
                    f"{entry.text} (in {table})", entry.network, excluded != entry.excluded, entry.unknown
                )


def _without_comments(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _first_words(text: str) -> Iterator[str]:
    return (line.split()[0] for line in _without_comments(text) if line.strip() and not line[0].isspace())


def parse_network(text: str) -> Network | None:
    """`10.0.0.0/8`, `[::1]/128`, `192.0.2.7`; None when it is none. IPv4 mapped into IPv6 counts as IPv4."""
    try:
        network = ipaddress.ip_network(text.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        low = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((low, network.prefixlen - 96))
    return network


def inside(network: Network, outer: Network) -> bool:
    """Whether a network lies in another one; different families never do."""
    if isinstance(network, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return network.subnet_of(outer)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return network.subnet_of(outer)
    return False


@lru_cache(maxsize=8192)
def width(network: Network) -> Width:
    """How many are trusted with it."""
    ipv4 = network.version == 4
    if any(inside(network, loopback) for loopback in LOOPBACK):
        return Width.LOOPBACK
    if any(inside(network, private) for private in PRIVATE):
        return _width_of_private(network, narrow=24 if ipv4 else 48)
    if network.prefixlen < (16 if ipv4 else 32):
        return Width.EVERYONE
    return Width.NARROW if network.prefixlen >= (24 if ipv4 else 48) else Width.PUBLIC


def _width_of_private(network: Network, narrow: int) -> Width:
    if network in PRIVATE or network.prefixlen <= (12 if network.version == 4 else 10):
        return Width.WHOLE_PRIVATE_RANGE
    return Width.NARROW if network.prefixlen >= narrow else Width.BROAD


def is_listed(address: IPAddress, entries: tuple[NetworkEntry, ...]) -> bool | Unknown:
    """Whether the list covers an address: the first entry that matches decides, as in Postfix."""
    for entry in entries:
        if entry.network is None:
            return Unknown(f"{entry.text}: {entry.unknown}")
        if address in entry.network:
            return not entry.excluded
    return False
