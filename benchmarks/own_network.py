"""A network namespace of our own, with an address on its loopback that is a stranger's: SPF is not asked about others.

Everything started within `entered()` lives in it, and none of it can reach any network. It changes nothing outside.
Fails as: `Unmeasurable` where the kernel does not let us (it takes root on Linux).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import Unmeasurable

STRANGER = "192.0.2.80"
"""Of the addresses that are nobody's (RFC 5737)."""
_CLONE_NEWNET = 0x40000000
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916
_UP = 0x1 | 0x40


@contextmanager
def entered() -> Iterator[None]:
    """Be in it until the end; then be back."""
    outside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", _CLONE_NEWNET)
        try:
            _set_up()
            yield
        finally:
            _call("setns", outside, _CLONE_NEWNET)
    finally:
        os.close(outside)


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Unmeasurable(f"no network namespace of our own ({name}: {why}); it takes root")


def _set_up() -> None:
    """Loopback up (which gives it 127.0.0.1), and a second address on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
        address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(STRANGER))
        fcntl.ioctl(control, _SET_ADDRESS, address)
