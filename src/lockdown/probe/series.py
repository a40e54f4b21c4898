"""Deliver many messages over few connections: as `probe.smtp` delivers one, and connecting no faster than is polite.

Fails as: the outcome of the message concerned, `NotSent` or `Unknown`; the next one gets a connection of its own.
"""

from __future__ import annotations

import time
from collections import deque

from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import (
    Accepted,
    Caller,
    Delivered,
    Letter,
    NotSent,
    Refused,
    Target,
    _deliver,
    _Line,
    _Stop,
)

_LETTERS_PER_CONNECTION = 50
_WINDOW_SECONDS = 60.0
_CONNECTIONS_PER_WINDOW = 20
"""Below what servers commonly allow one client in a minute."""


class Series:
    """One conversation at a time with one server; as a context it leaves politely."""

    def __init__(self, target: Target, caller: Caller) -> None:
        self._target, self._caller = target, caller
        self._line: _Line | None = None
        self._sent = 0
        self._connected_at: deque[float] = deque(maxlen=_CONNECTIONS_PER_WINDOW)

    def __enter__(self) -> Series:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def send(self, letter: Letter) -> Delivered:
        """One message, over the connection that is open if there is one.

        A server that took leave after the message before has not got this one: it is sent anew, once.
        """
        was_open = self._line is not None
        outcome = self._attempt(letter)
        return self._attempt(letter) if was_open and isinstance(outcome, NotSent) else outcome

    def _attempt(self, letter: Letter) -> Delivered:
        try:
            line = self._open_line()
            outcome = _deliver(line, letter)
        except _Stop as stop:
            outcome = stop.outcome
        self._sent += 1
        if not self._is_in_step(outcome):
            self.leave(politely=isinstance(outcome, Accepted | Refused))
        return outcome

    def leave(self, *, politely: bool = True) -> None:
        """Say goodbye, or just go where nobody listens any more; the next message gets a new connection."""
        line, self._line = self._line, None
        if line is not None:
            error = None if politely else ConnectionError("lost")
            line.__exit__(type(error) if error else None, error, None)

    def _open_line(self) -> _Line:
        if self._line is None:
            self._wait_for_turn()
            line, self._sent = _Line(self._target, self._caller), 0
            self._line = line
            line.greet()
        return self._line

    def _wait_for_turn(self) -> None:
        """No more connections in any minute than a server commonly lets one client open."""
        if len(self._connected_at) == _CONNECTIONS_PER_WINDOW:
            time.sleep(max(0.0, self._connected_at[0] + _WINDOW_SECONDS - time.monotonic()))
        self._connected_at.append(time.monotonic())

    def _is_in_step(self, outcome: Delivered) -> bool:
        """Whether the next MAIL can follow at once: after a whole message, unless the server takes leave (421, 521)."""
        match outcome:
            case Accepted():
                return self._sent < _LETTERS_PER_CONNECTION
            case Refused(verb, reply):
                return verb == "DATA-END" and reply.code not in (421, 521) and self._sent < _LETTERS_PER_CONNECTION
            case NotSent() | Unknown():
                return False
