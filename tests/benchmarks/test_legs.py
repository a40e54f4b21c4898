"""Legs with Postfix's own smtp-source and smtp-sink: what the sink counts is what decides."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.figures import LostMessages, RefusedMessages, Unmeasurable
from benchmarks.legs import alternate, run_leg
from benchmarks.load import Load
from benchmarks.machine import program
from benchmarks.mix import message_mix
from benchmarks.sink import Sink
from benchmarks.stands import Direct

pytestmark = pytest.mark.live


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    try:
        program("smtp-sink", "postfix"), program("smtp-source", "postfix")
    except Unmeasurable as reason:
        pytest.skip(str(reason))
    with Sink(tmp_path) as running:
        yield running


class Swallower:
    """Answers as a good server does, and keeps nothing: a gateway that says 250 and drops the message."""

    name = "swallower"

    def __enter__(self) -> "Swallower":
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 swallower\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 of course\r\n")
        writer.close()

    def cpu(self) -> float:
        return 0.0


def test_what_is_sent_directly_is_counted(sink: Sink):
    leg = run_leg(Direct(sink), sink, Load("small", "", sessions=2), 10)
    assert (leg.sent, leg.arrived) == (10, 10)


def test_a_server_that_says_250_and_drops_is_found_out(sink: Sink):
    with Swallower() as liar, pytest.raises(LostMessages, match="swallower: 4 sent and accepted, 0 arrived"):
        run_leg(liar, sink, Load("small", "", sessions=2), 4)


def test_a_refusal_is_told_in_the_clients_own_words(tmp_path: Path, sink: Sink):
    with (
        Sink(tmp_path, ("-r", "DATA")) as refusing,
        pytest.raises(RefusedMessages, match=r"direct: a client was not served: .*smtp-source"),
    ):
        run_leg(Direct(refusing), refusing, Load("small", "", sessions=1), 1)


def test_the_mix_is_twenty_files_and_each_is_sent(tmp_path: Path, sink: Sink):
    mix = message_mix(tmp_path)
    assert len(mix.files) == 20
    leg = run_leg(Direct(sink), sink, Load("mix", "", sessions=20, files=mix.files), 40)
    assert (leg.sent, leg.arrived) == (40, 40)


def test_every_leg_of_a_stand_has_its_direct_neighbour(sink: Sink):
    other = Direct(sink)
    other.name = "as if a proxy"
    rounds = alternate(Direct(sink), [other], sink, Load("small", "", sessions=2), rounds=2, seconds=0.05)
    assert [leg.stand for leg in rounds.before[other.name]] == ["direct", "direct"]
    assert [leg.stand for leg in rounds.legs[other.name]] == [other.name, other.name]
    assert rounds.ratio(other.name) > 0
