"""Deliver one message over SMTP or LMTP as a client would, step by step, with deadlines, in plain blocking sockets.

Used to send, to release what was held, and to look at a server from outside. Every line of the conversation can be
overheard. Fails as: `Refused` with the server's own words; `NotSent(why)` when nobody answered or the server was lost
before the final dot; `Unknown(why)` when only the answer to the dot was lost: then nobody can know.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lockdown.model.unknown import Unknown
from lockdown.smtp.client import Answered, ClientSession, Nonsense
from lockdown.smtp.extensions import Extensions
from lockdown.smtp.reply import Reply

Overhear = Callable[[str, str], None]
"""Called with "C" or "S", and one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server: host and port, or the path of a unix socket.

    `tls` demands STARTTLS before anything is said; `proxy`: it expects a PROXY v2 header before everything else.
    """

    host: str
    port: int = 25
    path: str = ""
    lmtp: bool = False
    tls: bool = False
    proxy: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Letter:
    """An envelope and the pieces of its content, with CRLF line ends. `pieces` is called anew for each sending."""

    sender: str
    recipients: tuple[str, ...]
    pieces: Callable[[], Iterable[bytes]]
    size_bytes: int
    parameters: tuple[str, ...] = ()
    """Of MAIL, as its first client gave them; sent on where the server offers what they need."""

    @property
    def smtputf8(self) -> bool:
        """It cannot be sent to a server without SMTPUTF8 (RFC 6531 3.6)."""
        return "SMTPUTF8" in self.parameters


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds (RFC 5321 4.5.3.2)."""

    connect: float = 30.0
    command: float = 300.0
    piece: float = 180.0
    final: float = 600.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server has it now. `refused` are recipients that it did not take."""

    reply: Reply
    refused: tuple[tuple[str, Reply], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no, at this verb."""

    verb: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class NotSent:
    """The server has not got it, and did not say no: it is not there, or was lost before the end of the message."""

    why: str


Delivered = Accepted | Refused | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class Greeted:
    """What a server says of itself."""

    greeting: Reply
    extensions: Extensions
    secured: bool


_PROXY_LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
"""PROXY v2, command LOCAL: the connection is made by the proxy itself and stands for no client."""


class _Stop(Exception):
    """The conversation is over; carries its outcome."""

    def __init__(self, outcome: Refused | NotSent) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Caller:
    """How we speak: the name we give, how long we wait, who overhears."""

    name: str = "localhost"
    deadlines: Deadlines = field(default_factory=Deadlines)
    overhear: Overhear = lambda who, line: None


def deliver(target: Target, letter: Letter, caller: Caller) -> Delivered:
    """One message, one connection."""
    try:
        with _Line(target, caller) as line:
            line.greet()
            return _deliver(line, letter)
    except _Stop as stop:
        return stop.outcome


def look(target: Target, caller: Caller) -> Greeted | Refused | NotSent:
    """Greet and leave: what does this server offer?"""
    try:
        with _Line(target, caller) as line:
            greeting = line.greet()
            return Greeted(greeting, line.session.extensions, line.secured)
    except _Stop as stop:
        return stop.outcome


def _deliver(line: _Line, letter: Letter) -> Delivered:
    if letter.smtputf8 and not line.session.extensions.smtputf8:
        raise _Stop(NotSent(f"{line.target} does not take internationalised addresses (no SMTPUTF8)"))
    line.must("MAIL", line.session.mail(letter.sender, tuple(_mail_parameters(line.session.extensions, letter))))
    asked = [(name, line.ask("RCPT", line.session.recipient(name))) for name in letter.recipients]
    if not any(reply.is_positive for _, reply in asked):
        return Refused("RCPT", asked[0][1])
    reply = line.ask("DATA", line.session.data())
    if not reply.is_intermediate:
        return Refused("DATA", reply)
    return _deliver_content(line, letter, asked)


_NEEDED_OFFER = {"BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN"}


def _mail_parameters(offers: Extensions, letter: Letter) -> Iterator[str]:
    if offers.size is not None:
        yield f"SIZE={letter.size_bytes}"
    for parameter in letter.parameters:
        if _NEEDED_OFFER.get(parameter.partition("=")[0].upper()) in offers.names:
            yield parameter


def _deliver_content(line: _Line, letter: Letter, asked: Sequence[tuple[str, Reply]]) -> Accepted | Refused | Unknown:
    taken = [name for name, reply in asked if reply.is_positive]
    ends_with_crlf = line.send_content(letter)
    try:
        # RFC 2033 4.2: LMTP answers the dot once for each recipient it took.
        replies = line.end(ends_with_crlf, len(taken) if line.target.lmtp else 1)
    except _Stop as stop:
        return stop.outcome if isinstance(stop.outcome, Refused) else Unknown(stop.outcome.why)
    good = [reply for reply in replies if reply.is_positive]
    if not good:
        return Refused("DATA-END", replies[0])
    failed = [*asked, *(zip(taken, replies, strict=True) if line.target.lmtp else ())]
    return Accepted(good[0], tuple((name, reply) for name, reply in failed if not reply.is_positive))


class _Line:
    """The open conversation; as a context it says QUIT when the server has spoken, and just closes when it is lost."""

    def __init__(self, target: Target, caller: Caller) -> None:
        self.target, self._caller = target, caller
        self.session = ClientSession(lmtp=target.lmtp)
        self.secured = False
        self._socket: socket.socket = _connected(target, caller.deadlines.connect)

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or (isinstance(error, _Stop) and isinstance(error.outcome, Refused)):
            self._say_goodbye()
        self._socket.close()

    def greet(self) -> Reply:
        """Greeting, EHLO, and STARTTLS with a second EHLO where the target demands TLS."""
        greeting = self._expect("CONNECT", self._caller.deadlines.command)
        self._hello()
        if self.target.tls:
            self._secure()
            self._hello()
        return greeting

    def _hello(self) -> None:
        reply = self.ask("EHLO", self.session.hello(self._caller.name))
        if not reply.is_positive and not self.target.lmtp:
            reply = self.ask("HELO", self.session.helo(self._caller.name))
        if not reply.is_positive:
            raise _Stop(Refused("EHLO", reply))

    def _secure(self) -> None:
        if not self.session.extensions.starttls:
            raise _Stop(NotSent(f"{self.target} offers no STARTTLS"))
        self.must("STARTTLS", self.session.starttls())
        # The certificate is not checked: between our own machines it is mostly self-signed, as in the gateway itself.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=self.target.host or None)
        except OSError as error:
            raise _Stop(NotSent(f"TLS with {self.target}: {error}")) from None
        self.session.secured()
        self.secured = True
        self._caller.overhear("-", f"encrypted from here on ({self._socket.version()})")

    def must(self, verb: str, line: bytes) -> Reply:
        """Ask, and end the conversation when the answer is no."""
        reply = self.ask(verb, line)
        if not reply.is_positive:
            raise _Stop(Refused(verb, reply))
        return reply

    def ask(self, verb: str, line: bytes) -> Reply:
        """Send one command and wait for its answer."""
        self._caller.overhear("C", line.decode("utf-8", "replace").rstrip())
        self._send(line, self._caller.deadlines.command)
        return self._hear(verb, self._caller.deadlines.command)

    def send_content(self, letter: Letter) -> bool:
        """Send the content in wire form; does it end with CRLF?"""
        self._caller.overhear("C", f"({letter.size_bytes:,} octets of message)")
        last = b"\r\n"
        for piece in stuffed(letter.pieces()):
            self._send(piece, self._caller.deadlines.piece)
            last = (last + piece)[-2:]
        return last == b"\r\n"

    def end(self, ends_with_crlf: bool, replies: int) -> list[Reply]:
        """The final dot, and the answer, or answers, to it."""
        self._caller.overhear("C", ".")
        self._send(self.session.end(ends_with_crlf), self._caller.deadlines.piece)
        return [self._hear("DATA-END", self._caller.deadlines.final) for _ in range(replies)]

    def _expect(self, verb: str, seconds: float) -> Reply:
        reply = self._hear(verb, seconds)
        if not reply.is_positive:
            raise _Stop(Refused(verb, reply))
        return reply

    def _hear(self, verb: str, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        while True:
            match self.session.next_event():
                case Answered(reply=reply):
                    for text in reply.wire.decode("ascii", "replace").splitlines():
                        self._caller.overhear("S", text)
                    return reply
                case Nonsense(why=why):
                    raise _Stop(NotSent(f"{self.target} does not speak SMTP: {why}"))
                case _:
                    self.session.receive(self._receive(verb, deadline - time.monotonic(), seconds))

    def _receive(self, verb: str, left: float, allowed: float) -> bytes:
        try:
            self._socket.settimeout(max(left, 0.001))
            received = self._socket.recv(1 << 16)
        except TimeoutError:
            raise _Stop(NotSent(f"{self.target}: no answer to {verb} in {allowed:.0f} s")) from None
        except OSError as error:
            raise _Stop(NotSent(f"{self.target}: lost at {verb}: {error.strerror or error}")) from None
        if not received:
            raise _Stop(NotSent(f"{self.target} closed the connection instead of answering {verb}"))
        return received

    def _send(self, data: bytes, seconds: float) -> None:
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(data)
        except OSError as error:
            raise _Stop(NotSent(f"{self.target}: lost while sending: {error.strerror or error}")) from None

    def _say_goodbye(self) -> None:
        """The outcome is known already; how the server takes leave changes nothing."""
        try:
            self._caller.overhear("C", "QUIT")
            self._send(self.session.quit(), 5.0)
            self._hear("QUIT", 5.0)
        except _Stop:
            return


def _connected(target: Target, seconds: float) -> socket.socket:
    try:
        connection = _connection(target, seconds)
        if target.proxy:
            connection.sendall(_PROXY_LOCAL)
    except OSError as error:
        raise _Stop(NotSent(f"{target} does not answer: {error.strerror or error}")) from None
    return connection


def _connection(target: Target, seconds: float) -> socket.socket:
    if not target.path:
        return socket.create_connection((target.host, target.port), timeout=seconds)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    connection.connect(target.path)
    return connection


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Content in wire form, piece by piece: one more dot on each line that begins with one (RFC 5321 4.5.2)."""
    tail = b"\r\n"
    for piece in pieces:
        joined = tail + piece
        yield joined.replace(b"\r\n.", b"\r\n..")[len(tail) :]
        tail = b"\r\n" if joined.endswith(b"\r\n") else b"\r" if joined.endswith(b"\r") else b""
