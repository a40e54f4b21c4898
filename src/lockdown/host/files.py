"""Read one file for a reading, bounded.

Fails as: Unknown("/etc/postfix/main.cf: Permission denied"), Unknown("… is larger than …"). Never raises.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lockdown.host.commands import decoded
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

MAX_FILE = 1024 * 1024


def read_file(path: Path, limit: int = MAX_FILE, *, follow_links: bool = True) -> Reading:
    """The text of a regular file; a pipe or device is not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW))
    except (OSError, ValueError) as error:
        return Unknown(f"{path}: {getattr(error, 'strerror', None) or error}")
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return Unknown(f"{path} is not a regular file")
        octets = opened.read(limit + 1)
    if len(octets) > limit:
        return Unknown(f"{path} is larger than {limit} octets")
    return decoded(octets, str(path))
