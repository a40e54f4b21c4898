"""One connection to an upstream: bytes in and out around a `ClientSession`, one question at a time.

Fails as: `LinkLost(why)` from whatever waits: closed, timed out, nonsense. A lost link is never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from lockdown.smtp.client import Answered, ClientSession, Nonsense
from lockdown.smtp.events import NEED_DATA
from lockdown.smtp.reply import Reply

_NEVER = float("inf")


class LinkLost(Exception):
    """The connection ended, fell silent or spoke nonsense before the answer was there."""

    def __init__(self, why: str, *, stale: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.stale = stale
        """It had served before and lay idle: its end says nothing of the server, a new one may be asked."""


class Link(asyncio.Protocol):
    """A connection to an upstream. `ask` sends and awaits so many replies; `deadline` is watched by the pool's tick."""

    __slots__ = (
        "_expected",
        "_flowing",
        "_loop",
        "_replies",
        "_waiter",
        "addressed",
        "client",
        "closed",
        "deadline",
        "idle_since",
        "reused",
        "session",
        "tells_clients",
        "transport",
        "why",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, *, lmtp: bool) -> None:
        self._loop = loop
        self.session = ClientSession(lmtp=lmtp)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._waiter: asyncio.Future[None] | None = None
        self._flowing: asyncio.Future[None] | None = None
        self._replies: list[Reply] = []
        self._expected = 0
        self.deadline = _NEVER
        self.idle_since = 0.0
        self.reused = False
        """Has carried a transaction before: then a loss at the next first word only says that it had grown stale."""
        self.client = ""
        """The client that the upstream has been told of (XCLIENT), "" for none."""
        self.tells_clients = False
        """Whether the upstream takes XCLIENT from us (now: it may not once it has been told of a client)."""
        self.addressed = False
        """Whether a PROXY header was sent: such a link serves one client only."""
        self.closed = False
        self.why = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        session = self.session
        session.receive(data)
        while (event := session.next_event()) is not NEED_DATA:
            if type(event) is Answered:
                self._replies.append(event.reply)
            elif type(event) is Nonsense:
                self.fail(f"it spoke nonsense: {event.why}")
                return
        if len(self._replies) >= self._expected or self._said_farewell():
            self._wake()

    def _said_farewell(self) -> bool:
        """421 may stand in for any answer and ends the connection (RFC 5321 3.8)."""
        return bool(self._replies) and self._replies[-1].code == 421

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        elif self._said_farewell():
            self.fail("it said 421 unasked")

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(f"the connection was lost ({error})" if error else "the connection was closed")

    def pause_writing(self) -> None:
        self._flowing = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._flowing is not None and not self._flowing.done():
            self._flowing.set_result(None)
        self._flowing = None

    def fail(self, why: str) -> None:
        """End it at once: no dot and no QUIT, so that no half message is taken for a whole one."""
        if self.closed:
            return
        self.closed, self.why = True, why
        if self.transport is not None:
            self.transport.abort()
        for waiting in (self._waiter, self._flowing):
            if waiting is not None and not waiting.done():
                waiting.set_exception(LinkLost(why, stale=self.reused))
                waiting.exception()  # whoever was cancelled meanwhile does not ask again
        self._waiter = self._flowing = None

    async def ask(self, question: bytes, count: int, timeout: float) -> list[Reply]:
        """Send and await `count` replies; fewer only when the upstream said 421. LinkLost otherwise."""
        if self.closed:
            raise LinkLost(self.why, stale=self.reused)
        if question:
            self.transport.write(question)
        if len(self._replies) < count:  # a greeting may be here already
            self._expected = count
            self._waiter = waiter = self._loop.create_future()
            self.deadline = self._loop.time() + timeout
            try:
                await waiter
            finally:
                self._waiter = None
                self.deadline = _NEVER
        replies, behind = self._replies[:count], self._replies[count:]
        self._replies = []
        if behind:
            # Only a 421 comes unasked: the answer before it holds, the connection does not (RFC 5321 3.8).
            self.fail("it said 421 behind its answer")
        return replies

    async def stream(self, pieces: Iterable[bytes], timeout: float) -> None:
        """Send a message piece by piece, never faster than the upstream takes it. LinkLost when it stops."""
        for piece in pieces:
            if self.closed:
                raise LinkLost(self.why, stale=self.reused)
            self.transport.write(piece)
            if (flowing := self._flowing) is not None:
                self.deadline = self._loop.time() + timeout
                await flowing
        self.deadline = _NEVER

    def tick(self, now: float) -> None:
        """Give up on an answer that has been awaited for too long."""
        if now > self.deadline:
            self.fail("it did not answer in time")

    def farewell(self) -> None:
        """Say QUIT and close without waiting for the answer."""
        if not self.closed:
            self.closed, self.why = True, "closed by us"
            self.transport.write(self.session.quit())
            self.transport.close()
