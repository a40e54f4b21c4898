"""Count what messages have in common: which values are frequent lately, what is usual, and what good mail looks like.

One for each watch. Bounded: the latest 12,000 messages of ten minutes are kept whole, of the hour the heaviest values,
of 30 days of good mail the more frequent ones (the rare are forgotten first). What came lately is good only once it has
left the window without being blamed, so that a flood cannot make itself known as good.

It has a clock of its own, which goes on with the wall clock by two minutes at most from one look to the next, and never
back: a clock that is set neither forgets a flood nor makes one.

Fails as: an empty memory, said in `unseen`, when its file is damaged; what cannot be written is tried again.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from socket import AF_INET, inet_pton
from statistics import median

import msgspec

from lockdown.config import Settings
from lockdown.engine.waiting import Waiting
from lockdown.facts.mail_log.events import Delivered
from lockdown.facts.mail_log.picture import STAGES
from lockdown.mime.texture import is_near
from lockdown.model.networks import Networks, networks
from lockdown.model.traffic import Dimension, Hitter, Key, Match, Nature, Seen, Stage, Traffic
from lockdown.model.unknown import Unknown
from lockdown.state.sketches import Baseline, SpaceSaving, clusters
from lockdown.state.transactions import Transaction

SPAN = 600.0
MOST_SEEN = 12_000
FLOOR = 20
"""A value that fewer of the last messages have is nobody's flood."""
WORTH_A_LOOK = 30
"""The first count that the room may take for a flood."""
FLOOR_OCTETS = 100_000_000
OFTEN = 8
FILE = "traffic.json"
"""Below the state directory."""
_LONGEST_STEP = 120.0
_STEP = 30.0
_SAVE_EVERY = 600.0
_HOUR, _DAY = 3600, 86400
_PART = SPAN / _HOUR
_MOST_HITTERS = 200
_MOST_RECIPIENTS = 20
_MOST_VALUE = 200
_GENERATIONS, _GENERATION_DAYS = 4, 10
_MOST_GOOD = 12_000
_GREATEST = 50
_USUAL_ROOM = 5 << 30
"""Of a mailbox for which no limit is written down."""
_MOST_BLAMED = 200
_MOST_DELIVERIES = 2000
_LEAST_OF_AN_HOUR = 0.8
"""An hour of which less was watched teaches nothing."""
_USUAL_WEIGHT = 0.1
_NO_USER = re.compile(r"unknown|no such|not exist|not found|5\.1\.1", re.I)
_RELAY, _NO_RECIPIENT = "relaying.open-to-strangers", "relaying.unknown-recipient"
_OURS, _RESTRAINED = "monitoring.", "monitoring.restrained-mail"
_BAD = ("antispam.", "antivirus.")
_NOT_COUNTED = ("turned-away", "unreadable", "aborted", "replayed", "dropped")

# Looked up once: a member of an Enum class is dear to reach.
_USER, _DKIM, _SPF = Dimension.USER, Dimension.DKIM, Dimension.SPF
_CLIENT, _NETWORK = Dimension.CLIENT, Dimension.NETWORK
_BODY, _FILE, _HOST, _SUBJECT = Dimension.BODY, Dimension.ATTACHMENT, Dimension.URL_HOST, Dimension.SUBJECT
_SENDER, _RECIPIENT, _NATURE = Dimension.SENDER, Dimension.RECIPIENT, Dimension.NATURE
_HEAVY_IN_OCTETS = frozenset((_USER, _CLIENT, _NETWORK, _DKIM, _RECIPIENT))
_ALIKE = Dimension.ALIKE
_REMEMBERED = frozenset(Dimension) - {_RECIPIENT, _NATURE, _ALIKE}
_SOURCES = frozenset((_CLIENT, _NETWORK, _DKIM, _SPF))
_MOST_ASKED = 3
_UNASKED, _SIGNED_UP_EACH = Nature.UNASKED.value, 10
_ALREADY_TOLD = frozenset((_USER, _DKIM, _SPF, _ALIKE))
_MOST_ALIKE = 8
_ALL = "all"
_NO_COUNTS: Mapping[Key, int] = {}


@lru_cache(maxsize=8192)
def _key(dimension: Dimension, value: str) -> Key:
    return dimension, value[:_MOST_VALUE]


def _places(address: str) -> tuple[Key, ...]:
    """The address and the network it lies in; none for what is no address. Wider networks are never answered to."""
    try:
        inet_pton(AF_INET, address)
    except (OSError, ValueError):
        return _other_places(address)
    first, second, third, _ = address.split(".")
    return (_CLIENT, address), (_NETWORK, f"{first}.{second}.{third}.0/24")


def _is_in(address: str, listed: Networks) -> bool:
    """As `address in listed`, without an object for each address that is new."""
    try:
        return listed.has(4, int.from_bytes(inet_pton(AF_INET, address), "big"))
    except (OSError, ValueError):
        return address in listed


def _other_places(address: str) -> tuple[Key, ...]:
    try:
        found = IPv6Address(address.partition("%")[0])
    except ValueError:
        return ()
    if found.ipv4_mapped is not None:
        return _places(str(found.ipv4_mapped))
    return (_CLIENT, str(found)), (_NETWORK, str(ip_network(f"{found}/64", strict=False)))


class TrafficCounter:
    """Counts for one state directory. Not for two threads at once."""

    def __init__(self, settings: Settings, folder: Path, *, most: int = MOST_SEEN) -> None:
        self._file, self._most = folder / FILE, most
        self._tag = settings.antispam.tag
        self._room = int(settings.mailboxes.limit) or _USUAL_ROOM
        trusted = networks(settings.gateway.trusted_networks)
        # Where a message is from, and whether it is from us: dear to work out, and the same clients come again.
        self._origin = lru_cache(8192)(lambda address: (_places(address), _is_in(address, trusted)))
        self._ring: deque[Seen] = deque()
        self._counts: dict[Key, int] = {}
        self._octets: dict[Key, int] = {}
        self._often: set[Key] = set()
        self._told: dict[Key, int] = {}
        """At which count each value was last worth a look."""
        self._alike: dict[int, Key] = {}
        """The middles of texts that are much alike, and came often lately."""
        self._heavy: defaultdict[Dimension, SpaceSaving[str]] = defaultdict(SpaceSaving)
        self._hour_messages = 0
        self._blamed: dict[Match, float] = {}
        self._deliveries: deque[tuple[float, tuple[float, ...]]] = deque(maxlen=_MOST_DELIVERIES)
        self._now = self._before = 0.0
        self._wall: datetime | None = None
        self._hour, self._hour_began = -1, 0.0
        self._saved = self._ranked = 0.0
        self._greatest: frozenset[Key] = frozenset()
        self._memory, self._damage = _remembered(self._file)
        self._baseline = Baseline()
        self._baseline.means, self._baseline.hours = self._memory.means, self._memory.hours
        self.hot = False
        """Something has become frequent since the last look."""
        self.waiting = Waiting()
        self.ask_room: Callable[[str], int | Unknown | None] = lambda recipient: None
        """How many octets still fit into a mailbox, by whoever may know."""
        self._rooms: dict[str, tuple[int, int | Unknown | None]] = {}
        self.unseen_log = ""
        """What of the mail server's log is not counted, as its reader says."""

    # ── time ──

    def advance(self, now: datetime) -> None:
        """It is so late now: to be said before what has come since is taken."""
        before, self._wall = self._wall, now
        self._before = self._now
        if before is None:
            self._now, self._before = SPAN, 0.0
            self._hour, self._hour_began = _hour_number(now), self._now
            return
        step = (now - before).total_seconds()
        # A clock that was set, or a machine that slept: it goes on as if it had been the next look.
        self._now += step if 0 <= step <= _LONGEST_STEP else _STEP
        self._memory.seconds += self._now - self._before
        self._let_go()
        self._learn_hour(now)

    def _moment(self, at: datetime) -> float | None:
        """When it was on our clock; None: before the window."""
        assert self._wall is not None
        age = (self._wall - at).total_seconds()
        moment = self._now - age
        if moment < self._before:
            # Long on its way, or stamped by another clock: it came since the last look, whatever it says.
            return self._before if self._before else None
        return min(moment, self._now)

    # ── taking ──

    def take(self, transaction: Transaction) -> None:
        """One more of the gateway."""
        if _is_left_out(transaction.type, transaction.verdict.control):
            return
        moment = self._moment(transaction.at)
        if moment is not None:
            seen = self._seen(transaction, moment)
            self._add(seen)
            if transaction.like.nature == _UNASKED:
                self.hot = self.hot or self._is_signed_up(seen)

    def _is_signed_up(self, seen: Seen) -> bool:
        """Ten more to one recipient: of whom nobody has asked for so much, waiting for twice as many is long."""
        counts = [self._counts[key] for key in seen.keys if key[0] is _RECIPIENT]
        return any(count >= FLOOR and not count % _SIGNED_UP_EACH for count in counts)

    def _seen(self, transaction: Transaction, moment: float) -> Seen:
        # Measured hot path: it runs for every message.
        like, client, verdict = transaction.like, transaction.client.address, transaction.verdict
        sender = transaction.sender.strip("<>").lower()
        places, trusted = self._origin(client)
        texture = _number(like.texture) if like.texture else 0
        keys = [*places, _key(_SENDER, sender)]
        singles = ((_DKIM, like.dkim), (_SPF, like.spf), (_SUBJECT, like.subject), (_NATURE, like.nature))
        for dimension, value in singles:
            if value:
                keys.append(_key(dimension, value))
        for dimension, values in ((_BODY, like.body), (_HOST, like.hosts), (_FILE, like.files)):
            for value in values:
                keys.append(_key(dimension, value))
        for address in transaction.recipients[:_MOST_RECIPIENTS]:
            keys.append(_key(_RECIPIENT, address.strip("<>").lower()))
        if texture and self._alike:
            keys += [key for middle, key in self._alike.items() if is_near(middle, texture)]
        refused = transaction.refused
        spam = transaction.scan.spam >= self._tag if transaction.scan.antispam else verdict.control.startswith(_BAD)
        return Seen(
            transaction.id,
            moment,
            transaction.type,
            tuple(dict.fromkeys(keys)) if len(transaction.recipients) > 1 else tuple(keys),
            transaction.size,
            len(transaction.recipients) + len(refused),
            len(refused),
            sum([_is_unknown(one.text, verdict.control) for one in refused]) if refused else 0,
            len(refused) if refused and verdict.control == _RELAY and not trusted else 0,
            spam,
            trusted,
            like.lists,
            texture,
        )

    def take_queued(self, at: datetime, queue_id: str, user: str, client: str, sender: str, size: int,
                    recipients: int) -> None:  # fmt: skip
        """One that somebody handed in for others, as the mail server's log tells."""
        moment = self._moment(at)
        if moment is None:
            return
        sender = sender.lower()
        keys = [*_places(client), _key(_SENDER, sender)]
        if user:
            keys.append(_key(_USER, user))
        self._add(Seen(queue_id, moment, "accepted", tuple(keys), size, recipients))

    def take_delivery(self, at: datetime, delivery: Delivered) -> None:
        """One try to deliver, and how long each stage took."""
        moment = self._moment(at)
        if moment is not None and delivery.delays is not None:
            self._deliveries.append((moment, delivery.delays))

    def _add(self, seen: Seen) -> None:
        counts, often, heavy, size = self._counts, self._often, self._heavy, seen.size
        self._ring.append(seen)
        self._hour_messages += 1
        self._memory.relay_today += seen.relayed
        for key in seen.keys:
            count = counts[key] = counts.get(key, 0) + 1
            if count >= OFTEN:
                often.add(key)
                # What is never frequent is nobody's flood: of the hour only the others are counted.
                heavy[key[0]].add(key[1], 1 if count > OFTEN else OFTEN)
                if count >= WORTH_A_LOOK and count >= 2 * self._told.get(key, WORTH_A_LOOK // 2):
                    self._told[key] = count
                    self.hot = True
        if size > FLOOR_OCTETS // 1000:
            self._add_octets(seen)
        if len(self._ring) > self._most:
            self._forget(self._ring.popleft())

    def _add_octets(self, seen: Seen) -> None:
        for key in seen.keys:
            if key[0] in _HEAVY_IN_OCTETS:
                before = self._octets.get(key, 0)
                self._octets[key] = before + seen.size
                self.hot |= before < FLOOR_OCTETS <= before + seen.size

    # ── letting go ──

    def _let_go(self) -> None:
        ring, oldest = self._ring, self._now - SPAN
        while ring and ring[0].at < oldest:
            self._forget(ring.popleft())
        self._told = {key: count for key, count in self._told.items() if key in self._often}
        self._blamed = {match: until for match, until in self._blamed.items() if until > self._now}

    def _forget(self, seen: Seen) -> None:
        """It leaves the window: only now it may be remembered as good."""
        counts = self._counts
        for key in seen.keys:
            left = counts[key] - 1
            if left:
                counts[key] = left
                if left < OFTEN:
                    self._often.discard(key)
            else:
                del counts[key]
        if seen.size > FLOOR_OCTETS // 1000:
            for key in seen.keys:
                if key in self._octets:
                    self._octets[key] -= seen.size
                    if self._octets[key] <= 0:
                        del self._octets[key]
        if seen.kind == "accepted" and not seen.spam and not any(seen.has(match) for match in self._blamed):
            self._memory.met(key for key in seen.keys if key[0] in _REMEMBERED)

    def blame(self, matches: Iterable[Match]) -> None:
        """These are of a flood: what matches is no good mail as long as it goes on."""
        for match in list(matches)[:_MOST_BLAMED]:
            self._blamed[match] = self._now + 2 * SPAN

    # ── learning ──

    def _learn_hour(self, now: datetime) -> None:
        hour = _hour_number(now)
        if hour == self._hour:
            return
        watched = self._now - self._hour_began
        if hour == self._hour + 1 and watched >= _LEAST_OF_AN_HOUR * _HOUR:
            self._baseline.learn(self._counts_of_hour(), self._hour % 168)
            self._memory.means, self._memory.hours = self._baseline.means, self._baseline.hours
            self._learn_stages()
        self._hour, self._hour_began, self._hour_messages = hour, self._now, 0
        self._heavy = defaultdict(SpaceSaving)
        self._memory.turn()

    def _counts_of_hour(self) -> dict[str, int]:
        """Without what was blamed: or a flood of this hour would be usual in the next one."""
        blamed = {key for match in self._blamed for key in match}
        counts = {} if blamed else {_ALL: self._hour_messages}
        for dimension, heavy in self._heavy.items():
            if dimension in _REMEMBERED:
                top = (((dimension, value), count.number) for value, count in heavy.top(300))
                counts |= {_word(key): count for key, count in top if key not in blamed}
        return counts

    def _learn_stages(self) -> None:
        for name, lately in self._stages_lately().items():
            before = self._memory.stages.get(name)
            self._memory.stages[name] = lately if before is None else before + _USUAL_WEIGHT * (lately - before)

    def _stages_lately(self) -> dict[str, float]:
        delays = [delays for at, delays in self._deliveries if at >= self._now - SPAN]
        return (
            {name: median(column) for name, column in zip(STAGES, zip(*delays, strict=True), strict=True)}
            if delays
            else {}
        )

    # ── the queue ──

    def take_waiting(self, queue_id: str, sender: str) -> None:
        """One waits in the mail server's queue, or is tried again."""
        self.waiting.queued(queue_id, sender, self._now)

    def _good_of(self, sender: str) -> int:
        return self._memory.good(_key(_SENDER, sender))

    # ── looking ──

    def look(self) -> Traffic:
        """All of it, as it is now."""
        self.hot = False
        self._let_go()
        self._find_alike()
        keys = [key for key in self._often if self._counts[key] >= FLOOR]
        keys = sorted(keys, key=self._counts.__getitem__, reverse=True)[:_MOST_HITTERS]
        keys += [key for key, octets in self._octets.items() if octets >= FLOOR_OCTETS and key not in keys]
        seconds = max(self._now - self._ring[0].at, 1.0) if self._ring else SPAN
        seen = tuple(self._ring) if keys else ()
        memory, hour = self._memory, self._hour % 168
        lately = self._stages_lately()
        waiting, waits = self.waiting.look(self._now, self._good_of)
        return Traffic(
            seconds=seconds,
            seen=seen,
            hitters=tuple(self._hitters(keys, hour)),
            messages=len(self._ring),
            octets=sum(one.size for one in seen),
            usual=self._baseline.usual(_ALL, hour) * _PART,
            good={key: memory.good(key) for key in self._often} if keys else _NO_COUNTS,
            good_messages=memory.good_messages(),
            greatest=self._greatest_sources() if keys else frozenset(),
            days=memory.seconds / _DAY,
            room=self._room,
            rooms=dict(self._rooms_of(keys)),
            relay_attempts=(memory.relay_today, memory.relay_usual),
            stages=tuple(Stage(name, lately[name], memory.stages[name]) for name in lately if name in memory.stages),
            deliveries=sum(at >= self._now - SPAN for at, _ in self._deliveries),
            waiting=waiting,
            waits=waits,
            unseen=self._damage,
            unseen_log=self.unseen_log,
        )

    def _rooms_of(self, keys: list[Key]) -> Iterable[tuple[str, int]]:
        """Of those who get much; asked once a minute, since asking is dear."""
        minute = int(self._now // 60)
        crowded = [key[1] for key in keys if key[0] is _RECIPIENT and self._octets.get(key, 0) >= FLOOR_OCTETS]
        for recipient in crowded[:_MOST_ASKED]:
            asked = self._rooms.get(recipient)
            if asked is None or asked[0] != minute:
                self._rooms[recipient] = asked = (minute, self.ask_room(recipient))
            if isinstance(asked[1], int):
                yield recipient, asked[1]
        if not crowded:
            self._rooms.clear()

    def _find_alike(self) -> None:
        """Texts much alike of whom nobody vouches for; those that are the same have a digest in common already."""
        self._alike = {middle: key for middle, key in self._alike.items() if key in self._counts}
        strange = [
            one.texture for one in self._ring if one.texture and not _ALREADY_TOLD.intersection(_dimensions(one))
        ]
        for middle in clusters(strange, is_near, WORTH_A_LOOK):
            if len(self._alike) < _MOST_ALIKE and middle not in self._alike:
                self._mark(middle)

    def _mark(self, middle: int) -> None:
        """From now on this is a value like others, of what has come already, too."""
        key = self._alike[middle] = (_ALIKE, f"{middle:016x}")
        marked = [
            one._replace(keys=(*one.keys, key)) if one.texture and is_near(one.texture, middle) else one
            for one in self._ring
        ]
        self._ring = deque(marked)
        self._counts[key] = sum(key in one.keys for one in marked)
        self._often.add(key)

    def _hitters(self, keys: list[Key], hour: int) -> Iterable[Hitter]:
        sums = {key: [0, 0, 0, 0, 0, 0] for key in keys}
        for one in self._ring if keys else ():
            for key in one.keys:
                if (found := sums.get(key)) is not None:
                    for index, amount in enumerate((1, one.size, one.recipients, one.refused, one.unknown, one.spam)):
                        found[index] += amount
        for key, found in sums.items():
            yield Hitter(key, *found)._replace(usual=self._baseline.usual(_word(key), hour) * _PART)

    def _greatest_sources(self) -> frozenset[Key]:
        if not self._greatest or self._now - self._ranked > SPAN:
            self._ranked, self._greatest = self._now, self._memory.greatest()
        return self._greatest

    def top(self, dimension: Dimension, number: int = 10) -> list[tuple[str, int]]:
        """The heaviest of this hour."""
        return [(value, count.number) for value, count in self._heavy[dimension].top(number)]

    # ── keeping ──

    def save(self, *, now: bool = False) -> None:
        """Write down what outlives a restart, when it is time; OSError when it cannot be written."""
        if now or self._now - self._saved >= _SAVE_EVERY:
            self._saved = self._now
            aside = self._file.with_suffix(".new")
            aside.write_bytes(msgspec.json.encode(self._memory))
            aside.replace(self._file)


class _Memory(msgspec.Struct):
    """What is known of weeks: good mail by value, what is usual."""

    schema: str = "lockdown.traffic/1"
    seconds: float = 0.0
    """For so long it has been counted."""
    generations: list[dict[str, int]] = msgspec.field(default_factory=lambda: [{}])
    """Good messages by value, of ten days each, the newest first."""
    messages: list[int] = msgspec.field(default_factory=lambda: [0])
    turned: float = 0.0
    means: dict[str, float] = {}
    hours: dict[str, dict[int, float]] = {}
    stages: dict[str, float] = {}
    relay_today: int = 0
    relay_usual: float = 0.0
    relay_turned: float = 0.0

    def met(self, keys: Iterable[Key]) -> None:
        newest = self.generations[0]
        self.messages[0] += 1
        for key in keys:
            word = _word(key)
            newest[word] = newest.get(word, 0) + 1
        if len(newest) > _MOST_GOOD:
            kept = sorted(newest, key=newest.__getitem__, reverse=True)[: _MOST_GOOD // 2]
            self.generations[0] = {word: newest[word] for word in kept}

    def good(self, key: Key) -> int:
        word = _word(key)
        return sum(generation.get(word, 0) for generation in self.generations)

    def good_messages(self) -> int:
        return sum(self.messages)

    def greatest(self) -> frozenset[Key]:
        """Fifty of each kind of source, if they have sent more than a few."""
        sums: defaultdict[Dimension, dict[str, int]] = defaultdict(dict)
        for generation in self.generations:
            for word, count in generation.items():
                dimension, _, value = word.partition(" ")
                if dimension in _SOURCES:
                    table = sums[Dimension(dimension)]
                    table[value] = table.get(value, 0) + count
        return frozenset(
            (dimension, value)
            for dimension, table in sums.items()
            for value in sorted(table, key=table.__getitem__, reverse=True)[:_GREATEST]
            if table[value] >= FLOOR
        )

    def turn(self) -> None:
        """Let the oldest go, when their time is over."""
        if self.seconds - self.turned >= _GENERATION_DAYS * _DAY:
            self.turned = self.seconds
            self.generations = [{}, *self.generations][:_GENERATIONS]
            self.messages = [0, *self.messages][:_GENERATIONS]
        if self.seconds - self.relay_turned >= _DAY:
            before = self.relay_usual if self.relay_turned else float(self.relay_today)
            self.relay_usual = before + _USUAL_WEIGHT * (self.relay_today - before)
            self.relay_turned, self.relay_today = self.seconds, 0


def _remembered(file: Path) -> tuple[_Memory, str]:
    """What was kept, and what is wrong with it."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Memory), ""
    except FileNotFoundError:
        return _Memory(), ""
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _Memory(), f"{file.name} cannot be read, so nothing is known of the mail of before: {error}"


def _dimensions(seen: Seen) -> Iterable[Dimension]:
    return [key[0] for key in seen.keys]


def _number(texture: str) -> int:
    try:
        return int(texture, 16)
    except ValueError:
        return 0


def _word(key: Key) -> str:
    return f"{key[0].value} {key[1]}"


def _hour_number(now: datetime) -> int:
    return int(now.astimezone(UTC).timestamp()) // _HOUR


def _is_left_out(kind: str, control: str) -> bool:
    """What says nothing of who sends: a server behind that is down, a retry; and what an answer of ours already met.

    Were that counted, an answer would prove itself right for ever; when its term is over, the flood is seen anew.
    """
    if kind in _NOT_COUNTED:
        return True
    if kind == "deferred":
        return not control.startswith(_OURS) or control == _RESTRAINED
    return kind == "rejected" and control == _RESTRAINED


def _is_unknown(text: str, control: str) -> bool:
    return control == _NO_RECIPIENT or (control != _RELAY and _NO_USER.search(text) is not None)
