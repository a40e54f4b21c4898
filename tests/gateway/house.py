"""One worker in this process, on loopback, with settings of the test's: its insides can be looked at while it serves.

Fails as: TimeoutError when what a test waits for does not come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from lockdown.config import Settings, read_settings
from lockdown.gateway.listener import Connection
from lockdown.gateway.worker import Worker
from lockdown.state.layout import StateDirectory
from lockdown.state.metrics import prepare_metrics
from lockdown.state.transactions import Transaction, read_transactions

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 20.0
LETTER = b"Subject: hello\r\n\r\nA letter.\r\n"


_NO_ENGINES = "[antivirus]\nengines = []\n[antispam]\nengines = []\nresolvers = []\n"


def settings_of(text: str) -> Settings:
    """The settings that this `lockdown.toml` says. No engine but those that it names, and no DNS but what it names."""
    return read_settings([("before", _NO_ENGINES), ("lockdown.toml", text)]).settings


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's story on the loop that the gateway uses."""
    uvloop.run(asyncio.wait_for(story, 60))


async def until(holds: Callable[[], object], what: str) -> None:
    """Wait until it holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_SECONDS
    while not holds():
        if loop.time() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.01)


@dataclass
class House:
    """A worker that serves, and where."""

    worker: Worker
    port: int

    async def client(self) -> Talker:
        """A client that has said EHLO."""
        talker = await Talker.call(self.port)
        assert (await talker.answer()).startswith("220")
        await talker.ask("EHLO client.example")
        return talker

    def log(self) -> list[Transaction]:
        """The transactions that have been written down, the oldest first."""
        self.worker.recorder.flush()
        return read_transactions(self.worker.state.path, newest_first=False)

    @property
    def open_here(self) -> int:
        """Connections of loopback that are counted now."""
        hosts = self.worker.counts._hosts
        return hosts[LOOPBACK].open.here if LOOPBACK in hosts else 0


@dataclass
class Talker:
    """A client that speaks by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def call(cls, port: int) -> Talker:
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    def say(self, *lines: str) -> None:
        """Send command lines, in one write."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def answer(self) -> str:
        """The last line of the next reply; "" when the connection is closed."""
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), PATIENCE_SECONDS)).decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    async def ask(self, line: str) -> str:
        self.say(line)
        return await self.answer()

    async def envelope(self, *recipients: str) -> list[str]:
        """MAIL and RCPT, one after the other; the replies."""
        lines = ["MAIL FROM:<a@sender.example>", *(f"RCPT TO:<{one}>" for one in recipients)]
        return [await self.ask(line) for line in lines]

    async def send(self, content: bytes = LETTER, *recipients: str) -> str:
        """A whole message; the reply to its dot."""
        await self.envelope(*recipients or ("anna@example.org",))
        assert (await self.ask("DATA")).startswith("354")
        self.writer.write(content + b".\r\n")
        return await self.answer()

    async def rest(self) -> str:
        """What is still said until the connection is closed."""
        try:
            return (await asyncio.wait_for(self.reader.read(-1), PATIENCE_SECONDS)).decode()
        except ConnectionError:
            return ""

    def leave(self) -> None:
        """Without a word, and at once."""
        self.writer.transport.abort()


@asynccontextmanager
async def house(tmp_path: Path, text: str = "", *, ticking: bool = True) -> AsyncIterator[House]:
    """A worker that serves with these settings (the `gateway.upstream` among them), for as long as it is entered."""
    state = StateDirectory(tmp_path / "state").prepare()
    prepare_metrics(state.metrics)
    worker = Worker(settings_of(text), state, 0, 1)
    await asyncio.to_thread(worker.quarantine.open)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(worker), LOOPBACK, 0)
    tasks = [asyncio.ensure_future(worker.tick())] if ticking else []
    try:
        yield House(worker, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await _end(tasks)
        await worker._close()


async def _end(tasks: list[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def within(seconds: float, what: Awaitable[Any]) -> Any:
    """What comes within this time; TimeoutError otherwise."""
    return await asyncio.wait_for(what, seconds)
