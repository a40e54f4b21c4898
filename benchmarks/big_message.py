"""What one message of 100 MiB costs in memory: it must flow through, not stay."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from benchmarks.figures import Figure, Leg, Sign, Target
from benchmarks.legs import run_leg
from benchmarks.load import Load
from benchmarks.machine import status_kib
from benchmarks.session import Measured, Setup
from benchmarks.sink import Sink
from benchmarks.stands import Lockdown

_SIZE = 100 * 2**20
_TARGET = Target(Sign.AT_MOST, 100.0)


class PeakOfAnonymous(threading.Thread):
    """Looks at a process's anonymous memory every few milliseconds, and keeps the most it has seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.before = self.peak = status_kib(pid, "RssAnon")

    def run(self) -> None:
        while not self._over.wait(0.003):
            with suppress(OSError):
                self.peak = max(self.peak, status_kib(self._pid, "RssAnon"))

    def stop(self) -> None:
        self._over.set()
        self.join()


def measure(setup: Setup) -> Measured:
    """One message alone, in a gateway that has seen small ones before."""
    folder = setup.place("big")
    with Sink(folder) as sink, Lockdown(folder / "one", sink, 1, {"max_message": '"128 MiB"'}) as gateway:
        run_leg(gateway, sink, Load("warm", ""), 100)
        (worker,) = gateway.workers()
        # Writing 5 sets the process's own high-water mark back to what it holds now (proc(5)).
        Path(f"/proc/{worker}/clear_refs").write_text("5")
        resident, anonymous = status_kib(worker, "VmRSS"), PeakOfAnonymous(worker)
        anonymous.start()
        leg = run_leg(gateway, sink, Load("big", "", length=_SIZE, sessions=1), 1)
        anonymous.stop()
        yield from _figures(leg, status_kib(worker, "VmHWM") - resident, anonymous.peak - anonymous.before)


def _figures(leg: Leg, resident: int, anonymous: int) -> Measured:
    group = "one message of 100 MiB"
    yield Figure(
        group, "resident memory added", resident / 1024, "MiB", "VmHWM of the worker less VmRSS before", _TARGET
    )
    yield Figure(
        group, "anonymous memory added", anonymous / 1024, "MiB", "RssAnon of the worker, looked at every 3 ms"
    )
    yield Figure(group, "rate", leg.megabytes_a_second, "MB/s", "smtp-source -s 1 -m 1, one leg")
