"""The PROXY protocol header, version 2: tells a server behind who the client is (haproxy's proxy-protocol.txt, 2.2)."""

from __future__ import annotations

import ipaddress
import struct

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY, _LOCAL = 0x21, 0x20
_TCP4, _TCP6, _UNSPECIFIED = 0x11, 0x21, 0x00


def proxy_header(source: str, source_port: int, target: str, target_port: int) -> bytes:
    """The header for a TCP client; without a known client it is LOCAL: a connection of our own."""
    if not source:
        return _SIGNATURE + struct.pack(">BBH", _LOCAL, _UNSPECIFIED, 0)
    from_address, to_address = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if from_address.version != to_address.version:
        to_address = ipaddress.ip_address("0.0.0.0" if from_address.version == 4 else "::")
    addresses = from_address.packed + to_address.packed + struct.pack(">HH", source_port, target_port)
    family = _TCP4 if from_address.version == 4 else _TCP6
    return _SIGNATURE + struct.pack(">BBH", _PROXY, family, len(addresses)) + addresses
