"""Who sends most and what clogs the queue, looked at behind whoever asks, so that no page waits for it.

Nothing is looked at while nobody asks. Bounded: of each log the end is read, of the queue its largest groups are kept.

Fails as: `Unknown(why)` for what could not be read, in its place; None before the first look has ended.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lockdown.config import Settings
from lockdown.engine.top_senders import Sender, top_senders
from lockdown.facts.queue_groups import By, Group, grouped
from lockdown.host.queue_stream import exim_queue, postfix_queue
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown

LOOKS_BACK = timedelta(hours=1)
AGAIN_AFTER = timedelta(minutes=1)
_MOST_BYTES = 8 * 1024 * 1024
_FIRST = 8
_SENT_BY = ("user", "network")
_WAITS_BY = (By.SENDER, By.DOMAIN, By.REASON)
_GROUPS = 4
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Waits:
    """Some of a queue that have one thing in common."""

    by: str
    key: str
    messages: int
    octets: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """All of it, and its largest groups."""

    messages: int
    octets: int
    oldest: datetime | None
    groups: tuple[Waits, ...]


@dataclass(frozen=True, slots=True)
class MostSent:
    """Who sends most, told by what."""

    by: str
    first: tuple[Sender, ...]
    knows_before: bool
    """Whether the logs go back before that time: else nobody can tell who is new."""


@dataclass(frozen=True, slots=True)
class Busiest:
    """As it was at that moment."""

    at: datetime
    senders: tuple[MostSent, ...]
    unseen: tuple[str, ...]
    """Of the logs."""
    queue: Queue | Unknown


Look: TypeAlias = Callable[[Settings, datetime], Busiest]


def look(settings: Settings, now: datetime) -> Busiest:
    """Once, here and now."""
    tops = [top_senders(settings, by, now - LOOKS_BACK, now, _MOST_BYTES) for by in _SENT_BY]
    senders = tuple(MostSent(top.by, tuple(top.first(_FIRST)), top.knows_before) for top in tops)
    unseen = tuple(dict.fromkeys(why for top in tops for why in top.unseen))
    return Busiest(now, senders, unseen, _queue(now))


def _queue(now: datetime) -> Queue | Unknown:
    try:
        entries = postfix_queue(seconds=_SECONDS) if shutil.which("postqueue") else exim_queue(now, _SECONDS)
        groups = grouped(entries, now)
    except OperatorError as problem:
        return Unknown(problem.why)
    largest = tuple(_waits(by, key, group) for by in _WAITS_BY for key, group in groups.top(by, _GROUPS))
    return Queue(groups.all.messages, groups.all.octets, groups.all.oldest, largest)


def _waits(by: By, key: str, group: Group) -> Waits:
    return Waits(by, key, group.messages, group.octets, group.oldest)


class Looker:
    """Remembers the last look, and begins another one when it has become old. For several threads."""

    def __init__(self, settings: Settings, look: Look = look) -> None:
        self._settings, self._look = settings, look
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last: Busiest | Unknown | None = None
        self._looked: datetime | None = None

    def latest(self, now: datetime) -> Busiest | Unknown | None:
        """The last look; who asks causes the next one, and does not wait for it."""
        with self._lock:
            # A clock that was set back must not keep an old look for as long as it was wrong.
            is_fresh = self._looked is not None and timedelta(0) <= now - self._looked < AGAIN_AFTER
            if not is_fresh and (self._thread is None or not self._thread.is_alive()):
                self._looked = now
                self._thread = threading.Thread(target=self._look_once, args=(now,), name="busiest", daemon=True)
                self._thread.start()
            return self._last

    def _look_once(self, now: datetime) -> None:
        try:
            found: Busiest | Unknown = self._look(self._settings, now)
        except Exception as error:  # a fault of ours must not look like a quiet hour
            found = Unknown(f"a fault of Lockdown: {type(error).__name__}")
        self._last = found
