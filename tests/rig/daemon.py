"""A private server as a child process of the test: started, frozen, thawed, killed and ended by its pid.

Fails as: `TookTooLong` with the server's own output when it does not come up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.rig.network import TookTooLong, eventually


class Daemon:
    """One process and its children, in a session of their own."""

    def __init__(self, command: Sequence[str], output: Path, is_up: Callable[[], bool], seconds: float = 30.0) -> None:
        self._command, self._output, self._is_up, self._seconds = command, output, is_up, seconds
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it serves."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            eventually(self._is_up_or_dead, f"{self._command[0]} serves", self._seconds)
            assert self._process.poll() is None, f"{self._command[0]} ended"
        except AssertionError as late:
            self.kill()
            raise TookTooLong(f"{late}\n{self._output.read_text(errors='replace')[-4000:]}") from None

    def _is_up_or_dead(self) -> bool:
        return self._is_up() or (self._process is not None and self._process.poll() is not None)

    def stop(self) -> None:
        """As an administrator would stop it; it may take its time."""
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGCONT)
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self.kill()

    def kill(self) -> None:
        """At once, children too."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(10)

    def freeze(self) -> None:
        """It accepts connections still (the kernel does) and never answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
