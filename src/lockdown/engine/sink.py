"""The sink: the smallest server that takes mail, at the stranger's own address. What arrives there was relayed.

Fails as: nothing; what does not speak SMTP is answered with 500, and what is beyond the bounds is dropped.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterable

_MOST_OCTETS = 256 * 1024
_MOST_LETTERS = 1000
_SECONDS = 30.0
_ANSWERS = {
    b"EHLO": b"250 drill.example\r\n", b"HELO": b"250 drill.example\r\n", b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n", b"RSET": b"250 2.0.0 Ok\r\n", b"NOOP": b"250 2.0.0 Ok\r\n",
    b"DATA": b"354 Go on\r\n", b"QUIT": b"221 2.0.0 Bye\r\n",
}  # fmt: skip


class Taking:
    """One conversation, without any I/O: octets in, answers out; `letters` are those that came whole."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.is_over = False
        self._buffer = b""
        self._content: bytearray | None = None
        self._ended = False

    def receive(self, octets: bytes) -> bytes:
        """What is answered to this."""
        self._buffer += octets
        answers = b""
        while not self.is_over and (end := self._buffer.find(b"\n") + 1) > 0:
            line, self._buffer = self._buffer[:end], self._buffer[end:]
            answers += self._line(line)
        if len(self._buffer) > _MOST_OCTETS:
            self._buffer, self.is_over = b"", True
        return answers

    def _line(self, line: bytes) -> bytes:
        if self._content is None:
            return self._command(line[:4].upper())
        if line == b".\r\n":
            self.letters.append(bytes(self._content))
            self._content = None
            return b"250 2.0.0 Ok\r\n"
        if len(self._content) < _MOST_OCTETS:
            self._content += line
        return b""

    def _command(self, verb: bytes) -> bytes:
        if verb == b"DATA":
            self._content = bytearray()
        self.is_over = verb == b"QUIT"
        return _ANSWERS.get(verb, b"500 5.5.1 What?\r\n")


class Sink:
    """As a context: takes mail on this listening socket, in threads of its own, until it is left."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._letters: list[bytes] = []
        self._thread = threading.Thread(target=self._accept, name="sink", daemon=True)

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake up who waits in accept.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(_SECONDS)

    def arrived(self, marks: Iterable[str]) -> set[str]:
        """Which of these marks stand in a letter that was relayed, or bounced, to here."""
        wanted = sorted(set(marks), key=len, reverse=True)
        if not wanted:
            return set()
        pattern = re.compile(b"|".join(re.escape(mark.encode()) for mark in wanted))
        return {found.decode() for letter in tuple(self._letters) for found in pattern.findall(letter)}

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(connection,), name="sink", daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        taking = Taking()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_SECONDS)
            connection.sendall(b"220 drill.example ESMTP\r\n")
            while not taking.is_over and (octets := connection.recv(1 << 16)):
                answer = taking.receive(octets)
                # Before it is answered: who is told 250 may look at once.
                if len(self._letters) < _MOST_LETTERS:
                    self._letters += taking.letters
                taking.letters.clear()
                connection.sendall(answer)
