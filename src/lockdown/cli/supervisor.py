"""Keep a few processes of ours running: start them, wait until each says it is ready, start again what dies, stop all.

Fails as: a child that ends before it was ever ready stops everything (exit 2); one that dies later is started again
after 1, 2, 4 … 30 seconds, and each time that is said. The first SIGINT or SIGTERM lets open work finish, the second
ends everything at once. Children live in process groups of their own, so that Ctrl-C reaches them through us alone.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from lockdown.engine.supervised import READY_FD
from lockdown.model.errors import OperatorError

_SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXPLAINED = 2
"""A child's exit code when it has said itself what is wrong (an `OperatorError`)."""
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 60.0
"""A child that has lived this long starts again without a pause growing."""


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep: its name on the screen, its command, whether SIGHUP (reload) is for it."""

    name: str
    command: tuple[str, ...]
    reloads: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for everything to become ready, and for open work to finish at the end."""

    start: float = 60.0
    stop: float = 630.0


class _Child:
    """One life of one part."""

    __slots__ = ("fails", "part", "process", "ready", "ready_pipe", "started_at", "wanted_at")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.ready_pipe: int | None = None
        self.fails = 0
        self.started_at = 0.0
        self.wanted_at = 0.0

    def start(self, now: float) -> None:
        self.ready_pipe, theirs = os.pipe()
        self.process = subprocess.Popen(
            self.part.command,
            env={**os.environ, READY_FD: str(theirs)},
            pass_fds=(theirs,),
            start_new_session=True,
        )
        os.close(theirs)
        self.ready, self.started_at = False, now

    def signal_group(self, number: signal.Signals) -> None:
        """Reach the children's children too: a gateway whose master was killed leaves workers behind."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Runs its parts until told to stop. `say` prints one line; `verify` raises if what looks ready is not."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        say: Callable[[str], None],
        verify: Callable[[], None],
        announce: Callable[[], None],
        patience: Patience | None = None,
    ) -> None:
        self._children = [_Child(part) for part in parts]
        self._say, self._verify, self._announce = say, verify, announce
        self._patience = patience or Patience()
        self._selector = selectors.DefaultSelector()
        self._running = False
        self._stop_by = 0.0

    def run(self) -> int:
        """Start, watch, stop; the exit code. Whatever happens, nothing that was started is left behind."""
        with self._waking_on_signals():
            try:
                return self._run()
            finally:
                self._end_at_once()

    def _run(self) -> int:
        now = time.monotonic()
        for child in self._children:
            self._start(child, now)
        deadline = now + self._patience.start
        while any(child.alive for child in self._children) or not self._stop_by:
            self._wait()
            now = time.monotonic()
            if (failed := self._reap(now)) is not None:
                return failed
            self._advance(now, deadline)
        self._say("stopped")
        return 0

    def _advance(self, now: float, deadline: float) -> None:
        if self._stop_by:
            if now > self._stop_by:
                self._end_at_once()
        elif self._running:
            self._start_again(now)
        elif all(child.ready for child in self._children):
            self._verify()
            self._running = True
            self._announce()
        elif now > deadline:
            raise self._never_ready()

    def _start(self, child: _Child, now: float) -> None:
        child.start(now)
        assert child.ready_pipe is not None
        self._selector.register(child.ready_pipe, selectors.EVENT_READ, child)

    def _start_again(self, now: float) -> None:
        for child in self._children:
            if not child.alive and now >= child.wanted_at:
                self._start(child, now)

    def _wait(self) -> None:
        for key, _ in self._selector.select(0.5):
            match key.data:
                case _Child() as child:
                    self._hear(child)
                case socket.socket() as wakeup:
                    for number in wakeup.recv(64):
                        self._on_signal(signal.Signals(number))

    def _hear(self, child: _Child) -> None:
        assert child.ready_pipe is not None
        word = os.read(child.ready_pipe, 64)
        self._selector.unregister(child.ready_pipe)
        os.close(child.ready_pipe)
        child.ready_pipe = None
        child.ready = word.startswith(b"ready")
        if child.ready and child.fails:
            self._say(f"{child.part.name} runs again")

    def _on_signal(self, number: signal.Signals) -> None:
        match number:
            case signal.SIGINT | signal.SIGTERM if self._stop_by:
                self._say("stopping at once")
                self._end_at_once()
            case signal.SIGINT | signal.SIGTERM:
                self._stop()
            case signal.SIGHUP:
                for child in self._children:
                    if child.part.reloads:
                        child.signal(signal.SIGHUP)
            case _:
                pass  # SIGCHLD only wakes us: who has died is asked of each child

    def _stop(self) -> None:
        self._say("stopping: open work may finish; Ctrl-C again stops at once")
        self._stop_by = time.monotonic() + self._patience.stop
        for child in self._children:
            child.signal(signal.SIGTERM)

    def _reap(self, now: float) -> int | None:
        """Notice who has died. An exit code when that ends everything: somebody died before all were ready."""
        for child in self._children:
            if child.alive and child.process is not None and child.process.poll() is not None:
                ended = _how(child.process.returncode)
                child.signal_group(signal.SIGTERM)
                if not (self._running or self._stop_by):
                    return self._failed_to_start(child, ended)
                if not self._stop_by:
                    self._plan_restart(child, ended, now)
        return None

    def _failed_to_start(self, child: _Child, ended: str) -> int:
        assert child.process is not None
        if child.process.returncode != _EXPLAINED:
            raise OperatorError(
                "did-not-start",
                what=f"the {child.part.name} did not start",
                why=f"it {ended} before it was ready; its own words are above, if it had any",
                try_this=f"lockdown {child.part.name}     (starts it alone)",
            )
        return _EXPLAINED

    def _plan_restart(self, child: _Child, ended: str, now: float) -> None:
        child.fails = 1 if now - child.started_at > _STEADY_AFTER else child.fails + 1
        pause = min(_LONGEST_PAUSE, 2.0 ** (child.fails - 1))
        child.wanted_at = now + pause
        self._say(f"{child.part.name} {ended}; it is started again in {pause:.0f} s")

    def _never_ready(self) -> OperatorError:
        late = " and ".join(child.part.name for child in self._children if not child.ready)
        return OperatorError(
            "not-ready",
            what=f"{late} did not become ready",
            why=f"no word within {self._patience.start:.0f} s",
            try_this="lockdown doctor",
        )

    def _end_at_once(self) -> None:
        for child in self._children:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()

    @contextmanager
    def _waking_on_signals(self) -> Iterator[None]:
        """Signals arrive as octets on a socket, in the order they came, and are handled in the loop."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, ours)
        before = {number: signal.signal(number, _noted) for number in _SIGNALS}
        fd_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(fd_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            ours.close()
            theirs.close()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up socket has it already; a handler must exist so that the default does not end us."""


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
