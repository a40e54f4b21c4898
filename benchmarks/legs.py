"""Legs that alternate between stands: each round goes direct, A, direct, B, ..., and every A has its neighbour.

Fails as: `BrokenRun`, at the first leg whose messages were not all taken, or did not all arrive once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import Leg, RefusedMessages, pairwise_ratio
from benchmarks.load import Load
from benchmarks.sink import Sink
from benchmarks.stands import Stand

# Only to begin with: the first leg of a stand decides how many messages its next ones get.
_FIRST_GUESS = 300


@dataclass(slots=True)
class Rounds:
    """All legs of one load, by stand; `before[name]` are the direct legs that stand just ahead of them."""

    load: Load
    legs: dict[str, list[Leg]] = field(default_factory=dict)
    before: dict[str, list[Leg]] = field(default_factory=dict)

    def ratio(self, name: str) -> float:
        """Of the direct rate."""
        return pairwise_ratio(rates(self.legs[name]), rates(self.before[name]))

    def ratio_to(self, name: str, other: str) -> float:
        """Of another stand's rate in the same round."""
        return pairwise_ratio(rates(self.legs[name]), rates(self.legs[other]))


def rates(legs: Sequence[Leg]) -> list[float]:
    """Messages a second of each leg."""
    return [leg.rate for leg in legs]


def spread(values: Sequence[float]) -> str:
    """How far the legs lie apart: a wide spread tells of a machine that had other things to do."""
    return f"{len(values)} legs from {min(values):,.0f} to {max(values):,.0f}"


def run_leg(stand: Stand, sink: Sink, load: Load, messages: int) -> Leg:
    """Send, time, and count at the sink."""
    counted, used = sink.count(), stand.cpu()
    try:
        sent, seconds = load.send(stand.port, messages)
    except RefusedMessages as refused:
        raise RefusedMessages(f"{stand.name}: {refused}") from None
    arrived = sink.count_of(sent, counted)
    return Leg(stand.name, sent, arrived, seconds, sent * load.length, stand.cpu() - used).checked()


RunLeg = Callable[[Stand, Sink, Any, int], Leg]


def alternate(
    direct: Stand,
    others: Sequence[Stand],
    sink: Sink,
    load: Load,
    *,
    rounds: int,
    seconds: float,
    run: RunLeg = run_leg,
) -> Rounds:
    """Run `rounds` rounds of legs that last about `seconds` each. The first, unsized legs warm up and are dropped."""
    result = Rounds(load)
    pace = {stand.name: run(stand, sink, load, _first(load)).rate for stand in (direct, *others)}
    for _ in range(rounds):
        for stand in others:
            for one, kept in ((direct, result.before), (stand, result.legs)):
                leg = run(one, sink, load, _sized(pace[one.name], seconds, load))
                pace[one.name] = leg.rate
                kept.setdefault(stand.name, []).append(leg)
    return result


def _first(load: Load) -> int:
    return max(load.sessions, min(_FIRST_GUESS, 20_000_000 // load.length))


def _sized(rate: float, seconds: float, load: Load) -> int:
    """Whole multiples of the sessions, so that all of them are busy to the end."""
    return max(1, round(rate * seconds / load.sessions)) * load.sessions
