"""A queue by what its messages have in common: sender, client, domain, reason, age, size; in bounded memory.

Who handed a message in is not in the queue: it is joined by queue id with what the log says (`Origin`).

Fails as: where there were more keys than are kept, the smallest are summed up in `rest`. Never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import nlargest
from typing import NamedTuple

from lockdown.facts.mail_log.events import Received
from lockdown.facts.mail_log.picture import plain_reason
from lockdown.facts.mail_log.reading import read
from lockdown.facts.queue_entries import Entry

MOST_KEYS = 6_000
_MOST_IDS = 20
UNKNOWN = "unknown"


class By(StrEnum):
    """What messages can have in common."""

    SENDER = "sender"
    CLIENT = "client"
    USER = "user"
    DOMAIN = "recipient domain"
    REASON = "reason"
    AGE = "age"
    SIZE = "size"
    QUEUE = "queue"


class Origin(NamedTuple):
    """Who handed a message in, as the log says."""

    client: str
    user: str = ""


NOBODY = Origin(UNKNOWN)


@dataclass(slots=True)
class Group:
    """Messages with one thing in common."""

    messages: int = 0
    octets: int = 0
    recipients: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    sample: list[str] = field(default_factory=list)
    """Queue ids of the first of them."""

    def add(self, entry: Entry) -> None:
        """One more."""
        self.messages += 1
        self.octets += entry.size
        self.recipients += len(entry.recipients)
        self.oldest = entry.arrived if self.oldest is None else min(self.oldest, entry.arrived)
        self.newest = entry.arrived if self.newest is None else max(self.newest, entry.arrived)
        if len(self.sample) < _MOST_IDS:
            self.sample.append(entry.queue_id)

    def merge(self, other: Group) -> None:
        """Those of the other too; a sample of the rest is of no use."""
        self.messages += other.messages
        self.octets += other.octets
        self.recipients += other.recipients


_AGES = (
    (timedelta(minutes=5), "under 5 minutes"), (timedelta(hours=1), "5 minutes to 1 hour"),
    (timedelta(days=1), "1 hour to 1 day"), (timedelta(days=3), "1 to 3 days"),
)  # fmt: skip
_SIZES = ((10_000, "under 10 kB"), (100_000, "10 to 100 kB"), (1_000_000, "100 kB to 1 MB"), (10_000_000, "1 to 10 MB"))


def _age(entry: Entry, now: datetime) -> str:
    return next((words for limit, words in _AGES if now - entry.arrived < limit), "over 3 days")


def _size(entry: Entry) -> str:
    return next((words for limit, words in _SIZES if entry.size < limit), "over 10 MB")


def domain(address: str) -> str:
    """Behind the last @, in small letters."""
    return address.rpartition("@")[2].lower()


_KEYS: dict[By, Callable[[Entry, Origin, datetime], Iterable[str]]] = {
    By.SENDER: lambda entry, origin, now: (entry.sender,),
    By.CLIENT: lambda entry, origin, now: (origin.client,),
    By.USER: lambda entry, origin, now: (origin.user,) if origin.user else (),
    By.DOMAIN: lambda entry, origin, now: {domain(address) for address in entry.recipients},
    By.REASON: lambda entry, origin, now: (plain_reason(entry.reason),) if entry.reason else (),
    By.AGE: lambda entry, origin, now: (_age(entry, now),),
    By.SIZE: lambda entry, origin, now: (_size(entry),),
    By.QUEUE: lambda entry, origin, now: (entry.queue,),
}


@dataclass(slots=True)
class Groups:
    """All of a queue, grouped by each of it."""

    now: datetime
    all: Group = field(default_factory=Group)
    by: dict[By, dict[str, Group]] = field(default_factory=lambda: {one: {} for one in By})
    rest: dict[By, Group] = field(default_factory=lambda: {one: Group() for one in By})
    held: Group = field(default_factory=Group)
    """Set aside: these wait for a person, and are in none of the groups."""
    unread: int = 0
    """Lines that were no message."""

    def add(self, entry: Entry, origin: Origin = NOBODY) -> None:
        """One message more."""
        self.all.add(entry)
        for by, keys in _KEYS.items():
            groups = self.by[by]
            for key in keys(entry, origin, self.now):
                group = groups.get(key)
                if group is None:
                    if len(groups) >= MOST_KEYS:
                        self._let_go(by)
                        groups = self.by[by]
                    group = groups[key] = Group()
                group.add(entry)

    def _let_go(self, by: By) -> None:
        kept = dict(nlargest(MOST_KEYS // 2, self.by[by].items(), key=lambda item: item[1].messages))
        for key, group in self.by[by].items():
            if key not in kept:
                self.rest[by].merge(group)
        self.by[by] = kept

    def top(self, by: By, count: int = 10) -> list[tuple[str, Group]]:
        """The largest groups, the most messages first."""
        return nlargest(count, self.by[by].items(), key=lambda item: item[1].messages)


def grouped(entries: Iterable[Entry | None], now: datetime, origins: Mapping[str, Origin] | None = None) -> Groups:
    """The whole queue, grouped; None among the entries is a line that was no message."""
    groups, known = Groups(now), origins or {}
    for entry in entries:
        if entry is None:
            groups.unread += 1
        else:
            groups.add(entry, known.get(entry.queue_id, NOBODY))
    return groups


def chosen(
    entries: Iterable[Entry | None], by: By, key: str, now: datetime, origins: Mapping[str, Origin] | None = None
) -> Iterator[Entry]:
    """Those of one group, each as it comes: the queue may have changed since it was grouped."""
    known = origins or {}
    for entry in entries:
        if entry is not None and key in _KEYS[by](entry, known.get(entry.queue_id, NOBODY), now):
            yield entry


def origins_in(block: bytes, wanted: Container[bytes]) -> dict[str, Origin]:
    """Who handed in the messages of these queue ids, of whole lines of a log; the last to use an id counts."""
    found: dict[str, Origin] = {}
    for line in block.split(b"\n"):
        before, sign, _ = line.partition(b": client=")
        if not sign or before.rpartition(b" ")[2] not in wanted:
            continue
        reading = read(line)
        if reading and isinstance(reading.event, Received):
            found[reading.event.queue_id] = Origin(reading.event.address, reading.event.user or "")
    return found
