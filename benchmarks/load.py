"""Postfix's smtp-source as the client: kinds of load, each sent to a port and timed.

Fails as: `RefusedMessages` when smtp-source stops on a refusal: its words are in the text.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import RefusedMessages
from benchmarks.machine import LOOPBACK, program

SESSIONS = 20
_ADDRESSES = ("-f", "sender@client.example", "-t", "user@bench.example", "-M", "client.example")


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of load: one smtp-source with several sessions, or one process for each file of a mix."""

    name: str
    how: str
    options: tuple[str, ...] = ()
    length: int = 5000
    sessions: int = SESSIONS
    files: tuple[Path, ...] = ()

    def send(self, port: int, messages: int) -> tuple[int, float]:
        """Send about so many messages; how many it were, and the seconds that it took."""
        commands = list(self._commands(port, messages))
        begun = time.perf_counter()
        running = [_start(command) for command, _ in commands]
        complaints = [_ended(process) for process in running]
        seconds = time.perf_counter() - begun
        if said := [complaint for complaint in complaints if complaint]:
            raise RefusedMessages(f"a client was not served: {said[0]}")
        return sum(count for _, count in commands), seconds

    def _commands(self, port: int, messages: int) -> Iterable[tuple[list[str], int]]:
        start = [program("smtp-source", "postfix"), *_ADDRESSES, *self.options]
        target = f"{LOOPBACK}:{port}"
        if not self.files:
            count = max(messages, self.sessions)
            sized = ["-s", str(self.sessions), "-l", str(self.length), "-m", str(count)]
            yield [*start, *sized, target], count
        for file in self.files:
            count = max(1, messages // len(self.files))
            yield [*start, "-s", "1", "-F", str(file), "-m", str(count), target], count


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # close_fds=False lets Python spawn instead of fork: twenty clients must start at nearly the same time.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, close_fds=False
    )


def _ended(process: subprocess.Popen[bytes]) -> str:
    _, said = process.communicate()
    if process.returncode == 0:
        return ""
    return said.decode(errors="replace").strip()[-300:] or f"exit code {process.returncode}"
