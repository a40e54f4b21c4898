"""From the final dot to its reply: what a proxy adds to the direct way, at 20 sessions.

Two ways of asking: as fast as replies come (what a busy hour feels), and at a fixed rate (what the path itself costs).
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.figures import Figure, Leg, RefusedMessages, Sign, Target, percentile
from benchmarks.load import SESSIONS
from benchmarks.mix import Mix, message_mix
from benchmarks.session import Measured, Setup, start_all
from benchmarks.sink import Sink
from benchmarks.stands import Direct, Lockdown, Postfix, Stand

_STEADY_RATE = 500
_ADDED = Target(Sign.AT_MOST, 3.0)


@dataclass(slots=True)
class Delays:
    """p50 and p99 of each round, in milliseconds, with those of the direct leg just before."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    direct_p50: list[float] = field(default_factory=list)
    direct_p99: list[float] = field(default_factory=list)


def measure(setup: Setup) -> Measured:
    """Lockdown and Postfix, each beside direct."""
    folder = setup.place("latency")
    mix = message_mix(setup.place("mix"))
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(folder))
        started = start_all(
            stack, "latency",
            [Lockdown(folder / "one", sink, 1), Lockdown(folder / "two", sink, 2), Postfix(folder / "postfix", sink)],
        )  # fmt: skip
        yield from started.down
        for rate, pace in ((0, "as fast as replies come"), (_STEADY_RATE, f"{_STEADY_RATE} messages a second")):
            for stand in started.up:
                delays = _alternate(setup, sink, stand, mix, rate)
                yield from _figures(f"dot to reply, {SESSIONS} sessions, {pace}", stand, delays, mix)


def _alternate(setup: Setup, sink: Sink, stand: Stand, mix: Mix, rate: int) -> Delays:
    delays = Delays()
    # At a fixed rate a leg lasts as long as its messages take to be due.
    messages = setup.latency_messages // 2 if rate else setup.latency_messages
    _leg(stand, sink, mix, SESSIONS * 10, 0)
    for _ in range(setup.rounds):
        direct = _leg(Direct(sink), sink, mix, messages, rate)
        proxied = _leg(stand, sink, mix, messages, rate)
        delays.direct_p50.append(percentile(direct, 0.5))
        delays.direct_p99.append(percentile(direct, 0.99))
        delays.p50.append(percentile(proxied, 0.5))
        delays.p99.append(percentile(proxied, 0.99))
    return delays


def _leg(stand: Stand, sink: Sink, mix: Mix, messages: int, rate: int) -> list[float]:
    """Milliseconds of each message."""
    counted = sink.count()
    command = [sys.executable, "-m", "benchmarks.latency_client", str(stand.port), str(SESSIONS), str(messages)]
    ended = subprocess.run(
        [*command, str(rate), *map(str, mix.files)], capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    if ended.returncode != 0:
        raise RefusedMessages(f"{stand.name}: the client for latency was refused: {ended.stderr.strip()[-300:]}")
    taken = [float(value) / 1000 for value in json.loads(ended.stdout)]
    Leg(stand.name, len(taken), sink.count_of(len(taken), counted), 1.0).checked()
    return taken


def _figures(group: str, stand: Stand, delays: Delays, mix: Mix) -> Measured:
    how = f"own uvloop client on both ways, a connection a message; {mix.origin}; median of {len(delays.p50)} rounds"
    yield Figure(
        group, f"{stand.name}: p50", median(delays.p50), "ms", f"direct {median(delays.direct_p50):.2f} ms; {how}"
    )
    yield Figure(group, f"{stand.name}: p99", median(delays.p99), "ms", f"direct {median(delays.direct_p99):.2f} ms")
    added = median(ours - direct for ours, direct in zip(delays.p99, delays.direct_p99, strict=True))
    target = _ADDED if isinstance(stand, Lockdown) else None
    yield Figure(
        group, f"{stand.name}: p99 added", added, "ms", "p99 less the p99 of the direct leg before, median", target
    )
