"""The body of a message: find its one true end, count it, and say what is wrong with it.

The end is exactly CR LF . CR LF, nothing else; the CR LF of the DATA command counts as the one before the first line
(RFC 5321 4.1.1.4). Whole chunks are searched in C; no Python runs per line or per byte. A flaw does not end the body:
the reader goes on to the true end, so that the session stays in step, but delivers nothing more.
Fails as: a DataFlaw. Never raises.
"""

import re
from typing import Final

from .events import DataFlaw

_END: Final = b"\r\n.\r\n"
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")

# How far beyond the limit we follow a body that is refused already, before giving up on its end.
OVERRUN_FACTOR: Final = 4


class DataReader:
    """Fed with chunks, cut anywhere; made when DATA is answered and dropped after the end. max_size 0: no limit."""

    __slots__ = ("_bare", "_held", "_lead", "_line", "_long_line", "_max_line", "_max_size", "_size", "ended", "wire_size")

    def __init__(self, max_size: int, max_line: int) -> None:
        self._max_size = max_size
        self._max_line = max_line
        # What may be the beginning of the end is held back. At first that is the command's own CRLF, never delivered.
        self._held = b"\r\n"
        self._lead = 2
        self._line = 0  # octets of the unfinished line
        self._long_line = False
        self._bare: DataFlaw | None = None
        self._size = 0
        self.wire_size = 0
        self.ended = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def flaw(self) -> DataFlaw | None:
        if self._is_overrun():
            return DataFlaw.OVERRUN
        if self._bare is not None:
            return self._bare
        if self._long_line:
            return DataFlaw.LINE_TOO_LONG
        return DataFlaw.TOO_BIG if self._is_too_big() else None

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The part of the body that is certain now and fit to be passed on, and what follows the end."""
        # Measured hot path: seven in ten octets of mail are here.
        buffer = self._held + data if self._held else data
        # A search for one octet is thirty times as fast as one for five; base64 has no dot at all.
        dotted = b"." in buffer
        end = buffer.find(_END) if dotted else -1
        if end >= 0:
            body = end + 2
            rest = buffer[body + 3 :]
            self._held = b""
            self.ended = True
        else:
            body = len(buffer) - _possible_end(buffer)
            rest = b""
            self._held = buffer[body:]
        if body > self._lead:
            self._count(buffer, body, dotted)
        chunk = buffer[self._lead : body] if body > self._lead else b""
        if body:
            self._lead = 0
        if self._is_flawed():
            return b"", self._overrun(rest)
        return chunk, rest

    def _count(self, buffer: bytes, body: int, dotted: bool) -> None:
        dots = buffer.count(b"\r\n.", 0, body) if dotted else 0
        self.wire_size += body - self._lead
        self._size += body - self._lead - dots
        if self._bare is None:
            pairs = buffer.count(b"\r\n", 0, body)
            if buffer.count(b"\n", 0, body) != pairs or buffer.count(b"\r", 0, body) != pairs:
                self._bare = _bare_newline(buffer, body)
        # No line can be too long before the pieces add up to one.
        if self._line + body <= self._max_line:
            self._line = body - 1 - last if (last := buffer.rfind(b"\n", 0, body)) >= 0 else self._line + body
        else:
            self._measure_lines(buffer[:body])
