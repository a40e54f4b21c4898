"""No more transactions in a minute than the owner of a server would call polite, and an end to the whole.

Fails as: nothing; `is_over` tells that the time is used up, and what is left is then not tested.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

STRANGERS_PER_MINUTE = 10
_MINUTE = 60.0


class Pace:
    """`wait` before each transaction. 0 transactions a minute is as fast as the server answers."""

    def __init__(
        self,
        per_minute: int = STRANGERS_PER_MINUTE,
        seconds: float = 900.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._begun: deque[float] = deque(maxlen=per_minute or 1)
        self._per_minute = per_minute
        self._end = clock() + seconds
        self._turns = threading.Lock()

    @property
    def is_over(self) -> bool:
        return self._clock() >= self._end

    def wait(self) -> bool:
        """Until the next transaction may begin; False when the time is used up first. Several threads take turns."""
        with self._turns:
            return self._wait()

    def _wait(self) -> bool:
        if self._per_minute and len(self._begun) == self._per_minute:
            turn = self._begun[0] + _MINUTE
            if turn >= self._end:
                self._end = self._clock()
                return False
            self._sleep(max(0.0, turn - self._clock()))
        self._begun.append(self._clock())
        return not self.is_over
