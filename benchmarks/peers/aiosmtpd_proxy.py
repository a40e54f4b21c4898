"""A before-queue proxy made with aiosmtpd, as one would write it.

The body is read, then sent on, and the reply is passed back. It is given what helps it: uvloop, pooled upstream
connections, and MAIL, RCPT and DATA in one packet.
Run as: python -m benchmarks.peers.aiosmtpd_proxy PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

_LOOPBACK = "127.0.0.1"
_LIMIT = 128 * 2**20
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstream:
    """Kept connections to the server behind."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def deliver(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Hand a message over; the server's own last reply."""
        connection = self._kept() or await self._connect()
        reader, writer = connection
        writer.write(b"".join(_envelope(sender, recipients)))
        for _ in range(len(recipients) + 2):
            await _reply(reader)
        writer.write(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        last = await _reply(reader)
        self._idle.append(connection)
        return last

    def _kept(self) -> Connection | None:
        """One that the server has not closed meanwhile."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
        return None

    async def _connect(self) -> Connection:
        reader, writer = await asyncio.open_connection(_LOOPBACK, self._port)
        await _reply(reader)
        writer.write(b"EHLO proxy.example\r\n")
        await _reply(reader)
        return reader, writer


def _envelope(sender: str, recipients: list[str]) -> list[bytes]:
    return [f"MAIL FROM:<{sender}>\r\n".encode(), *(f"RCPT TO:<{to}>\r\n".encode() for to in recipients), b"DATA\r\n"]


async def _reply(reader: asyncio.StreamReader) -> str:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    return line.decode().rstrip()


class Handler:
    """What aiosmtpd calls at the end of a message."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Pass the message on, and back what the server behind says."""
        content = envelope.original_content or b""
        return await self._upstream.deliver(envelope.mail_from or "", envelope.rcpt_tos, content)


async def serve(port: int, upstream_port: int) -> None:
    """Listen until killed."""
    handler: Any = Handler(Upstream(upstream_port))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="proxy.example", data_size_limit=_LIMIT, loop=loop),
        _LOOPBACK, port, backlog=4096,
    )  # fmt: skip
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
