"""A secret of ours in a file: made once, read by every process, never by another user.

Digests are keyed with it so that strangers, who choose the keys, cannot choose where they collide.
Fails as: OperatorError when it cannot be read or made, or is not what we wrote.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockdown.model.errors import OperatorError
from lockdown.state.layout import cannot_use, make_folder

KEY_BYTES = 16


def key_of(path: Path, octets: int = KEY_BYTES) -> bytes:
    """The key in this file; made, with mode 0600 and on disk, if there is none."""
    make_folder(path.parent)
    try:
        with alone_in(path.parent):
            key = path.read_bytes() if path.exists() else _make(path, octets)
    except OSError as error:
        raise cannot_use(path, error) from None
    if len(key) != octets:
        raise OperatorError(
            "state-key-damaged", what=f"{path} is not a key", why=f"it holds {len(key)} octets and not {octets}",
            try_this=f"rm {path}     (a new one is made; what was counted under the old one is forgotten)",
        )  # fmt: skip
    return key


def _make(path: Path, octets: int) -> bytes:
    key = secrets.token_bytes(octets)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, key)
        os.fsync(handle)
    finally:
        os.close(handle)
    aside.replace(path)
    return key


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: of several processes that start at once, one makes the file and the others find it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
