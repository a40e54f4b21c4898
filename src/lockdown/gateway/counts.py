"""Who has done how much lately, over all workers of this machine: the numbers that gates judge by.

The tallies lie in memory that all workers share. A worker keeps those it is using in plain objects: what all had at
the last look, and what has come here since; five times a second it pours the latter out and looks again. So a limit
may be overshot by what the other workers let in within a fifth of a second, and by no more.
Fails as: never, and it never waits.
"""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from lockdown.config import Settings
from lockdown.model.mail import Block, Client, Repetition
from lockdown.model.networks import networks
from lockdown.state.tally import Gauge, PairTally, Tally

LOOK_SECONDS = 0.2


class Blocks:
    """The blocks in force, asked at each connection: a look-up for each prefix length in use, not for each block."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Block]] = {}
        self._lengths: list[tuple[int, int]] = []

    def replace(self, blocks: Iterable[Block]) -> None:
        """The store has changed."""
        found: dict[tuple[int, int], dict[int, Block]] = {}
        lengths: list[tuple[int, int]] = []
        for block in blocks:
            network = ip_network(block.network, strict=False)
            shape = (network.version, network.prefixlen)
            if shape not in found:
                insort(lengths, shape)
            found.setdefault(shape, {})[int(network.network_address)] = block
        self._by_length, self._lengths = found, lengths

    def of(self, address: str) -> Block | None:
        """The block that this address lies in, if one is in force now."""
        if not self._lengths:
            return None
        asked = ip_address(address)
        number, bits = int(asked), asked.max_prefixlen
        for version, length in self._lengths:
            if version != asked.version:
                continue
            start = number >> (bits - length) << (bits - length)
            block = self._by_length[version, length].get(start)
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


class _Count:
    """A sliding count of one thing for one key: what all had at the last look, and what has come here since."""

    __slots__ = ("_key", "_tally", "base", "since")

    def __init__(self, tally: Tally, key: str) -> None:
        self._tally, self._key = tally, key
        self.base = tally.total(key, time.time())
        self.since = 0

    def pour(self, now: float) -> bool:
        """Into the shared tally; whether anything had come."""
        had, self.since = self.since, 0
        if had:
            self._tally.add(self._key, had, now)
        self.base = self._tally.total(self._key, now)
        return had > 0


class _Volume:
    """The same for messages and their octets."""

    __slots__ = ("_key", "_tally", "base", "messages", "size_bytes")

    def __init__(self, tally: PairTally, key: str) -> None:
        self._tally, self._key = tally, key
        self.base = tally.total(key, time.time())
        self.messages = self.size_bytes = 0

    def add(self, size_bytes: int) -> Repetition:
        """One more message; the sum."""
        self.messages += 1
        self.size_bytes += size_bytes
        return self.total()

    def total(self) -> Repetition:
        """What has come within the window."""
        messages, size_bytes = self.base
        return Repetition(messages + self.messages, size_bytes + self.size_bytes)

    def pour(self, now: float) -> bool:
        """Into the shared tally; whether anything had come."""
        had = self.messages
        if had:
            self._tally.add(self._key, had, self.size_bytes, now)
        self.messages = self.size_bytes = 0
        self.base = self._tally.total(self._key, now)
        return had > 0


class _Open:
    """Connections open for one key: here, and in the other workers at the last look."""

    __slots__ = ("_gauge", "_key", "_told", "elsewhere", "here")

    def __init__(self, gauge: Gauge, key: str) -> None:
        self._gauge, self._key = gauge, key
        self.here = self._told = 0
        self.elsewhere = gauge.total(key)

    def pour(self, now: float) -> bool:
        """Into the shared gauge; whether any is open here."""
        if self.here != self._told:
            self._gauge.add(self._key, self.here - self._told)
            self._told = self.here
        self.elsewhere = self._gauge.total(self._key) - self.here
        return self.here > 0


class _Network:
    """A prefix that talks to us."""

    __slots__ = ("open", "sent")

    def __init__(self, counts: Counts, prefix: str) -> None:
        self.open = _Open(counts.open, prefix)
        self.sent = _Volume(counts.networks, prefix)

    def pour(self, now: float) -> bool:
        """Everything; whether it is still in use."""
        return self.open.pour(now) | self.sent.pour(now)


class _Host:
    """An address that talks to us."""

    __slots__ = ("connects", "network", "open", "prefix", "recipients", "refused", "trusted")

    def __init__(self, counts: Counts, address: str) -> None:
        self.prefix = prefix_of(address)
        self.network = counts.network(self.prefix)
        self.trusted = address in counts.trusted
        self.open = _Open(counts.open, address)
        self.connects = _Count(counts.connects, address)
        self.recipients = _Count(counts.recipients, address)
        self.refused = _Count(counts.refusals, address)

    def pour(self, now: float) -> bool:
        """Everything; whether it is still in use."""
        return self.open.pour(now) | self.connects.pour(now) | self.recipients.pour(now) | self.refused.pour(now)


class Counts:
    """The counts of one worker."""

    def __init__(self, settings: Settings, directory: Path, worker: int, workers: int) -> None:
        monitoring, window = settings.monitoring, settings.attachments.window

        def tally(name: str, window: timedelta) -> Tally:
            return Tally(directory, name, worker=worker, workers=workers, window=window)

        self.open = Gauge(directory, "open", worker=worker, workers=workers)
        self.connects = tally("connects", monitoring.client_rate.per)
        self.recipients = tally("recipients", monitoring.recipient_rate.per)
        self.refusals = tally("refused", monitoring.refused_rate.per)
        self.networks = PairTally(directory, "networks", worker=worker, workers=workers, window=window)
        self.mailboxes = PairTally(directory, "mailboxes", worker=worker, workers=workers, window=window)
        self.trusted = networks(settings.gateway.trusted_networks)
        self.blocks = Blocks()
        self.frozen = False
        """While draining, our successor counts in the same files; we no longer touch them."""
        self._hosts: dict[str, _Host] = {}
        self._networks: dict[str, _Network] = {}
        self._mailboxes: dict[str, _Volume] = {}

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
        host = self._host(address)
        network = host.network
        host.open.here += 1
        network.open.here += 1
        host.connects.since += 1
        return Client(
            address,
            host.prefix,
            host.trusted,
            host.open.here + host.open.elsewhere,
            network.open.here + network.open.elsewhere,
            host.connects.base + host.connects.since,
            self.blocks.of(address),
        )

    def disconnected(self, client: Client) -> None:
        """It has left."""
        host = self._host(client.address)
        host.open.here -= 1
        host.network.open.here -= 1

    def asked(self, client: Client) -> tuple[int, int]:
        """One more RCPT; how many this client has asked for, and how many were refused."""
        host = self._host(client.address)
        asked, refused = host.recipients, host.refused
        asked.since += 1
        return asked.base + asked.since, refused.base + refused.since

    def refused(self, client: Client) -> None:
        """One of its recipients was refused for good."""
        self._host(client.address).refused.since += 1

    def from_network(self, client: Client) -> Repetition:
        """What has come from the client's network within the window."""
        return self._host(client.address).network.sent.total()

    def put_off(self, client: Client) -> None:
        """A MAIL was refused: who does not heed a 4xx comes nearer to the 5xx (rule R21)."""
        self._host(client.address).network.sent.messages += 1

    def message(self, client: Client, recipients: Iterable[str], size_bytes: int) -> tuple[Repetition, Repetition]:
        """One more message: what has come from its network, and to the one of its recipients that has had most."""
        most: Repetition | None = None
        for recipient in recipients:
            mailbox = self._mailboxes.get(recipient)
            if mailbox is None:
                mailbox = self._mailboxes[recipient] = _Volume(self.mailboxes, recipient)
            received = mailbox.add(size_bytes)
            if most is None or received.size_bytes > most.size_bytes:
                most = received
        return self._host(client.address).network.sent.add(size_bytes), most or Repetition(0, 0)

    def look(self) -> None:
        """Pour out what has come here, and look at what the others have; let go of what is no longer in use."""
        if self.frozen:
            return
        now = time.time()
        self._hosts = {key: host for key, host in self._hosts.items() if host.pour(now)}
        kept = {host.prefix for host in self._hosts.values()}
        # A host that stays holds its network: both must remain the same object.
        self._networks = {key: one for key, one in self._networks.items() if one.pour(now) or key in kept}
        self._mailboxes = {key: one for key, one in self._mailboxes.items() if one.pour(now)}
