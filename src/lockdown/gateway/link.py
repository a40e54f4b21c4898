"""One connection to an upstream: bytes in and out around a `ClientSession`, one question at a time.

Fails as: `LinkLost(why)` from whatever waits: closed, timed out, nonsense. A lost link is never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from lockdown.gateway.errand import Pause
from lockdown.smtp.client import Answered, ClientSession, Nonsense
from lockdown.smtp.events import NEED_DATA
from lockdown.smtp.reply import Reply

_NEVER = float("inf")
_NOTHING = 1 << 30
"""So many replies are awaited while nobody asks."""


class LinkLost(Exception):
    """The connection ended, fell silent or spoke nonsense before the answer was there."""

    def __init__(self, why: str, *, stale: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.stale = stale
        """It had served before and lay idle: its end says nothing of the server, a new one may be asked."""


class Link(asyncio.Protocol):
    """A connection to an upstream. `ask` and `stream` are for errands; one at a time waits.

    `deadline` is on the loop's clock as `tick` tells it, once a second.
    """

    __slots__ = (
        "_clogged",
        "_expected",
        "_now",
        "_pause",
        "_replies",
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

    def __init__(self, now: float, *, lmtp: bool) -> None:
        self.session = ClientSession(lmtp=lmtp)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._pause = Pause()
        self._replies: list[Reply] = []
        self._expected = _NOTHING
        self._clogged = False
        self._now = now
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
        session, replies = self.session, self._replies
        session.receive(data)
        while (event := session.next_event()) is not NEED_DATA:
            if type(event) is Answered:
                replies.append(event.reply)
            elif type(event) is Nonsense:
                self.fail(f"it spoke nonsense: {event.why}")
                return
        if len(replies) >= self._expected:
            self._pause.go_on()
        elif replies and replies[-1].code == 421:
            # It may stand in for any answer, and ends the connection (RFC 5321 3.8).
            if self._expected is _NOTHING:
                self.fail("it said 421 unasked")
            else:
                self._pause.go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(f"the connection was lost ({error})" if error else "the connection was closed")

    def pause_writing(self) -> None:
        self._clogged = True

    def resume_writing(self) -> None:
        self._clogged = False
        if self._expected is _NOTHING:
            self._pause.go_on()

    def fail(self, why: str) -> None:
        """End it at once: no dot and no QUIT, so that no half message is taken for a whole one."""
        if self.closed:
            return
        self.closed, self.why = True, why
        if self.transport is not None:
            self.transport.abort()
        self._pause.go_on()

    def lost(self) -> LinkLost:
        """Why it is closed, to be raised."""
        return LinkLost(self.why, stale=self.reused)

    @property
    def answers_so_far(self) -> list[Reply]:
        """Those of an `ask` that has failed; none where nonsense stood among them."""
        return [] if self.session.broken else self._replies

    async def ask(self, question: bytes, count: int, timeout: float) -> list[Reply]:
        """Send and await `count` replies; fewer only when the upstream said 421. LinkLost otherwise."""
        if self.closed:
            raise self.lost()
        if question:
            self.transport.write(question)
        replies = self._replies
        if len(replies) < count:  # a greeting may be here already
            self._expected = count
            self.deadline = self._now + timeout
            await self._pause
            self._expected = _NOTHING
            self.deadline = _NEVER
            if self.closed:
                # Also when an answer came together with nonsense: what is it worth? Unknown is not a pass.
                raise self.lost()
        self._replies = []
        if len(replies) > count:
            # Only a 421 comes unasked: the answer before it holds, the connection does not (RFC 5321 3.8).
            self.fail("it said 421 behind its answer")
            return replies[:count]
        return replies

    async def stream(self, pieces: Iterable[bytes], timeout: float) -> None:
        """Send a message piece by piece, never faster than the upstream takes it. LinkLost when it stops."""
        for piece in pieces:
            if self.closed:
                raise self.lost()
            self.transport.write(piece)
            if self._clogged:
                self.deadline = self._now + timeout
                await self._pause
                self.deadline = _NEVER
        if self.closed:
            raise self.lost()

    def tick(self, now: float) -> None:
        """Give up on an answer that has been awaited for too long."""
        self._now = now
        if now > self.deadline:
            self.fail("it did not answer in time")

    def farewell(self) -> None:
        """Say QUIT and close without waiting for the answer."""
        if not self.closed:
            self.closed, self.why = True, "closed by us"
            self.transport.write(self.session.quit())
            self.transport.close()
