"""Postfix's smtp-sink: takes every message, keeps none, counts them. Behind every proxy, and alone for "direct".

Fails as: `Unmeasurable` when Postfix is not installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from benchmarks.machine import LOOPBACK, end, free_port, program, wait_until_listening

_MESSAGES = re.compile(rb"mesg=(\d+)")
_BACKLOG = "4096"
PLAIN = ("-C", "-F")
"""Announce neither XCLIENT nor XFORWARD: what a client's address costs to hand over is a figure of its own."""


class Sink:
    """One smtp-sink process. `count` is what it has counted since its start."""

    def __init__(self, folder: Path, options: tuple[str, ...] = PLAIN) -> None:
        self.port = free_port()
        self._counters = folder / f"sink-{self.port}.count"
        self._options = options
        self._last = 0

    def __enter__(self) -> Sink:
        command = [program("smtp-sink", "postfix"), "-c", "-m", "6000", *self._options]
        # It refuses to run as root without a user to become.
        command += ["-u", "nobody"] if os.geteuid() == 0 else []
        with self._counters.open("ab") as counters:
            self._process = subprocess.Popen(
                [*command, f"{LOOPBACK}:{self.port}", _BACKLOG],
                stdin=subprocess.DEVNULL, stdout=counters, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        wait_until_listening(self.port, "smtp-sink", self._process)
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)

    def count(self) -> int:
        """Messages so far. The counters are lines without end, so only the tail of the file is read."""
        with self._counters.open("rb") as counters:
            counters.seek(max(0, counters.seek(0, os.SEEK_END) - 4096))
            if found := _MESSAGES.findall(counters.read()):
                self._last = int(found[-1])
        # Opened for appending by the sink, so it may be emptied under its hands.
        if self._counters.stat().st_size > 2**24:
            os.truncate(self._counters, 0)
        return self._last

    def count_of(self, expected: int, since: int, patience: float = 3.0) -> int:
        """Messages since a count; the last ones get a moment to be counted, surplus ones a moment to show."""
        deadline = time.monotonic() + patience
        while self.count() - since < expected and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.02)
        return self.count() - since
