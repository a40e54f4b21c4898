"""What waits in the mail server's queue, by sender, as its log tells: with no more rights than to read the log.

A message waits from the line of the queue manager on until the one that says it is gone. What is not mentioned for
longer than the server waits between two tries is let go of, since its end was not heard: so nothing that is counted
here is a proof, and whoever acts on it looks into the queue itself first. Bounded; times are those of who counts.

Fails as: nothing; a queue from before the log begins is known when the server has tried each message once more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import lru_cache
from sys import intern
from typing import NamedTuple

from lockdown.facts.mail_log.events import Received
from lockdown.model.traffic import Dimension, Match, Waits

CLOGS_AFTER = 60.0
"""Seconds; what goes through is gone by then."""
_FORGOTTEN_AFTER = 7200.0
"""Postfix tries again after `maximal_backoff_time` at the latest, 4,000 s by default."""
_MOST, _MOST_BEGUN = 20_000, 5_000
"""Messages: some 450 octets each, where no two have anything in common."""
_FEWEST = 20
_MOST_SENDERS = 20
_SHARE = 0.8


class _By(NamedTuple):
    """Who has handed a message in."""

    user: str = ""
    address: str = ""
    local: bool = False


class _Message(NamedTuple):
    since: float
    mentioned: float
    sender: str
    by: _By


_by = lru_cache(8192)(_By)
"""One value for the many of one source: a queue holds tens of thousands of them."""
_NOBODY = _By()


class Waiting:
    """Of one mail server. Not for two threads at once."""

    def __init__(self) -> None:
        self._begun: dict[str, _By] = {}
        self._queue: dict[str, _Message] = {}
        """The one that was mentioned longest ago first."""

    def received(self, event: Received) -> None:
        """A message begins; an id that was used before is another message now."""
        self.gone(event.queue_id)
        self._begun[event.queue_id] = _by((event.user or "").lower(), event.address, event.local)
        if len(self._begun) > _MOST_BEGUN:
            del self._begun[next(iter(self._begun))]

    def queued(self, queue_id: str, sender: str, now: float) -> None:
        """It is in the queue, or is tried again."""
        before = self._queue.pop(queue_id, None)
        by = before.by if before is not None else self._begun.pop(queue_id, _NOBODY)
        self._queue[queue_id] = _Message(before.since if before is not None else now, now, intern(sender.lower()), by)
        if len(self._queue) > _MOST:
            del self._queue[next(iter(self._queue))]

    def gone(self, queue_id: str) -> None:
        """It has left."""
        self._begun.pop(queue_id, None)
        self._queue.pop(queue_id, None)

    def forget(self, match: Match) -> None:
        """Those were held: they lie in the queue, and wait for nothing."""
        held = [queue_id for queue_id, one in self._queue.items() if match and all(_has(one, key) for key in match)]
        for queue_id in held:
            del self._queue[queue_id]

    def look(self, now: float, good: Callable[[str], int]) -> tuple[int, tuple[Waits, ...]]:
        """How many messages wait, and of whom; `good` says how many good ones of a sender are known."""
        while self._queue and (oldest := next(iter(self._queue.items())))[1].mentioned < now - _FORGOTTEN_AFTER:
            del self._queue[oldest[0]]
        late = [one for one in self._queue.values() if one.since <= now - CLOGS_AFTER]
        by: defaultdict[str, list[_Message]] = defaultdict(list)
        for one in late:
            by[one.sender].append(one)
        most = sorted(by.items(), key=lambda item: -len(item[1]))[:_MOST_SENDERS]
        return len(late), tuple(_waits(sender, found, good(sender)) for sender, found in most if len(found) >= _FEWEST)


def _waits(sender: str, found: list[_Message], good: int) -> Waits:
    return Waits(
        sender,
        len(found),
        user=_mostly(found, lambda one: one.by.user),
        client=_mostly(found, lambda one: one.by.address),
        local=sum(one.by.local for one in found),
        good=good,
    )


def _mostly(found: list[_Message], what: Callable[[_Message], str]) -> str:
    """What most of them have; "" for nothing."""
    value, count = Counter(map(what, found)).most_common(1)[0]
    return value if count >= _SHARE * len(found) else ""


_VALUES: dict[Dimension, Callable[[_Message], str]] = {
    Dimension.SENDER: lambda one: one.sender,
    Dimension.USER: lambda one: one.by.user,
    Dimension.CLIENT: lambda one: one.by.address,
}


def _has(one: _Message, key: tuple[Dimension, str]) -> bool:
    value = _VALUES.get(key[0])
    return value is not None and value(one) == key[1].lower()
