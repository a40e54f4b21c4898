"""Put a message into a Maildir so that it is there after a power failure.

Fails as: `OSError` from the system; then there is no message in `new/`, and what was written aside is removed.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OUR_MODE = 0o600


def deliver(directory: Path, pieces: Iterable[bytes], *, name: str = "") -> Path:
    """Write the message of these pieces and return its path, once it is durable.

    Durable means: file fsync, rename into `new/`, fsync of `new/`, all done before this returns. A `name` makes the
    delivery repeatable: the same message again takes the place of the first and is not a second copy.
    """
    # Aside it has a name of its own: two deliveries under one name must not write into one file.
    aside, final = directory / "tmp" / _unique(), directory / "new" / (name or _unique())
    _make(directory)
    try:
        _write_through(aside, pieces)
        aside.replace(final)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    sync_directory(final.parent)
    return final


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(directory: Path) -> None:
    if (directory / "new").is_dir() and (directory / "tmp").is_dir():
        return
    for part in ("tmp", "new", "cur"):
        (directory / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_directory(directory)
    sync_directory(directory.parent)


def _write_through(path: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OUR_MODE)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _unique() -> str:
    """As https://cr.yp.to/proto/maildir.html has it: time, something of this delivery alone, host."""
    host = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
    return f"{time.time_ns() // 10**9}.P{os.getpid()}R{secrets.token_hex(8)}.{host}"
