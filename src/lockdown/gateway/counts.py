"""Who has done how much lately, over all workers of this machine: the numbers that gates judge by.

The tallies lie in memory that all workers share. A worker keeps those it is using in plain objects: what all had at
the last look, and what has come here since; five times a second it pours the latter out and looks again. So a limit
may be overshot by what the other workers let in within a fifth of a second, and by no more.
Fails as: never, and it never waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from lockdown.config import Settings
from lockdown.model.mail import Block, Client, Repetition
from lockdown.model.networks import networks
from lockdown.smtp.address import Address
from lockdown.state.tally import Gauge, PairTally, Tally

LOOK_SECONDS = 0.2
_TURNS = 25
"""Clients that are connected and silent are looked at in turns, each after so many looks: there may be thousands."""
_KNOWN_FOR = timedelta(days=7)
_NOTHING = Repetition(0, 0)


class Blocks:
    """The blocks in force, asked at each connection: a look-up for each prefix length in use, not for each block."""

    def __init__(self) -> None:
        # One object, replaced as a whole: the store is read in another thread.
        self._by_length: tuple[tuple[int, int, dict[int, Block]], ...] = ()

    def replace(self, blocks: Iterable[Block]) -> None:
        """The store has changed."""
        found: dict[tuple[int, int], dict[int, Block]] = {}
        for block in blocks:
            network = ip_network(block.network, strict=False)
            found.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = block
        self._by_length = tuple((*shape, found[shape]) for shape in sorted(found))

    def of(self, address: str) -> Block | None:
        """The block that this address lies in, if one is in force now."""
        if not self._by_length:
            return None
        asked = ip_address(address)
        number, bits = int(asked), asked.max_prefixlen
        for version, length, blocks in self._by_length:
            if version != asked.version:
                continue
            start = number >> (bits - length) << (bits - length)
            block = blocks.get(start)
            if block is not None and (block.until is None or block.until > datetime.now(UTC)):
                return block
        return None


@lru_cache(maxsize=8192)
def prefix_of(address: str) -> str:
    """The /24 or /64 that an address lies in: what one owner has, so what repetition is counted by."""
    return str(ip_network(f"{address}/{24 if ':' not in address else 64}", strict=False))


@lru_cache(maxsize=8192)
def plain_address(address: str) -> str:
    """Without a zone, and IPv4 in its own form when it came over an IPv6 socket."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


# What follows is asked several times for each message, so it keeps sums that need no work to be read; `_new` makes a
# named tuple without the call in between that its class would cost.
_new = tuple.__new__


class _Count:
    """A sliding count of one thing for one key: what all had at the last look, and what has come here since."""

    __slots__ = ("_key", "_looked", "_tally", "total")

    def __init__(self, tally: Tally, key: str) -> None:
        self._tally, self._key = tally, key
        self.total = self._looked = tally.total(key, time.time())

    def pour(self, now: float) -> bool:
        """Into the shared tally; whether anything had come."""
        had = self.total - self._looked
        if had:
            self._tally.add(self._key, had, now)
        self.total = self._looked = self._tally.total(self._key, now)
        return had > 0

    @property
    def rests(self) -> bool:
        """Nothing has come since the last look."""
        return self.total == self._looked


class _Volume:
    """The same for messages and their octets."""

    __slots__ = ("_key", "_looked", "_tally", "total")

    def __init__(self, tally: PairTally, key: str) -> None:
        self._tally, self._key = tally, key
        self.total = self._looked = Repetition(*tally.total(key, time.time()))

    def add(self, messages: int, size_bytes: int) -> Repetition:
        """So many more; the sum."""
        before, before_bytes = self.total
        self.total = total = _new(Repetition, (before + messages, before_bytes + size_bytes))
        return total

    def pour(self, now: float) -> bool:
        """Into the shared tally; whether anything had come."""
        had = self.total.messages - self._looked.messages
        if had:
            self._tally.add(self._key, had, self.total.size_bytes - self._looked.size_bytes, now)
        self.total = self._looked = Repetition(*self._tally.total(self._key, now))
        return had > 0

    @property
    def rests(self) -> bool:
        """Nothing has come since the last look."""
        return self.total is self._looked


class _NetCount:
    """What was counted of one thing for one key, and what was taken off it again."""

    __slots__ = ("off", "on")

    def __init__(self, on: Tally, off: Tally, key: str) -> None:
        self.on, self.off = _Count(on, key), _Count(off, key)

    def add(self) -> int:
        """One more; what is held against the key, which is this one at least."""
        self.on.total = total = self.on.total + 1
        return max(1, total - self.off.total)

    def pour(self, now: float) -> bool:
        """Into the shared tallies; whether anything had come."""
        return self.on.pour(now) | self.off.pour(now)

    @property
    def rests(self) -> bool:
        """Nothing has come since the last look."""
        return self.on.rests and self.off.rests


class _NetVolume:
    """The same for messages and their octets."""

    __slots__ = ("off", "on")

    def __init__(self, on: PairTally, off: PairTally, key: str) -> None:
        self.on, self.off = _Volume(on, key), _Volume(off, key)

    @property
    def total(self) -> Repetition:
        """What is held against it."""
        total, (messages, octets) = self.on.total, self.off.total
        if not messages:
            return total
        # What is taken off is written down a moment after it was counted, and so forgotten a moment later.
        return _new(Repetition, (max(0, total.messages - messages), max(0, total.size_bytes - octets)))

    def pour(self, now: float) -> bool:
        """Into the shared tallies; whether anything had come."""
        return self.on.pour(now) | self.off.pour(now)

    @property
    def rests(self) -> bool:
        """Nothing has come since the last look."""
        return self.on.rests and self.off.rests


class _Open:
    """Connections open for one key: here, and in the other workers at the last look."""

    __slots__ = ("_gauge", "_key", "_told", "elsewhere", "here")

    def __init__(self, gauge: Gauge, key: str) -> None:
        self._gauge, self._key = gauge, key
        self.here = self._told = 0
        self.elsewhere = gauge.total(key)

    def pour(self, now: float) -> bool:
        """Into the shared gauge; whether any is open here."""
        self.tell(self.here)
        self.elsewhere = self._gauge.total(self._key) - self.here
        return self.here > 0

    def tell(self, number: int) -> None:
        """So many; the number itself and not the change, since a predecessor may have written it too."""
        self._gauge.put(self._key, number)
        self._told = number

    @property
    def rests(self) -> bool:
        """Some are open here, and all have been told of."""
        return self.here == self._told > 0


class _Network:
    """A prefix that talks to us."""

    __slots__ = ("open", "sent")

    def __init__(self, counts: Counts, prefix: str) -> None:
        self.open = _Open(counts.open, prefix)
        self.sent = _NetVolume(counts.networks, counts.vouched_networks, prefix)

    def pour(self, now: float) -> bool:
        """Everything; whether it is still in use."""
        return self.open.pour(now) | self.sent.pour(now)

    @property
    def rests(self) -> bool:
        """It is connected and silent."""
        return self.open.rests and self.sent.rests


class _Host:
    """An address that talks to us."""

    __slots__ = ("connects", "network", "open", "prefix", "recipients", "refused", "trusted")

    def __init__(self, counts: Counts, address: str) -> None:
        self.prefix = prefix_of(address)
        self.network = counts.network(self.prefix)
        self.trusted = address in counts.trusted
        self.open = _Open(counts.open, address)
        self.connects = _NetCount(counts.connects, counts.vouched_connects, address)
        self.recipients = _NetCount(counts.recipients, counts.vouched_recipients, address)
        self.refused = _Count(counts.refusals, address)

    def pour(self, now: float) -> bool:
        """Everything; whether it is still in use."""
        return self.open.pour(now) | self.connects.pour(now) | self.recipients.pour(now) | self.refused.pour(now)

    @property
    def rests(self) -> bool:
        """It is connected and silent."""
        return self.open.rests and self.connects.rests and self.recipients.rests and self.refused.rests


class Counts:
    """The counts of one worker. A host is kept while a connection of it is open, so for those it is there."""

    def __init__(self, settings: Settings, directory: Path, worker: int, workers: int) -> None:
        monitoring, window = settings.monitoring, settings.attachments.window

        def pairs(name: str) -> PairTally:
            return PairTally(directory, name, worker=worker, workers=workers, window=window)

        def tally(name: str, window: timedelta) -> Tally:
            return Tally(directory, name, worker=worker, workers=workers, window=window)

        self.open = Gauge(directory, "open", worker=worker, workers=workers)
        self.connects = tally("connects", monitoring.client_rate.per)
        self.recipients = tally("recipients", monitoring.recipient_rate.per)
        self.refusals = tally("refused", monitoring.refused_rate.per)
        self.networks, self.mailboxes = pairs("networks"), pairs("mailboxes")
        self.vouched_networks, self.spared_mailboxes = pairs("vouched-networks"), pairs("spared-mailboxes")
        self.vouched_connects = tally("vouched-connects", monitoring.client_rate.per)
        self.vouched_recipients = tally("vouched-recipients", monitoring.recipient_rate.per)
        self.trusted = networks(settings.gateway.trusted_networks)
        self._known = tally("known", _KNOWN_FOR)
        self.good: set[str] = set()
        """Prefixes that have sent accepted mail since the last look; emptied, never replaced."""
        self.blocks = Blocks()
        self.frozen = False
        """While draining, our successor counts in the same files; we no longer touch them."""
        self._turn = 0
        self._hosts: dict[str, _Host] = {}
        self._networks: dict[str, _Network] = {}
        self._mailboxes: dict[str, _NetVolume] = {}

    def network(self, prefix: str) -> _Network:
        """The counts of a prefix."""
        found = self._networks.get(prefix)
        if found is None:
            found = self._networks[prefix] = _Network(self, prefix)
        return found

    def _host(self, address: str) -> _Host:
        found = self._hosts.get(address)
        if found is None:
            found = self._hosts[address] = _Host(self, address)
        return found

    def connected(self, peer: str) -> Client:
        """A client has come: count it, and say what is known of it."""
        address = plain_address(peer)
        host = self._hosts.get(address) or self._host(address)
        own, near, connects = host.open, host.network.open, host.connects
        own.here = here = own.here + 1
        near.here = beside = near.here + 1
        total = connects.add()
        block = self.blocks.of(address)
        return _new(
            Client,
            (address, host.prefix, host.trusted, here + own.elsewhere, beside + near.elsewhere, total, block),
        )

    def disconnected(self, client: Client) -> None:
        """It has left."""
        host = self._hosts[client.address]
        host.open.here -= 1
        host.network.open.here -= 1

    def asked(self, client: Client) -> tuple[int, int]:
        """One more RCPT; how many this client has asked for, and how many were refused."""
        host = self._hosts[client.address]
        return host.recipients.add(), host.refused.total

    def refused(self, client: Client) -> None:
        """One of its recipients was refused for good; it may have left meanwhile."""
        self._host(client.address).refused.total += 1

    def from_network(self, client: Client) -> Repetition:
        """What has come from the client's network within the window."""
        return self._hosts[client.address].network.sent.total

    def is_known(self, client: Client) -> bool:
        """Whether good mail has come from its network lately."""
        return client.prefix in self.good or self._known.total(client.prefix, time.time()) > 0

    def put_off(self, client: Client) -> None:
        """A MAIL was refused: who does not heed a 4xx comes nearer to the 5xx (rule R21)."""
        self._hosts[client.address].network.sent.on.add(1, 0)

    def message(self, client: Client, recipients: Iterable[Address], size_bytes: int) -> tuple[Repetition, Repetition]:
        """One more message: what has come from its network, and to the one of its recipients that has had most."""
        most, mailboxes = _NOTHING, self._mailboxes
        for local, domain, _, _, _ in recipients:
            mailbox = f"{local}@{domain}".lower()
            account = mailboxes.get(mailbox) or self._mailbox(mailbox)
            account.on.add(1, size_bytes)
            received = account.total
            if most is _NOTHING or received.size_bytes > most.size_bytes:
                most = received
        sent = self._hosts[client.address].network.sent
        sent.on.add(1, size_bytes)
        return sent.total, most

    def vouch(self, client: Client, recipients: int, size_bytes: int) -> None:
        """That message is not to be held against who brought it; he may have left meanwhile.

        Nor is a connection: many servers open one for each message.
        """
        host = self._host(client.address)
        host.connects.off.total += 1
        host.recipients.off.total += recipients
        host.network.sent.off.add(1, size_bytes)

    def spare(self, recipients: Iterable[Address], size_bytes: int) -> None:
        """That message does not come to these: whom a flood is aimed at is to get what is not of it."""
        for local, domain, _, _, _ in recipients:
            mailbox = f"{local}@{domain}".lower()
            (self._mailboxes.get(mailbox) or self._mailbox(mailbox)).off.add(1, size_bytes)

    def _mailbox(self, mailbox: str) -> _NetVolume:
        self._mailboxes[mailbox] = new = _NetVolume(self.mailboxes, self.spared_mailboxes, mailbox)
        return new

    def freeze(self) -> None:
        """A last look. Our connections leave the count with us: our successor's are told of under the same number."""
        self.look()
        self.frozen = True
        for host in self._hosts.values():
            host.open.tell(0)
            host.network.open.tell(0)

    def look(self) -> None:
        """Pour out what has come here, and look at what the others have; let go of what is no longer in use."""
        if self.frozen:
            return
        now, turn = time.time(), self._turn
        self._turn = (turn + 1) % _TURNS
        self._hosts = {
            key: host
            for number, (key, host) in enumerate(self._hosts.items())
            if (number % _TURNS != turn and host.rests) or host.pour(now)
        }
        kept = {host.prefix for host in self._hosts.values()}
        # A host that stays holds its network: both must remain the same object.
        self._networks = {
            key: one
            for number, (key, one) in enumerate(self._networks.items())
            if (number % _TURNS != turn and one.rests) or one.pour(now) or key in kept
        }
        self._mailboxes = {key: one for key, one in self._mailboxes.items() if one.pour(now)}
        for prefix in self.good:
            self._known.add(prefix, 1, now)
        self.good.clear()
