"""A client like smtp-source that sends different letters, and takes a refusal for an answer: what became of each?

A connection for each letter, no pipelining; each letter gets a number on top, since the same one twice would be taken
for a retry, and rightly so. One process and one thread: a hundred microseconds of CPU a letter, in every leg alike.
Run as: python -m benchmarks.scan_client FILE PORT SESSIONS FIRST COUNT ADDRESS. Prints one JSON object. Exit code 1
when a letter was not answered.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.machine import LOOPBACK

_SECONDS = 120
"""Of silence; then the leg is broken."""
_LINE = 4096
_STEPS = (
    (b"220", b"EHLO client.example\r\n"),
    (b"250", b"MAIL FROM:<bounce@%b>\r\n"),
    (b"250", b"RCPT TO:<user@bench.example>\r\n"),
    (b"250", b"DATA\r\n"),
)


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """On the wire, and who sends it."""

    domain: str
    body: bytes


class NotAnswered(Exception):
    """A connection that was cut or kept waiting, or a refusal before the letter."""


def wire_form(message: bytes) -> bytes:
    """Lines end in CRLF, leading dots are doubled, the last line is the dot."""
    lines = message.rstrip(b"\n").split(b"\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


class _Session:
    """One letter on its way."""

    __slots__ = ("_buffer", "_letter", "_number", "_step", "link")

    def __init__(self, letter: Letter, number: int, port: int, address: str) -> None:
        self._letter, self._number, self._step, self._buffer = letter, number, 0, b""
        self.link = socket.socket()
        self.link.bind((address, 0))
        self.link.connect((LOOPBACK, port))

    def go_on(self) -> str:
        """Read a reply and say the next thing; in the end, what became of the letter."""
        received = self.link.recv(_LINE)
        if not received:
            raise NotAnswered(f"closed at step {self._step}: {self._buffer!r}")
        self._buffer += received
        start = self._buffer.rfind(b"\n", 0, -1) + 1
        if not self._buffer.endswith(b"\n") or self._buffer[start + 3 : start + 4] == b"-":
            return ""
        reply, self._buffer = self._buffer[start:], b""
        return self._answered(reply)

    def _answered(self, reply: bytes) -> str:
        step, self._step = self._step, self._step + 1
        if step < len(_STEPS):
            expected, says = _STEPS[step]
            says = says % self._letter.domain.encode() if b"%" in says else says
        elif step == len(_STEPS):
            expected, says = b"354", b"X-Number: %d\r\n%b" % (self._number, self._letter.body)
        else:
            self.link.sendall(b"QUIT\r\n")
            return _ending(reply)
        if not reply.startswith(expected):
            raise NotAnswered(f"step {step}: {reply!r}")
        self.link.sendall(says)
        return ""


def _ending(reply: bytes) -> str:
    if reply.startswith(b"250"):
        return "held" if b"Held for review" in reply else "delivered"
    return "refused" if reply.startswith(b"5") else f"deferred: {reply.decode(errors='replace').strip()}"


def send(letters: Iterator[tuple[int, Letter]], port: int, sessions: int, address: str) -> Counter[str]:
    """All of them, so many at a time."""
    endings: Counter[str] = Counter()
    poll = select.epoll()
    open_sessions: dict[int, _Session] = {}
    for _ in range(sessions):
        _begin(letters, port, address, poll, open_sessions)
    while open_sessions:
        ready = poll.poll(_SECONDS)
        if not ready:
            raise NotAnswered(f"no answer in {_SECONDS} s")
        for descriptor, _ in ready:
            session = open_sessions[descriptor]
            if ending := session.go_on():
                endings[ending] += 1
                del open_sessions[descriptor]
                session.link.close()
                _begin(letters, port, address, poll, open_sessions)
    return endings


def _begin(
    letters: Iterator[tuple[int, Letter]],
    port: int,
    address: str,
    poll: select.epoll,
    open_sessions: dict[int, _Session],
) -> None:
    for number, letter in letters:
        session = _Session(letter, number, port, address)
        open_sessions[session.link.fileno()] = session
        poll.register(session.link, select.EPOLLIN)
        return


def main(arguments: list[str]) -> int:
    file, (port, sessions, first, count), address = arguments[0], map(int, arguments[1:5]), arguments[5]
    letters = msgspec.msgpack.decode(Path(file).read_bytes(), type=list[Letter])
    numbered = ((number, letters[number % len(letters)]) for number in range(first, first + count))
    begun = time.perf_counter()
    try:
        endings = send(numbered, port, sessions, address)
    except (NotAnswered, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"seconds": time.perf_counter() - begun, **endings}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
