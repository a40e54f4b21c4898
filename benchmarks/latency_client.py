"""Our own client for latency, since smtp-source tells no times: it notes when the dot went and when the reply came.

A connection for each message. The body and its dot are one write; the clock starts just before it.
Run as: python -m benchmarks.latency_client PORT SESSIONS MESSAGES RATE FILE...; RATE 0 is as fast as replies come.
Prints one JSON list: microseconds for each message. Ends with exit code 1 on any refusal.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

_STEPS = (
    b"EHLO client.example\r\n",
    b"MAIL FROM:<sender@client.example>\r\n",
    b"RCPT TO:<user@bench.example>\r\n",
    b"DATA\r\n",
)
_EXPECTED = (b"220", b"250", b"250", b"250", b"354", b"250")
_DOT_REPLY = len(_EXPECTED) - 1


def wire_form(message: bytes) -> bytes:
    """Lines end in CRLF, leading dots are doubled, the last line is the dot."""
    lines = message.rstrip(b"\n").split(b"\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


def numbered(body: bytes, session: int, turn: int) -> bytes:
    """No two messages alike: the same one in two sessions would be taken for a retry, and rightly so."""
    return f"X-Number: {session}.{turn}\r\n".encode() + body


class OneMessage(asyncio.Protocol):
    """A connection that sends one message; `done` gets the microseconds from dot to reply."""

    def __init__(self, body: bytes, done: asyncio.Future[float]) -> None:
        self._body = body
        self._done = done
        self._buffer = b""
        self._step = 0
        self._dot_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class, so this cannot be asserted.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\n" in self._buffer and not self._done.done():
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line[3:4] != b"-":
                self._replied(line)

    def _replied(self, line: bytes) -> None:
        now = time.perf_counter()
        if not line.startswith(_EXPECTED[self._step]):
            self._fail(f"step {self._step}: {line.decode(errors='replace').strip()}")
        elif self._step == _DOT_REPLY:
            self._transport.write(b"QUIT\r\n")
            self._done.set_result((now - self._dot_at) * 1e6)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._step < len(_STEPS):
            self._transport.write(_STEPS[self._step])
        else:
            self._dot_at = time.perf_counter()
            self._transport.write(self._body)
        self._step += 1

    def _fail(self, why: str) -> None:
        self._done.set_exception(ConnectionError(why))
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError(f"closed at step {self._step}: {error}"))


async def _session(port: int, bodies: list[bytes], pause: float, offset: float, results: list[float]) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + offset
    for body in bodies:
        if pause:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += pause
        done: asyncio.Future[float] = loop.create_future()
        await loop.create_connection(partial(OneMessage, body, done), "127.0.0.1", port)
        results.append(await done)


async def _run(port: int, sessions: int, messages: int, rate: float, bodies: list[bytes]) -> list[float]:
    results: list[float] = []
    pause = sessions / rate if rate else 0.0
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            own = [
                numbered(bodies[(number + turn) % len(bodies)], number, turn) for turn in range(messages // sessions)
            ]
            group.create_task(_session(port, own, pause, pause * number / sessions, results))
    return results


def main(arguments: list[str]) -> int:
    port, sessions, messages = (int(text) for text in arguments[:3])
    bodies = [wire_form(Path(name).read_bytes()) for name in arguments[4:]]
    try:
        results = uvloop.run(_run(port, sessions, messages, float(arguments[3]), bodies))
    except BaseExceptionGroup as group:
        print(group.exceptions[0], file=sys.stderr)
        return 1
    print(json.dumps([round(value, 1) for value in results]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
