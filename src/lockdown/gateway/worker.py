"""One worker process: accepts clients on its own listening socket and serves them until it is told to drain.

Everything that a conversation needs hangs on the `Worker`; nothing here is shared with other workers but files.
Fails as: it dies, and the master starts another; what was in flight is still with the senders.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockdown.checklist.attachments.gate import BASE64_GROWTH
from lockdown.checklist.relaying.gate import Route
from lockdown.config import Settings, upstreams
from lockdown.gateway.body import Memory
from lockdown.gateway.counts import LOOK_SECONDS, Counts
from lockdown.gateway.facts import Facts
from lockdown.gateway.listener import Connection
from lockdown.gateway.quarantine import Quarantine
from lockdown.gateway.recipients import with_listed_recipients
from lockdown.gateway.recorder import Recorder
from lockdown.gateway.restraints import Restraints
from lockdown.gateway.tls import server_context, upstream_context
from lockdown.gateway.transaction import Transaction
from lockdown.gateway.upstream import Offers, SmtpUpstream, Upstream, open_upstream
from lockdown.model.mail import Client
from lockdown.smtp.reply import Reply
from lockdown.smtp.server import Limits
from lockdown.state.layout import StateDirectory, make_folder
from lockdown.state.metrics import GatewayMetrics, prepare_metrics
from lockdown.state.outcomes import Outcomes
from lockdown.state.transactions import address_hash

if TYPE_CHECKING:
    from lockdown.gateway.scanning import Scanning

log = logging.getLogger("lockdown.gateway")

# A member of an Enum class is dear to reach.
_OUTWARD = Route.OUTWARD
# Rule R20: of the connections that we can hold, this share is kept for those who have sent good mail before.
_RESERVED_FOR_KNOWN = 0.3
# Rule R20: when the loop is so late, we are overloaded whatever the counters say (Haraka's gauge).
_TOO_LATE_SECONDS = 0.07
_LAG_WEIGHT = 0.1
_MOST_LATE_SECONDS = 0.3
_BACKLOG = 1024
_WATCHES_AFTER_SECONDS = 2.0
# An upstream that does not answer at once must not keep us from answering our clients (with 450).
_FIRST_PROBE_SECONDS = 1.0
# Power loss may cost the outcomes of so many seconds: second copies, never a message.
_SYNC_EVERY_SECONDS = 5


class Worker:
    """The shared ground of all conversations of one process."""

    def __init__(self, settings: Settings, state: StateDirectory, number: int, workers: int) -> None:
        self.settings, self.state, self.number = settings, state, number
        self.loop = asyncio.get_running_loop()
        self.hostname = settings.gateway.hostname or socket.getfqdn()
        self.authserv_id = self.hostname.encode()
        self.greeting = Reply(220, "", f"{self.hostname} ESMTP").wire
        self.limits = _limits(settings)
        self.too_big = _too_big(settings)
        self.connections: set[Connection] = set()
        self.uploading: set[Transaction] = set()
        self.draining = False
        self.spill_directory = state.run
        self.memory_per_message = int(settings.gateway.memory_per_message)
        self.memory = Memory(int(settings.gateway.memory))
        self.counts = Counts(settings, state.path, number, workers)
        hides = settings.log.addresses == "hashed"
        self.restraints = Restraints(settings, address_hash(make_folder(state.log)) if hides else None)
        self.outcomes = Outcomes(state.path, keep=settings.gateway.outcome_memory)
        self.facts = Facts(settings, self.counts, self.hostname)
        self.metrics = GatewayMetrics()
        self.scanning = self._scanning()
        self.recorder = Recorder(self)
        self.quarantine = Quarantine(self)
        self.tls: ssl.SSLContext = server_context(settings.gateway, self.hostname, state.tls, datetime.now(UTC))
        self._behind = upstream_context()
        self._inward = [self._open(url) for url in upstreams(settings.gateway)]
        self._outward = [self._open(settings.gateway.outbound)] if settings.gateway.outbound else []
        self.tells_by_proxy = any(
            isinstance(one, SmtpUpstream) and one.target.proxy for one in (*self._inward, *self._outward)
        )
        self.answers_per_recipient = any(isinstance(one, SmtpUpstream) and one.lmtp for one in self._inward)
        self._offers: dict[bool, tuple[str, ...]] = {}
        self._seconds = 0
        self._syncing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._lag = 0.0
        self.has_disk_room = True
        """Rule R4: for one and a half times the largest message; looked at once a second."""
        monitoring = settings.monitoring
        self.idle = monitoring.idle_timeout.total_seconds()
        self.request = monitoring.request_deadline.total_seconds()
        self.least_rate = max(1, int(monitoring.data_rate))
        self.commands: defaultdict[tuple[type, int], int] = defaultdict(int)
        """Answers by event and code since the last flush of the metrics."""
        self._set_clock(self.loop.time())

    def _scanning(self) -> Scanning | None:
        """What reads messages, where engines are set: it is dear to import, and a bare proxy starts without it."""
        if not (self.settings.antivirus.engines or self.settings.antispam.engines):
            return None
        from lockdown.gateway.scanning import Scanning

        return Scanning(self.settings, self.state, self.hostname, self.metrics)

    async def _keep_watch(self) -> None:
        await asyncio.sleep(_WATCHES_AFTER_SECONDS)
        from lockdown.gateway.lookout import Lookout  # dear to import: mail comes first
        from lockdown.gateway.telling import keep_telling

        await asyncio.gather(Lookout(self).keep(), keep_telling(self))

    def _open(self, url: str) -> Upstream:
        return open_upstream(url, self.settings.gateway, self.hostname, self.state.path, self._behind)

    # ── what conversations ask ──

    def next_id(self) -> str:
        """Digits that sort by time and are unique on this machine: milliseconds of the last look, worker, a counter."""
        self._counter += 1
        return f"{self._id_base}{self._counter:03X}"

    def upstreams(self, way: Route | None) -> Iterable[Upstream]:
        """Those that may take this class of mail, by preference; the ones that are down only when all are."""
        found = self._outward if way is _OUTWARD else self._inward
        awake = [upstream for upstream in found if not upstream.resting()]
        return awake or found

    def offers(self, secure: bool) -> tuple[str, ...]:
        """Our EHLO: what we and every upstream that is up can do (rule R13)."""
        found = self._offers.get(secure)
        if found is None:
            found = self._offers[secure] = self._work_out_offers(secure)
        return found

    def _work_out_offers(self, secure: bool) -> tuple[str, ...]:
        common: Offers | None = None
        for upstream in (*self._inward, *self._outward):
            if upstream.up and upstream.offers is not None:
                common = upstream.offers if common is None else common.both(upstream.offers)
        common = common or Offers()
        size = min(int(self.settings.gateway.max_message), common.size or 1 << 62)
        return (
            "PIPELINING",
            f"SIZE {size}",
            *(("STARTTLS",) if not secure else ()),
            "ENHANCEDSTATUSCODES",
            *(("8BITMIME",) if common.eightbitmime else ()),
            *(("DSN",) if common.dsn else ()),
            *(("SMTPUTF8",) if common.smtputf8 else ()),
            f"LIMITS RCPTMAX={self.settings.monitoring.recipients_per_message}",
        )

    def has_room_for(self, client: Client) -> bool:
        """Whether one more connection can be served; the last share is for those who have sent good mail (rule R20)."""
        most = self.settings.monitoring.max_connections
        count = len(self.connections)
        if count <= most * (1 - _RESERVED_FOR_KNOWN) and self._lag < _TOO_LATE_SECONDS:
            return True
        return count <= most and (client.trusted or self.counts.is_known(client))

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it beside everything else; kept until it ends, as asyncio asks."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ── its own clock ──

    def _set_clock(self, now: float) -> None:
        """Deadlines go by this clock, set five times a second: asking the loop at each command would be dear."""
        self.now = now
        self.idle_until = now + self.idle
        self.request_until = now + self.request
        self._id_base, self._counter = f"{time.time_ns() // 1_000_000:011X}{self.number & 0xFF:02X}", 0

    async def tick(self) -> None:
        """Once a second: time limits, slow uploads, disk room, the store's changes."""
        expected = self.loop.time() + LOOK_SECONDS
        second = 0.0
        while True:
            await asyncio.sleep(max(0.0, expected - self.loop.time()))
            now = self.loop.time()
            self._set_clock(now)
            # Smoothed over some seconds: one heavy message is not an overload.
            self._lag += _LAG_WEIGHT * (min(now - expected, _MOST_LATE_SECONDS) - self._lag)
            expected = now + LOOK_SECONDS
            try:
                self.counts.look()
                if now - second >= 1.0:
                    second = now
                    self._tick(now)
            except Exception:
                # Without a clock no time limit would be kept any more: whatever was come upon, the next second comes.
                log.exception("tick-broken")

    def _tick(self, now: float) -> None:
        for connection in list(self.connections):
            connection.tick(now)
        for upstream in (*self._inward, *self._outward):
            upstream.tick(now)
        slow = now - self.settings.gateway.release_upload.total_seconds()
        for transaction in self.uploading:
            if transaction.body_began < slow:
                transaction.release_upstream()
        self.has_disk_room = self._has_disk_room()
        self._offers.clear()
        self._count_commands()
        self._seconds += 1
        if self._seconds % _SYNC_EVERY_SECONDS == 0 and not self._syncing:
            self._syncing = True
            self.start_task(self._sync())
        if self.scanning is not None:
            self.scanning.tick()
        self.metrics.gauges(len(self.connections), {one.url: one.up for one in (*self._inward, *self._outward)})

    def _has_disk_room(self) -> bool:
        """Unknown is not a yes: a disk that cannot be asked takes no mail."""
        try:
            return self.state.free_bytes() >= 1.5 * self.settings.gateway.max_message
        except OSError as error:
            log.error("%s: its free room is unknown (%s); no mail is taken", self.state.path, error.strerror)
            return False

    async def _sync(self) -> None:
        """One at a time: on a disk that hangs they would use up the threads that deliver."""
        try:
            await asyncio.to_thread(self.outcomes.sync)
        except OSError as error:
            log.error("outcomes are not on the disk (%s): a power failure may cost second copies", error.strerror)
        finally:
            self._syncing = False

    def _count_commands(self) -> None:
        commands, self.commands = self.commands, defaultdict(int)
        for (kind, code), count in commands.items():
            self.metrics.command(kind.__name__, code, count)
        self.metrics.flush()

    async def _probe_once(self) -> None:
        """Learn what the upstreams can do, for our own EHLO."""
        await asyncio.gather(*(one.probe() for one in (*self._inward, *self._outward) if not one.resting()))
        self._offers.clear()

    async def _keep_probing(self) -> None:
        """Again each minute, and soon for those that were down (rule R13)."""
        while True:
            await asyncio.sleep(60.0 if all(one.up for one in self._inward) else 2.0)
            try:
                await self._probe_once()
            except Exception:
                log.exception("probe-broken")  # what is offered stays as it is; the next probe may succeed

    # ── life ──

    async def serve(self, sockets: list[socket.socket], ready: int | None) -> None:
        """Serve until SIGTERM, then drain (rule R23)."""
        stop = asyncio.Event()
        self.loop.add_signal_handler(signal.SIGTERM, stop.set)
        # A terminal's Ctrl-C reaches the whole group; when to drain is the master's to say. Its death says so too.
        self.loop.add_signal_handler(signal.SIGINT, lambda: None)
        self.loop.add_reader(0, stop.set)
        await asyncio.to_thread(self.quarantine.open)
        if self.scanning is not None:
            await self.scanning.start()
        await asyncio.wait([asyncio.ensure_future(self._probe_once())], timeout=_FIRST_PROBE_SECONDS)
        probing = asyncio.ensure_future(self._keep_probing())
        ticking = asyncio.ensure_future(self.tick())
        watching = asyncio.ensure_future(self.quarantine.watch_store())
        looking = [asyncio.ensure_future(self._keep_watch())] if self.number == 0 else []
        servers = [
            await self.loop.create_server(lambda: Connection(self), sock=one, backlog=_BACKLOG) for one in sockets
        ]
        if ready is not None:
            os.write(ready, b"ready\n")
            os.close(ready)
        await stop.wait()
        self.loop.remove_reader(0)
        await self._drain(servers)
        for task in (probing, ticking, watching, *looking):
            task.cancel()
        await self._close()

    async def _drain(self, servers: list[asyncio.Server]) -> None:
        """No new clients; those within a transaction may finish it."""
        self.draining = True
        self.counts.freeze()
        for server in servers:
            server.close()
        deadline = self.loop.time() + self.settings.gateway.drain.total_seconds()
        while self.connections and (now := self.loop.time()) < deadline:
            for connection in list(self.connections):
                connection.drain(now)
            await asyncio.sleep(0.02)

    async def _close(self) -> None:
        for upstream in (*self._inward, *self._outward):
            await upstream.close()
        if self.scanning is not None:
            await self.scanning.close()
        self.recorder.flush()
        self._count_commands()
        self.outcomes.sync()
        await asyncio.to_thread(self.quarantine.close)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_size=int(settings.gateway.max_message),
        data_line=int(settings.attachments.max_line),
        recipients=settings.monitoring.recipients_per_message,
    )


def _too_big(settings: Settings) -> Reply:
    limit = int(settings.gateway.max_message)
    attachments = int(limit / BASE64_GROWTH)
    return Reply(
        552,
        "3.4",
        f"Message too large: the limit is {limit >> 20} MB, about {attachments >> 20} MB of attachments;"
        " send a link to the files, or several smaller messages",
    )


def take_descriptors() -> None:
    """All that we are allowed: a terminal gives a thousand, and each client, upload and upstream wants one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_worker(
    settings: Settings, state: Path, number: int, workers: int, descriptors: list[int], ready: int | None
) -> int:
    """The worker process's main: `descriptors` are the listening sockets that the master opened for it."""
    directory = StateDirectory(state)
    take_descriptors()
    settings = with_listed_recipients(settings)
    prepare_metrics(directory.metrics)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]

    async def main() -> None:
        worker = Worker(settings, directory, number, workers)
        await worker.serve(sockets, ready)

    _run(main())
    return 0


def _run(main: object) -> None:
    try:
        import uvloop
    except ImportError:  # the same code, slower: a platform without a wheel
        asyncio.run(main)  # type: ignore[arg-type]
    else:
        uvloop.run(main)  # type: ignore[arg-type]
