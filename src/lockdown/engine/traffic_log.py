"""What the mail server's log adds to the count: who has handed in mail for others, and how fast it leaves.

Mail of strangers comes by the gateway and is counted there; here it is what has a user, or begins on this machine.

Fails as: nothing that stops the count: a log that may not be read adds nothing, and the traffic says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lockdown.config import Settings
from lockdown.engine.log_reader import Happened, LogReader
from lockdown.engine.traffic import TrafficCounter
from lockdown.facts.mail_log.events import Delivered, Gone, Queued, Received
from lockdown.model.errors import OperatorError

POSITIONS = "traffic-positions.json"
_MOST_OPEN = 20_000
_OLD = timedelta(minutes=10)
"""What a first look finds of the days before is no flood of now."""


class TrafficLog:
    """Follows the logs of the settings for one counter."""

    def __init__(self, settings: Settings, folder: Path, counter: TrafficCounter) -> None:
        paths = [Path(path) for path in settings.monitoring.mail_logs]
        readable = [path for path in paths if os.access(path, os.R_OK)]
        self._reader = LogReader(readable, folder / POSITIONS) if readable else None
        self._counter = counter
        self._closed = "; ".join(
            f"{path} may not be read" for path in paths if _is_there(path) and path not in readable
        )
        counter.unseen_log = self._closed
        self._open: dict[str, Received] = {}
        """Messages that were begun by a user or on this machine, the oldest first."""

    def read(self, now: datetime) -> None:
        """Count what has been written since; the counter has been told how late it is."""
        if self._reader is None:
            return
        try:
            told = self._reader.look(now)
        except OperatorError as error:
            self._counter.unseen_log = f"{error.what}: {error.why}"
            return
        self._counter.unseen_log = "; ".join(filter(None, (self._closed, *told.missed)))
        for happened in told.events:
            take = _TAKEN.get(type(happened.event))
            if take is not None and now - happened.at < _OLD:
                take(self, happened, happened.event)

    def keep(self) -> None:
        """What was counted is not counted again after a restart."""
        if self._reader is not None:
            self._reader.keep()

    def _received(self, happened: Happened, event: Received) -> None:
        if event.user or event.local:
            self._open[event.queue_id] = event
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]

    def _queued(self, happened: Happened, event: Queued) -> None:
        # Said again at each further try: counted once.
        begun = self._open.pop(event.queue_id, None)
        if begun is not None:
            user = begun.user or ""
            self._counter.take_queued(
                happened.at, event.queue_id, user, begun.address, event.sender, event.size, event.recipients
            )

    def _delivered(self, happened: Happened, event: Delivered) -> None:
        self._counter.take_delivery(happened.at, event)

    def _gone(self, happened: Happened, event: Gone) -> None:
        self._open.pop(event.queue_id, None)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return True  # nobody lets us look


_TAKEN: dict[type[Any], Callable[[TrafficLog, Happened, Any], None]] = {
    Received: TrafficLog._received,
    Queued: TrafficLog._queued,
    Delivered: TrafficLog._delivered,
    Gone: TrafficLog._gone,
}
