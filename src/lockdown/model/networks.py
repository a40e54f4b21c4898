"""Networks: is an address one of those that a setting names? Made once for a list, asked often.

Fails as: False. A text that is no address lies in no network, so an exemption is never given by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class Networks:
    """A list of networks, asked by address: one look-up for each prefix length in it, however long it is."""

    __slots__ = ("_prefixes",)

    def __init__(self, texts: Iterable[str]) -> None:
        prefixes: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
        for network in map(ip_network, texts):
            host_bits = network.max_prefixlen - network.prefixlen
            prefixes[network.version].setdefault(host_bits, set()).add(int(network.network_address) >> host_bits)
        self._prefixes: Mapping[int, Mapping[int, set[int]]] = prefixes

    def __contains__(self, address: str) -> bool:
        try:
            found = _unmapped(ip_address(address))
        except ValueError:
            return False
        return self.has(found.version, int(found))

    def has(self, version: int, number: int) -> bool:
        """Whether the address lies in one of them that is this number, as IPv4 (4) or IPv6 (6)."""
        return any(number >> bits in prefixes for bits, prefixes in self._prefixes[version].items())


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """A dual-stack socket shows an IPv4 client as ::ffff:192.0.2.1; the settings name it as 192.0.2.1."""
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=64)
def networks(texts: tuple[str, ...]) -> Networks:
    """The networks of a setting; the same object for the same setting."""
    return Networks(texts)
