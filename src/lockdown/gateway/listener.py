"""One client's connection: bytes in, bytes out, and the clock that ends those who drip.

It knows nothing of mail: it feeds the conversation and writes what that answers. Fails as: the connection is closed.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import ssl
import termios
from typing import TYPE_CHECKING, cast

from lockdown.gateway.conversation import Conversation

if TYPE_CHECKING:
    from lockdown.gateway.worker import Worker


log = logging.getLogger("lockdown.gateway")

# A client that does not take our last words is not waited for any longer.
_FAREWELL_SECONDS = 10.0


class Connection(asyncio.Protocol):
    """A client. `deadline` is on the loop's clock and is looked at once a second by the worker."""

    __slots__ = ("_closing", "_conversation", "_paused", "_worker", "deadline", "is_clogged", "transport")

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._conversation: Conversation | None = None
        self._paused = self.is_clogged = self._closing = False
        self.deadline = float("inf")
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._conversation is not None:
            return  # the same connection, now under TLS
        peer = transport.get_extra_info("peername")
        if not peer:
            self.transport.abort()  # it has left already
            return
        self._worker.connections.add(self)
        try:
            self._conversation = Conversation(self._worker, self, peer)
            self._conversation.greet()
        except Exception:
            # The loop would only log it, and nobody would ever speak on this connection or close it.
            log.exception("conversation-broken %s", peer[0])
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None:
            self._conversation.receive(data)

    def has_spoken(self) -> bool:
        """Whether the client spoke before it was greeted: what lies in the socket's buffer at this moment."""
        one = self.transport.get_extra_info("socket")
        return fcntl.ioctl(one.fileno(), termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0"

    def hold_back(self) -> None:
        """The client sends faster than we answer: stop reading."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def caught_up(self) -> None:
        """The conversation has answered; the client may send again."""
        if self._paused and not self.is_clogged:
            self._paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client does not read our answers: it gets no new ones, so that they do not fill our memory (rule R20)."""
        self.is_clogged = True
        self.hold_back()

    def resume_writing(self) -> None:
        """It has read them."""
        self.is_clogged = False
        if self._conversation is not None:
            self._conversation.heard()
        self.caught_up()

    def eof_received(self) -> None:
        """The client has closed its side; the transport closes ours behind this."""
        if self._conversation is not None:
            self._conversation.client_closes()

    def is_acknowledged(self) -> bool:
        """Whether the client's system has all that we sent; False when that cannot be told."""
        try:
            one = self.transport.get_extra_info("socket")
            return fcntl.ioctl(one.fileno(), termios.TIOCOUTQ, b"\0\0\0\0") == b"\0\0\0\0"
        except (OSError, ValueError, AttributeError):
            return False

    def connection_lost(self, error: Exception | None) -> None:
        self._worker.connections.discard(self)
        if self._conversation is not None:
            self._conversation.gone()

    def close(self) -> None:
        """Close after what was written has gone out."""
        self._closing = True
        self.deadline = self._worker.now + _FAREWELL_SECONDS
        self.transport.close()

    async def secure(self, context: ssl.SSLContext) -> bool:
        """The server's side of the TLS handshake; False when it failed (the connection is closed then)."""
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self.transport, self, context, server_side=True, ssl_handshake_timeout=60)
        except (OSError, ssl.SSLError, ConnectionError):
            self.transport.abort()
            return False
        if secured is None:
            return False
        self.transport = secured
        return True

    def tick(self, now: float) -> None:
        """Once a second."""
        conversation = self._conversation
        if conversation is None:
            return
        conversation.look_for_proof()
        if now > self.deadline:
            if self._closing:
                self.transport.abort()
            else:
                conversation.too_slow()

    def drain(self, now: float) -> None:
        """We are stopping: idle clients are told at once, others after their transaction."""
        if self._conversation is not None:
            self._conversation.drain(now)
