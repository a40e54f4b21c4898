"""A relay between a gateway and one of its engines that can be told to fail in every way that an engine fails.

Runs on a thread of its own, in this process, on loopback. The engine behind it is never touched.
Fails as: `OSError` when it cannot listen; an engine that is not there looks, through it, like one that hangs up.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_DRIP_SECONDS = 1.0
_MOST_ANSWER = 1 << 20
_PIECE = 1 << 16
_STEP_SECONDS = 10.0
_PORT_TRIALS = 100
_PORTS = {"clamd": 3310, "rspamd": 11333, "spamd": 783}
T = TypeVar("T")


class Failure(Enum):
    """How the engine behind seems to fail; the value tells it in words."""

    NONE = "answers"
    STOPPED = "is stopped"
    SILENT = "takes messages and says nothing"
    SLOW = "answers an octet a second"
    CUT = "hangs up in the middle of its answer"
    GARBAGE = "answers nonsense"
    LYING = "says that everything is well"


_NONSENSE = b"\xff\xfe\x00 17 %n%n \x1b[2J \r\n\r\n{{{{\x00"


class Relay:
    """Listens while it is entered. `failure` may be changed at any time and holds for connections from then on."""

    def __init__(self, engine: str, failure: Failure = Failure.NONE) -> None:
        self.engine = engine
        self._scheme, self._place = _place_of(engine)
        self._failure = failure
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Relay:
        self._thread.start()
        self._port = _free_port()
        self.fail(self._failure)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STEP_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        """The engine as a gateway's settings name it, when it is to be reached through here."""
        return f"{self._scheme}://{LOOPBACK}:{self._port}"

    def fail(self, failure: Failure) -> None:
        """From now on it fails like this; connections that are open are cut."""
        self._failure = failure
        self._do(self._stop())
        if failure is not Failure.STOPPED:
            self._do(self._start())

    def _do(self, deed: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(deed, self._loop).result(_STEP_SECONDS)

    # What follows runs on the relay's loop.

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._play(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of the two has hung up, as engines do
        finally:
            self._open.discard(writer)
            writer.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self._failure:
            case Failure.SILENT:
                while await reader.read(_PIECE):
                    pass
            case Failure.GARBAGE:
                await reader.read(_PIECE)
                await _say(writer, _NONSENSE)
            case failure:
                await self._pass_on(reader, writer, failure)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, failure: Failure) -> None:
        engine_reader, engine_writer = await self._connect()
        self._open.add(engine_writer)
        question = asyncio.create_task(_copy(reader, engine_writer))
        try:
            await _answer(engine_reader, writer, failure, self._scheme)
        finally:
            question.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await question
            self._open.discard(engine_writer)
            engine_writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._place, str):
            return await asyncio.open_unix_connection(self._place)
        return await asyncio.open_connection(*self._place)


async def _answer(engine: asyncio.StreamReader, writer: asyncio.StreamWriter, failure: Failure, scheme: str) -> None:
    """The engine's answer, as it is or as it fails. Each of our engines ends its answer by hanging up."""
    if failure is Failure.NONE:
        await _copy(engine, writer)
        return
    answer = await _all_of(engine)
    match failure:
        case Failure.SLOW:
            for octet in answer:
                await _say(writer, bytes((octet,)))
                await asyncio.sleep(_DRIP_SECONDS)
        case Failure.CUT:
            await _say(writer, answer[: len(answer) // 2])
        case _:
            await _say(writer, whitewashed(answer, scheme))


async def _all_of(engine: asyncio.StreamReader) -> bytes:
    answer = b""
    while len(answer) < _MOST_ANSWER and (piece := await engine.read(_PIECE)):
        answer += piece
    return answer


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        await _say(writer, piece)
    if writer.can_write_eof():
        writer.write_eof()


async def _say(writer: asyncio.StreamWriter, octets: bytes) -> None:
    writer.write(octets)
    await writer.drain()


_CLAMD_FOUND = re.compile(rb"stream: [^\0\n]*FOUND")
_SPAMD_YES = re.compile(rb"(?m)^Spam: \w++ ; [-0-9.]++")
_NOTHING_FOUND = b'{"score":0.0,"required_score":15.0,"action":"no action","is_skipped":false,"symbols":{}}'


def whitewashed(answer: bytes, scheme: str) -> bytes:
    """The same answer, had there been nothing to find."""
    match scheme:
        case "clamd":
            return _CLAMD_FOUND.sub(b"stream: OK", answer)
        case "spamd":
            return _SPAMD_YES.sub(b"Spam: False ; 0.0", answer)
        case _ if b'"required_score"' in answer:
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nServer: rspamd/3.4\r\nContent-Type: application/json\r\n"
            return head + b"Content-Length: %d\r\n\r\n%s" % (len(_NOTHING_FOUND), _NOTHING_FOUND)
        case _:
            return answer


def _place_of(engine: str) -> tuple[str, str | tuple[str, int]]:
    parts = urlsplit(engine)
    if not parts.hostname:
        return parts.scheme, parts.path
    return parts.scheme, (parts.hostname, parts.port or _PORTS[parts.scheme])


def _free_port() -> int:
    """A port below those that the kernel gives to clients: it must still be free after the relay was stopped."""
    for _ in range(_PORT_TRIALS):
        port = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise OSError("no free port was found for the relay")
