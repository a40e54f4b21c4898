"""Landlock: a process gives up the file system, but for reading the libraries that it runs on (Linux 5.13 and later).

Three system calls, which have the same number on every processor, and their structures: linux/landlock.h.
Fails as: False where the kernel does not have it, or has it switched off.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE = 1 << 2
_READ = _READ_FILE | 1 << 3
"""Files and directories."""
_ALL_RIGHTS = ((5, 16), (3, 15), (2, 14), (1, 13))
"""Version, and how many rights to the file system it knows."""
_NET_RIGHTS = 1 << 0 | 1 << 1
"""Binding and connecting TCP sockets; from version 4 on."""
_SCOPES = 1 << 0 | 1 << 1
"""Abstract sockets and signals; from version 6 on."""


def keep_to(readable: Iterable[str]) -> bool:
    """From now on, open nothing but what lies below these paths, and that for reading. No program can be started."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    wanted = _ruleset(version)
    ruleset = libc.syscall(_CREATE, wanted, ctypes.c_size_t(len(wanted)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(libc, ruleset, path)
        restricted: int = libc.syscall(_RESTRICT, ruleset, 0)
        return restricted == 0
    finally:
        os.close(ruleset)


def _ruleset(version: int) -> bytes:
    """What is forbidden unless allowed; a kernel takes no more words than its version knows."""
    rights = (1 << next(count for since, count in _ALL_RIGHTS if version >= since)) - 1
    words = [rights]
    if version >= 4:
        words.append(_NET_RIGHTS)
    if version >= 6:
        words.append(_SCOPES)
    return struct.pack(f"={len(words)}Q", *words)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    try:
        rights = _READ if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE
        libc.syscall(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
