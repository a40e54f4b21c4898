"""What the servers' logs have told since the last look: their events, in order, each with its moment.

Where we are in each log is kept in a file, so that a restart of ours neither loses a line nor counts one twice. What
could not be read (a line that no pattern knows, a log that was emptied) is counted and said: blindness is a figure.

Fails as: `Told.missed` in words; OperatorError when the positions cannot be written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from lockdown.facts.mail_log.events import Event, Unread
from lockdown.facts.mail_log.prefix import when
from lockdown.facts.mail_log.reading import events, read
from lockdown.host.change.files import FileImage, put
from lockdown.host.log_files import Position
from lockdown.host.log_sources import follower
from lockdown.host.zone import MACHINE

_AHEAD = timedelta(minutes=5)


class Happened(NamedTuple):
    """One event, and when."""

    at: datetime
    daemon: str
    event: Event


@dataclass(slots=True)
class Told:
    """What one look came to."""

    events: list[Happened] = field(default_factory=list)
    lines: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    """By daemon."""
    misdated: int = 0
    """Lines whose stamp is none, or lies in the future: they count as of now."""
    foreign: int = 0
    """Entries of the journal in the mail server's name, by a user who is none."""
    missed: tuple[str, ...] = ()


class LogReader:
    """Follows these logs. Not for two threads at once."""

    def __init__(self, logs: Iterable[Path | str], positions: Path) -> None:
        self._positions = positions
        known = _kept(positions)
        self._last: tuple[tuple[str, datetime | None], datetime | None] = (("", None), None)
        self._followers = {name: follower(name, known) for name in map(str, logs)}

    def look(self, now: datetime) -> Told:
        """What is new, the logs one after the other."""
        told, here = Told(), now.astimezone(MACHINE)
        for one in self._followers.values():
            piece = one.read()
            told.missed += piece.missed
            told.foreign += piece.foreign
            for line in piece.octets.split(b"\n"):
                self._take(line, now, here, told)
        return told

    def keep(self) -> None:
        """What was told so far need not be told again. Durable when this returns."""
        positions = {name: one.position for name, one in self._followers.items()}
        octets = msgspec.json.encode(positions)
        put(FileImage(str(self._positions), octets, 0o600, os.geteuid(), os.getegid()))

    def close(self) -> None:
        """Let go of the files."""
        for one in self._followers.values():
            one.close()

    def _take(self, line: bytes, now: datetime, here: datetime, told: Told) -> None:
        reading = read(line)
        if reading is None:
            return
        told.lines += 1
        daemon = reading.line.daemon or reading.line.program
        if isinstance(reading.event, Unread):
            told.unread[daemon] += 1
            return
        at = self._moment(reading.line.stamp, here)
        if at is None or at > now + _AHEAD:
            told.misdated += 1
            at = now
        told.events += [Happened(at, daemon, event) for event in events(reading)]

    def _moment(self, stamp: str, now: datetime) -> datetime | None:
        """Most lines have the stamp of the one before; what it means depends on the day, not on the moment."""
        if (stamp, now) != self._last[0]:
            self._last = (stamp, now), when(stamp, now) if stamp else None
        return self._last[1]


def _kept(positions: Path) -> dict[str, Position]:
    """Where we were; a file that cannot be read is as none: lines are then told again rather than lost."""
    try:
        return msgspec.json.decode(positions.read_bytes(), type=dict[str, Position])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
