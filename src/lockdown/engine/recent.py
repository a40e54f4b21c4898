"""The transactions of the last minutes, followed in the log: each look reads only what has been written since.

Bounded: of one look the latest 32 MiB are read, and what is left out is said; of a window the latest 100,000 messages
are kept, and where there are more it is the shorter. A drill is not an attack: what this machine sends itself within a
minute of a drill's plain letter, which follows each of its bad ones, is no event.

Fails as: `Unknown(why)` when the log cannot be read, or hardly a line of it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import deque
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from sys import intern

import msgspec

from lockdown.config import Settings
from lockdown.engine.traffic import TrafficCounter
from lockdown.model.networks import networks
from lockdown.model.step import SENDER as DRILL_SENDER
from lockdown.model.unknown import Unknown
from lockdown.model.window import Event, Share
from lockdown.state.canary_rounds import canary_name
from lockdown.state.layout import StateDirectory
from lockdown.state.transactions import Transaction, address_hash

WINDOW = timedelta(minutes=15)
USUAL = timedelta(days=1)
MOST_BYTES = 32 * 1024 * 1024
MOST_EVENTS = 100_000
_PIECE_BYTES = 256 * 1024
_LONGEST_LINE = 4 * 1024 * 1024
_GIVE_WAY_SECONDS = 0.005
"""Between pieces: the thread that looks shares its process with one that answers clients."""
_MOST_RECIPIENTS = 100
_FOUND, _NOT_READ = "found ", "not read: "
_UNSEEN_KINDS = ("turned-away", "unreadable")
_FEW_UNREADABLE = 10
_decode = msgspec.json.Decoder(Transaction).decode


class Recent:
    """Follows the log of one state directory. One for each watch; not to be used by two threads."""

    def __init__(
        self,
        settings: Settings,
        directory: StateDirectory,
        own_addresses: Collection[str] = (),
        counter: TrafficCounter | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        most_events: int = MOST_EVENTS,
    ) -> None:
        self._most_bytes, self._most_events = most_bytes, most_events
        self._settings, self._folder, self._own = settings, directory.log, frozenset(own_addresses)
        self._counter = counter
        self._antivirus = frozenset(settings.antivirus.engines)
        self._trusted = networks(settings.gateway.trusted_networks)
        self._canary = canary_name(directory.path)
        self._drill_senders = {DRILL_SENDER}
        self._drilling: set[tuple[str, int]] = set()
        """Addresses of ours, and the minutes in which they drilled."""
        self._read_to: dict[str, int] = {}
        self._events: deque[Event] = deque()
        self._usual: dict[int, tuple[int, int]] = {}
        self._skipped: deque[tuple[datetime, str]] = deque(maxlen=100)
        self._unreadable: deque[datetime] = deque(maxlen=MOST_EVENTS)
        self.since = datetime.min.replace(tzinfo=UTC)
        """What is older is not among the events."""

    def look(self, now: datetime) -> tuple[Event, ...] | Unknown:
        """The events of the window that ends now, the oldest first."""
        if isinstance(failed := self.read(now), Unknown):
            return failed
        self._let_go(now)
        if len(self._unreadable) > max(_FEW_UNREADABLE, len(self._events)):
            return Unknown(f"{len(self._unreadable)} of its latest lines cannot be read")
        return tuple(event for event in self._events if not self._is_of_a_drill(event))

    def read(self, now: datetime) -> Unknown | None:
        """Take what has been written since; whoever counts hears of each message."""
        if self._counter is not None:
            self._counter.advance(now)
        try:
            if self._settings.log.addresses == "hashed" and len(self._drill_senders) == 1 and self._folder.is_dir():
                self._drill_senders.add(address_hash(self._folder)(DRILL_SENDER))
            for path in sorted(self._folder.glob("gateway-*.jsonl"))[-2:]:
                self._read(path, now)
        except OSError as error:
            return Unknown(f"{self._folder}: {error.strerror or error}")
        return None

    @property
    def unseen(self) -> str:
        """What of the window was not looked at."""
        reasons = [why for _, why in self._skipped]
        if len(self._unreadable) >= _FEW_UNREADABLE:
            reasons.append(f"{len(self._unreadable)} lines of it cannot be read")
        return "; ".join(dict.fromkeys(reasons))

    def usual(self) -> Share | None:
        """How much was spam in the day before the window; None: nothing is known."""
        spam, all_of_them = (
            (sum(column) for column in zip(*self._usual.values(), strict=True)) if self._usual else (0, 0)
        )
        return Share(spam, all_of_them) if all_of_them else None

    # ── reading ──

    def _read(self, path: Path, now: datetime) -> None:
        size, is_first = path.stat().st_size, path.name not in self._read_to
        begin = self._read_to.get(path.name, 0)
        begin = begin if begin <= size else 0
        start = max(begin, size - self._most_bytes)
        first: datetime | None = None
        for lines, end in _pieces(path, start, size, cut=start > begin):
            taken = self._take(lines, now)
            first = first or taken
            self._read_to[path.name] = end
            if size - end > _PIECE_BYTES:
                time.sleep(_GIVE_WAY_SECONDS)
        # At the first look it is enough to have read back as far as the window reaches.
        if start > begin and not (is_first and first is not None and first < now - WINDOW):
            self._skipped.append((now, f"{start - begin >> 10} KiB more than can be read at once were written to it"))

    def _take(self, lines: list[bytes], now: datetime) -> datetime | None:
        """Keep what is of this window, count what is of the day before; when the first of them was."""
        oldest = None
        for line in lines:
            try:
                transaction = _decode(line)
            except (msgspec.MsgspecError, RecursionError):
                if line:
                    self._unreadable.append(now)
                continue
            oldest = oldest or transaction.at
            if self._canary and transaction.client.helo == self._canary and transaction.client.address in self._own:
                continue
            if transaction.client.address in self._own and transaction.sender.strip("<>") in self._drill_senders:
                minute = _minute(transaction.at)
                self._drilling |= {(transaction.client.address, near) for near in range(minute - 1, minute + 2)}
            elif transaction.type not in _UNSEEN_KINDS:
                if self._counter is not None:
                    self._counter.take(transaction)
                self._keep(self._event(transaction), now)
        return oldest

    def _keep(self, event: Event, now: datetime) -> None:
        if event.at < now - WINDOW:
            self._count(event, now)
            return
        self._events.append(event)
        if len(self._events) > self._most_events:
            self._count(self._events.popleft(), now)
            self.since = self._events[0].at

    def _let_go(self, now: datetime) -> None:
        self.since = max(self.since, now - WINDOW)
        while self._events and self._events[0].at < now - WINDOW:
            self._count(self._events.popleft(), now)
        while self._skipped and self._skipped[0][0] < now - WINDOW:
            self._skipped.popleft()
        while self._unreadable and self._unreadable[0] < now - WINDOW:
            self._unreadable.popleft()
        self._drilling = {mark for mark in self._drilling if mark[1] > _minute(now - USUAL)}
        first = _hour(now - USUAL)
        self._usual = {hour: share for hour, share in self._usual.items() if hour >= first}

    def _count(self, event: Event, now: datetime) -> None:
        if event.points is None or event.trusted or event.at < now - USUAL or self._is_of_a_drill(event):
            return
        spam, all_of_them = self._usual.get(_hour(event.at), (0, 0))
        is_spam = event.points >= self._settings.antispam.tag
        self._usual[_hour(event.at)] = (spam + is_spam, all_of_them + 1)

    # ── one line ──

    def _is_of_a_drill(self, event: Event) -> bool:
        """Anybody may use the sender of a drill, so it is only believed of this machine itself."""
        return event.client in self._own and (event.client, _minute(event.at)) in self._drilling

    def _event(self, transaction: Transaction) -> Event:
        address, scan = transaction.client.address, transaction.scan
        said = {engine: word for engine, word in scan.antivirus.items() if engine in self._antivirus}
        found = next((word for word in said.values() if word.startswith(_FOUND)), "")
        return Event(
            transaction.id,
            transaction.at,
            transaction.type,
            intern(address),
            network_of(address),
            address in self._trusted,
            # Of most messages nobody asks to whom they went, and there are many.
            tuple(transaction.recipients[:_MOST_RECIPIENTS]) if found else (),
            transaction.verdict.control,
            found.removeprefix(_FOUND),
            tuple(
                (engine, word.removeprefix(_NOT_READ)) for engine, word in said.items() if word.startswith(_NOT_READ)
            ),
            scan.spam if scan.antispam else None,
            _dns_answered(scan.identity),
        )


def _pieces(path: Path, start: int, end: int, *, cut: bool) -> Iterator[tuple[list[bytes], int]]:
    """The whole lines from there to there, some at a time, and up to where they reach. `cut`: it begins within one."""
    rest = b""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(_PIECE_BYTES, end - start))):
            start += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:  # nobody writes such a line: it is not kept until it ends
                lines, rest = [*lines, rest], b""
            if lines:
                yield lines[1:] if cut else lines, start - len(rest)
                cut = False


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def _dns_answered(identity: dict[str, str]) -> bool | None:
    """None: it was not asked. A temporary error is a silent server (RFC 8601 2.7)."""
    if "spf" not in identity:
        return None
    return not (identity["spf"] == "temperror" or identity.get("dmarc") == "temperror")


def own_addresses() -> frozenset[str]:
    """Those of this machine, loopback among them: drills come from here."""
    import psutil

    return frozenset(
        entry.address.partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    )


@lru_cache(maxsize=8192)
def network_of(address: str) -> str:
    """The /24 or /64 that an address lies in: what one owner has; "" for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))
