"""An engine that says what a test wants it to say: garbage, half an answer, no end of it, or OK to everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import uvloop

from tests.rig.network import LOOPBACK

Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(story: Coroutine[Any, Any, None]) -> None:
    """A test's story, on the loop that the gateway uses."""
    uvloop.run(asyncio.wait_for(story, 60))


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[str]:
    """Listens on loopback and plays the script for each connection; "host:port"."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await script(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(play, LOOPBACK, 0)
    try:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(answer: bytes) -> Script:
    """Reads the question to its end as far as that is told by silence, answers, closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _hear_out(reader)
        writer.write(answer)

    return script


async def _hear_out(reader: asyncio.StreamReader) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            while await reader.read(1 << 16):
                pass


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything and never answers."""
    while await reader.read(1 << 16):
        pass


async def reads_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Neither takes nor answers: our send buffer fills."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(30)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes at once."""


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a reset after the first octets."""
    await reader.read(1)
    writer.transport.abort()


async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers without end."""
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


def starting_with(answer: bytes) -> Script:
    """Says this, and then nothing more; never closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        await says_nothing(reader, writer)

    return script
