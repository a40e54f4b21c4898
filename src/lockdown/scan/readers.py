"""Reader processes: where messages with files in them are read, so that what breaks there breaks nothing else.

A few processes, each with one message at a time, replaced when they end, are late, or have read enough.
Fails as: Unknown("the reader process ended by signal 11 while reading"), Unknown("not read within 20 s"),
Unknown("all readers are busy"), Unknown("no reader process could be started: …"). Never raises but when it is
cancelled; a reader whose message was given up is ended with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from mmap import mmap

import msgspec

from lockdown.config import Antivirus
from lockdown.model.scan import Reading
from lockdown.model.unknown import Unknown
from lockdown.scan.reader_wire import LENGTH, REPORT_LIMIT, Failed, Read, Ready, Report, report_from, settings_octets

MESSAGES_EACH = 500
"""Then a reader is replaced: libraries leak, and a fresh process forgets."""
WAITING_EACH = 32
"""Messages that may wait for one reader; more are told at once that all are busy."""
START_SECONDS = 30
END_SECONDS = 5
COMMAND = (sys.executable, "-I", "-m", "lockdown.scan.reader_process")
_ENVIRONMENT = ("PATH", "TZ", "SYSTEMROOT")


class _Gone(Exception):
    """The other end of the socket is closed."""


class _Reader:
    """One process, and our end of its socket."""

    def __init__(self, policy: Antivirus, command: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/", env=_environment(),
            )  # fmt: skip
            ours.send(settings_octets(policy))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._link = ours
        self._began = asyncio.get_running_loop().time()
        self._warming: asyncio.Task[str] | None = None
        self.is_ready = False
        self.messages = 0
        self.missing: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_warming_up(self) -> bool:
        """It has begun, and may still become ready."""
        late = asyncio.get_running_loop().time() - self._began > START_SECONDS
        return not late and self._warming is not None and not self._warming.done()

    async def get_ready(self) -> str:
        """Wait until it can read; "" or why it cannot. Who leaves before leaves it warming up, for somebody else."""
        if self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._first_report())
            self._warming.add_done_callback(_told)
        return await asyncio.shield(self._warming)

    async def _first_report(self) -> str:
        match await self._report():
            case Ready(missing):
                self.is_ready, self.missing = True, missing
                return ""
            case Failed(why):
                return why
            case _:
                return "it speaks out of turn"

    async def read(self, content: bytes | memoryview | mmap | int, length: int) -> Report:
        """One message, handed over as a descriptor: nothing of it goes through the socket."""
        self.messages += 1
        if isinstance(content, int):
            socket.send_fds(self._link, [LENGTH.pack(length)], [content])
        else:
            descriptor = _in_memory(content)
            try:
                socket.send_fds(self._link, [LENGTH.pack(length)], [descriptor])
            finally:
                os.close(descriptor)
        return await self._report()

    async def _report(self) -> Report:
        length = LENGTH.unpack(await self._exactly(LENGTH.size))[0]
        if length > REPORT_LIMIT:
            return Failed("its report is too long", ends=True)
        return report_from(await self._exactly(length))

    async def _exactly(self, count: int) -> bytearray:
        loop, octets = asyncio.get_running_loop(), bytearray()
        while len(octets) < count:
            more = await loop.sock_recv(self._link, count - len(octets))
            if not more:
                raise _Gone
            octets += more
        return octets

    def kill(self) -> None:
        """Now, whatever it is doing; who waits for its report hears that it is gone."""
        self._process.kill()

    def end(self) -> None:
        """Now, and nobody waits for its report any more."""
        self._process.kill()
        if self._warming is None or self._warming.done():
            self._link.close()
        else:
            # The loop has to let go of the socket first: its number may soon be another's.
            self._warming.add_done_callback(lambda _: self._link.close())
            self._warming.cancel()

    async def ending(self) -> str:
        """How it has ended, in words."""
        code = await asyncio.to_thread(self._wait)
        if code is None:
            return "does not end"
        return f"ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"

    def _wait(self) -> int | None:
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None


class Readers:
    """The processes of one gateway worker. Nothing is started before the first message that needs one."""

    def __init__(self, policy: Antivirus, count: int = 2, command: Sequence[str] = COMMAND) -> None:
        self._policy, self._command = policy, command
        self._count = max(1, count)
        self._idle: list[_Reader] = []
        self._readers: set[_Reader] = set()
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._funerals: set[asyncio.Task[str]] = set()
        self._closed = False

    def start(self) -> None:
        """Start them now, so that no message waits for it."""
        while len(self._readers) < self._count:
            self._idle.append(self._new())

    async def read(
        self, content: bytes | memoryview | mmap | int, deadline: float, length: int | None = None
    ) -> Reading | Unknown:
        """Read one unstuffed message until `deadline`, a time of the running loop.

        `content` may be the descriptor of a file that holds it from its start, with its `length`.
        """
        if not isinstance(content, int):
            length = len(content)
        assert length is not None, "a descriptor does not say how long the message is"
        if deadline <= asyncio.get_running_loop().time():
            return Unknown("not read before the deadline")  # and no reader is ended for it
        if self._closed or not await self._turn(deadline):
            return Unknown("the readers are closed" if self._closed else "all readers are busy")
        try:
            return await self._read(content, length, deadline)
        except OSError as error:
            return Unknown(f"no reader process could be used: {error}")
        finally:
            self._give_turn()

    async def _turn(self, deadline: float) -> bool:
        """Wait until fewer than all readers are busy. A turn that was given to somebody who left goes to the next."""
        if self._busy < self._count and not self._waiting:
            self._busy += 1
            return True
        if len(self._waiting) >= WAITING_EACH * self._count:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._give_turn()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return not self._closed or self._returned()

    def _returned(self) -> bool:
        self._give_turn()
        return False

    def _give_turn(self) -> None:
        """To the first who waits, or back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy -= 1

    async def _read(self, content: bytes | memoryview | mmap | int, length: int, deadline: float) -> Reading | Unknown:
        reader = self._take()
        unharmed = False
        try:
            async with asyncio.timeout_at(deadline):
                if not reader.is_ready and (why := await reader.get_ready()):
                    return Unknown(f"no reader process could be started: {why}")
                report = await self._within_its_time(reader, content, length)
                unharmed = not (isinstance(report, Failed) and report.ends)
                return _answer(report)
        except TimeoutError:
            return Unknown("not read before the deadline" if reader.is_ready else "a reader process is slow to start")
        except _Late:
            return Unknown(f"not read within {self._policy.read_time.total_seconds():g} s")
        except (_Gone, ConnectionError):
            doing = "while reading" if reader.is_ready else "before it could read"
            return Unknown(f"the reader process {await reader.ending()} {doing}")
        except (ValueError, msgspec.MsgspecError) as error:
            return Unknown(f"the reader process gave an answer that is none: {error}"[:300])
        finally:
            self._put_back(reader) if unharmed or reader.is_warming_up else self._replace(reader)

    async def _within_its_time(self, reader: _Reader, content: bytes | memoryview | mmap | int, length: int) -> Report:
        try:
            async with asyncio.timeout(self._policy.read_time.total_seconds()) as limit:
                return await reader.read(content, length)
        except TimeoutError:
            if limit.expired():
                raise _Late from None
            raise

    def _take(self) -> _Reader:
        """An idle one that lives, the most used first: others may rest; or a new one."""
        while self._idle:
            reader = self._idle.pop()
            if reader.is_alive:
                return reader
            self._bury(reader)
        return self._new()

    def _new(self) -> _Reader:
        reader = _Reader(self._policy, self._command)
        self._readers.add(reader)
        return reader

    def _put_back(self, reader: _Reader) -> None:
        if reader.messages < MESSAGES_EACH and not self._closed:
            self._idle.insert(len(self._idle) if reader.is_ready else 0, reader)
        else:
            self._replace(reader)

    def _replace(self, reader: _Reader) -> None:
        """What has read something odd is never trusted again. The next one warms up while nobody waits for it."""
        self._bury(reader)
        if reader.is_ready and not self._closed:
            try:
                self._idle.insert(0, self._new())
            except OSError:
                return  # the next message will try again, and say why

    def _bury(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        reader.end()
        funeral = asyncio.get_running_loop().create_task(reader.ending())
        self._funerals.add(funeral)
        funeral.add_done_callback(self._funerals.discard)

    async def close(self) -> None:
        """End them all. Messages that are being read are answered with Unknown."""
        self._closed = True
        for reader in self._idle:
            self._bury(reader)
        self._idle.clear()
        for reader in self._readers:
            reader.kill()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)
        if self._funerals:
            await asyncio.wait(set(self._funerals))


def _told(warming: asyncio.Task[str]) -> None:
    """Whoever waits for it hears how it ended; where nobody does, that is no news."""
    if not warming.cancelled():
        warming.exception()


class _Late(Exception):
    """The reader has used up the time for one message."""


def _answer(report: Report) -> Reading | Unknown:
    match report:
        case Read(reading):
            return reading
        case Failed(why):
            return Unknown(why)
        case _:
            return Unknown("the reader process speaks out of turn")


def _in_memory(content: bytes | memoryview | mmap) -> int:
    """A file that has no name and lies on no disk."""
    descriptor = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        view, at = memoryview(content), 0
        while at < len(view):
            at += os.write(descriptor, view[at:])
        view.release()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _environment() -> dict[str, str]:
    """Nothing that libraries could be told by; names in archives are UTF-8."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
