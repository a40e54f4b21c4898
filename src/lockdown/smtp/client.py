"""One SMTP or LMTP conversation, seen from the client's side, without any I/O.

Each command method gives the bytes to send and remembers that a reply is owed, so several may be sent in one write and
the replies still find their commands. What a server says is bounded, and reduced to printable ASCII before it is told.
Fails as: Nonsense(why), once, for a server that does not speak SMTP; the session is then `broken` and says no more.
ValueError for a caller who would put CR, LF or NUL into a command.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .events import NEED_DATA, Signal
from .extensions import NO_EXTENSIONS, Extensions, parse_extensions
from .reply import LINE_OCTETS, Reply, parse_reply

# A server that explains itself at greater length than this is not explaining.
LINE_BOUND: Final = 2048
LINES_BOUND: Final = 512
REPLY_BOUND: Final = 64 * 1024

# RFC 5321 4.2: the second digit is 0 to 5.
_STATUS = re.compile(rb"([2-5][0-5][0-9])(?:([ -])|\Z)")
_WHOLE = re.compile(rb"([2-5][0-5][0-9] [^\r\n]*)\r\n")
# What a server says is remembered up to this length, so that it cannot make us keep much.
_SHORT: Final = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_XTEXT_SAFE = re.compile(r"[^!-*,-<>-~]")

# Commands whose answers tell what the server can do.
_GREETINGS: Final = frozenset({"EHLO", "LHLO", "HELO"})

# The order of the XCLIENT attributes: name and address last, as they make the server judge the client anew.
_XCLIENT_FIRST: Final = ("HELO", "PROTO", "LOGIN")
_XCLIENT_LAST: Final = ("DESTADDR", "DESTPORT", "PORT", "ADDR", "NAME")


@dataclass(slots=True)
class Answered:
    """The reply to one command: CONNECT (the greeting), EHLO, LHLO, HELO, MAIL, RCPT, DATA, DATA-END, RSET ...

    LMTP has one DATA-END for each accepted recipient. The verb is empty where a 421 came without being asked for.
    """

    verb: str
    reply: Reply


@dataclass(slots=True)
class Nonsense:
    why: str


class ClientSession:
    """Begins by waiting for the greeting."""

    __slots__ = (
        "_accepted",
        "_breach",
        "_buffer",
        "_closely",
        "_expected",
        "_lines",
        "_lmtp",
        "_octets",
        "broken",
        "extensions",
    )

    def __init__(self, *, lmtp: bool = False) -> None:
        self._lmtp = lmtp
        self._buffer = b""
        self._lines: list[bytes] = []  # those of a reply that is not complete
        self._octets = 0  # in these lines
        self._expected: deque[str] = deque(("CONNECT",))
        self._accepted = 0  # recipients of this transaction
        # Something other than the answers to a plain message may come, or half of an answer is here.
        self._closely = True
        self._breach = ""  # what the next event must say instead of a reply
        self.extensions: Extensions = NO_EXTENSIONS
        self.broken = False

    # ── commands ──

    def hello(self, name: str) -> bytes:
        verb = "LHLO" if self._lmtp else "EHLO"
        return self._command(verb, f"{verb} {name}")

    def helo(self, name: str) -> bytes:
        return self._command("HELO", f"HELO {name}")

    # Measured hot path, these four: they are sent for every message.

    def mail(self, sender_raw: str, params: Sequence[str] = ()) -> bytes:
        line = f"MAIL FROM:<{sender_raw}> {' '.join(params)}" if params else f"MAIL FROM:<{sender_raw}>"
        if not line.isprintable():
            _refuse_control(line)
        self._expected.append("MAIL")
        return line.encode() + b"\r\n"

    def recipient(self, raw: str, params: Sequence[str] = ()) -> bytes:
        line = f"RCPT TO:<{raw}> {' '.join(params)}" if params else f"RCPT TO:<{raw}>"
        if not line.isprintable():
            _refuse_control(line)
        self._expected.append("RCPT")
        return line.encode() + b"\r\n"

    def data(self) -> bytes:
        self._expected.append("DATA")
        return b"DATA\r\n"

    def end(self, wire_ends_with_crlf: bool) -> bytes:
        """The end of the body. An empty body counts as one that ends with CRLF."""
        if self._lmtp:
            # RFC 2033 4.2: one reply for each recipient that was accepted, in their order.
            self._expected.extend(("DATA-END",) * self._accepted)
            self._accepted = 0
        else:
            self._expected.append("DATA-END")
        return b".\r\n" if wire_ends_with_crlf else b"\r\n.\r\n"

    def starttls(self) -> bytes:
        return self._command("STARTTLS", "STARTTLS")

    def reset(self) -> bytes:
        return self._command("RSET", "RSET")

    def noop(self) -> bytes:
        return self._command("NOOP", "NOOP")

    def quit(self) -> bytes:
        return self._command("QUIT", "QUIT")

    def command(self, line: str) -> bytes:
        """Any other command, for probes and drills. Its reply comes under its first word."""
        return self._command(line.partition(" ")[0].upper(), line)

    def xclient(self, attributes: Mapping[str, str]) -> bytes:
        """Tell a server that trusts us who our client is. Each line is answered by 220; then greet anew.

        Only what `extensions.xclient` names may be sent; choosing is the caller's. One line unless it grows too long.
        """
        words = [f"{name}={_xclient_value(name, attributes[name])}" for name in sorted(attributes, key=_xclient_rank)]
        lines = _folded("XCLIENT", words)
        return b"".join(self._command("XCLIENT", line) for line in lines)

    def _command(self, verb: str, line: str) -> bytes:
        _refuse_control(line)
        self._closely = True
        self._expected.append(verb)
        return line.encode() + b"\r\n"

    # ── replies ──

    def receive(self, data: bytes) -> None:
        if self._buffer:
            self._buffer += data
        elif not self.broken:
            self._buffer = data

    def next_event(self) -> Answered | Nonsense | Signal:
        # Measured hot path: whole replies of one line to the commands of a message.
        if not self._closely:
            said = self._buffer
            if not said:
                return NEED_DATA
            if len(said) <= _SHORT and self._expected and (known := _first_reply(said)) is not None:
                reply, self._buffer = known
                verb = self._expected.popleft()
                if self._lmtp:
                    self._learn(verb, reply, [])
                return Answered(verb, reply)
        return self._next_of_any_form()

    def _next_of_any_form(self) -> Answered | Nonsense | Signal:
        if self._breach:
            return self._nonsense(self._breach)
        while (end := self._buffer.find(b"\n") + 1) > 0:
            line, self._buffer = self._buffer[:end], self._buffer[end:]
            event = self._take(line)
            if event is not None:
                return event
        if len(self._buffer) > LINE_BOUND:
            return self._nonsense("a reply without bounds")
        return NEED_DATA

    def _take(self, ended: bytes) -> Answered | Nonsense | None:
        """One more line of a reply: the whole reply if this completes it."""
        self._closely = True
        self._octets += len(ended)
        if len(ended) > LINE_BOUND or self._octets > REPLY_BOUND or len(self._lines) >= LINES_BOUND:
            return self._nonsense("a reply without bounds")
        # RFC 5321 2.3.8 wants CRLF; some servers end their lines with LF, and the text is made harmless anyway.
        line = ended[:-1].removesuffix(b"\r")
        status = _STATUS.match(line)
        if status is None:
            return self._nonsense(f"not a reply: {line[:80]!r}")
        if self._lines and self._lines[0][:3] != status[1]:
            return self._nonsense("one reply with two codes")
        self._lines.append(line)
        return self._completed() if status[2] != b"-" else None

    def _completed(self) -> Answered | Nonsense:
        lines, self._lines, self._octets = self._lines, [], 0
        reply = _known_reply(lines[0]) if len(lines) == 1 else parse_reply(lines)
        if self._expected:
            verb = self._expected.popleft()
        elif reply.code == 421:
            # RFC 5321 3.8: a server that has to close may say so at any time.
            verb = ""
        else:
            return self._nonsense(f"a reply to nothing: {reply.code}")
        self._closely = bool(self._expected)
        self._learn(verb, reply, lines)
        return Answered(verb, reply)

    def _learn(self, verb: str, reply: Reply, lines: list[bytes]) -> None:
        if verb == "RCPT":
            self._accepted += reply.is_positive
        elif verb in ("MAIL", "RSET"):
            self._accepted = 0
        elif verb in _GREETINGS and reply.is_positive:
            self._accepted = 0
            offers = [line[4:].decode("ascii", "replace") for line in lines[1:]] if verb != "HELO" else []
            self.extensions = parse_extensions(offers)

    def _nonsense(self, why: str) -> Nonsense:
        self.broken = True
        self._breach = ""
        self._buffer = b""
        self._lines = []
        return Nonsense(why)

    # ── TLS ──

    def secured(self) -> None:
        """The TLS handshake is done: nothing the server said before it counts (RFC 3207 4.2).

        What it said behind its 220 in plain text was written by someone else, for us to take as encrypted: the next
        event will not be a reply.
        """
        self.extensions = NO_EXTENSIONS
        if self.pending_input:
            self._breach = "plain text behind STARTTLS"
            self._closely = True

    @property
    def pending_input(self) -> bool:
        """Has the server said something that no event has told yet?"""
        return bool(self._buffer or self._lines)

    @property
    def outstanding(self) -> int:
        """How many replies the server owes us."""
        return len(self._expected)


@lru_cache(maxsize=512)
def _first_reply(said: bytes) -> tuple[Reply, bytes] | None:
    """The reply that the first line is all of, and what stands behind it; None where it needs a closer look."""
    whole = _WHOLE.match(said)
    return (_known_reply(whole[1]), said[whole.end() :]) if whole is not None else None


@lru_cache(maxsize=512)
def _known_reply(line: bytes) -> Reply:
    """A server says the same few lines all day."""
    return parse_reply((line,))


def _refuse_control(line: str) -> None:
    if _CONTROL.search(line):
        raise ValueError(f"a control character in {line!r}")


def _xclient_rank(name: str) -> int:
    if name in _XCLIENT_FIRST:
        return _XCLIENT_FIRST.index(name)
    return 100 + _XCLIENT_LAST.index(name) if name in _XCLIENT_LAST else 50


def _xclient_value(name: str, value: str) -> str:
    is_bare_ipv6 = name in ("ADDR", "DESTADDR") and ":" in value and not value.upper().startswith("IPV6:")
    return _XTEXT_SAFE.sub(_as_xtext, f"IPV6:{value}" if is_bare_ipv6 else value)


def _as_xtext(char: re.Match[str]) -> str:
    return "".join(f"+{octet:02X}" for octet in char[0].encode())


def _folded(verb: str, words: list[str]) -> list[str]:
    """As few lines as possible, each within 512 octets with its line end."""
    lines = [verb]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > LINE_OCTETS - 2 and lines[-1] != verb:
            lines.append(verb)
        lines[-1] += f" {word}"
    return lines if words else []
