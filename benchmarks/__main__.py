"""`python -m benchmarks [--quick] [NAME ...]`: measure, show, write.

Exit code 1 when a message was lost, refused or came twice, or when nothing could be measured.
A missed target is said, not failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import (
    accuracy,
    audit,
    big_message,
    detector,
    flood,
    idle,
    large,
    latency,
    log,
    machine,
    queue,
    report,
    scan,
    throughput,
)
from benchmarks.figures import BrokenRun, Figure, NotMeasured, Unmeasurable
from benchmarks.session import Measured, Setup

Entry = Figure | NotMeasured
Measurements = Mapping[str, Callable[[Setup], Measured]]
MEASUREMENTS: Measurements = {
    "throughput": throughput.measure,
    "identity": throughput.identity,
    "large": large.measure,
    "latency": latency.measure,
    "idle": idle.measure,
    "big-message": big_message.measure,
    "accuracy": accuracy.measure,
    "scan": scan.measure,
    "audit": audit.measure,
    "log": log.measure,
    "queue": queue.measure,
    "detector": detector.measure,
    "flood": flood.measure,
}
_BUSY = 0.5
"""Load for each processor, before we begin, above which nothing that is measured means much."""
_LEFT_OUT_WHEN_QUICK = ("identity", "log", "flood", "queue")
_QUICK = {
    "rounds": 2, "leg_seconds": 0.3, "idle_connections": 3000, "latency_messages": 400, "large_sizes": (10_000_000,),
}  # fmt: skip
_FULL = {
    "rounds": 5, "leg_seconds": 1.5, "idle_connections": 5000, "latency_messages": 2000,
    "large_sizes": (10_000_000, 25_000_000),
}  # fmt: skip


def _arguments(given: Sequence[str], names: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Measure the gateway against its limit and its peers."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(names)}; nothing is all")
    parser.add_argument(
        "--quick", action="store_true", help=f"about a minute; wanders more; without {', '.join(_LEFT_OUT_WHEN_QUICK)}"
    )
    parser.add_argument("--rounds", type=int, help="rounds of alternating legs")
    parser.add_argument("--out", type=Path, default=report.OUT, help="folder for the JSON")
    chosen = parser.parse_args(given)
    for name in chosen.names:
        if name not in names:
            parser.error(f"there is no measurement {name!r}; there are: {', '.join(names)}")
    return chosen


def _setup(chosen: argparse.Namespace, folder: Path) -> Setup:
    sizes: dict[str, Any] = {**(_QUICK if chosen.quick else _FULL), "folder": folder}
    if chosen.rounds:
        sizes["rounds"] = chosen.rounds
    return Setup(**sizes)


def _collect(name: str, taken: Measured, into: list[Entry], console: Console) -> bool:
    """Take one measurement; whether mail was kept whole. What was measured before a loss stays."""
    console.print(f"measuring: {name}", style="dim", highlight=False)
    try:
        into.extend(taken)
    except Unmeasurable as reason:
        into.append(NotMeasured(name, "all of it", str(reason)))
    except BrokenRun as broken:
        console.print(f"{broken.headline}: {broken}", style="bold red", markup=False, highlight=False)
        into.append(NotMeasured(name, "the rest of it", f"{broken.headline}: {broken}"))
        return False
    return True


def main(given: Sequence[str], measurements: Measurements = MEASUREMENTS) -> int:
    """Run what is asked for."""
    chosen = _arguments(given, measurements)
    progress, console = Console(stderr=True), Console(width=None if sys.stdout.isatty() else 200)
    machine.raise_file_limit()
    measured: list[Entry] = []
    taken_on, taken_at = machine.description(), datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="lockdown-bench-") as folder:
        Path(folder).chmod(0o755)
        setup = _setup(chosen, Path(folder))
        names = chosen.names or [name for name in measurements if not (chosen.quick and name in _LEFT_OUT_WHEN_QUICK)]
        kept = [_collect(name, measurements[name](setup), measured, progress) for name in names]
    report.show(measured, console)
    if taken_on["load_before"] > _BUSY * taken_on["processors"]:
        console.print(
            f"This machine was busy (load {taken_on['load_before']:.1f}): take these figures again.", style="yellow"
        )
    written = report.write_json(measured, taken_on, taken_at, chosen.out)
    console.print(f"written to {written}", markup=False, highlight=False)
    return 0 if all(kept) and any(isinstance(entry, Figure) for entry in measured) else 1


if __name__ == "__main__":
    # Asked to end, we still end what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
