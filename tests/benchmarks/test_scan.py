"""The scan's own legs: each letter has one ending, what was refused counts as work, and nothing is lost unseen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from benchmarks.figures import LostMessages, RefusedMessages
from benchmarks.letters import Letters, zone_of
from benchmarks.peers.dns_stub import answer
from benchmarks.scan import LetterLoad, run_leg
from benchmarks.scan_client import Letter, wire_form


class Server:
    """Speaks SMTP as it is told to: the reply to each letter by its first line. It is its own sink."""

    name = "server"

    def __init__(self, replies: dict[bytes, bytes], keeps: bool = True) -> None:
        self._replies, self._keeps, self._count = replies, keeps, 0
        self.seen: list[bytes] = []

    def __enter__(self) -> Server:
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
        writer.write(b"220 server\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-server\r\n250 PIPELINING\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                writer.write(self._judged(await reader.readuntil(b"\r\n.\r\n")))
            else:
                writer.write(b"250 2.0.0 of course\r\n")
        writer.close()

    def _judged(self, letter: bytes) -> bytes:
        self.seen.append(letter)
        reply = self._replies.get(letter.split(b"\r\n")[1], b"250 2.0.0 taken\r\n")
        if reply.startswith(b"250") and b"Held" not in reply and self._keeps:
            self._count += 1
        return reply

    def cpu(self) -> float:
        return 0.0

    def count(self) -> int:
        return self._count

    def count_of(self, expected: int, since: int, patience: float = 3.0) -> int:
        return self._count - since


def load_of(folder: Path, *bodies: bytes) -> LetterLoad:
    import msgspec

    file = folder / "letters"
    letters = [Letter("sender.example", wire_form(body)) for body in bodies]
    file.write_bytes(msgspec.msgpack.encode(letters))
    packed = Letters(file, len(letters), sum(len(one.body) for one in letters), frozenset({"sender.example"}))
    return LetterLoad("test", packed, sessions=2, address="127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    replies = {
        b"bad": b"550 5.7.1 no\r\n",
        b"odd": b"250 2.0.0 Held for review as 1\r\n",
        b"late": b"451 4.7.1 later\r\n",
    }
    with Server(replies) as running:
        yield running


def test_what_was_refused_or_held_counts_as_work_done(server: Server, tmp_path: Path) -> None:
    leg = run_leg(server, server, load_of(tmp_path, b"good\n", b"bad\n", b"odd\n"), 6)  # type: ignore[arg-type]
    assert (leg.sent, leg.arrived, server.count()) == (6, 6, 2)


def test_a_letter_that_was_deferred_voids_the_leg(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RefusedMessages, match=r"451 4\.7\.1 later"):
        run_leg(server, server, load_of(tmp_path, b"good\n", b"late\n"), 4)  # type: ignore[arg-type]


def test_an_accepted_letter_that_does_not_arrive_is_lost(tmp_path: Path) -> None:
    with Server({}, keeps=False) as server, pytest.raises(LostMessages):
        run_leg(server, server, load_of(tmp_path, b"good\n"), 2)  # type: ignore[arg-type]


def test_each_leg_goes_on_where_the_last_one_stopped(server: Server, tmp_path: Path) -> None:
    load = load_of(tmp_path, b"1\n", b"2\n", b"3\n")
    for messages in (2, 2):
        run_leg(server, server, load, messages)  # type: ignore[arg-type]
    assert sorted(letter.split(b"\r\n")[1] for letter in server.seen) == [b"1", b"1", b"2", b"3"]
    assert len({letter.split(b"\r\n")[0] for letter in server.seen}) == 4  # none is a retry of another


def test_the_stub_knows_its_senders_and_nobody_else() -> None:
    zone = zone_of(frozenset({"a.example", "b.example"}))
    asked = dns.message.make_query("a.example", "TXT")
    assert b"v=spf1 ip4:192.0.2.0/24 -all" in answer(asked.to_wire(), zone)
    stranger = dns.message.from_wire(answer(dns.message.make_query("c.example", "TXT").to_wire(), zone))
    assert stranger.rcode() == dns.rcode.NXDOMAIN
    published = [name for name in zone if name.startswith("_dmarc.")]
    assert published == ["_dmarc.a.example"]
