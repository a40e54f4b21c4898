"""What a reader process gives up before it reads a stranger's octets: a bug in a library is then a crash, no more.

Limits of memory, processor time, files and processes; no new privileges; no network and no file system where the
kernel lets us leave them.
Fails as: `confine` raises OSError for a limit that cannot be set; what a kernel or container forbids is in its answer.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from pathlib import Path

from lockdown.scan.landlock import keep_to

_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE, _PR_SET_PDEATHSIG = 38, 4, 1
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_OPEN_FILES = 64
_NICE = 5
SECONDS_BEYOND = 2
"""The parent ends a reader that is late; by itself it ends so much later, for when the parent is gone."""


def confine(memory_bytes: int) -> tuple[str, ...]:
    """Give it up for good, before libraries are loaded. Answers what could not be given up, a few words each."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # nobody waits for the answer of an orphan
    missing = [] if _leave_the_network(libc) else ["the network"]
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_AS, memory_bytes)
    os.nice(_NICE)
    return tuple(missing)


def seal() -> tuple[str, ...]:
    """After warming up: no thread and no process more, and no file but those that Python runs on.

    Answers what could not be given up, a few words each.
    """
    _limit(resource.RLIMIT_NPROC, 0)
    return () if keep_to(_libraries()) else ("the file system",)


def _libraries() -> tuple[str, ...]:
    """Where modules and codecs are loaded from, which are first needed when a message needs them."""
    ours = str(Path(__file__).parents[1])
    return (
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        ours,
        "/usr/lib",
        "/lib",
        "/lib64",
        "/dev/null",
        "/dev/urandom",  # who decrypts a PDF that only may not be printed wants to be able to encrypt it as well
    )


def allow_seconds(seconds: float) -> None:
    """Processor and wall time for the next message; past it, the kernel ends this process."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    used = int(spent.ru_utime + spent.ru_stime)
    soft = used + int(seconds) + SECONDS_BEYOND
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds + SECONDS_BEYOND)


def stop_counting() -> None:
    """Between two messages one may wait for ever."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _leave_the_network(libc: ctypes.CDLL) -> bool:
    """Into an empty network of our own: as root at once, as anybody else through a user namespace of our own."""
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))
