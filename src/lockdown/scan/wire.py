"""One question to an engine: connect, send all of it, read its answer; every step is bounded in time and size.

Plain sockets on the loop, and neither streams nor a protocol: an engine that refuses early (its limit is passed)
answers and closes while we still send. A transport then sees a broken pipe and throws away the answer that lies in our
socket; here it is read.

Fails as: `Trouble("connection refused")`, `Trouble("no answer in 8 s")`, `Trouble("an answer of more than …")`.
"""

from __future__ import annotations

import asyncio
import errno
import mmap
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from typing import NamedTuple, TypeAlias

from lockdown.scan.place import Place

Octets: TypeAlias = bytes | mmap.mmap | Iterable[bytes]
"""A whole message. Iterated anew by each engine that is asked, so a generator will not do (it is noticed: its size)."""

PIECE = 128 * 1024
_READ = 64 * 1024
_ONE_WRITE = 64 * 1024
_SHOWN_CHARACTERS = 200
_BACKLOG_FULL_SECONDS = 0.005


class Trouble(Exception):
    """The engine could not be asked, or did not answer; `why` is half a sentence for the operator."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Heard(NamedTuple):
    """What the engine has said. `early`: it spoke or closed before it had been given all."""

    octets: bytes
    early: bool = False


def pieces_of(content: Octets) -> Iterator[bytes | memoryview]:
    """The message in pieces of a bounded size, none of them empty: to clamd, an empty one is the end."""
    if isinstance(content, bytes):
        view = memoryview(content)
        yield from (view[start : start + PIECE] for start in range(0, len(view), PIECE))
    elif isinstance(content, mmap.mmap):
        # Copies and no view: a map with a view on it cannot be closed, and who closes it does not ask us.
        yield from (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    else:
        for chunk in content:
            yield from pieces_of(chunk)


class Sized:
    """Pieces on their way, counted: what was announced and what was sent must agree."""

    __slots__ = ("content", "sent")

    def __init__(self, content: Octets) -> None:
        self.content = content
        self.sent = 0

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for piece in pieces_of(self.content):
            self.sent += len(piece)
            yield piece


async def has_turn(turns: asyncio.Semaphore, deadline: float) -> bool:
    """Wait for a turn, to be given back with `release`; False when the deadline came first."""
    if not turns.locked():
        return await turns.acquire()
    try:
        async with asyncio.timeout_at(deadline):
            return await turns.acquire()
    except TimeoutError:
        return False


async def ask(
    place: Place,
    question: Iterable[bytes | memoryview],
    *,
    is_whole: Callable[[bytearray], bool],
    most: int,
    deadline: float,
    connect: float = 3.0,
) -> Heard:
    """The answer, as far as it came: to its end (`is_whole`), or to the end of the connection. Trouble otherwise.

    `deadline` is on the loop's clock; `most` the octets of a sane answer; `connect` the seconds given to connecting.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout_at(deadline) as limit:
            line = await _connect(place, min(connect, deadline - began))
            try:
                early = await _send(line, question)
                return Heard(await _read(line, is_whole, most), early)
            finally:
                line.close()
    except TimeoutError as late:
        if not limit.expired():
            raise Trouble(_why(late)) from None
        raise Trouble(f"no answer in {max(0.0, deadline - began):.3g} s") from None
    except OSError as error:
        raise Trouble(_why(error)) from None


async def _connect(place: Place, seconds: float) -> socket.socket:
    if place.path:
        return await _connect_path(place.path, seconds)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await _connect_host(place)
    except TimeoutError:
        if not limit.expired():
            raise
        raise _not_connected(seconds) from None


def _not_connected(seconds: float) -> Trouble:
    return Trouble(f"no connection in {max(0.0, seconds):.3g} s")


async def _connect_path(path: str, seconds: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    line = _socket(socket.AF_UNIX)
    try:
        # A full backlog is EAGAIN here, and the loop's own sock_connect takes that for "under way" and for success.
        while code := line.connect_ex(path):
            if code not in (errno.EAGAIN, errno.EINTR):
                raise OSError(code, os.strerror(code))
            if loop.time() >= end:
                raise _not_connected(seconds)
            await asyncio.sleep(_BACKLOG_FULL_SECONDS)
    except BaseException:
        line.close()
        raise
    return line


async def _connect_host(place: Place) -> socket.socket:
    failed: OSError = ConnectionRefusedError(errno.ECONNREFUSED, "no address")
    for family, address in await _addresses(place):
        line = _socket(family)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await _connect_address(line, address)
            return line
        except OSError as error:
            line.close()
            failed = error
        except BaseException:
            line.close()
            raise
    raise failed


async def _connect_address(line: socket.socket, address: tuple[str, int]) -> None:
    code = line.connect_ex(address)
    if code == errno.EINPROGRESS:
        # On this machine the second look already finds it connected; elsewhere it is waited for.
        code = line.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EALREADY):
        await _writable(line)
        code = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code not in (0, errno.EISCONN):
        raise OSError(code, os.strerror(code))


async def _addresses(place: Place) -> list[tuple[int, tuple[str, int]]]:
    if family := _family_of(place.host):
        return [(family, (place.host, place.port))]
    found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    return [(each[0], (str(each[4][0]), place.port)) for each in found]


@lru_cache(64)
def _family_of(host: str) -> int:
    """0 for a name."""
    try:
        return socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6
    except ValueError:
        return 0


def _socket(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


async def _send(line: socket.socket, question: Iterable[bytes | memoryview]) -> bool:
    """True when the engine spoke or closed before the end: what it says then was not said of the whole."""
    pieces = _few_writes(question)
    try:
        await _send_piece(line, next(pieces, b""))
        for piece in pieces:
            if _has_spoken(line):
                return True
            await _send_piece(line, piece)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


async def _send_piece(line: socket.socket, piece: bytes | memoryview) -> None:
    sent = 0
    while sent < len(piece):
        try:
            sent += line.send(piece[sent:] if sent else piece)
        except BlockingIOError:
            await _writable(line)


def _readable(line: socket.socket) -> Awaitable[None]:
    loop = asyncio.get_running_loop()
    return _ready(line.fileno(), loop.add_reader, loop.remove_reader)


def _writable(line: socket.socket) -> Awaitable[None]:
    loop = asyncio.get_running_loop()
    return _ready(line.fileno(), loop.add_writer, loop.remove_writer)


async def _ready(descriptor: int, watch: Callable[..., None], unwatch: Callable[[int], bool]) -> None:
    # Cheaper than the loop's sock_recv and sock_sendall, which cost a third of a scan.
    ready = asyncio.get_running_loop().create_future()
    watch(descriptor, _mark, ready)
    try:
        await ready
    finally:
        unwatch(descriptor)


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _few_writes(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Small pieces joined: most messages go out in one write."""
    held: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > _ONE_WRITE and held:
            yield b"".join(held)
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    if held:
        yield held[0] if len(held) == 1 else b"".join(held)


def _has_spoken(line: socket.socket) -> bool:
    try:
        line.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    return True  # an octet, or its end


async def _read(line: socket.socket, is_whole: Callable[[bytearray], bool], most: int) -> bytes:
    heard = bytearray()
    while not is_whole(heard):
        await _readable(line)
        try:
            chunk = line.recv(_READ)
        except BlockingIOError:
            continue
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            break
        heard += chunk
        if len(heard) > most:
            raise Trouble(f"an answer of more than {most} octets")
    if not heard:
        raise Trouble("the connection was closed without an answer")
    return bytes(heard)


def framed(head: bytes, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """A question with its header before the content."""
    return chain((head,), pieces)


def shown(raw: bytes | str) -> str:
    """What an engine has said, fit for a line that a person reads."""
    text = (raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw)[:_SHOWN_CHARACTERS]
    return "".join(letter if letter.isprintable() else "?" for letter in text.strip("\0 \r\n")) or "nothing"


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name has no address"
    # asyncio puts words of its own in strerror.
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()
