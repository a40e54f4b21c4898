"""What the mail server's log adds to the count: who has handed in mail for others, and how fast it leaves.

Mail of strangers comes by the gateway and is counted there; here it is what has a user, or begins on this machine.
Beside it is learnt whom users of ours write to and which letters went out (`state/correspondents.py`), from what the
log has of the days before, too; and what waits in the queue.

Fails as: nothing that stops the count: a log that may not be read adds nothing, and the traffic says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from lockdown.config import Settings
from lockdown.engine.log_reader import Happened, LogReader
from lockdown.engine.traffic import TrafficCounter
from lockdown.facts.mail_log.events import Delivered, Gone, Identified, Queued, Received
from lockdown.host.change.files import FileImage, put
from lockdown.host.log_sources import closed, is_there, sources
from lockdown.mime.domains import organisational
from lockdown.model.errors import OperatorError
from lockdown.model.restraint import plain_value
from lockdown.model.traffic import Dimension
from lockdown.state.correspondents import Correspondents, id_digest
from lockdown.state.log_sight import FILE, LogSight, read_sight

V = TypeVar("V")

POSITIONS = "traffic-positions.json"
_MOST_OPEN = 20_000
_LOCAL = frozenset(("local", "virtual", "lmtp", "pipe"))
_BLIND = 0.2
"""With so many lines that are not understood, what is not seen may be what matters."""
_OLD = timedelta(minutes=10)
"""What a first look finds of the days before is no flood of now."""


class TrafficLog:
    """Follows the logs of the settings for one counter."""

    def __init__(self, settings: Settings, folder: Path, counter: TrafficCounter, known: Correspondents) -> None:
        logs = sources(settings.monitoring.mail_logs)
        readable = [log for log in logs if is_there(log) and not closed(log)]
        self._reader = LogReader(readable, folder / POSITIONS) if readable else None
        self._counter, self._known, self._folder = counter, known, folder
        self._sight = read_sight(folder) or LogSight()
        self._closed = "; ".join(filter(None, map(closed, logs)))
        counter.unseen_log = self._sight.closed = self._closed
        self._open: dict[str, Received] = {}
        """Messages that were begun by a user or on this machine, the oldest first."""
        self._leaving: dict[str, str] = {}
        """Their senders, once they are in the queue, until they are gone."""

    def read(self, now: datetime) -> None:
        """Count what has been written since; the counter has been told how late it is."""
        if self._reader is None:
            return
        try:
            told = self._reader.look(now)
        except OperatorError as error:
            self._counter.unseen_log = f"{error.what}: {error.why}"
            return
        self._sight.add(now.timestamp(), told.lines, told.unread, told.misdated, told.missed, told.foreign)
        self._counter.unseen_log = "; ".join(filter(None, (self._closed, self._blind(), *told.missed)))
        for happened in told.events:
            take = _TAKEN.get(type(happened.event))
            if take is not None:
                take(self, happened, happened.event, now - happened.at < _OLD)

    def keep(self) -> None:
        """What was counted is not counted again after a restart."""
        if self._reader is not None:
            self._reader.keep()
            sight = FileImage(str(self._folder / FILE), self._sight.octets(), 0o600, os.geteuid(), os.getegid())
            put(sight)

    def _blind(self) -> str:
        share = self._sight.blindness
        return f"{share:.0%} of its lines are not understood" if share > _BLIND else ""

    def _received(self, happened: Happened, event: Received, is_new: bool) -> None:
        self._counter.waiting.received(event)
        if event.user or event.local:
            _keep(self._open, event.queue_id, event)

    def _identified(self, happened: Happened, event: Identified, is_new: bool) -> None:
        if event.queue_id in self._open and event.message_id:
            letter = f"<{event.message_id}>".encode("utf-8", "surrogateescape")
            self._known.went_out(id_digest(letter), happened.at.timestamp())

    def _queued(self, happened: Happened, event: Queued, is_new: bool) -> None:
        self._counter.take_waiting(event.queue_id, event.sender)
        # Said again at each further try: counted once.
        begun = self._open.pop(event.queue_id, None)
        if begun is None:
            return
        _keep(self._leaving, event.queue_id, event.sender)
        if is_new:
            user = begun.user or ""
            self._counter.take_queued(
                happened.at, event.queue_id, user, begun.address, event.sender, event.size, event.recipients
            )

    def _delivered(self, happened: Happened, event: Delivered, is_new: bool) -> None:
        sender = self._leaving.get(event.queue_id)
        if sender and happened.daemon not in _LOCAL:
            self._known.wrote(plain_value(Dimension.SENDER, sender), [organisational(_domain(event.recipient))])
        if is_new:
            self._counter.take_delivery(happened.at, event)

    def _gone(self, happened: Happened, event: Gone, is_new: bool) -> None:
        self._counter.waiting.gone(event.queue_id)
        self._open.pop(event.queue_id, None)
        self._leaving.pop(event.queue_id, None)


def _keep(table: dict[str, V], queue_id: str, value: V) -> None:
    """The newest; of too many the oldest goes."""
    table[queue_id] = value
    if len(table) > _MOST_OPEN:
        del table[next(iter(table))]


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


_TAKEN: dict[type[Any], Callable[[TrafficLog, Happened, Any, bool], None]] = {
    Received: TrafficLog._received,
    Identified: TrafficLog._identified,
    Queued: TrafficLog._queued,
    Delivered: TrafficLog._delivered,
    Gone: TrafficLog._gone,
}
