"""Errors of the system in an operator's words: a full disk, a port in use, a missing permission.

Commands raise `OperatorError` where they know better; what they let through is told from here.
"""

from __future__ import annotations

import errno

from lockdown.model.errors import OperatorError

_TRY = {
    errno.ENOSPC: ("disk-full", "df -h {where}     (free some room, then start again)"),
    errno.EDQUOT: ("disk-full", "quota     (free some room, then start again)"),
    errno.EACCES: ("no-permission", "ls -ld {where}     (run as its owner or with sudo)"),
    errno.EPERM: ("no-permission", "run as root or with sudo"),
    errno.EROFS: ("read-only", "mount | grep ' / '     (the file system is mounted read-only)"),
    errno.EADDRINUSE: ("port-in-use", "ss -ltnp     (shows who listens)"),
    errno.EADDRNOTAVAIL: ("no-such-address", "ip addr     (shows this machine's addresses)"),
    errno.ECONNREFUSED: ("refused", "lockdown doctor"),
    errno.ENOENT: ("missing", "ls -l {where}"),
    errno.EMFILE: ("too-many-files", "ulimit -n 65536"),
}


def in_words(error: OSError) -> OperatorError:
    """What, why and what to type for an error of the operating system."""
    name, try_this = _TRY.get(error.errno or 0, ("system", "lockdown doctor"))
    where = str(error.filename or "")
    return OperatorError(
        name,
        what=f"{where or 'the operating system'} would not do what was asked",
        why=error.strerror or str(error) or type(error).__name__,
        try_this=try_this.format(where=where or "."),
    )
