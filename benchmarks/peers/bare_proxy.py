"""The floor: a proxy on uvloop that does nothing but pass a well-behaved message on. Not fit for mail.

No limits, no checks, no TLS, no time-outs, no durability; it believes whatever it is sent. What Lockdown costs more
than this is the price of being a gateway; what this costs is the price of Python, of the kernel and of the machine.
Run as: python -m benchmarks.peers.bare_proxy PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import cast

import uvloop

_LOOPBACK = "127.0.0.1"


class Upstream(asyncio.Protocol):
    """A kept connection to the server behind; `heard` gets what it says."""

    def __init__(self, ready: Callable[[Upstream], None]) -> None:
        self._ready = ready
        self.heard: Callable[[bytes], None] = self._greeted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard(data)

    def _greeted(self, _: bytes) -> None:
        self.heard = self._offered
        self.transport.write(b"EHLO proxy.example\r\n")

    def _offered(self, _: bytes) -> None:
        self._ready(self)


class Pool:
    """Connections that nobody uses at the moment."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Upstream] = []
        self._connecting: set[asyncio.Task[object]] = set()

    def give(self, use: Callable[[Upstream], None]) -> None:
        """Call `use` with a connection, now or as soon as one is made."""
        while self._idle:
            kept = self._idle.pop()
            if not kept.transport.is_closing():
                use(kept)
                return
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(loop.create_connection(lambda: Upstream(use), _LOOPBACK, self._port))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    def take_back(self, upstream: Upstream) -> None:
        """Keep it for the next message."""
        self._idle.append(upstream)


class Client(asyncio.Protocol):
    """One client that speaks as smtp-source does: a command at a time, then a body."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buffer = b""
        self._in_body = False
        self._sender = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 proxy.example\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer.endswith(b"\r\n.\r\n" if self._in_body else b"\n"):
            return
        whole, self._buffer = self._buffer, b""
        if self._in_body:
            self._body_is_here(whole)
        else:
            self._command(whole)

    def _command(self, line: bytes) -> None:
        match line[:4].upper():
            case b"RCPT":
                self._pool.give(lambda upstream: self._ask(upstream, line))
            case b"DATA":
                self._in_body = True
                self._transport.write(b"354 go on\r\n")
            case b"QUIT":
                self._transport.write(b"221 bye\r\n")
                self._transport.close()
            case verb:
                self._sender = line if verb == b"MAIL" else self._sender
                self._transport.write(b"250 ok\r\n")

    def _ask(self, upstream: Upstream, recipient: bytes) -> None:
        self._upstream, self._missing = upstream, 2
        upstream.heard = self._recipient_answered
        upstream.transport.write(self._sender + recipient)

    def _recipient_answered(self, data: bytes) -> None:
        self._missing -= data.count(b"\n")
        if self._missing <= 0:
            self._transport.write(b"250 ok\r\n")

    def _body_is_here(self, body: bytes) -> None:
        self._in_body = False
        self._upstream.heard = lambda _: self._send(body)
        self._upstream.transport.write(b"DATA\r\n")

    def _send(self, body: bytes) -> None:
        self._upstream.heard = self._finished
        self._upstream.transport.write(body)

    def _finished(self, reply: bytes) -> None:
        self._pool.take_back(self._upstream)
        self._transport.write(reply)


async def serve(port: int, upstream_port: int) -> None:
    """Listen until killed."""
    pool = Pool(upstream_port)
    server = await asyncio.get_running_loop().create_server(lambda: Client(pool), _LOOPBACK, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
