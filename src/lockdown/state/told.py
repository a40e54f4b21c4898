"""What was told over each path, and how the paths do: one small file, put in place whole.

Fails as: an empty memory where there is none or where it is damaged (then what is open is told once more, which is
better than never); OSError from `keep_told`, when the disk does not take it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from lockdown.state.maildir import sync_directory

FILE = "alerts.json"
"""Below the state directory."""
NOT_SENT = "not sent: "
"""Before the reason why the heartbeat is silent on purpose."""
MANY = 1_000_000
_MOST_BYTES = 8 * 1024 * 1024


class ToldIncident(msgspec.Struct, frozen=True):
    """How an incident stood when the path was told of it."""

    severity: str
    returned: int
    is_open: bool
    deeds: int = MANY
    """Not written by an older version: then nothing that was done before is news."""


class PathMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Of one path; times are seconds of Unix."""

    name: str = ""
    """As it is shown: masked."""
    since: float = 0.0
    known: dict[int, ToldIncident] = {}
    digest_at: float | None = None
    sent: tuple[float, ...] = ()
    failures: int = 0
    """In a row."""
    down_since: float | None = None
    next_try: float = 0.0
    why: str = ""
    """Of the last failure."""
    told_at: float | None = None
    """When it last took a message."""


class Beats(msgspec.Struct, frozen=True, kw_only=True):
    """Of the heartbeat."""

    name: str = ""
    tried_at: float | None = None
    beat_at: float | None = None
    why: str = ""
    """Why the last one was not sent, or not taken."""


class ToldFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    schema: str = "lockdown.alerts/1"
    paths: dict[str, PathMemory] = {}
    beats: Beats = Beats()


_decode = msgspec.json.Decoder(ToldFile).decode


def read_told(state: Path) -> ToldFile:
    """What is remembered."""
    with suppress(OSError, msgspec.MsgspecError, RecursionError), (state / FILE).open("rb") as file:
        return _decode(file.read(_MOST_BYTES))
    return ToldFile()


def keep_told(state: Path, told: ToldFile) -> None:
    """Remember it, over a failure of power too: what was told must not be told again."""
    aside = state / f"{FILE}.new"
    with aside.open("wb") as file:
        file.write(msgspec.json.encode(told))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(state / FILE)
    sync_directory(state)
