"""Which networks may be blocked, for how long: one judgement for the agent, the gateway and the command line.

A block that cuts off the owner is worse than the attack; so what is ours is never blocked, and nothing for ever by
accident. Fails as: `NotBlockable(why)`, a value.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from lockdown.config import Settings, upstreams
from lockdown.model.unknown import Unknown

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST = timedelta(days=30)
WIDEST = {4: 16, 6: 32}
"""The shortest prefix that may be blocked: a /16 is a provider's customers, a /8 is a piece of the world."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A network that is never blocked, and why."""

    network: Network
    why: str


@dataclass(frozen=True, slots=True)
class Blockable:
    """The network in its plain form, and when the block ends."""

    network: str
    until: datetime


@dataclass(frozen=True, slots=True)
class NotBlockable:
    """Why this block will not be made, and what to do instead."""

    why: str
    try_this: str = "lockdown block list"


def judge_block(
    network: str, term: timedelta, protected: Iterable[Protected], now: datetime
) -> Blockable | NotBlockable:
    """May `network` be blocked for `term`?"""
    match read_network(network):
        case Unknown(why):
            return NotBlockable(why, "lockdown block add 203.0.113.0/24 --for 1h")
        case wanted:
            return _judge_width_and_term(wanted, term, protected, now)


def _judge_width_and_term(
    wanted: Network, term: timedelta, protected: Iterable[Protected], now: datetime
) -> Blockable | NotBlockable:
    if wanted.prefixlen < (least := WIDEST[wanted.version]):
        return NotBlockable(
            f"{wanted} is wider than /{least}: too many strangers would be hit", "name a smaller network"
        )
    if not timedelta(0) < term <= LONGEST:
        return NotBlockable(f"a block lasts up to {LONGEST.days} days, not longer", "lockdown block add NET --for 30d")
    for ours in protected:
        if ours.network.version == wanted.version and ours.network.overlaps(wanted):
            return NotBlockable(f"{wanted} touches {ours.network}: {ours.why}")
    return Blockable(str(wanted), now + term)


def read_network(text: str) -> Network | Unknown:
    """An address or a network as typed; an IPv4 address in IPv6 form is the IPv4 address."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return Unknown(f"{text!r} is not an address or a network")
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None
    return ipaddress.ip_network(mapped) if mapped and network.prefixlen == 128 else network


def protected_networks(settings: Settings) -> tuple[Protected, ...]:
    """Everything that is never blocked here: loopback, this machine, the upstream, whom the settings name."""
    return (*_loopback(), *_own_addresses(), *_upstream_addresses(settings), *_named(settings))


def _loopback() -> Iterator[Protected]:
    for network in ("127.0.0.0/8", "::1/128"):
        yield Protected(ipaddress.ip_network(network), "this machine talks to itself there")


def _own_addresses() -> Iterator[Protected]:
    import psutil

    for interface, addresses in psutil.net_if_addrs().items():
        for entry in addresses:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(entry.address.partition("%")[0])
                yield Protected(ipaddress.ip_network(address), f"it is this machine's own address ({interface})")


def _upstream_addresses(settings: Settings) -> Iterator[Protected]:
    urls = [*upstreams(settings.gateway), settings.gateway.outbound]
    for host in filter(None, (urlsplit(url).hostname for url in urls if "://" in url)):
        for address in _addresses_of(host):
            yield Protected(ipaddress.ip_network(address), f"it is the server behind the gateway ({host})")


def _addresses_of(host: str) -> set[str]:
    """A name that does not resolve now cannot be protected by address; the settings' own lists still are."""
    try:
        return {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _named(settings: Settings) -> Iterator[Protected]:
    for network in settings.monitoring.never_block:
        yield Protected(ipaddress.ip_network(network), "monitoring.never_block names it")
    for network in settings.gateway.trusted_networks:
        yield Protected(ipaddress.ip_network(network), "gateway.trusted_networks names it")
