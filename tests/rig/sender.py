"""A client that speaks plain SMTP by hand, and a sender that retries as a real mail server would.

Fails as: `Gone` when the other side closed or reset the connection; `TimeoutError` when it said nothing.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.rig.messages import Letter
from tests.rig.network import LOOPBACK


class Gone(ConnectionError):
    """The peer closed the connection; what it said before stands in the text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, all of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def is_too_busy(self) -> bool:
        """Not about us or the letter: the machine that the test runs on has no time for new clients right now."""
        return self.code == 421 and self.enhanced == "4.3.2"

    @property
    def enhanced(self) -> str:
        first = self.lines[-1][4:].split(" ", 1)[0]
        return first if first.count(".") == 2 else ""


class Wire:
    """One connection, driven octet by octet."""

    def __init__(self, port: int, *, timeout: float = 20.0, source: str = LOOPBACK) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), timeout=timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, octets: bytes) -> None:
        """Hand the octets to the peer."""
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone(str(error)) from None

    def answer(self) -> Answer:
        """The next reply."""
        lines: list[str] = []
        while True:
            line = self._line().decode("utf-8", "replace")
            lines.append(line)
            if len(line) < 4 or line[3] != "-":
                return Answer(int(line[:3]), tuple(lines))

    def ask(self, command: str) -> Answer:
        """Send a command line and wait for its reply."""
        self.send(command.encode() + b"\r\n")
        return self.answer()

    def rest(self) -> bytes:
        """Everything that the peer still says until it closes; a reset counts as closing."""
        said = self._waiting
        self._waiting = b""
        try:
            while piece := self.socket.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
        return said

    def starttls(self) -> None:
        """Ask for TLS and do the handshake, whoever the certificate names."""
        assert self.ask("STARTTLS").code == 220
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def greet(self, name: str = "client.example") -> Answer:
        """Take the greeting and say EHLO; the reply to it."""
        assert self.answer().code == 220
        return self.ask(f"EHLO {name}")

    def close(self) -> None:
        """Close without QUIT."""
        self.socket.close()

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def _line(self) -> bytes:
        while b"\n" not in self._waiting:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Gone(f"{error}; heard so far: {self._waiting!r}") from None
            if not piece:
                raise Gone(f"closed; heard so far: {self._waiting!r}")
            self._waiting += piece
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.rstrip(b"\r")


Hook = Callable[[str, Wire], None]


def _no_hook(_point: str, _wire: Wire) -> None:
    """Most letters are sent without anybody interfering."""


_COMMANDS = ("EHLO", "MAIL", "RCPT 1", "RCPT 2", "DATA")
POINTS = (
    "connected", "greeting read",
    *(f"{command} {state}" for command in _COMMANDS for state in ("half sent", "sent", "answered")),
    "body: first octet", "body: in a header", "body: after the header", "body: half", "body: last line",
    "after CR", "after CRLF", "after CRLF.", "after CRLF.CR", "dot sent", "final reply read", "QUIT sent",
)  # fmt: skip
"""Where an attempt calls its hook, in order, for a letter to two recipients."""


@dataclass(slots=True)
class Outcome:
    """What a sender knows in the end: each attempt's last word, and the final one."""

    letter: Letter
    attempts: list[str] = field(default_factory=list)
    final: Answer | None = None

    @property
    def accepted(self) -> bool:
        return self.final is not None and self.final.code // 100 == 2


class Sender:
    """Sends a letter and, on anything but a final 2xx or 5xx, sends the identical octets again: bounded, in order."""

    def __init__(self, port: int, *, tries: int = 12, pause: float = 0.05, timeout: float = 20.0) -> None:
        self._port, self._tries, self._pause, self._timeout = port, tries, pause, timeout

    def deliver(self, letter: Letter, hook: Hook = _no_hook) -> Outcome:
        """Attempt until final. The hook is given to the first attempt only."""
        outcome = Outcome(letter)
        for number in range(self._tries):
            try:
                answer = self.attempt(letter, hook if number == 0 else _no_hook)
            except (OSError, ValueError) as error:
                outcome.attempts.append(f"{type(error).__name__}: {error}")
            else:
                outcome.attempts.append(answer.text)
                if answer.code // 100 in (2, 5):
                    outcome.final = answer
                    return outcome
            time.sleep(self._pause * (number + 1))
        return outcome

    def attempt(self, letter: Letter, hook: Hook = _no_hook) -> Answer:
        """One session: the reply that decided about the letter. A gateway that is too busy to greet is asked again."""
        for _ in range(50):
            with Wire(self._port, timeout=self._timeout) as wire:
                answer = self._session(wire, letter, hook)
            if not answer.is_too_busy:
                break
            time.sleep(0.1)
        return answer

    def _session(self, wire: Wire, letter: Letter, hook: Hook) -> Answer:
        answer = self._envelope(wire, letter, hook)
        if answer.code != 354:
            return answer
        self._content(wire, letter, hook)
        answer = wire.answer()
        self._farewell(wire, hook)
        return answer

    @staticmethod
    def _farewell(wire: Wire, hook: Hook) -> None:
        """The decision has been heard; whatever happens to the connection now changes nothing."""
        try:
            hook("final reply read", wire)
            wire.send(b"QUIT\r\n")
            hook("QUIT sent", wire)
            wire.rest()
        except OSError:
            pass

    def _envelope(self, wire: Wire, letter: Letter, hook: Hook) -> Answer:
        hook("connected", wire)
        if (greeting := wire.answer()).code != 220:
            return greeting
        hook("greeting read", wire)
        steps = [
            ("EHLO", "EHLO client.example", 250),
            ("MAIL", f"MAIL FROM:<{letter.sender}>{letter.mail_params}", 250),
        ]
        steps += [(f"RCPT {n}", f"RCPT TO:<{to}>", 250) for n, to in enumerate(letter.recipients, start=1)]
        steps += [("DATA", "DATA", 354)]
        for point, command, wanted in steps:
            if (answer := self._step(wire, point, command, hook)).code != wanted:
                return answer
        return answer

    @staticmethod
    def _step(wire: Wire, point: str, command: str, hook: Hook) -> Answer:
        octets = command.encode() + b"\r\n"
        half = len(octets) // 2
        wire.send(octets[:half])
        hook(f"{point} half sent", wire)
        wire.send(octets[half:])
        hook(f"{point} sent", wire)
        answer = wire.answer()
        hook(f"{point} answered", wire)
        return answer

    def _content(self, wire: Wire, letter: Letter, hook: Hook) -> None:
        octets, sent = letter.wire, 0
        for point, end in _places(octets):
            wire.send(octets[sent:end])
            sent = end
            hook(point, wire)


def _places(octets: bytes) -> list[tuple[str, int]]:
    """Where in the content the hooks of `POINTS` lie. The last five octets are CR LF . CR LF."""
    size, header_end = len(octets), octets.index(b"\r\n\r\n") + 4
    return [
        ("body: first octet", 1),
        ("body: in a header", min(70, header_end - 5)),
        ("body: after the header", header_end),
        ("body: half", header_end + (size - header_end) // 2),
        ("body: last line", size - 8),
        ("after CR", size - 4),
        ("after CRLF", size - 3),
        ("after CRLF.", size - 2),
        ("after CRLF.CR", size - 1),
        ("dot sent", size),
    ]
