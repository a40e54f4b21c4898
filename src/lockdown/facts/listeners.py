"""What listens on this machine, from the reading `host/listeners`: one line each, `tcp 0.0.0.0:25 1234 master`.

Fails as: Unknown, with the reason of the reading or the line that is not understood.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "host/listeners"


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket; `process` is empty where the reader was not allowed to know."""

    protocol: str
    address: str
    port: int
    process: str

    @property
    def is_loopback(self) -> bool:
        address = ipaddress.ip_address(self.address.partition("%")[0])
        # Programs in Java bind 127.0.0.1 as an address of IPv6.
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (inner or address).is_loopback


def listeners(snapshot: Snapshot) -> tuple[Listener, ...] | Unknown:
    """Every listener, in the order of the reading."""
    match snapshot.reading(SOURCE):
        case Unknown() as unknown:
            return unknown
        case str() as text:
            return _parse(text)


def _parse(text: str) -> tuple[Listener, ...] | Unknown:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            protocol, place, _pid, process = line.split(maxsplit=3)
            address, _, port = place.rpartition(":")
            listener = Listener(protocol, address.strip("[]"), int(port), "" if process == "-" else process)
            _ = listener.is_loopback  # an address that is none must not wait until a room asks
        except ValueError:
            return Unknown(f"{SOURCE} line {number} is not understood: {line[:80]!r}")
        found.append(listener)
    return tuple(found)
