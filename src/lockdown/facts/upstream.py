"""Where `gateway.upstream` leads: to this machine, to another one, or to no SMTP server at all.

Only what is written is used: a name is not looked up, so one that is not plainly ours is said to be elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

from lockdown.config import Settings, upstreams
from lockdown.facts.interfaces import interfaces
from lockdown.facts.networks import IPAddress
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_URL = re.compile(
    r"(?P<scheme>smtp(?:\+starttls)?)://(?P<host>\[[^\]]+\]|[^:/?]+)(?::(?P<port>\d+))?(?P<options>\?.*)?\Z"
)


@dataclass(frozen=True, slots=True)
class Here:
    """An SMTP server on this machine; the gateway connects to it from `address`."""

    url: str
    address: IPAddress
    port: int
    sends_proxy_header: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An SMTP server on another machine."""

    url: str


@dataclass(frozen=True, slots=True)
class NoSmtp:
    """A mailbox folder, or LMTP: nothing that relays."""

    url: str


Upstream: TypeAlias = Here | Elsewhere | NoSmtp


def upstreams_of(snapshot: Snapshot, settings: Settings) -> tuple[Upstream, ...]:
    """Each upstream, in order of preference."""
    own = interfaces(snapshot)
    addresses = frozenset() if isinstance(own, Unknown) else frozenset(interface.address for interface in own)
    return tuple(_upstream(url, snapshot.host, addresses) for url in upstreams(settings.gateway))


def _upstream(url: str, host_name: str, own: frozenset[str]) -> Upstream:
    found = _URL.match(url)
    if not found:
        return NoSmtp(url)
    host = found["host"].strip("[]").lower()
    address = _own_address(host, host_name.lower(), own)
    if address is None:
        return Elsewhere(url)
    return Here(url, address, int(found["port"] or 25), "proxy=" in (found["options"] or ""))


def _own_address(host: str, host_name: str, own: frozenset[str]) -> IPAddress | None:
    if host in ("localhost", "localhost.localdomain", host_name):
        return ipaddress.ip_address("127.0.0.1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if address.is_loopback or str(address) in own else None
