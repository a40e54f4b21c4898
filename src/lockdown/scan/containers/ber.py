"""Just enough BER (X.690) to take out what a CMS SignedData carries: lengths of both forms, nesting bounded.

Fails as: (what was there, False) for octets that cannot be right. Never raises.
"""

from __future__ import annotations

DEPTH_LIMIT = 24
STEPS_LIMIT = 100_000
_DATA = bytes.fromhex("06092a864886f70d010701")
_OCTETS, _CONSTRUCTED = 0x04, 0x20


def octets_within(data: bytes) -> tuple[bytes, bool]:
    """The content of the first `id-data` within, its octet strings joined; and whether it could be read to its end."""
    named = data.find(_DATA, 0, 4096)
    if named < 0:
        return b"", True
    at = named + len(_DATA)
    if data[at : at + 1] != b"\xa0":
        return b"", True  # a detached signature: the content is elsewhere
    return _joined(data, at)


def _joined(data: bytes, at: int) -> tuple[bytes, bool]:
    """All primitive octet strings of the value at this place, in their order."""
    pieces: list[bytes] = []
    ends: list[int] = []
    for _ in range(STEPS_LIMIT):
        while ends and ends[-1] >= 0 and at >= ends[-1]:
            ends.pop()
        if pieces and not ends:
            return b"".join(pieces), True
        if data[at : at + 2] == b"\0\0" and ends and ends[-1] < 0:
            ends.pop()
            at += 2
            if not ends:
                return b"".join(pieces), True
            continue
        head = _head(data, at)
        if head is None or len(ends) > DEPTH_LIMIT:
            return b"".join(pieces), False
        tag, start, length = head
        if tag & _CONSTRUCTED:
            ends.append(start + length if length >= 0 else -1)
            at = start
            if length == 0:
                return b"".join(pieces), True
        elif length < 0 or start + length > len(data):
            return b"".join([*pieces, data[start:]]), False
        else:
            if tag & 0x1F == _OCTETS:
                pieces.append(data[start : start + length])
            at = start + length
    return b"".join(pieces), False


def _head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Tag, start of the value, length (-1: until its end mark)."""
    if at + 2 > len(data):
        return None
    tag, length = data[at], data[at + 1]
    if length < 0x80:
        return tag, at + 2, length
    if length == 0x80:
        return tag, at + 2, -1
    width = length & 0x7F
    if width > 8 or at + 2 + width > len(data):
        return None
    return tag, at + 2 + width, int.from_bytes(data[at + 2 : at + 2 + width], "big")
