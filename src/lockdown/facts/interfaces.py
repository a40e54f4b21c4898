"""The addresses of this machine, from the reading `host/interfaces`: one line each, `eth0 192.0.2.7/24`.

Fails as: Unknown, with the reason of the reading or the line that is not understood.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from lockdown.facts.networks import Network
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "host/interfaces"
_BRIDGE = re.compile(r"(docker|br-|veth|podman|cni|virbr|lxc|lxdbr|incusbr|vmnet|flannel|cali)")


@dataclass(frozen=True, slots=True)
class Interface:
    """One address on one network interface, with the network that it lies in."""

    name: str
    address: str
    network: Network

    @property
    def is_container_bridge(self) -> bool:
        """Traffic of containers, and of strangers through a container's published port, comes from such an address."""
        return bool(_BRIDGE.match(self.name))


def interfaces(snapshot: Snapshot) -> tuple[Interface, ...] | Unknown:
    """Every address, in the order of the reading."""
    match snapshot.reading(SOURCE):
        case Unknown() as unknown:
            return unknown
        case str() as text:
            return _parse(text)


def _parse(text: str) -> tuple[Interface, ...] | Unknown:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            name, place = line.split()
            address = ipaddress.ip_interface(place)
        except ValueError:
            return Unknown(f"{SOURCE} line {number} is not understood: {line[:80]!r}")
        found.append(Interface(name, str(address.ip), address.network))
    return tuple(found)
