"""The gateway's numbers for Prometheus, added up over all workers.

Each worker counts in plain integers and pours them into the library's files once a second: an increment there costs
1.3 us and an observation 3.6 us, here 0.1 us. The files of a worker that has died are added to one file of the dead, so
that totals never fall and dead workers leave nothing behind.

Fails as: OperatorError when the folder cannot be made. Reading never fails for a worker that is just ending.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockdown.model.finding import Severity
from lockdown.state.keyfile import alone_in
from lockdown.state.layout import make_folder

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

    from lockdown.state.store import Store

_SIZES = (1024, 4096, 16384, 65536, 262144, 1 << 20, 4 << 20, 16 << 20, 64 << 20)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_VERBS = {
    "Hello": "EHLO", "Mail": "MAIL", "Recipient": "RCPT", "DataRequested": "DATA", "DataEnd": "message",
    "StartTls": "STARTTLS", "Reset": "RSET", "Noop": "NOOP", "Verify": "VRFY", "Help": "HELP", "Quit": "QUIT",
    "Fault": "refused",
}  # fmt: skip
_DEAD = "dead"


def prepare_metrics(directory: Path) -> None:
    """To be called before the first metric is made: the library decides at its import where it writes."""
    make_folder(directory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    for pid in {_pid_of(path) for path in Path(directory).glob("*.db")}:
        if pid and not Path(f"/proc/{pid}").exists():
            forget_worker(directory, pid)


def forget_worker(directory: Path, pid: int) -> None:
    """A worker has ended: what it counted stays in the totals, what it had open does not."""
    with alone_in(directory):
        for path in Path(directory).glob(f"*_{pid}.db"):
            if not path.name.startswith("gauge"):
                _add_to_the_dead(path)
            path.unlink(missing_ok=True)


def _add_to_the_dead(path: Path) -> None:
    from prometheus_client import mmap_dict

    file: Any = mmap_dict.MmapedDict  # the library gives it no types
    dead = file(str(path.with_name(f"{path.name.partition('_')[0]}_{_DEAD}.db")))
    for key, value, _, _ in file.read_all_values_from_file(str(path)):
        dead.write_value(key, dead.read_value(key)[0] + value, 0.0)
    dead.close()


def _pid_of(path: Path) -> int:
    last = path.stem.rpartition("_")[2]
    return int(last) if last.isdigit() else 0


class GatewayMetrics:
    """One worker's numbers. Counting is for the hot path; `flush` is for a timer."""

    def __init__(self) -> None:
        # Here and not above: the library must not be imported before `prepare_metrics`.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        here = CollectorRegistry()

        def counter(name: str, says: str, labels: tuple[str, ...] = ()) -> _Counts:
            return _Counts(Counter(name, says, labels, registry=here))

        def histogram(name: str, says: str, bounds: tuple[float, ...]) -> _Distribution:
            return _Distribution(Histogram(name, says, buckets=bounds, registry=here), bounds)

        self._connects = counter("lockdown_smtp_connects", "Connections, by how they went.", ("state",))
        self._commands = counter("lockdown_smtp_commands", "Commands, by their answer.", ("verb", "code"))
        self._messages = counter(
            "lockdown_messages",
            "Transactions, by what became of them and the control that asked for it.",
            ("direction", "verdict", "reason"),
        )
        self._sizes = histogram("lockdown_message_bytes", "Octets of a message.", _SIZES)
        self._waits = histogram("lockdown_dot_to_reply_seconds", "From a message's end to its answer.", _SECONDS)
        self._unknown = counter("lockdown_outcome_unknown", "Messages of which nobody knows whether upstream has them.")
        self._suppressed = counter("lockdown_duplicates_suppressed", "Retries that got their recorded answer.")
        self._lines = counter("lockdown_log_lines_lost", "Lines that the transaction log could not take.")
        self._engines: dict[str, _Distribution] = {}
        self._engine_seconds = Histogram(
            "lockdown_engine_seconds", "An engine's time for one message.", ("engine",), buckets=_SECONDS, registry=here
        )
        self._skipped = counter(
            "lockdown_engine_skipped", "Messages that an engine has not read, by the reason.", ("engine", "why")
        )
        self._engine_up = Gauge(
            "lockdown_engine_up", "1: all workers reach it.", ["engine"], multiprocess_mode="livemin", registry=here
        )
        self._open = Gauge(
            "lockdown_smtp_connections", "Connections now.", ["state"], multiprocess_mode="livesum", registry=here
        )
        self._up = Gauge(
            "lockdown_backend_up", "1: all workers reach it.", ["upstream"], multiprocess_mode="livemin", registry=here
        )
        self._counters = (
            self._connects, self._commands, self._messages, self._unknown, self._suppressed, self._lines, self._skipped,
        )  # fmt: skip
        self._upstreams: set[str] = set()
        self._series = -1
        self.gauges(0, {})
        self.flush()

    def connection(self, state: str) -> None:
        """A connection was greeted, refused, ended for slowness."""
        self._connects.since[(state,)] += 1

    def command(self, verb: str, code: int, count: int = 1) -> None:
        """Commands were answered; `verb` is the event's name or the verb itself."""
        self._commands.add((verb, code), count)

    def message(self, verdict: str, reason: str, size_bytes: int, direction: str = "in") -> None:
        """A transaction has ended so, because of this control ("" when none objected)."""
        self._messages.since[direction, verdict, reason] += 1
        if size_bytes:
            self._sizes.since.append(size_bytes)

    def dot_to_reply(self, seconds: float) -> None:
        """How long a message's sender has waited for its answer."""
        self._waits.since.append(seconds)

    def engine(self, engine: str, seconds: float) -> None:
        """An engine has answered after so long."""
        found = self._engines.get(engine)
        if found is None:
            found = self._engines[engine] = _Distribution(self._engine_seconds.labels(engine), _SECONDS)
        found.since.append(seconds)

    def engine_skipped(self, engine: str, why: str) -> None:
        """An engine has not read a message; `why` is one of few words."""
        self._skipped.add((engine, why))

    def engines_up(self, engines: Mapping[str, bool]) -> None:
        """Which engines answer this worker now."""
        for engine, up in engines.items():
            self._engine_up.labels(engine).set(int(up))

    def outcome_unknown(self) -> None:
        """Upstream's answer was lost."""
        self._unknown.add(())

    def duplicate_suppressed(self) -> None:
        """A retry was given its recorded answer."""
        self._suppressed.add(())

    def log_lines_lost(self, lines: int) -> None:
        """The log could not take so many more lines."""
        self._lines.add((), lines)

    def gauges(self, connections: int, upstreams: Mapping[str, bool]) -> None:
        """What is so now in this worker."""
        self._open.labels("open").set(connections)
        for url, up in upstreams.items():
            self._up.labels(url).set(int(up))
            self._upstreams.add(url)

    def flush(self) -> None:
        """Pour what was counted into the files."""
        for counter in self._counters:
            counter.flush()
        self._sizes.flush()
        self._waits.flush()
        for engine in self._engines.values():
            engine.flush()
        series = sum(counter.series for counter in self._counters) + len(self._upstreams) + len(self._engines)
        if series != self._series:
            self._series = series
            _take_room()


class _Counts:
    """A counter with labels, in a dict until it is poured out."""

    __slots__ = ("_children", "_counter", "since")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.since: defaultdict[tuple[str | int, ...], int] = defaultdict(int)
        self._children: dict[tuple[str | int, ...], Counter] = {}

    @property
    def series(self) -> int:
        return len(self._children)

    def add(self, labels: tuple[str | int, ...], amount: int = 1) -> None:
        self.since[labels] += amount

    def flush(self) -> None:
        since, self.since = self.since, defaultdict(int)
        for labels, amount in since.items():
            self._child(labels).inc(amount)

    def _child(self, labels: tuple[str | int, ...]) -> Counter:
        if labels not in self._children:
            named = [_VERBS.get(str(label), str(label)) for label in labels]
            self._children[labels] = self._counter.labels(*named) if named else self._counter
        return self._children[labels]


class _Distribution:
    """A histogram; its values stand in a list until they are sorted and poured out together."""

    __slots__ = ("_bounds", "_histogram", "since")

    def __init__(self, histogram: Histogram, bounds: tuple[float, ...]) -> None:
        self._histogram, self._bounds = histogram, bounds
        self.since: list[float] = []

    def flush(self) -> None:
        """The library has no way to observe many at once, so its buckets are added to by name; a test holds it so."""
        values, self.since = sorted(self.since), []
        below = 0
        for bucket, bound in zip(self._histogram._buckets, (*self._bounds, math.inf), strict=True):
            upto = bisect_right(values, bound)
            if upto > below:
                bucket.inc(upto - below)
            below = upto
        self._histogram._sum.inc(sum(values))


def _take_room() -> None:
    """The library maps sparse files; on a disk that is full later, a store into a hole would be SIGBUS."""
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"*_{os.getpid()}.db"):
        with path.open("r+b") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def render(directory: Path, store: Store | None = None, now: datetime | None = None) -> bytes:
    """All workers' numbers in Prometheus' text form; with a store, its own as well."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    make_folder(directory)
    for _ in range(3):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
        with suppress(FileNotFoundError):  # a worker's file was just added to that of the dead
            workers = generate_latest(registry)
            break
    else:
        workers = b""
    return workers + (_of_store(store, now or datetime.now(UTC)) if store is not None else b"")


def canary_numbers(state: Path, now: datetime) -> bytes:
    """The canary's: how long ago one arrived, how long it took, how many were missed."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    from lockdown.state.canary_rounds import Flown, canary_paths, read_flown

    flown, registry = read_flown(state), CollectorRegistry()
    if not isinstance(flown, Flown):
        return b""
    missed = Gauge("lockdown_canary_missed", "Canaries missed in a row.", ["path"], registry=registry)
    age = Gauge("lockdown_canary_age_seconds", "Since one was sent that arrived.", ["path"], registry=registry)
    took = Gauge("lockdown_canary_seconds", "Up to the end of a stage.", ["path", "stage"], registry=registry)
    paths = canary_paths(flown)
    for one in paths if isinstance(paths, tuple) else ():
        missed.labels(one.path).set(one.missed)
        if one.arrived_at is not None:
            age.labels(one.path).set(round(now.timestamp() - one.arrived_at))
            good = next(entry for entry in reversed(flown.paths[one.path]) if entry.arrived)
            for stage, seconds in good.seconds.items():
                took.labels(one.path, stage).set(seconds)
    return generate_latest(registry)


def _of_store(store: Store, now: datetime) -> bytes:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    totals = store.quarantine_totals()
    age = (now - totals.oldest).total_seconds() if totals.oldest else 0.0
    for name, says, value in (
        ("lockdown_quarantine_messages", "Messages held now.", totals.messages),
        ("lockdown_quarantine_bytes", "Octets held now.", totals.size_bytes),
        ("lockdown_quarantine_oldest_seconds", "Age of the message held longest.", age),
        ("lockdown_bans", "Networks blocked now.", len(store.active_blocks(now))),
    ):
        Gauge(name, says, registry=registry).set(value)
    severities = Counts(incident.severity for incident in store.open_incidents())
    open_now = Gauge("lockdown_incidents", "Incidents that are open.", ["severity"], registry=registry)
    for severity in Severity:
        open_now.labels(severity.value).set(severities[severity])
    return generate_latest(registry)
