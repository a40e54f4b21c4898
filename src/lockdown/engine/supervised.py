"""What a process owes the supervisor that started it: word when it is ready, and its end when the supervisor ends.

Fails as: nothing; started by hand or by systemd, both are no-ops.
"""

from __future__ import annotations

import os
import signal

READY_FD = "LOCKDOWN_READY_FD"
"""Names the file descriptor to which a process writes `ready` when it can do its work."""

_PR_SET_PDEATHSIG = 1


def tell_ready() -> None:
    """Say once that the work can begin."""
    if fd := os.environ.pop(READY_FD, ""):
        os.write(int(fd), b"ready\n")
        os.close(int(fd))


def end_with_supervisor() -> None:
    """Ask the kernel for SIGTERM should the supervisor be killed: no process of ours is left without one."""
    if READY_FD in os.environ:
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
