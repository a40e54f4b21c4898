"""Deeds side by side, each in a thread of its own that keeps no process from ending.

The pool of the library is waited for when a process ends, and a path that hangs would hold up a worker that drains.

Fails as: whatever the deed raises, in who waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


class Deed(threading.Thread):
    """One of them; it has begun."""

    def __init__(self, name: str, deed: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._deed = deed
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        """The deed."""
        try:
            self._deed()
        except Exception as error:  # raised where somebody waits for it
            self._error = error

    def wait(self) -> None:
        """Until it has ended, however long that takes."""
        self.join()
        if self._error is not None:
            raise self._error


def at_once(name: str, deeds: Iterable[Callable[[], None]]) -> list[Deed]:
    """All of them begun."""
    return [Deed(name, deed) for deed in deeds]
