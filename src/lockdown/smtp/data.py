"""The body of a message: find its one true end, count it, and say what is wrong with it.

The end is exactly CR LF . CR LF, nothing else; the CR LF of the DATA command counts as the one before the first line
(RFC 5321 4.1.1.4). Whole chunks are searched in C; no Python runs per line or per byte. A flaw does not end the body:
the reader goes on to the true end, so that the session stays in step, but delivers nothing more.
Fails as: a DataFlaw. Never raises.
"""

from io import IncrementalNewlineDecoder
from typing import Final

from .events import DataFlaw

_END: Final = b"\r\n.\r\n"
_DOTTED: Final = b"\r\n."
_EMPTY_OR_DOT: Final = (b"", b".")
_BARE: Final = ((b"\r", DataFlaw.BARE_CR), (b"\n", DataFlaw.BARE_LF))

_NO_LIMIT: Final = 1 << 62
# How far beyond the limit we follow a body that is refused already, before giving up on its end.
OVERRUN_FACTOR: Final = 4


class DataReader:
    """Fed with chunks, cut anywhere; made when DATA is answered and dropped after the end. max_size 0 is no limit."""

    __slots__ = (
        "_bare",
        "_held",
        "_lead",
        "_line",
        "_long",
        "_max_line",
        "_max_size",
        "ended",
        "flaw",
        "size",
        "wire_size",
    )

    def __init__(self, max_size: int, max_line: int) -> None:
        self._max_size = max_size or _NO_LIMIT
        self._max_line = max_line
        # What may be the beginning of the end is held back. At first that is the command's own CRLF, never delivered.
        self._held = b"\r\n"
        self._lead = 2
        self._line = 0  # octets of the unfinished line
        self._long = False
        self._bare: DataFlaw | None = None
        self.flaw: DataFlaw | None = None
        self.size = 0  # after unstuffing
        self.wire_size = 0
        self.ended = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The part of the body that is certain now and fit to be passed on; and what follows the end."""
        # Measured hot path: a chunk without anything held is passed on as the very object that came in.
        if self._lead and self._held == b"\r\n" and data[:1] not in _EMPTY_OR_DOT:
            # No dot comes behind the command's own CRLF: there is no need to look at both together.
            self._held, self._lead = b"", 0
        buffer = self._held + data if self._held else data
        if buffer.endswith(_END) and buffer.rfind(_DOTTED, 0, -3) < 0 and not self._lead and self.flaw is None:
            # What nearly every body ends with (and short ones are): no dotted line, and nothing behind the end.
            chunk = buffer[:-3]
            octets = len(chunk)
            wire_size = self.wire_size + octets
            if wire_size <= self._max_size and self._line + octets < self._max_line:
                decoder = IncrementalNewlineDecoder(None, False)
                decoder.decode(chunk.decode("latin-1"), True)
                if decoder.newlines == "\r\n":
                    self.size += octets
                    self.wire_size = wire_size
                    self.ended = True
                    return chunk, b""
        return self._searched(buffer)

    def _searched(self, buffer: bytes) -> tuple[bytes, bytes]:
        dotted, end = _dotted_lines(buffer)
        if end >= 0:
            body, rest = end + 2, buffer[end + 5 :]
            self._held = b""
            self.ended = True
        else:
            body, rest = len(buffer) - _possible_end(buffer), b""
            self._held = buffer[body:]
        if not body:
            return b"", rest
        chunk = buffer[self._lead : body]
        self._lead = 0
        self.size -= buffer.count(_DOTTED, 0, body) if dotted else 0
        self._count(chunk)
        return self._delivered(chunk, rest)

    def _count(self, chunk: bytes) -> None:
        self.wire_size += len(chunk)
        self.size += len(chunk)
        if self._bare is None:
            self._bare = _bare_newline(chunk)
        self._line = self._measured(chunk)

    def _measured(self, chunk: bytes) -> int:
        """The length of the line that is unfinished after this piece; on the way, whether any line was too long."""
        # No line can be too long before the pieces add up to one.
        if self._line + len(chunk) >= self._max_line and not self._long:
            lines = chunk.split(b"\n")
            self._long = self._line + len(lines[0]) >= self._max_line or max(map(len, lines)) >= self._max_line
        last = chunk.rfind(b"\n")
        return len(chunk) - 1 - last if last >= 0 else self._line + len(chunk)

    def _delivered(self, chunk: bytes, rest: bytes) -> tuple[bytes, bytes]:
        self.flaw = flaw = self._gravest()
        if flaw is None:
            return chunk, rest
        if flaw is not DataFlaw.OVERRUN:
            return b"", rest
        self.ended = True
        return b"", b""

    def _gravest(self) -> DataFlaw | None:
        """Of the flaws. By rank and not by place, so that it does not depend on how the body was cut."""
        if self.wire_size > self._max_size * OVERRUN_FACTOR:
            return DataFlaw.OVERRUN
        if self._bare is not None:
            return self._bare
        if self._long:
            return DataFlaw.LINE_TOO_LONG
        return DataFlaw.TOO_BIG if self.size > self._max_size else None


def _possible_end(buffer: bytes) -> int:
    """How many of the last octets may be the beginning of the end."""
    if buffer[-1:] not in (b"\r", b"\n", b"."):
        return 0
    return next((length for length in (4, 3, 2, 1) if buffer.endswith(_END[:length])), 0)


def _dotted_lines(buffer: bytes) -> tuple[bool, int]:
    """Is there a line with a stuffed dot (or several dotted ones); and where the end is, or -1.

    Measured: on CPython a search from the right is more than twice as fast as `find` and `count`, and nearly every
    chunk of mail has no dotted line but the end itself.
    """
    last = buffer.rfind(_DOTTED)
    if last < 0:
        return False, -1
    if buffer.rfind(_DOTTED, 0, last + 2) >= 0:
        return True, buffer.find(_END)
    return (False, last) if buffer.startswith(_END, last) else (True, -1)


def _bare_newline(piece: bytes) -> DataFlaw | None:
    """The first CR or LF of this piece that has not the other beside it.

    Measured: the standard library's newline decoder notes in one pass which kinds of line end it met, four times as
    fast as counting CR, LF and CRLF. Latin-1 makes of each octet the character of the same number.
    """
    decoder = IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(piece.decode("latin-1"), True)
    if decoder.newlines is None or decoder.newlines == "\r\n":
        return None
    without_pairs = piece.replace(b"\r\n", b"")
    ends = [(at, flaw) for octet, flaw in _BARE if (at := without_pairs.find(octet)) >= 0]
    return min(ends, key=lambda end: end[0])[1]


def unstuff(wire: bytes) -> bytes:
    """The content of a whole body in wire form: one leading dot less on each line that has one (RFC 5321 4.5.2)."""
    return Unstuffer().feed(wire)


def stuff(content: bytes) -> bytes:
    """The wire form of a whole body, without the end."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


class Unstuffer:
    """`unstuff` for a body that comes in pieces, cut anywhere; nothing is held back."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the beginning of a line end that the last piece ended with

    def feed(self, wire: bytes) -> bytes:
        joined = self._tail + wire
        content = joined.replace(b"\r\n.", b"\r\n")[len(self._tail) :]
        self._tail = b"\r\n" if joined.endswith(b"\r\n") else b"\r" if joined.endswith(b"\r") else b""
        return content
