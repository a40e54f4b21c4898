"""Messages a second through each proxy, as a share of the direct limit, and what a message costs in CPU time."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from benchmarks.figures import Figure, Sign, Target
from benchmarks.legs import Rounds, alternate, rates, spread
from benchmarks.load import SESSIONS, Load
from benchmarks.machine import memory_kib
from benchmarks.mix import message_mix
from benchmarks.session import Measured, Setup, Started, start_all
from benchmarks.sink import Sink
from benchmarks.stands import Aiosmtpd, Bare, Direct, Lockdown, Postfix, ProcessStand

OF_DIRECT = Target(Sign.AT_LEAST, 0.70)
OVER = {Postfix.name: Target(Sign.AT_LEAST, 4), Aiosmtpd.name: Target(Sign.AT_LEAST, 8)}


def measure(setup: Setup) -> Measured:
    """The loads of real life: a connection for each message, and connections kept open."""
    folder = setup.place("throughput")
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(folder))
        started = start_all(
            stack, "throughput",
            [Lockdown(folder / "one", sink, 1), Lockdown(folder / "two", sink, 2), Postfix(folder / "postfix", sink),
             Aiosmtpd(folder / "aiosmtpd", sink), Bare(folder / "bare", sink)],
        )  # fmt: skip
        yield from started.down
        for load in _loads(setup):
            yield from figures_of(_alternated(setup, sink, load, started), started, targets=not load.options)
        yield from _memory(started)


def identity(setup: Setup) -> Measured:
    """The same with a sink that wants to know the real client: XCLIENT from Lockdown, XFORWARD from Postfix."""
    folder = setup.place("identity")
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(folder, options=()))
        started = start_all(
            stack, "identity", [Lockdown(folder / "one", sink, 1), Postfix(folder / "postfix", sink)]
        )  # fmt: skip
        yield from started.down
        mixed = _mixed(setup, "real mix, 1 connection a message, client's address handed over")
        yield from figures_of(_alternated(setup, sink, mixed, started), started, targets=False)


def _alternated(setup: Setup, sink: Sink, load: Load, started: Started) -> Rounds:
    return alternate(Direct(sink), started.up, sink, load, rounds=setup.rounds, seconds=setup.leg_seconds)


def _loads(setup: Setup) -> list[Load]:
    return [
        Load("5 kB, 1 connection a message", f"smtp-source -s {SESSIONS} -l 5000"),
        _mixed(setup, "real mix, 1 connection a message"),
        _mixed(setup, "real mix, connections kept open", ("-d",)),
    ]


def _mixed(setup: Setup, name: str, options: tuple[str, ...] = ()) -> Load:
    mix = message_mix(setup.place("mix"))
    how = f"{len(mix.files)} smtp-source -s 1 -F at a time{' -d' * bool(options)}; {mix.origin}"
    return Load(name, how, options, mix.octets // len(mix.files), len(mix.files), mix.files)


def figures_of(rounds: Rounds, started: Started, *, targets: bool) -> Measured:
    """The figures of one load."""
    group, how = rounds.load.name, rounds.load.how
    direct = [leg.rate for legs in rounds.before.values() for leg in legs]
    yield Figure(group, "direct", median(direct), "msg/s", f"{how}; straight to smtp-sink; median of {spread(direct)}")
    for stand in started.up:
        yield from _of_stand(rounds, stand, targets=targets)
    for ours in (stand for stand in started.up if isinstance(stand, Lockdown)):
        for peer in (stand for stand in started.up if stand.name in OVER):
            yield Figure(
                group, f"{ours.name} / {peer.name}", rounds.ratio_to(ours.name, peer.name), "x",
                "rates of the same round, median of the rounds", OVER[peer.name] if targets else None,
            )  # fmt: skip
    yield from _above_the_floor(rounds, started)


def _above_the_floor(rounds: Rounds, started: Started) -> Measured:
    """On a busy machine every microsecond is dear; beside the floor of the same minutes it still says something."""
    if Bare.name not in rounds.legs:
        return
    floor = median(leg.cpu_microseconds for leg in rounds.legs[Bare.name])
    for ours in (stand for stand in started.up if isinstance(stand, Lockdown)):
        cost = median(leg.cpu_microseconds for leg in rounds.legs[ours.name])
        yield Figure(
            rounds.load.name, f"{ours.name}: CPU / {Bare.name}", cost / floor, "x", "medians of the CPU of a message"
        )  # fmt: skip


def _of_stand(rounds: Rounds, stand: ProcessStand, *, targets: bool) -> Measured:
    group, legs = rounds.load.name, rounds.legs[stand.name]
    target = OF_DIRECT if targets and isinstance(stand, Lockdown) else None
    yield Figure(
        group, f"{stand.name} / direct", rounds.ratio(stand.name), "",
        f"each leg by the direct leg just before it, median of {len(legs)} pairs", target,
    )  # fmt: skip
    yield Figure(group, stand.name, median(rates(legs)), "msg/s", f"median of {len(legs)} legs")
    cpu = median(leg.cpu_microseconds for leg in legs)
    yield Figure(group, f"{stand.name}: CPU", cpu, "us/msg", "user + system time of its processes; 10 ms ticks")


def _memory(started: Started) -> Measured:
    for stand in started.up:
        pss = memory_kib(stand.pids(), "Pss") / 1024
        yield Figure("memory after the load", stand.name, pss, "MiB", "PSS of all its processes")
