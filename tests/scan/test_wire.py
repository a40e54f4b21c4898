"""The one question that all clients ask: connecting, sending, hearing, each within its bound."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from lockdown.scan.place import Place, place_of
from lockdown.scan.wire import Heard, Trouble, ask, pieces_of
from tests.rig import scripted
from tests.rig.scripted import run, saying


async def _ask(place: Place, question: list[bytes], seconds: float = 10.0, connect: float = 10.0) -> Heard:
    deadline = asyncio.get_running_loop().time() + seconds
    return await ask(place, question, is_whole=_has_a_line, most=100, deadline=deadline, connect=connect)


def _has_a_line(heard: bytearray) -> bool:
    return b"\n" in heard


def _at(place: str) -> Place:
    return place_of(f"x://{place}", 1)


def test_an_answer_is_heard_to_its_end() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.starting_with(b"hello\n")) as place:
            assert await _ask(_at(place), [b"hi"]) == Heard(b"hello\n")
        async with scripted.scripted(saying(b"hel")) as place:
            assert (await _ask(_at(place), [b"hi"])).octets == b"hel"

    run(story())


def test_the_whole_question_is_sent_in_its_order() -> None:
    pieces = [bytes([number]) * size for number, size in enumerate((1, 70_000, 3, 65_536, 0, 200_000, 5))]

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(sum(map(len, pieces))) == b"".join(pieces)
        writer.write(b"thanks\n")

    async def story() -> None:
        async with scripted.scripted(count) as place:
            assert (await _ask(_at(place), pieces)).octets == b"thanks\n"

    run(story())


def test_what_was_said_before_a_reset_is_kept() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"76 bad header")
        await writer.drain()
        await asyncio.sleep(0.05)
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    async def story() -> None:
        async with scripted.scripted(refuse) as place:
            assert (await _ask(_at(place), [b"hi"])).octets == b"76 bad header"

    run(story())


def test_a_name_is_looked_up_and_a_port_is_a_default() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(b"hello\n")) as place:
            named = _at(place.replace("127.0.0.1", "localhost"))
            assert (await _ask(named, [b"hi"])).octets == b"hello\n"

    run(story())
    assert place_of("clamd://scanner", 3310) == Place("scanner", 3310)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (scripted.says_nothing, "no answer in 0.3 s"),
        (scripted.hangs_up, "the connection was closed without an answer"),
        (scripted.resets, "the connection was closed without an answer"),
        (scripted.starting_with(b"x" * 101), "an answer of more than 100 octets"),
    ],
)
def test_trouble_says_what_it_was(script: scripted.Script, why: str) -> None:
    async def story() -> None:
        async with scripted.scripted(script) as place:
            with pytest.raises(Trouble, match=why):
                await _ask(_at(place), [b"hi"], 0.3 if script is scripted.says_nothing else 10)

    run(story())


def test_a_deadline_that_is_past_is_no_answer() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(b"hello\n")) as place:
            with pytest.raises(Trouble, match="no "):
                await _ask(_at(place), [b"hi"], -1)

    run(story())


@pytest.mark.parametrize("comes", [True, False])
def test_a_full_backlog_is_waited_for(tmp_path: Path, comes: bool) -> None:
    async def story() -> None:
        path = str(tmp_path / "ctl")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            waiting = []
            while True:
                line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                waiting.append(line)
                if line.connect_ex(path):
                    break
            asking = asyncio.ensure_future(_ask(Place(path=path), [b"hi"], connect=10 if comes else 0.3))
            await asyncio.sleep(0.05)
            assert not asking.done()
            if comes:
                server = await asyncio.start_unix_server(_thanks, sock=listener)
                assert (await asking).octets == b"thanks\n"
                server.close()
            else:
                with pytest.raises(Trouble, match=r"no connection in 0\.3 s"):
                    await asking
            for line in waiting:
                line.close()

    run(story())


async def _thanks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"thanks\n")
    await writer.drain()
    writer.close()


def test_no_socket_is_left_behind() -> None:
    async def story() -> None:
        for script in (saying(b"hello\n"), scripted.hangs_up, scripted.says_nothing):
            async with scripted.scripted(script) as place:
                before = _descriptors()
                for _ in range(5):
                    with suppress(Trouble):
                        await _ask(_at(place), [b"hi"], 0.2)
                await asyncio.sleep(0.05)
                assert _descriptors() <= before

    run(story())


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_pieces_are_bounded_and_make_the_whole() -> None:
    content = bytes(range(256)) * 4000
    for form in (content, [content[:5], content[5:]]):
        pieces = list(pieces_of(form))
        assert b"".join(pieces) == content and max(map(len, pieces)) <= 128 * 1024
