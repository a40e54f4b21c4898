"""Two processes for one piece of work: half of it in a child, half here. What is read from ten thousands of files takes
the time of half of them.

Fails as: nothing; where there is one processor only, too little to do, or a child that does not come to its end, all of
it is done here.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
LEAST = 2_000
"""Items; below, a process costs more than it saves."""
_SECONDS = 60.0
"""A copy of a process with threads may wait for one that was not copied with it: then it is ended."""


def in_two(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], seconds: float = _SECONDS
) -> list[Result]:
    """What `work` makes of all items. In the child it must only read: nothing else of it is seen here."""
    if len(items) < LEAST or len(os.sched_getaffinity(0)) < 2:
        return work(items)
    middle = len(items) * 11 // 20  # the child has to tell as well
    try:
        pid, reading = _begun(work, items[middle:], seconds)
    except OSError:
        return work(items)
    told = b""
    try:
        first = work(items[:middle])
        with suppress(OSError), os.fdopen(os.dup(reading), "rb") as pipe:
            told = pipe.read()
    finally:
        os.close(reading)  # a child that has not told all ends by that
        _, status = os.waitpid(pid, 0)
    # An end of zero says that all was told; and only our own child can have written there.
    return first + (pickle.loads(told) if status == 0 else work(items[middle:]))


def _begun(work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], seconds: float) -> tuple[int, int]:
    """Its process id, and where it tells what came of it."""
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        _be_child(work, items, reading, writing)
    os.close(writing)
    return pid, reading


def _be_child(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], reading: int, writing: int
) -> NoReturn:
    """Work, tell, end: neither the exits nor the buffers of the process that we are a copy of are ours."""
    failed = 1
    try:
        os.close(reading)
        gc.disable()
        told = memoryview(pickle.dumps(work(items), pickle.HIGHEST_PROTOCOL))
        while told:
            told = told[os.write(writing, told) :]
        failed = 0
    finally:
        os._exit(failed)
