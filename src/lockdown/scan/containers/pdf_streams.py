"""What PDF compresses: its streams, inflated, so that a signature within is seen. Their meaning is for inspectors.

Every `stream` that zlib can inflate is, whatever its dictionary says: a reader that repairs would find it too.
Fails as: nothing; what does not inflate is a picture, or is seen as it stands.
"""

from __future__ import annotations

import re

from lockdown.scan.containers.member import Allowance, Member, Opened
from lockdown.scan.containers.stream import inflate, zlib_deflate

_STREAM = re.compile(rb"stream\r?\n(?=[\x08\x18\x28\x38\x48\x58\x68\x78])")
"""RFC 1950 2.2: the first octet names deflate and its window."""


def open_pdf(data: bytes, name: str, allowance: Allowance) -> Opened:
    """Each as a piece that nobody sees."""
    packed = memoryview(data)
    for number, start in enumerate(_STREAM.finditer(data), 1):
        allowance.take_piece()
        inflated = inflate(packed[start.end() :], zlib_deflate(), allowance)
        if inflated.data:
            yield Member(f"stream {number}", inflated.data, quiet=True)
