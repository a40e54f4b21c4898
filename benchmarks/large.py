"""Large messages: megabytes a second, as a share of the direct limit, and for a second of one core."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from benchmarks.figures import Figure, Sign, Target, pairwise_ratio
from benchmarks.legs import Rounds, alternate, spread
from benchmarks.load import Load
from benchmarks.session import Measured, Setup, start_all
from benchmarks.sink import Sink
from benchmarks.stands import Direct, Lockdown, Postfix, ProcessStand

_SESSIONS = 4
_TARGETS = {10_000_000: Target(Sign.AT_LEAST, 0.9)}


def measure(setup: Setup) -> Measured:
    """In four sessions."""
    folder = setup.place("large")
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(folder))
        started = start_all(
            stack, "large",
            [Lockdown(folder / "one", sink, 1), Lockdown(folder / "two", sink, 2), Postfix(folder / "postfix", sink)],
        )  # fmt: skip
        yield from started.down
        for size in setup.large_sizes:
            load = Load(
                f"{size // 1_000_000} MB messages", f"smtp-source -s {_SESSIONS} -l {size}", (), size, _SESSIONS
            )
            rounds = alternate(
                Direct(sink), started.up, sink, load, rounds=setup.rounds, seconds=setup.leg_seconds
            )  # fmt: skip
            yield from _figures(rounds, started.up, _TARGETS.get(size))


def _figures(rounds: Rounds, stands: list[ProcessStand], target: Target | None) -> Measured:
    group = rounds.load.name
    direct = [leg.megabytes_a_second for legs in rounds.before.values() for leg in legs]
    yield Figure(group, "direct", median(direct), "MB/s", f"{rounds.load.how}; median of {spread(direct)}")
    for stand in stands:
        legs, before = rounds.legs[stand.name], rounds.before[stand.name]
        ours = isinstance(stand, Lockdown)
        ratio = pairwise_ratio([leg.megabytes_a_second for leg in legs], [leg.megabytes_a_second for leg in before])
        yield Figure(
            group, f"{stand.name} / direct", ratio, "", f"median of {len(legs)} pairs", target if ours else None
        )  # fmt: skip
        rate = median(leg.megabytes_a_second for leg in legs)
        yield Figure(group, stand.name, rate, "MB/s", f"median of {len(legs)} legs")
        per_core = median(leg.octets / 1e6 / max(leg.cpu_seconds, 0.01) for leg in legs)
        yield Figure(
            group, f"{stand.name}: per core", per_core, "MB/s", "megabytes by the CPU seconds of its processes"
        )
