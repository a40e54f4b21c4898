"""A mail server that can be told to refuse, stall, drop, lie and talk nonsense at any moment of a conversation.

It records what it *accepted*: messages whose dot it saw and that it took, whether or not its reply could be read.
One thread for each connection; every deed of the script is a value from the closed list `Deed`.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from tests.rig.messages import ids_in, unstuffed
from tests.rig.network import LOOPBACK, eventually

OFFERS = ("PIPELINING", "SIZE 209715200", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "DSN")


@dataclass(frozen=True, slots=True)
class Say:
    """These octets instead of the usual reply, whatever they are."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing until the peer gives up or the server of the test closes."""


@dataclass(frozen=True, slots=True)
class StopReading:
    """Neither read nor speak until the peer resets the connection."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection (FIN)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Close the connection with RST."""


@dataclass(frozen=True, slots=True)
class Endless:
    """A multi-line reply that has no last line."""

    line: bytes = b"250-and so on\r\n"


@dataclass(frozen=True, slots=True)
class Take:
    """Count the message as accepted now."""


@dataclass(frozen=True, slots=True)
class Call:
    """Run something of the test's, then go on as usual."""

    run: Callable[[], object]


Deed = Say | Stall | StopReading | Drop | Reset | Endless | Take | Call

MOMENTS = (
    "connect", "banner", "EHLO", "XCLIENT", "MAIL", "RCPT", "DATA", "354", "body", "dot", "taken", "replied",
    "RSET", "QUIT", "NOOP", "STARTTLS",
)  # fmt: skip
"""When a deed can be asked for: "banner", a verb and "dot" before the reply, "354", "taken" and "replied" after it."""


# Who says this to a dot has accepted; with less or more than this, honest people differ.
_WELL_FORMED_YES = re.compile(rb"(?:2\d\d [^\r\n]*\r\n)+(?:421 [^\r\n]*\r\n)?")


class Over(Exception):
    """The conversation has ended."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that this server has taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    connection: int


@dataclass(slots=True)
class Conversation:
    """One connection as the server saw it."""

    number: int
    commands: list[str] = field(default_factory=list)
    proxied: tuple[str, int] | None = None
    """The address of the PROXY header, if the server expects one."""
    body: bytes = b""
    """The octets that came after 354, of the last message, as they stood on the wire."""
    ended: str = ""
    """"" while it lasts; then "quit", "closed by peer", "reset by peer" or "ended by us"."""


@dataclass(slots=True)
class _Planned:
    deeds: tuple[Deed, ...]
    left: int
    at_octets: int = 0


class FakeUpstream:
    """The server; use it as a context manager. `on` plans deeds, `accepted` is the truth about acceptance."""

    def __init__(
        self, *, offers: Sequence[str] = OFFERS, lmtp: bool = False, proxy: bool = False, backlog: int = 128
    ) -> None:
        self._offers, self._lmtp, self._proxy = tuple(offers), lmtp, proxy
        self._listener = socket.create_server((LOOPBACK, 0), backlog=backlog)
        # A small window, so that "the upstream has seen half of it" is not "all of it lies in the kernel".
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'lmtp' if lmtp else 'smtp'}://{LOOPBACK}:{self.port}" + ("?proxy=v2" if proxy else "")
        self.accepted: list[Accepted] = []
        self.conversations: list[Conversation] = []
        self.most_open = 0
        """So many connections were open at once."""
        self._plans: dict[str, deque[_Planned]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="fake-upstream", daemon=True).start()

    def __enter__(self) -> FakeUpstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on(self, moment: str, *deeds: Deed, times: int = 1, at_octets: int = 0) -> None:
        """At the next `times` occurrences of the moment. For "body": once this many octets of it have come."""
        assert moment in MOMENTS, moment
        with self._lock:
            self._plans[moment].append(_Planned(deeds, times, at_octets))

    def offer(self, *offers: str) -> None:
        """What EHLO says from now on."""
        self._offers = offers

    def be_kind(self) -> None:
        """Forget everything that was planned and not yet done."""
        with self._lock:
            self._plans.clear()

    def ids(self) -> list[str]:
        """The ids of the accepted letters, each as often as it was accepted."""
        return [ident for message in self.accepted for ident in ids_in(message.content)]

    def hang_up(self) -> None:
        """Reset whatever is open, idle connections that a proxy keeps, too; returns when it is done."""
        with self._lock:
            doomed, talks = list(self._open), list(self.conversations)
        for connection in doomed:
            _linger_away(connection)
        eventually(lambda: all(talk.ended for talk in talks), "the upstream has hung up")

    def settle(self) -> None:
        """Wait until every client has left and every conversation is over."""
        eventually(lambda: all(talk.ended for talk in self.conversations), "all conversations are over")

    def close(self) -> None:
        self._closing.set()
        _shut(self._listener)
        with self._lock:
            doomed = list(self._open)
        for connection in doomed:
            _shut(connection)

    # What follows runs in the threads of the server.

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.most_open = max(self.most_open, len(self._open))
                talk = Conversation(len(self.conversations))
                self.conversations.append(talk)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, talk), daemon=True).start()

    def _serve(self, connection: socket.socket, talk: Conversation) -> None:
        ended = "ended by us"
        try:
            _Session(self, connection, talk, self._offers, lmtp=self._lmtp, proxy=self._proxy).run()
        except Over as over:
            ended = str(over)
        except ConnectionResetError:
            ended = "reset by peer"
        except OSError:
            ended = "closed by peer"
        finally:
            with self._lock:
                self._open.discard(connection)
            _shut(connection)
            talk.ended = ended

    def planned(self, moment: str, octets: int = 0) -> tuple[Deed, ...]:
        """What to do now; each planned entry is used up as often as it was asked for."""
        with self._lock:
            plans = self._plans[moment]
            if not plans or plans[0].at_octets > octets:
                return ()
            plans[0].left -= 1
            return plans.popleft().deeds if plans[0].left == 0 else plans[0].deeds

    def next_body_mark(self) -> int | None:
        """The number of body octets at which something is planned."""
        with self._lock:
            plans = self._plans["body"]
            return plans[0].at_octets if plans else None


@dataclass(slots=True)
class _Session:
    """One conversation from banner to end."""

    server: FakeUpstream
    connection: socket.socket
    talk: Conversation
    offers: tuple[str, ...]
    lmtp: bool
    proxy: bool
    waiting: bytes = b""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    taken: bool = False

    def run(self) -> None:
        if self.proxy:
            self.talk.proxied = self._read_proxy_header()
        self._moment("connect", b"")
        self._moment("banner", b"220 upstream.example ESMTP\r\n")
        while True:
            line = self._line().decode("latin-1")
            self.talk.commands.append(line)
            self._command(line)

    def _command(self, line: str) -> None:
        verb = line.split(" ", 1)[0].upper()
        match verb:
            case "EHLO" | "LHLO" | "HELO":
                self._moment("EHLO", self._hello(verb))
            case "XCLIENT":
                self._xclient()
            case "MAIL":
                self._mail(line)
            case "RCPT":
                self._recipient(line)
            case "DATA":
                self._data()
            case "RSET":
                self._forget()
                self._moment("RSET", b"250 2.0.0 OK\r\n")
            case "NOOP":
                self._moment("NOOP", b"250 2.0.0 OK\r\n")
            case "QUIT":
                self._moment("QUIT", b"221 2.0.0 Bye\r\n")
                raise Over("quit")
            case _:
                self._send(b"502 5.5.1 unknown here\r\n")

    def _xclient(self) -> None:
        said = self._moment("XCLIENT", b"220 upstream.example ESMTP\r\n")
        if said.startswith(b"220"):
            # As Postfix has it: the session now belongs to somebody who may not use XCLIENT.
            self.offers = tuple(offer for offer in self.offers if not offer.startswith("XCLIENT"))

    def _hello(self, verb: str) -> bytes:
        lines = ["upstream.example", *(self.offers if verb != "HELO" else ())]
        marks = ["-"] * (len(lines) - 1) + [" "]
        return "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()

    def _mail(self, line: str) -> None:
        said = self._moment("MAIL", b"250 2.1.0 OK\r\n")
        if said.startswith(b"250"):
            self._forget()
            self.sender = _path(line)

    def _recipient(self, line: str) -> None:
        said = self._moment("RCPT", b"250 2.1.5 OK\r\n")
        if said.startswith(b"250"):
            self.recipients.append(_path(line))

    def _data(self) -> None:
        usual = b"354 go ahead\r\n" if self.recipients else b"503 5.5.1 no recipients\r\n"
        if self._moment("DATA", usual).startswith(b"354"):
            self._moment("354", b"")
            self._body()

    def _body(self) -> None:
        wire = self._read_body()
        self.taken = False
        usual = b"".join(b"250 2.0.0 taken\r\n" for _ in (self.recipients if self.lmtp else "1"))
        deeds = self.server.planned("dot")
        said = self._do(deeds)
        if said is None or _WELL_FORMED_YES.fullmatch(said):
            self._take(wire)
        if said is None:
            self._reply_after_taking(usual)
        self._forget()

    def _reply_after_taking(self, usual: bytes) -> None:
        if self._do(self.server.planned("taken")) is None:
            self._send(usual)
        self._do(self.server.planned("replied"))

    def _take(self, wire: bytes) -> None:
        if not self.taken:
            self.taken = True
            message = Accepted(self.sender, tuple(self.recipients), unstuffed(wire), self.talk.number)
            self.server.accepted.append(message)

    def _read_body(self) -> bytes:
        """Up to exactly CRLF.CRLF (or .CRLF at the very start); the content on the wire without the final dot."""
        self.talk.body = b""
        gathered = bytearray()
        while True:
            searched = max(0, len(gathered) - 5)
            gathered += self._some()
            if len(gathered) < 1 << 20:
                self.talk.body = bytes(gathered)
            self._deeds_within_the_body(len(gathered))
            if gathered.startswith(b".\r\n"):
                end = 0
            elif (found := gathered.find(b"\r\n.\r\n", searched)) >= 0:
                end = found + 2
            else:
                continue
            self.waiting = bytes(gathered[end + 3 :])
            self.talk.body = bytes(gathered[: end + 3])
            return bytes(gathered[:end])

    def _deeds_within_the_body(self, octets: int) -> None:
        mark = self.server.next_body_mark()
        if mark is not None and octets >= mark and (said := self._do(self.server.planned("body", octets))):
            raise Over(f"ended by us after saying {said!r} within the body")

    def _forget(self) -> None:
        self.sender, self.recipients = "", []

    def _moment(self, moment: str, usual: bytes) -> bytes:
        """Do what is planned; say the usual reply unless a deed has spoken. What was said."""
        said = self._do(self.server.planned(moment))
        if said is None:
            self._send(usual)
            return usual
        return said

    def _do(self, deeds: Sequence[Deed]) -> bytes | None:
        """What was said; None when nothing was said and the conversation goes on as usual."""
        said: bytes | None = None
        for deed in deeds:
            said = self._deed(deed, said)
        return said

    def _deed(self, deed: Deed, said: bytes | None) -> bytes | None:
        match deed:
            case Say(octets):
                self._send(octets)
                return (said or b"") + octets
            case Stall():
                self._wait_for_the_peer_to_leave()
            case StopReading():
                self._wait_without_reading()
            case Drop():
                raise Over("ended by us")
            case Reset():
                _linger_away(self.connection)
                raise Over("ended by us")
            case Endless(line):
                self._talk_without_end(line)
            case Take():
                self._take(self.talk.body.removesuffix(b".\r\n"))
            case Call(run):
                run()
            case _:
                assert_never(deed)
        return said

    def _wait_for_the_peer_to_leave(self) -> None:
        while self.connection.recv(65536):
            pass
        raise Over("closed by peer")

    def _wait_without_reading(self) -> None:
        trouble = select.poll()
        trouble.register(self.connection, 0)  # errors and hang-ups are told without being asked for
        for _ in range(300):
            # Closed by `hang_up` in another thread: that wakes no poll, so it is looked at now and then.
            if trouble.poll(200) or self.connection.fileno() < 0:
                break
        raise Over("reset by peer")

    def _talk_without_end(self, line: bytes) -> None:
        for _ in range(200_000):
            self.connection.sendall(line * 10)
        raise Over("ended by us: nobody stopped the endless reply")

    def _send(self, octets: bytes) -> None:
        if octets:
            self.connection.sendall(octets)

    def _some(self) -> bytes:
        """What has come and was not read as a line."""
        if self.waiting:
            piece, self.waiting = self.waiting, b""
            return piece
        if not (piece := self.connection.recv(1 << 18)):
            raise Over("closed by peer")
        return piece

    def _line(self) -> bytes:
        while b"\r\n" not in self.waiting:
            if not (piece := self.connection.recv(65536)):
                raise Over("closed by peer")
            self.waiting += piece
        line, _, self.waiting = self.waiting.partition(b"\r\n")
        return line

    def _read_proxy_header(self) -> tuple[str, int] | None:
        """PROXY protocol version 2: a signature, version, family, length, addresses. None: LOCAL, for nobody."""
        head = self._exactly(16)
        assert head[:12] == b"\r\n\r\n\x00\r\nQUIT\n", head
        rest = self._exactly(struct.unpack("!H", head[14:16])[0])
        if head[12] == 0x20:
            return None
        assert (head[12], head[13]) == (0x21, 0x11), "PROXY, TCP over IPv4"
        return socket.inet_ntoa(rest[:4]), struct.unpack("!H", rest[8:10])[0]

    def _exactly(self, count: int) -> bytes:
        while len(self.waiting) < count:
            if not (piece := self.connection.recv(65536)):
                raise Over("closed by peer")
            self.waiting += piece
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def _path(line: str) -> str:
    found = re.search(r"<(.*?)>", line)
    return found[1] if found else ""


def _linger_away(connection: socket.socket) -> None:
    """Close with RST: no time to linger."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
