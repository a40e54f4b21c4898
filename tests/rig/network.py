"""Loopback ports, and waiting for a fact instead of for a time.

Fails as: `TookTooLong`, which names what was waited for.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

LOOPBACK = "127.0.0.1"
_Answer = TypeVar("_Answer")


class TookTooLong(AssertionError):
    """Something did not become true in time."""


def free_port() -> int:
    """A port that nobody listens on, below the range that the kernel gives to clients.

    A port of that range could be taken by an outgoing connection before the server of the test has bound it.
    """
    for _ in range(1000):
        port = 10_000 + int.from_bytes(_random(2), "big") % 20_000
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise TookTooLong("no free port found")


def _random(count: int) -> bytes:
    with Path("/dev/urandom").open("rb") as source:
        return source.read(count)


def eventually(ask: Callable[[], _Answer | None], what: str, seconds: float = 20.0) -> _Answer:
    """Ask until the answer is true; the answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.005)
    raise TookTooLong(f"{what}: not within {seconds:g} s")


def wait_until_accepting(port: int, what: str, seconds: float = 20.0) -> None:
    """Until somebody accepts connections on the port."""

    def accepts() -> bool:
        with socket.socket() as trial:
            return trial.connect_ex((LOOPBACK, port)) == 0

    eventually(accepts, f"{what} accepts on port {port}", seconds)


def wait_until_read(ours: socket.socket, seconds: float = 5.0) -> None:
    """Until the process at the other end has taken out of its socket everything that we sent.

    Looks at the other end's own line in /proc/net/tcp (all ends are on this machine), so "the worker has read these
    octets" is a fact and not a hope. A connection that is gone counts as read.
    """
    near, far = _hex_address(ours.getsockname()), _hex_address(ours.getpeername())

    def nothing_waits() -> bool:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            columns = line.split()
            if (columns[1], columns[2]) == (near, far) and not columns[4].startswith("00000000:"):
                return False
            if (columns[1], columns[2]) == (far, near) and not columns[4].endswith(":00000000"):
                return False
        return True

    eventually(nothing_waits, "the peer reads what was sent", seconds)


def _hex_address(address: tuple[str, int]) -> str:
    return f"{int.from_bytes(socket.inet_aton(address[0]), 'little'):08X}:{address[1]:04X}"
