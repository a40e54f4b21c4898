"""Length-prefixed messages on a stream socket: four octets, big-endian, then so many octets of JSON.

Fails as: `TooLong` before a single octet of an oversized body is read, `Gone` when the other side closes in between,
`TimeoutError` from the socket.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LENGTH = struct.Struct("!I")


class TooLong(Exception):
    """The other side announced more than is taken here."""


class Gone(Exception):
    """The other side closed the connection."""


def send_message(connection: socket.socket, body: bytes) -> None:
    """Send one message whole."""
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive_message(connection: socket.socket, most: int) -> bytes:
    """Receive one message of at most `most` octets."""
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    if length > most:
        raise TooLong(f"{length} octets announced, {most} are taken")
    return _receive_exactly(connection, length)


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    pieces, left = [], count
    while left:
        if not (piece := connection.recv(min(left, 1 << 20))):
            raise Gone
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name of the socket that fits into the 107 octets the kernel has for it, however deep its folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
