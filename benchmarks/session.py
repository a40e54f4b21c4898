"""What one run of the benchmarks has at hand: a folder, how long legs last, the stands that can start here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, NotMeasured, Unmeasurable
from benchmarks.stands import ProcessStand

Measured = Iterator[Figure | NotMeasured]


@dataclass(frozen=True, slots=True)
class Setup:
    """Handed to every measurement."""

    folder: Path
    rounds: int
    leg_seconds: float
    idle_connections: int
    latency_messages: int
    large_sizes: tuple[int, ...]

    def place(self, name: str) -> Path:
        """A folder for one measurement, which others can enter: Postfix and the sink run as users of their own."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        return place


@dataclass(slots=True)
class Started:
    """The stands that came up, and the sentences of those that did not."""

    up: list[ProcessStand]
    down: list[NotMeasured]


def start_all(stack: ExitStack, group: str, stands: list[ProcessStand]) -> Started:
    """Start what starts here; one that does not is named, and the others are measured."""
    started = Started([], [])
    for stand in stands:
        try:
            started.up.append(stack.enter_context(stand))
        except Unmeasurable as reason:
            started.down.append(NotMeasured(group, stand.name, str(reason)))
    return started
