"""One conversation with a server, command by command, for who wants to know how it answers; bounded like all of them.

Octets that no well-behaved client sends (NUL, a bare CR, a false end of data) can be sent too.
Fails as: `Said` with code 0 and the reason, from then on for every command: a lost conversation stays lost.
"""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Literal

from lockdown.facts.probed import Said
from lockdown.probe.smtp import Caller, Deadlines, NotSent, Refused, Target, _Line, _Stop
from lockdown.smtp.reply import Reply

IMPLICIT_TLS = 465
_QUIET_SECONDS = 2.0
_UNPRINTABLE_KEPT = 400


@dataclass(frozen=True, slots=True)
class Manner:
    """How the probe speaks. An empty `name`: the address it speaks from, in brackets (RFC 5321 4.1.3)."""

    name: str = ""
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(connect=10.0, command=30.0, piece=30.0, final=60.0))
    quiet: float = _QUIET_SECONDS
    """How long to wait for an answer that should not come."""


class Talk:
    """As a context: connects and reads the greeting; says QUIT at the end where the server still listens."""

    def __init__(self, address: str, port: int, manner: Manner, *, tls: bool | None = None) -> None:
        self._manner = manner
        self._port, self._address = port, address
        self._implicit = port == IMPLICIT_TLS if tls is None else tls
        self._line: _Line | None = None
        self.lost = ""
        self.greeting = Said()
        self.offers: tuple[str, ...] = ()
        self.tls_version = ""

    def __enter__(self) -> Talk:
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        line, self._line = self._line, None
        if line is not None:
            error = ConnectionError("lost") if self.lost else None
            line.__exit__(type(error) if error else None, error, None)

    @property
    def name(self) -> str:
        """What we call ourselves."""
        return self._manner.name or self._literal()

    def _literal(self) -> str:
        own = ipaddress.ip_address(str(self._socket.getsockname()[0]).partition("%")[0])
        return f"[IPv6:{own}]" if own.version == 6 else f"[{own}]"

    @property
    def _socket(self) -> socket.socket:
        assert self._line is not None
        return self._line._socket

    def _connect(self) -> None:
        caller = Caller(self._manner.name or "localhost", self._manner.deadlines)
        try:
            self._line = _Line(Target(self._address, self._port), caller)
        except _Stop as stop:
            self.greeting = self._gone(stop)
            return
        if self._implicit and self.handshake():
            self.greeting = Said(why=self.lost)
            return
        self.greeting = self.hear("CONNECT")

    def hello(self, name: str = "", verb: Literal["EHLO", "HELO", "LHLO"] = "EHLO") -> Said:
        """EHLO, or another greeting; what is offered is in `offers` then."""
        if self.lost:
            return Said(why=self.lost)
        said = self.ask(f"{verb} {name or self.name}")
        if said.took and verb != "HELO":
            self.offers = self._last[1:]
        return said

    def ask(self, line: str) -> Said:
        """One command, whatever octets it holds."""
        return self.ask_octets(line.partition(" ")[0].upper() or "NOOP", line.encode("utf-8", "replace") + b"\r\n")

    def ask_octets(self, verb: str, octets: bytes) -> Said:
        """Octets that owe one answer."""
        if self.send(octets, verb):
            return Said(why=self.lost)
        return self.hear(verb)

    def send(self, octets: bytes, *owed: str) -> str:
        """Send without waiting; why not, or "". `owed` names the answers that are due for it."""
        if self.lost or self._line is None:
            return self.lost or "not connected"
        for verb in owed:
            self._line.session.command(verb)
        try:
            self._line._send(octets, self._manner.deadlines.command)
        except _Stop as stop:
            self._gone(stop)
        return self.lost

    _last: tuple[str, ...] = ()

    def hear(self, verb: str, seconds: float = 0.0) -> Said:
        """The next answer that is owed."""
        if self.lost or self._line is None:
            return Said(why=self.lost or "not connected")
        begun = time.monotonic()
        try:
            allowed = self._manner.deadlines.final if verb == "DATA-END" else self._manner.deadlines.command
            reply = self._line._hear(verb, seconds or allowed)
        except _Stop as stop:
            return self._gone(stop)
        except ValueError as error:
            self.lost = f"its answer cannot be read: {error}"
            return Said(why=self.lost)
        self._last = reply.lines
        if reply.code in (421, 521) and verb != "CONNECT":
            self.lost = f"it took leave: {_text(reply)}"
        return Said(reply.code, _text(reply), seconds=round(time.monotonic() - begun, 4))

    def is_quiet(self, seconds: float = 0.0) -> bool:
        """Whether nothing comes for a while: True for silence, False for an answer or the end of the conversation."""
        if self.lost or self._line is None or self._line.session.pending_input:
            return False
        if isinstance(self._socket, ssl.SSLSocket):
            return self._hears_nothing(seconds or self._manner.quiet)
        ready, _, _ = select.select([self._socket], [], [], seconds or self._manner.quiet)
        return not ready

    def _hears_nothing(self, seconds: float) -> bool:
        """Inside TLS octets on the wire may be tickets: only what comes out of it is an answer."""
        assert self._line is not None
        try:
            self._socket.settimeout(seconds)
            self._line.session.receive(received := self._socket.recv(1 << 14))
        except TimeoutError:
            return True
        except OSError as error:
            self.lost = f"lost inside TLS: {error.strerror or error}"
            return False
        self.lost = "" if received else "it closed the connection inside TLS"
        return False

    def handshake(self) -> str:
        """Begin TLS; why not, or "". The certificate is another matter, and looked at elsewhere."""
        if self.lost or self._line is None:
            return self.lost or "not connected"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._socket.settimeout(self._manner.deadlines.command)
            self._line._socket = context.wrap_socket(self._socket, server_hostname=None)
        except (OSError, ValueError) as error:
            self.lost = f"the TLS handshake failed: {getattr(error, 'reason', None) or error}"
            return self.lost
        self._line.session.secured()
        self.tls_version = str(self._line._socket.version() or "")
        return ""

    def drop(self) -> None:
        """Close at once: what has been said and not ended is void."""
        self.lost = self.lost or "dropped by us"
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def _gone(self, stop: _Stop) -> Said:
        match stop.outcome:
            case NotSent(why):
                self.lost = why
            case Refused(verb, reply):
                self.lost = f"{verb} was refused: {_text(reply)}"
        return Said(why=self.lost)


def _text(reply: Reply) -> str:
    return f"{reply.enhanced} {' '.join(reply.lines)}".strip()[:_UNPRINTABLE_KEPT]
