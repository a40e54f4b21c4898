"""The full picture of a log: who sent how much, from where, to whom; what was refused, who could not log in.

It is filled line by line (`take`) or a block at a time (`blocks`), and two pictures of two pieces of one log, the one
behind the other, become one (`joined`). Its memory is bounded, whatever strangers write: of each kind only so many keys
are kept and of all kinds only so many octets, and when there are too many, the smallest go into `rest`, which is told.
Exact below that. A key that is longer than any honest one is kept as its beginning and a digest.

Keys are octets, as they stand in the log; a pair of count and octets is one integer, since adding to it is one step.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import nlargest
from typing import Any, NamedTuple

from lockdown.facts.mail_log.events import (
    Delivered,
    Disconnected,
    Event,
    Gone,
    LoggedIn,
    LoginFailed,
    Misbehaved,
    OverQuota,
    PasswordRefused,
    Queued,
    Received,
    Refused,
    Trouble,
    Unread,
)

ONE = 1 << 50
"""One message, in the upper half of a packed pair; its octets are below."""
_OCTETS = ONE - 1
_MOST_KEYS = 24_000
_MOST_OPEN = 24_000
ROOM = 16 << 20
"""Octets that all keys together may take, with what Python needs beside each."""
_BESIDE_KEY = 130
_WORTH_WEIGHING = 2_000
_MOST_DELAYS = 4_000
_LONGEST_KEY = 120
_LONGEST_USER = 76
_LONGEST_NAME = 80
"""Of a client; it is not shown, and longer ones are cut."""


class Share(NamedTuple):
    """How many messages, and how many octets."""

    messages: int
    octets: int


@dataclass(slots=True)
class Tally:
    """Packed pairs by key; never many more than `most`."""

    most: int = _MOST_KEYS
    pairs: dict[bytes, int] = field(default_factory=dict)
    rest: int = 0
    """What was let go of, packed: those with the fewest."""

    def add(self, key: bytes, packed: int) -> None:
        """Add to one key."""
        if len(key) > _LONGEST_KEY:
            key = clipped(key)
        self.pairs[key] = self.pairs.get(key, 0) + packed

    def trim(self) -> None:
        """Let go of the smaller half, when there are too many keys."""
        if len(self.pairs) > self.most:
            self.keep(self.most // 2)

    def keep(self, count: int) -> None:
        """Let go of all but the largest."""
        kept = dict(nlargest(count, self.pairs.items(), key=lambda item: item[1]))
        self.rest += sum(self.pairs.values()) - sum(kept.values())
        self.pairs = kept

    @property
    def weight(self) -> int:
        """About how many octets its keys take."""
        return sum(map(len, self.pairs)) + _BESIDE_KEY * len(self.pairs)

    def merge(self, other: Tally) -> None:
        """Those of the other too."""
        for key, packed in other.pairs.items():
            self.pairs[key] = self.pairs.get(key, 0) + packed
        self.rest += other.rest
        self.trim()

    def top(self, count: int = 10) -> list[tuple[str, Share]]:
        """The largest, the most messages first."""
        return [(_text(key), share(packed)) for key, packed in nlargest(count, self.pairs.items(), key=lambda i: i[1])]

    def share(self, key: str) -> Share:
        """That of one key."""
        return share(self.pairs.get(clipped(key.encode()), 0))

    @property
    def all(self) -> Share:
        """All of them, with those that were let go."""
        return share(sum(self.pairs.values()) + self.rest)


def clipped(key: bytes, most: int = _LONGEST_KEY) -> bytes:
    """Its beginning, and a digest of the whole: two long names that begin alike stay two."""
    if len(key) <= most:
        return key
    return key[: most - 20] + b"..." + hashlib.blake2b(key, digest_size=8).hexdigest().encode()


def share(packed: int) -> Share:
    """The pair that was packed."""
    return Share(packed >> 50, packed & _OCTETS)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """The /24 or /64 that it lies in: what one owner has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))


STAGES = ("before the queue manager", "in the queue manager", "connecting", "transmitting")


@dataclass(slots=True)
class Picture:
    """All of it, as far as it was read."""

    lines: int = 0
    """Of mail servers, known or not."""
    others: int = 0
    """Lines of something else."""
    unread: Counter[str] = field(default_factory=Counter)
    """By daemon, lines of a mail server that could not be read: how blind we are."""
    first: str = ""
    last: str = ""
    senders: Tally = field(default_factory=Tally)
    clients: Tally = field(default_factory=Tally)
    users: Tally = field(default_factory=Tally)
    sent: Tally = field(default_factory=Tally)
    """By domain of the recipient, delivered."""
    deferred: Tally = field(default_factory=Tally)
    bounced: Tally = field(default_factory=Tally)
    deferrals: Tally = field(default_factory=Tally)
    """By reason."""
    refused: Tally = field(default_factory=Tally)
    """By reason."""
    refused_clients: Tally = field(default_factory=Tally)
    misbehaved: Tally = field(default_factory=Tally)
    """By client."""
    failed_logins: Tally = field(default_factory=Tally)
    """By user and network, a space between."""
    unanswered: Tally = field(default_factory=Tally)
    """By network, AUTH commands that were not accepted, as the end of a connection sums them up."""
    logins: Tally = field(default_factory=Tally)
    passwords: Tally = field(default_factory=Tally)
    """By reason, what the password database said."""
    troubles: Tally = field(default_factory=Tally)
    full: Tally = field(default_factory=Tally)
    """By user, mailboxes that were full."""
    stages: tuple[Counter[bytes], Counter[bytes], Counter[bytes], Counter[bytes]] = field(
        default_factory=lambda: (Counter(), Counter(), Counter(), Counter())
    )
    forgotten: int = 0
    """Messages whose origin was let go, since too many were open at once."""

    origins: Tally = field(default_factory=Tally)
    """Counted but not yet taken apart: what stands behind `client=`."""
    open: dict[bytes, bytes | int] = field(default_factory=dict)
    """By queue id, with its colon: octets are an origin not yet in the queue, a number the size of what was counted."""
    orphans: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    """Messages that were in the queue before this piece begins: sender and size."""
    unsized: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Deliveries of such: queue id and domain."""

    ended: list[bytes] = field(default_factory=list)
    """Queue ids that were removed and had not been seen: they are of a piece before this one."""
    room: int = field(default=ROOM, compare=False)
    """Octets that all keys together may take."""
    _weighed: int = field(default=0, compare=False)
    """How many keys there were when their octets were last added up."""

    # ── a line at a time ──

    def take(self, daemon: str, stamp: str, event: Event) -> None:
        """Count what a line of this daemon tells."""
        self.lines += 1
        if stamp:
            self.first, self.last = self.first or stamp, stamp
        if isinstance(event, Unread):
            self.unread[daemon or "dovecot or exim"] += 1
        else:
            self.count(event)

    def count(self, event: Event) -> None:
        """One event; a line may tell of two."""
        if count := _COUNTED.get(type(event)):
            count(self, event)

    def queued(self, queue_id: str, said: str, size: int) -> None:
        """It is in the queue; counted once, however often that is said."""
        key, sender = _key(queue_id), clipped(said.encode())
        before = self.open.get(key)
        if isinstance(before, int):
            return
        self.open[key] = size
        if before is None:
            self.orphans[key] = (sender, size)
            return
        self.senders.add(sender, ONE + size)
        self.origins.add(before, ONE + size)

    def delivered(self, event: Delivered) -> None:
        """One try to deliver."""
        queue_id, domain = _key(event.queue_id), clipped(domain_of(event.recipient.encode()))
        self.delivery(queue_id, domain, event.status.encode(), event.says)
        if event.delays is not None:
            for counter, stage in zip(self.stages, event.delays, strict=True):
                counter[f"{stage:g}".encode()] += 1

    def delivery(self, queue_id: bytes, domain: bytes, status: bytes, says: str) -> None:
        """One try, and its end."""
        size = self.open.get(queue_id)
        packed = ONE + size if isinstance(size, int) else ONE
        if status == b"sent":
            self.sent.add(domain, packed)
            if not isinstance(size, int):
                self.unsized.append((queue_id, domain))
        elif status == b"deferred":
            self.deferred.add(domain, ONE)
            self.deferrals.add(plain_reason(says).encode(), ONE)
        elif status in (b"bounced", b"expired"):  # not what asks whether a recipient is there
            self.bounced.add(domain, ONE)

    # ── bounds ──

    def trim(self) -> None:
        """Keep the memory bounded; after each block, or each thousand lines."""
        for tally in self._tallies():
            tally.trim()
        if len(self.origins.pairs) > self.origins.most // 2:
            self._take_origins_apart()
        self._stay_in_room()
        if len(self.open) > _MOST_OPEN:
            for key in list(self.open)[: -(_MOST_OPEN // 2)]:
                del self.open[key]
                self.forgotten += 1
        if len(self.orphans) > _MOST_OPEN // 2:
            self._adopt()
        # Of these the first are the ones that a piece before may know.
        del self.unsized[_MOST_OPEN // 2 :], self.ended[_MOST_OPEN // 2 :]
        for counter in self.stages:
            if len(counter) > _MOST_DELAYS:
                _coarsen(counter)

    def _stay_in_room(self) -> None:
        """To add up the octets of all keys takes its time: only when there are many more than the last time."""
        tallies = list(self._tallies())
        keys = sum(len(tally.pairs) for tally in tallies)
        self._weighed = min(self._weighed, keys)
        if keys < self._weighed + _WORTH_WEIGHING:
            return
        weights = [tally.weight for tally in tallies]
        while sum(weights) > self.room:
            largest = weights.index(max(weights))
            tallies[largest].keep(len(tallies[largest].pairs) // 2)
            weights[largest] = tallies[largest].weight
        self._weighed = sum(len(tally.pairs) for tally in tallies)

    def _tallies(self) -> Iterator[Tally]:
        return (value for name in Picture.__slots__ if isinstance(value := getattr(self, name), Tally))

    def _take_origins_apart(self) -> None:
        for whole, packed in self.origins.pairs.items():
            client, user = taken_apart(whole)
            if client:
                self.clients.add(client, packed)
            if user:
                self.users.add(user, packed)
        self.origins = Tally()

    def _adopt(self) -> None:
        """What has no origin in this log still has a sender."""
        for sender, size in self.orphans.values():
            self.senders.add(sender, ONE + size)
        self.orphans = {}

    def finished(self) -> Picture:
        """This, with nothing left half counted."""
        self._take_origins_apart()
        self._adopt()
        self.unsized.clear()
        self.ended.clear()
        for tally in self._tallies():
            tally.trim()
        return self

    # ── what it shows ──

    def latency(self, part: float = 0.5) -> dict[str, float | None]:
        """The seconds within which that part of all deliveries has passed each stage; None without any."""
        return {name: _quantile(counter, part) for name, counter in zip(STAGES, self.stages, strict=True)}

    def failures_by_network(self) -> dict[str, int]:
        """Logins that failed. A server may say it in two lines; the larger sum of the two is right."""
        told: Counter[str] = Counter()
        for key, packed in self.failed_logins.pairs.items():
            told[_text(key).rpartition(" ")[2]] += packed >> 50
        summed = {_text(key): packed >> 50 for key, packed in self.unanswered.pairs.items()}
        return {net: max(told[net], summed.get(net, 0)) for net in {*told, *summed}}


def _received(picture: Picture, event: Received) -> None:
    picture.open[_key(event.queue_id)] = origin(event)


def _gone(picture: Picture, event: Gone) -> None:
    key = _key(event.queue_id)
    if picture.open.pop(key, None) is None:
        picture.ended.append(key)


def _disconnected(picture: Picture, event: Disconnected) -> None:
    if failed := event.failed_logins:
        picture.unanswered.add(network(event.address).encode(), failed * ONE)


def _refused(picture: Picture, event: Refused) -> None:
    said = event.reason if event.how == "reject" else f"{event.how}: {event.reason}"
    picture.refused.add(said.encode(), ONE)
    if event.address and event.how != "reject_warning":
        picture.refused_clients.add(event.address.encode(), ONE)


def _failed(picture: Picture, event: LoginFailed) -> None:
    picture.failed_logins.add(_who(event.user or "", event.address), event.attempts * ONE)


def _who(user: str, address: str) -> bytes:
    """The network stays whole, however long the name is."""
    return clipped(user.encode(), _LONGEST_USER) + b" " + network(address).encode()


def _complained(picture: Picture, event: Trouble) -> None:
    picture.troubles.add(plain_reason(f"{event.level}: {event.says}").encode(), ONE)


# By the kind of event, since most lines are of few kinds.
_COUNTED: dict[type[Any], Callable[[Picture, Any], None]] = {
    Received: _received,
    Queued: lambda picture, event: picture.queued(event.queue_id, event.sender, event.size),
    Delivered: lambda picture, event: picture.delivered(event),
    Gone: _gone,
    Disconnected: _disconnected,
    Refused: _refused,
    Misbehaved: lambda picture, event: picture.misbehaved.add(event.address.encode(), ONE),
    LoginFailed: _failed,
    LoggedIn: lambda picture, event: picture.logins.add(_who(event.user, event.address), ONE),
    PasswordRefused: lambda picture, event: picture.passwords.add(event.reason.encode(), ONE),
    Trouble: _complained,
    OverQuota: lambda picture, event: picture.full.add(event.user.encode(), ONE),
}


def _coarsen(counter: Counter[bytes]) -> None:
    """To two digits: of a delay that was asked for no more are meant."""
    coarse: Counter[bytes] = Counter()
    for octets, count in counter.items():
        coarse[f"{float(octets):.2g}".encode()] += count
    counter.clear()
    counter.update(coarse)


def _quantile(counter: Counter[bytes], part: float) -> float | None:
    wanted, seen = part * counter.total(), 0
    for seconds, count in sorted((float(octets), count) for octets, count in counter.items()):
        seen += count
        if seen >= wanted:
            return seconds
    return None


def _key(queue_id: str) -> bytes:
    """As it stands in the log, with the colon behind it."""
    return f"{queue_id}:".encode()


def origin(event: Received) -> bytes:
    """As it stands in the log of Postfix, so that both ways of reading count under one key."""
    if event.local:
        return clipped(event.user.encode(), _LONGEST_USER) if event.user else b"local"
    login = f", sasl_method={event.method}" if event.method else ""
    user = b", sasl_username=" + clipped(event.user.encode(), _LONGEST_USER) if event.user else b""
    return f"{event.name[:_LONGEST_NAME]}[{event.address}]{login}".encode() + user


def taken_apart(whole: bytes) -> tuple[bytes, bytes]:
    """Client and user; the client stands first, and its name holds no bracket."""
    client, bracket, rest = whole.partition(b"]")
    if not bracket:
        return whole, b""
    user = rest.partition(b", sasl_username=")[2].partition(b", sasl_sender=")[0]
    return client.partition(b"[")[2], user


def domain_of(address: bytes) -> bytes:
    """Behind the last @, in small letters; nothing for a name of this machine."""
    return address.rpartition(b"@")[2].lower() if b"@" in address else b""


_SAME = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\[[^\]\s]{1,108}\](?::\d{1,5})?", "[…]"),
        (r"<[^<>\s]{0,320}>", "<…>"),
        (r"[\w.-]{1,255}(?=\[…\])", "…"),
        (r"\b[\w.+-]{1,64}@[\w.-]{1,255}", "…"),
        (r"\b(?:\d{1,3}\.){3}\d{1,3}\b", "…"),
        (r"\b(?=\w*\d)\w{6,}\b", "…"),
    )
)


def plain_reason(says: str) -> str:
    """The same words for the same reason: without hosts, addresses and numbers, and not long."""
    return _plain_reason(says[:240])


@lru_cache(maxsize=1024)
def _plain_reason(says: str) -> str:
    for pattern, instead in _SAME:
        says = pattern.sub(instead, says)
    return says[:120]


def joined(pictures: Iterable[Picture]) -> Picture:
    """One picture of pieces of one log, in their order; it is made of the first of them."""
    whole: Picture | None = None
    for piece in pictures:
        if whole is None:
            whole = piece
        else:
            _append(whole, piece)
    return whole or Picture()


def _append(whole: Picture, piece: Picture) -> None:
    for queue_id, domain in piece.unsized:
        size = whole.open.get(queue_id)
        if not isinstance(size, int):
            size = piece.orphans[queue_id][1] if queue_id in piece.orphans else None
        if size is None:
            whole.unsized.append((queue_id, domain))
        else:
            whole.sent.add(domain, size)
    for queue_id, orphan in piece.orphans.items():
        before = whole.open.pop(queue_id, None)
        if before is None:
            whole.orphans[queue_id] = orphan
        elif isinstance(before, bytes):
            whole.senders.add(orphan[0], ONE + orphan[1])
            whole.origins.add(before, ONE + orphan[1])
    for queue_id in piece.ended:
        whole.open.pop(queue_id, None)
    for name in Picture.__slots__:
        _add(whole, piece, name)
    whole.first, whole.last = whole.first or piece.first, piece.last or whole.last
    whole.trim()


def _add(whole: Picture, piece: Picture, name: str) -> None:
    mine, theirs = getattr(whole, name), getattr(piece, name)
    if isinstance(mine, Tally):
        mine.merge(theirs)
    elif isinstance(mine, Counter):
        mine.update(theirs)
    elif name == "stages":
        for counter, other in zip(mine, theirs, strict=True):
            counter.update(other)
    elif name == "open":
        mine.update(theirs)
    elif isinstance(mine, int) and name not in ("room", "_weighed"):
        setattr(whole, name, mine + theirs)
