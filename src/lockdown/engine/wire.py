"""A conversation of a drill with a server, octet by octet, overheard: whatever is to be said is sent, right or wrong.

Fails as: `Lost` with the reason; what is no reply of SMTP is told as such, and is bounded.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Overhear = Callable[[str, str], None]
"""Called with "C" or "S", and one line."""

_REPLY = re.compile(rb"([2-5][0-9][0-9])([ -])?(.*)", re.DOTALL)
_MOST_OCTETS = 64 * 1024
_TEXT_KEPT = 500
_LINE_KEPT = 200
_LINES_KEPT = 12
_SECRET = re.compile(r"(?i)^(AUTH \S+) .+")
"""What is overheard is kept; the account's password is not."""


class Lost(Exception):
    """The conversation is over, and why."""


@dataclass(frozen=True, slots=True)
class Said:
    """One reply: its code, and its lines without it."""

    code: int
    text: str


def replies(octets: bytes) -> tuple[list[Said], bytes]:
    """The whole replies in these octets, and what is left of them; `Lost` for what is none."""
    found: list[Said] = []
    lines: list[str] = []
    rest = octets
    while (end := octets.find(b"\n") + 1) > 0:
        line, octets = octets[:end], octets[end:]
        said = _REPLY.match(line)
        if said is None:
            raise Lost(f"not a reply: {printed(line)}")
        lines.append(printed(said[3]))
        if said[2] != b"-":
            found.append(Said(int(said[1]), "\n".join(lines)[:_TEXT_KEPT]))
            lines, rest = [], octets
    if len(rest) > _MOST_OCTETS:
        raise Lost("a reply without bounds")
    return found, rest


def printed(octets: bytes) -> str:
    """As text that does no harm on a screen or in a file."""
    text = octets.decode("utf-8", "backslashreplace").rstrip("\r\n")[:_LINE_KEPT]
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


class Wire:
    """One open connection; `close` says nothing, `leave` says QUIT."""

    def __init__(self, connection: socket.socket, overhear: Overhear) -> None:
        self._socket = connection
        self._overhear = overhear
        self._heard: list[Said] = []
        self._rest = b""
        self.lost = ""

    def send(self, octets: bytes, seconds: float) -> None:
        """Send them as they are."""
        for line in octets.splitlines()[:_LINES_KEPT]:
            self._overhear("C", _SECRET.sub(r"\1 …", printed(line)))
        self._put(octets, seconds)

    def pour(self, pieces: Iterable[bytes], until: float, octets_per_second: int = 0) -> None:
        """A long text; ends early at this moment of the monotonic clock, or when the server has something to say."""
        began, sent = time.monotonic(), 0
        for piece in pieces:
            for part in _slices(piece, octets_per_second):
                if time.monotonic() > until:
                    raise self._gone("it was not taken in time")
                self._put(part, max(until - time.monotonic(), 0.1))
                sent += len(part)
                if octets_per_second:
                    time.sleep(max(began + sent / octets_per_second - time.monotonic(), 0))
        self._overhear("C", f"({sent:,} octets)")

    def hear(self, seconds: float) -> Said:
        """The next reply."""
        until = time.monotonic() + seconds
        while not self._heard:
            if self.lost:
                raise Lost(self.lost)
            self._take(self._receive(until - time.monotonic(), f"no answer in {seconds:.0f} s"))
        said = self._heard.pop(0)
        for line in said.text.splitlines() or [""]:
            self._overhear("S", f"{said.code} {line}")
        return said

    def raw(self, seconds: float) -> bytes:
        """What comes next, of a protocol that is not SMTP."""
        octets = self._receive(seconds, f"no answer in {seconds:.0f} s")
        for line in octets.splitlines()[:20]:
            self._overhear("S", printed(line))
        return octets

    def ask(self, line: str | bytes, seconds: float) -> Said:
        """One command line, and its answer."""
        self.send(line.encode("utf-8", "surrogateescape") + b"\r\n" if isinstance(line, str) else line, seconds)
        return self.hear(seconds)

    def secure(self, seconds: float) -> None:
        """TLS from here on; the certificate is judged elsewhere, and a drill's own account is all that is told."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            self._socket.settimeout(seconds)
            self._socket = context.wrap_socket(self._socket)
        except (OSError, ValueError) as error:
            raise self._gone(f"TLS failed: {getattr(error, 'reason', None) or error}") from None
        self._overhear("-", "encrypted from here on")

    def is_open(self) -> bool:
        """Whether the server has not hung up, as far as that has come here."""
        with contextlib.suppress(Lost):
            self._take(self._receive(0.05, ""))
        return self.lost in ("", "silent")

    def leave(self) -> None:
        """With QUIT, and without waiting long for an answer."""
        if not self.lost:
            with contextlib.suppress(Lost):
                self.ask("QUIT", 2.0)
        self.close()

    def close(self) -> None:
        """At once."""
        self.lost = self.lost or "closed by us"
        self._socket.close()

    def _put(self, octets: bytes, seconds: float) -> None:
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(octets)
        except OSError as error:
            # Who refuses in the middle of a letter says so before it closes: that answer is what counts.
            with contextlib.suppress(Lost):
                self._take(self._receive(1.0, ""))
            raise self._gone(f"lost while sending: {error.strerror or error}") from None

    def _take(self, octets: bytes) -> None:
        try:
            found, self._rest = replies(self._rest + octets)
        except Lost as lost:
            raise self._gone(str(lost)) from None
        self._heard += found

    def _receive(self, seconds: float, silence: str) -> bytes:
        try:
            self._socket.settimeout(max(seconds, 0.001))
            octets = self._socket.recv(1 << 16)
        except TimeoutError:
            raise Lost(silence or "silent") from None
        except (OSError, ValueError) as error:
            raise self._gone(f"lost: {getattr(error, 'strerror', None) or error}") from None
        if not octets:
            raise self._gone("it closed the connection")
        return octets

    def _gone(self, why: str) -> Lost:
        self.lost = why
        self._overhear("-", why)
        return Lost(why)


def _slices(piece: bytes, octets_per_second: int) -> Iterable[bytes]:
    """Of a slow letter, what is sent in a tenth of a second."""
    step = max(octets_per_second // 10, 1) if octets_per_second else len(piece)
    for start in range(0, len(piece), max(step, 1)):
        yield piece[start : start + step]
