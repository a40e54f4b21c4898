"""A mail server on loopback that says what the test wants of each letter, and keeps in a Maildir what it takes.

Fails as: a client that hears nothing; its deadlines are the test's.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

from lockdown.state import maildir
from tests.rig.messages import unstuffed

TAKE = b"250 2.0.0 Ok\r\n"
REFUSE = b"550 5.7.1 No (ABCDEF123)\r\n"
PUT_OFF = b"451 4.7.1 Later\r\n"
VANISH = b"250 2.0.0 Ok, said the liar\r\n"

Judge = Callable[[bytes], bytes]
"""The answer to the dot of this letter; what is answered with TAKE, and only that, is delivered."""


class Gate:
    """Listens while it is entered. `top` is written above each letter that it delivers."""

    def __init__(self, mailbox: Path, judge: Judge, *, top: Callable[[bytes], bytes] = lambda letter: b"") -> None:
        self.mailbox, self.judge, self._top = mailbox, judge, top
        self.letters: list[bytes] = []
        self.connections = 0
        gate = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                gate.connections += 1
                gate._converse(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler, bind_and_activate=True)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Gate:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _converse(self, line: socketserver.StreamRequestHandler) -> None:
        line.wfile.write(b"220 gate.example ESMTP\r\n")
        while command := line.rfile.readline():
            verb = command[:4].upper()
            if verb == b"DATA":
                line.wfile.write(b"354 Go on\r\n")
                line.wfile.write(self._taken(_whole(line)))
            elif verb == b"QUIT":
                line.wfile.write(b"221 2.0.0 Bye\r\n")
                return
            else:
                line.wfile.write(b"250-gate.example\r\n250 8BITMIME\r\n" if verb == b"EHLO" else b"250 2.1.0 Ok\r\n")

    def _taken(self, letter: bytes) -> bytes:
        self.letters.append(letter)
        answer = self.judge(letter)
        if answer == TAKE:
            maildir.deliver(self.mailbox, [self._top(letter), letter])
        return answer


def _whole(line: socketserver.StreamRequestHandler) -> bytes:
    lines = [line.rfile.readline()]
    while lines[-1] not in (b".\r\n", b""):
        lines.append(line.rfile.readline())
    return unstuffed(b"".join(lines[:-1]))
