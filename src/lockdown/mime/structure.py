"""Count the parts of a message and how deep they nest, in bounded time, without reading its lines.

Works on wire form: a stuffed dot stands at the start of a line and a delimiter line starts with `--`, so stuffing can
neither hide nor make a delimiter. Each level searches its own range once for its own boundary, at memory speed; text
full of dashes costs nothing.

Counts as `email.message.Message.walk` does: containers and embedded messages are parts too; the message itself is one.
Fails as: Unknown(why) where the message's own header cannot be understood; Structure(..., unread=why) where the count
stopped early. Never raises.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from lockdown.mime.content_type import BodyKind, Multipart, Whole, body_kind
from lockdown.model.mail import WITHOUT_PARTS, Structure
from lockdown.model.unknown import Unknown

HEADER_LIMIT = 1024 * 1024
PART_HEADER_LIMIT = 64 * 1024
SEARCHED_LEVELS = 4
"""So often may the whole content be searched: for a large file in a forwarded message that was forwarded again."""
SEARCHED_ANYWAY = 16 * 1024 * 1024
"""What may be searched of any message, in octets: a small one may nest deeper, at no cost."""

_DELIMITER_REST = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


class _Delimiter(NamedTuple):
    """A delimiter line: where its leading line feed stands, where the line after it begins, whether it closes."""

    position: int
    next_line: int
    closes: bool


class _Entity(NamedTuple):
    """Something with a header of its own, between two positions."""

    start: int
    end: int
    depth: int
    in_digest: bool


@dataclass(slots=True)
class _Level:
    """A multipart being read: its next part begins at `at`."""

    needle: bytes
    digest: bool
    at: int
    end: int
    depth: int


def scan_structure(
    content: bytes | memoryview | mmap.mmap,
    *,
    header_end: int,
    max_parts: int,
    max_nesting: int,
    budget: int | None = None,
) -> Structure | Unknown:
    """Count parts and nesting. `header_end` is where the message's header ends, before its empty line.

    The count stops with one part or one level more than the limit, or when more than `budget` octets have been
    searched (by default SEARCHED_LEVELS times the content, or SEARCHED_ANYWAY). A memoryview is copied first.
    """
    if header_end > HEADER_LIMIT:
        return Unknown("a header of more than a megabyte is not read")
    octets = bytes(content) if isinstance(content, memoryview) else content
    kind = body_kind(octets[:header_end])
    if kind is Whole.LEAF:
        return WITHOUT_PARTS
    if isinstance(kind, Unknown):
        return kind
    body = header_end + 2 if octets[header_end : header_end + 2] == b"\r\n" else header_end
    if budget is None:
        budget = max(SEARCHED_LEVELS * len(octets), SEARCHED_ANYWAY)
    return _Scan(octets, max_parts, max_nesting, budget).run(kind, body)


class _Scan:
    """One count in progress. Only the levels that are open are held, so memory is bounded by the nesting."""

    __slots__ = ("_budget", "_content", "_deepest", "_entity", "_levels", "_lookalikes", "_max_nesting", "_max_parts",
                 "_parts", "_unread")  # fmt: skip

    def __init__(self, content: bytes | mmap.mmap, max_parts: int, max_nesting: int, budget: int) -> None:
        self._content = content
        self._max_parts, self._max_nesting, self._budget = max_parts, max_nesting, budget
        self._parts = self._deepest = self._lookalikes = 0
        self._unread = ""
        self._levels: list[_Level] = []
        self._entity: _Entity | None = None

    def run(self, kind: BodyKind, body: int) -> Structure:
        """Go through the message in its order until it ends or a limit is passed."""
        self._open(kind, body, len(self._content), 0)
        while not self._unread and (self._entity or self._levels):
            if self._entity is not None:
                self._enter(self._entity)
            else:
                self._next_part(self._levels[-1])
        return Structure(self._parts, self._deepest, self._unread)

    def _enter(self, entity: _Entity) -> None:
        """Read an entity's header, and open its body."""
        self._entity = None
        start, limit = entity.start, min(entity.end, entity.start + PART_HEADER_LIMIT)
        if self._content[start : start + 2] == b"\r\n":
            self._open(body_kind(b"", in_digest=entity.in_digest), start + 2, entity.end, entity.depth)
            return
        blank = self._find(b"\r\n\r\n", start, limit)
        if blank < 0 and limit < entity.end:
            self._stop("the header of a part does not end")
        header_end, body = (blank, blank + 4) if blank >= 0 else (limit, limit)
        kind = body_kind(self._content[start:header_end], in_digest=entity.in_digest)
        self._open(kind, body, entity.end, entity.depth)

    def _open(self, kind: BodyKind, body: int, end: int, depth: int) -> None:
        """Count one entity, and prepare to read what its body is made of."""
        self._count(depth)
        match kind:
            case Multipart(boundary, digest):
                self._open_multipart(b"\n--" + boundary, digest, body, end, depth)
            case Whole.MESSAGE:
                self._entity = _Entity(body, end, depth + 1, in_digest=False)
            case Unknown(why):
                self._stop(why)
            case Whole.LEAF:
                pass
            case _:
                assert_never(kind)

    def _count(self, depth: int) -> None:
        self._parts += 1
        self._deepest = max(self._deepest, depth)
        if self._parts > self._max_parts:
            self._stop(f"more than {self._max_parts} parts")
        if depth > self._max_nesting:
            self._stop(f"parts nested more than {self._max_nesting} deep")

    def _open_multipart(self, needle: bytes, digest: bool, body: int, end: int, depth: int) -> None:
        # The line feed of a delimiter may be the one that ends the header: a multipart needs no preamble.
        first = self._delimiter(needle, max(0, body - 1), end)
        if first is not None and not first.closes:
            self._levels.append(_Level(needle, digest, first.next_line, end, depth))

    def _next_part(self, level: _Level) -> None:
        """The part that begins at the level's position, and ends at its next delimiter or with what encloses it."""
        following = self._delimiter(level.needle, level.at - 1, level.end)
        # The line feed before a delimiter may also end the last line of what is inside.
        end = level.end if following is None else following.position + 1
        self._entity = _Entity(level.at, max(level.at, end), level.depth + 1, level.digest)
        if following is None or following.closes:
            self._levels.pop()
        else:
            level.at = following.next_line

    def _delimiter(self, needle: bytes, start: int, end: int) -> _Delimiter | None:
        """The next line that is the delimiter and nothing more, as the parsers behind us read it.

        RFC 2046 5.1.1 would take a line that only begins with it. Too many of those end the count: a parser that
        goes by that letter would find as many parts.
        """
        at = self._find(needle, start, end)
        while at >= 0:
            rest = _DELIMITER_REST.match(self._content, at + len(needle), end)
            if rest is not None:
                return _Delimiter(at, rest.end(), rest[1] is not None)
            self._lookalikes += 1
            if self._lookalikes > self._max_parts:
                self._stop("too many lines that begin like a delimiter")
                return None
            at = self._find(needle, at + len(needle), end)
        return None

    def _find(self, needle: bytes, start: int, end: int) -> int:
        """Where the needle stands, or -1; within the budget."""
        stop = min(end, start + self._budget)
        found = self._content.find(needle, start, stop)
        if found < 0 and stop < end:
            self._stop("more to search than is allowed")
        self._budget -= (found if found >= 0 else stop) - start
        return found

    def _stop(self, why: str) -> None:
        """The first reason stands."""
        self._unread = self._unread or why
