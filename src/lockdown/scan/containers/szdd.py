"""SZDD, the LZSS of Microsoft's COMPRESS.EXE: small, old, and every Windows expands it.

In Python, octet by octet, so that only small ones are read.
Fails as: a `Flaw` for what is too large to read here, or cut off.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.scan.containers.member import Allowance, Flaw, Member, Opened, damaged
from lockdown.scan.containers.stream import CUT_OFF

MAGIC = b"SZDD\x88\xf0\x27\x33A"
SIZE_LIMIT = 1024 * 1024
_HEADER = 14
_RING = 4096


def open_szdd(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The one file in it; its name lacks a last letter, which the header knows."""
    if not data.startswith(MAGIC) or len(data) > SIZE_LIMIT:
        yield Flaw("no builtin reader for SZDD of this size or kind", too_big=len(data) > SIZE_LIMIT)
        return
    allowance.take_member()
    size = int.from_bytes(data[10:14], "little")
    unpacked = b"".join(_expanded(data, size, allowance))
    letter = chr(data[9]) if data[9:10].isalnum() else ""
    yield Member(name[:-1] + letter if name.endswith("_") else f"{name}~", unpacked)
    if len(unpacked) < size:
        yield damaged(CUT_OFF)


def _expanded(data: bytes, size: int, allowance: Allowance) -> Iterator[bytes]:
    """Groups of eight: a set bit is an octet as it is, a clear one copies 3 to 18 octets of the last 4,096."""
    ring, place, at = bytearray(b" " * _RING), _RING - 16, _HEADER
    made = 0
    while at < len(data) and made < size:
        flags, at = data[at], at + 1
        group = bytearray()
        for bit in range(8):
            step = _step(data, at, flags >> bit & 1, ring, place)
            at += 1 if flags >> bit & 1 else 2
            place = (place + len(step)) % _RING
            group += step
        allowance.take(len(group))
        yield bytes(group[: size - made])
        made += len(group)


def _step(data: bytes, at: int, literal: int, ring: bytearray, place: int) -> bytes:
    if literal:
        ring[place : place + 1] = data[at : at + 1] or ring[place : place + 1]
        return data[at : at + 1]
    if at + 2 > len(data):
        return b""
    source, length = data[at] | (data[at + 1] & 0xF0) << 4, (data[at + 1] & 0x0F) + 3
    step = bytearray()
    for offset in range(length):
        octet = ring[(source + offset) % _RING]
        ring[(place + offset) % _RING] = octet
        step.append(octet)
    return bytes(step)
