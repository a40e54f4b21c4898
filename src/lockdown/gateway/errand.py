"""Run a coroutine without a task: its first step runs at once, and a reply that it waits for resumes it directly.

Tasks and futures cost two objects and a turn of the loop for each wait; a message waits three times. What needs a task
(asyncio.timeout, threads, start_tls) is awaited as a task or future, which works too.
Fails as: the coroutine must not raise; one that does is a bug and reaches the loop's exception handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Pause:
    """Something that one errand at a time waits for; whoever has what it waits for calls `go_on`."""

    __slots__ = ("resume",)

    def __init__(self) -> None:
        self.resume: Callable[[], None] | None = None

    def __await__(self) -> Generator[Pause, None, None]:
        yield self

    def go_on(self) -> None:
        """Let the errand take its next steps, now."""
        resume, self.resume = self.resume, None
        if resume is not None:
            resume()


def run_errand(coroutine: Coroutine[Any, None, None]) -> None:
    """Step through it now, and again whenever what it waits for is there."""
    send = coroutine.send

    def step(_: object = None) -> None:
        try:
            awaited = send(None)
        except StopIteration:
            return
        if type(awaited) is Pause:
            awaited.resume = step
        elif awaited is None:  # a bare yield, as in `asyncio.sleep(0)`: only its turn is given up
            asyncio.get_running_loop().call_soon(step)
        else:
            awaited._asyncio_future_blocking = False  # what Task.__step does with a future that it is given
            awaited.add_done_callback(step)

    step()


async def as_errand(coroutine: Coroutine[Any, None, None]) -> None:
    """Run an errand from a task, and wait for its end."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def to_its_end() -> None:
        try:
            await coroutine
        except Exception as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    run_errand(to_its_end())
    await ended
