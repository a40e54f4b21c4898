"""Read a message as the most curious of all mail programs would: every part, every file within a part, all readings.

Pure and bounded: every octet is searched a limited number of times, nothing is decoded that need not be, and each
limit that is met becomes an `Unread`. Where programs could differ, all their readings are given as parts and the
reason as an `Ambiguity`; sloppy mail that all programs read alike has none.
Fails as: `Message.unread` with the path and the reason. Never raises.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from typing import NamedTuple

from lockdown.mime import hidden
from lockdown.mime.about import NOTHING_SAID, About, Fields, Noted
from lockdown.mime.about import about as about_body
from lockdown.mime.binhex import MARK, binhex_files
from lockdown.mime.decode import (
    IDENTITY,
    Doubts,
    base64_doubts,
    base64_file,
    base64_file_within,
    decoded,
    quoted_printable_doubts,
)  # fmt: skip
from lockdown.mime.fields import LONGEST_FIELD, header_fields, longest, of_sender, strange_lines, text_within
from lockdown.mime.parameters import VALUE_LIMIT, Value
from lockdown.mime.parts import DEFAULT_LIMITS, MIB, NO_PARAMETERS, Message, Part, ReadLimits
from lockdown.mime.tnef import IN_BASE64, SIGNATURE, tnef_members
from lockdown.mime.uudecode import uuencoded_files
from lockdown.mime.words import decoded_words, text_of
from lockdown.mime.yenc import yencoded_files
from lockdown.model.scan import Ambiguity, Unread

MOST_REPAIRED = 4 * MIB
LONGEST_PROSE = MIB
"""What may stand before the first boundary or behind the last and is looked through, in octets."""
SMALL = 16 * MIB
"""What all leaves may have together, in octets, or four times the message: several readings of one content."""
_MESSAGES = frozenset(("message/rfc822", "message/global", "message/news"))
_ELSEWHERE = {
    "message/partial": "a piece of a message that only the recipient puts together",
    "message/external-body": "content that only the recipient fetches from elsewhere",
}
_SEARCHED = "more to search than is allowed"
_BLANK = re.compile(rb"\n\r?\n")
# Atomic, not possessive: in Python before 3.11.5 a possessive group with a choice in it ends in the wrong place.
_FIELD_LINES = re.compile(rb"(?>(?:(?:[!-9;-~]++[ \t]*+:|[ \t])[^\n]*+(?:\n|\Z))*)")
_DELIMITER_REST = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\Z)")
_PART_HEADER = re.compile(rb"[^\n]*+\ncontent-", re.IGNORECASE)


class _Entity(NamedTuple):
    """Something with a header of its own that waits to be read."""

    octets: bytes
    start: int
    end: int
    place: str
    """Its path; for a whole message, what stands before the paths of its parts."""
    depth: int
    is_message: bool
    in_digest: bool
    outer: tuple[bytes, ...]
    """Boundaries of what it lies in."""
    boundary: bytes = b""
    """Of parts that nobody announced: there is no header, and this stands between them."""


class _Place(NamedTuple):
    """Where a body lies, and under which path it is told."""

    octets: bytes
    body: int
    end: int
    path: str
    members: str
    """What stands before the paths of its members."""
    depth: int
    outer: tuple[bytes, ...]


def read_message(content: bytes | mmap.mmap, limits: ReadLimits = DEFAULT_LIMITS) -> Message:
    """All that a message is made of. A map is copied into memory once."""
    return _Reader(content if isinstance(content, bytes) else content[:], limits).message()


class _Reader:
    """One message being read. What waits is a stack, so that a hostile message cannot exhaust the interpreter's."""

    __slots__ = ("_clean", "_decodable", "_is_mime", "_limits", "_noted", "_octets", "_parts", "_readable",
                 "_searchable", "_unread", "_waiting")  # fmt: skip

    def __init__(self, octets: bytes, limits: ReadLimits) -> None:
        self._octets, self._limits = octets, limits
        self._searchable = max(limits.max_searched, 8 * len(octets))
        self._readable = max(SMALL, 4 * len(octets))
        self._decodable = limits.max_decoded
        self._parts: list[Part] = []
        self._unread: list[Unread] = []
        self._noted: Noted = {}
        self._waiting: list[_Entity] = []
        self._is_mime = self._clean = False

    def message(self) -> Message:
        """Read all of it, and tell."""
        octets = self._octets
        self._look_at_octets()
        start = octets.find(b"\n") + 1 if octets.startswith((b"From ", b">From ")) else 0
        root = _Entity(octets, start, len(octets), "", 0, True, False, ())
        header_end, body = self._header_end(root, self._limits.max_header)
        block = octets[start:header_end]
        fields, strange = header_fields(block)
        names = [name for name, _ in fields]
        self._is_mime = "mime-version" in names or "content-type" in names
        self._note(of_sender(fields, names))
        if header_end - start > VALUE_LIMIT and longest(fields) > LONGEST_FIELD:
            self._noted[Ambiguity.LONG_HEADER] = None
        self._open(root, fields, strange, block, body)
        while self._waiting:
            self._enter(self._waiting.pop())
        self._read_repaired()
        return Message(block, fields, tuple(self._parts), tuple(self._noted), tuple(self._unread))

    def _read_repaired(self) -> None:
        """Some programs take a bare CR for a line end and throw NUL away: if they see other parts, so do we."""
        if Ambiguity.NUL not in self._noted and Ambiguity.BARE_NEWLINE not in self._noted:
            return
        if len(self._octets) > MOST_REPAIRED:
            why = "too long to be read once more without its NUL octets and bare line ends"
            self._unread.append(Unread("0", why, too_big=True))
            return
        repaired = _with_line_ends(self._octets.replace(b"\0", b""))
        seen = read_message(repaired, self._limits).parts
        if [_outline(part) for part in seen] != [_outline(part) for part in self._parts]:
            room = max(0, self._limits.max_parts - len(self._parts))
            self._parts.extend(part._replace(path=f"~{part.path}") for part in seen[:room])
            if len(seen) > room:
                self._stop("~0")

    def _look_at_octets(self) -> None:
        """NUL, and line ends: all CRLF, or all LF as in a file, is no ambiguity; a mixture is."""
        octets = self._octets
        if b"\0" in octets:
            self._noted[Ambiguity.NUL] = None
        # Hot path: to look for what is left without the whole line ends is faster than to count.
        lines = octets.replace(b"\r\n", b"")
        self._clean = b"\n" not in lines and b"\r" not in lines
        if not self._clean and b"\r" in octets:
            self._noted[Ambiguity.BARE_NEWLINE] = None

    # ── headers ──

    def _header_end(self, entity: _Entity, limit: int) -> tuple[int, int]:
        """Where the header of an entity ends, and where its body begins."""
        octets, start, end = entity.octets, entity.start, entity.end
        stop = min(end, start + limit)
        first = octets[start : start + 2]
        if first == b"\r\n" or first[:1] == b"\n" or start >= end:
            return start, min(end, start + (2 if first == b"\r\n" else 1))
        if self._clean and octets is self._octets:
            blank = octets.find(b"\r\n\r\n", start, stop)
            if blank >= 0:
                return blank + 2, blank + 4
        elif (found := _BLANK.search(octets, start, stop)) is not None:
            return found.start() + 1, found.end()
        return self._end_without_blank(entity, stop)

    def _end_without_blank(self, entity: _Entity, stop: int) -> tuple[int, int]:
        """A header that is all there is, or a body that follows without an empty line, or a header without an end."""
        found = _FIELD_LINES.match(entity.octets, entity.start, stop)
        fields_end = found.end() if found else entity.start
        if stop < entity.end and fields_end >= stop - 1000:
            self._unread.append(Unread(entity.place or "0", "a header too long to be read", too_big=True))
            return stop, stop
        return fields_end, fields_end

    def _enter(self, entity: _Entity) -> None:
        """Read the header of an entity and open its body."""
        if len(self._parts) >= self._limits.max_parts:
            self._stop(entity.place)
            return
        if entity.boundary:
            kind = Value("multipart/mixed", NO_PARAMETERS, (entity.boundary,), (), ())
            self._multipart(NOTHING_SAID, kind, "7bit", _place(entity, "", entity.start), is_hidden=True)
            return
        limit = self._limits.max_header if entity.is_message else self._limits.max_part_header
        header_end, body = self._header_end(entity, limit)
        block = entity.octets[entity.start : header_end]
        fields, strange = header_fields(block)
        self._open(entity, fields, strange, block, body)

    def _open(self, entity: _Entity, fields: Fields, strange: tuple[bytes, ...], block: bytes, body: int) -> None:
        """What a header says, and what it says to those who end it at the first line that is no field."""
        if strange:
            body = self._open_otherwise(entity, strange, block, body)
        about = about_body(fields, self._noted, in_digest=entity.in_digest)
        if len(about.types) == 1 and len(about.encodings) == 1:
            self._read(about, about.types[0], about.encodings[0], _place(entity, about.types[0].value, body))
        else:
            self._read_each(entity, about, body)

    def _open_otherwise(self, entity: _Entity, strange: tuple[bytes, ...], block: bytes, body: int) -> int:
        """Text within a header: where the body begins for most; and the other reading of it, if fields follow."""
        text = text_within(block)
        if text is None or text[1] or entity.is_message:
            for one in strange_lines(strange):
                if one is not Ambiguity.TEXT_BEFORE_HEADER or (text is not None and text[1]):
                    self._noted[one] = None
        if text is None:
            return body
        at, fields_follow = text
        if not fields_follow:
            return entity.start + at
        fields, _ = header_fields(block[:at])
        about = about_body(fields, self._noted, in_digest=entity.in_digest)
        place = _place(entity, about.types[0].value, entity.start + at, "~0")
        self._read(about, about.types[0], about.encodings[0], place)
        return body

    # ── bodies ──

    def _read_each(self, entity: _Entity, about: About, body: int) -> None:
        """Every combination of type and encoding is a reading of its own."""
        number = 0
        for kind in about.types:
            for encoding in about.encodings:
                number += 1
                suffix = f"~{number}" if number > 1 else ""
                self._read(about, kind, encoding, _place(entity, kind.value, body, suffix))

    def _read(self, about: About, kind: Value, encoding: str, place: _Place) -> None:
        """One body in one reading."""
        value = kind.value
        if not value.startswith("m"):
            self._leaf(about, kind, encoding, place)
        elif value.startswith("multipart"):
            self._multipart(about, kind, encoding, place)
        elif value in _MESSAGES:
            self._embedded(about, kind, encoding, place)
        else:
            if value in _ELSEWHERE:
                self._unread.append(Unread(place.path, _ELSEWHERE[value]))
            self._leaf(about, kind, encoding, place)

    def _leaf(self, about: About, kind: Value, encoding: str, place: _Place) -> None:
        size = place.end - place.body
        if size > self._readable:
            self._unread.append(Unread(place.path, "more readings of the same content than are allowed", too_big=True))
            self._waiting.clear()
            return
        self._readable -= size
        part = self._part(about, kind, encoding, place, is_container=False)
        if part is not None and size:
            self._look_inside(part)

    def _part(self, about: About, kind: Value, encoding: str, place: _Place, *, is_container: bool) -> Part | None:
        if len(self._parts) >= self._limits.max_parts:
            self._stop(place.path)
            return None
        names, parameters = about.names, kind.parameters
        charset = parameters.get("charset", "") if parameters else ""
        part = Part(
            place.path, kind.value if "/" in kind.value else "text/plain", parameters, charset.strip().lower(),
            names[0] if names else "", names[1:], about.disposition, encoding, about.content_id,
            place.depth, place.body, place.end, is_container, place.octets, [],
        )  # fmt: skip
        self._parts.append(part)
        return part

    def _embedded(self, about: About, kind: Value, encoding: str, place: _Place) -> None:
        """A whole message within."""
        if place.depth >= self._limits.max_depth:
            self._too_deep(about, kind, encoding, place)
            return
        place = self._out_of_encoding(encoding, place)
        if self._part(about, kind, encoding, place, is_container=True) is not None:
            self._waiting.append(
                _Entity(place.octets, place.body, place.end, place.members, place.depth + 1, True, False, place.outer)
            )

    def _out_of_encoding(self, encoding: str, place: _Place, needles: list[bytes] | None = None) -> _Place:
        """A container should not be encoded (RFC 2045 6.4); some programs decode it nevertheless."""
        if encoding in IDENTITY:
            return place
        if needles is None and not _looks_encoded(place.octets[place.body : place.body + 400]):
            return place
        raw = place.octets[place.body : place.end]
        if (encoding == "quoted-printable" and b"=" not in raw) or not self._may_decode(len(raw), place.path):
            return place
        data = decoded(raw, encoding)
        if needles is not None and not _hides_parts(raw, data, encoding, needles):
            return place
        self._noted[Ambiguity.ENCODED_CONTAINER] = None
        # A delimiter is looked for behind a line end.
        return place._replace(octets=b"\r\n" + data, body=2, end=2 + len(data))

    def _multipart(self, about: About, kind: Value, encoding: str, place: _Place, *, is_hidden: bool = False) -> None:
        """Parts between boundaries, in every reading of the boundary."""
        if place.depth >= self._limits.max_depth:
            self._too_deep(about, kind, encoding, place)
            return
        boundaries = kind.boundaries
        if not boundaries:
            self._noted[Ambiguity.NO_BOUNDARY] = None
            guess = hidden.likely_boundary(place.octets, place.body, place.end)
            boundaries = (guess,) if guess else ()
        place = self._out_of_encoding(encoding, place, [b"\n--" + one for one in boundaries])
        if any(one.startswith(outer) for one in boundaries for outer in place.outer):
            self._noted[Ambiguity.NESTED_BOUNDARY] = None
        members = [(one, list(self._ranges(place, b"\n--" + one, is_hidden=is_hidden))) for one in boundaries]
        if not any(ranges for _, ranges in members):
            # Most programs show such a body as text, and so it is read as a text.
            self._leaf(about, kind, encoding, place)
            if not boundaries:
                self._look_for_parts(place, place.body, place.end, Ambiguity.HIDDEN_IN_PREAMBLE)
        elif self._part(about, kind, encoding, place, is_container=True) is not None:
            for number, (boundary, ranges) in reversed(list(enumerate(members, 1))):
                self._await(place, kind, boundary, ranges, f"~{number}." if number > 1 else "")

    def _await(
        self, place: _Place, kind: Value, boundary: bytes, ranges: Iterable[tuple[int, int]], suffix: str
    ) -> None:
        """Let all members of a multipart wait, in their order."""
        members = place.members + suffix
        outer, digest = (*place.outer, boundary), kind.value == "multipart/digest"
        found = [
            _Entity(place.octets, start, end, f"{members}{number}", place.depth + 1, False, digest, outer)
            for number, (start, end) in enumerate(ranges, 1)
        ]
        self._waiting.extend(reversed(found))

    def _ranges(self, place: _Place, needle: bytes, *, is_hidden: bool) -> Iterable[tuple[int, int]]:
        """Where the members lie; what lies before, behind and beside them is looked at too."""
        octets, end, room = place.octets, place.end, self._limits.max_parts - len(self._parts)
        # The line feed of a delimiter may be the one that ends the header: a multipart needs no preamble.
        at, start, behind = max(0, place.body - 1), -1, place.body
        closed = False
        ranges: list[tuple[int, int]] = []
        lookalikes = 0
        while (at := self._find(place, needle, at)) >= 0:
            rest = _DELIMITER_REST.match(octets, at + len(needle), end)
            if rest is None:
                lookalikes += 1
                if lookalikes > self._limits.max_parts:
                    self._unread.append(Unread(place.path, "too many lines that begin like a boundary"))
                    break
                self._look_beside(place, needle, at, lookalikes)
                at += len(needle)
                continue
            if start >= 0:
                ranges.append((start, _before_line_end(octets, start, at)))
            elif not closed:
                self._look_for_parts(place, behind, at + 1, Ambiguity.HIDDEN_IN_PREAMBLE)
            if len(ranges) > room:
                break
            if rest[1]:
                start, closed, behind = -1, True, rest.end()
            else:
                if closed:
                    self._noted[Ambiguity.PART_AFTER_END] = None
                start = rest.end()
            at = max(at + len(needle), rest.end() - 1)
        if start >= 0 and len(ranges) <= room:
            ranges.append((min(start, end), end))
        elif closed:
            self._look_for_parts(place, behind, end, Ambiguity.PART_AFTER_END)
        elif start < 0 and not is_hidden:
            self._look_for_parts(place, behind, end, Ambiguity.HIDDEN_IN_PREAMBLE)
        return ranges

    def _find(self, place: _Place, needle: bytes, at: int) -> int:
        """Where the needle stands, or -1; within what may be searched."""
        stop = min(place.end, at + self._searchable)
        found = place.octets.find(needle, at, stop)
        if found < 0 and stop < place.end:
            self._unread.append(Unread(place.path, _SEARCHED, too_big=True))
        self._searchable -= max(0, (found if found >= 0 else stop) - at)
        return found

    def _look_beside(self, place: _Place, needle: bytes, at: int, number: int) -> None:
        """A line that only begins with the boundary is one to some programs: if a part follows, it is read."""
        found = _PART_HEADER.match(place.octets, at + 1, min(place.end, at + 2000))
        if found is None:
            return
        self._noted[Ambiguity.NESTED_BOUNDARY] = None
        following = self._find(place, needle, found.end())
        self._waiting.append(
            _Entity(place.octets, found.end() - len(b"content-"), following if following >= 0 else place.end,
                    f"{place.members}~beside{number}", place.depth + 1, False, False, place.outer)
        )  # fmt: skip

    def _look_for_parts(self, place: _Place, start: int, end: int, what: Ambiguity) -> None:
        """A region that should hold nothing but prose: if it has parts or files, they are read."""
        if end - start > LONGEST_PROSE:
            self._unread.append(Unread(place.path, "more than a megabyte outside of all parts", too_big=True))
            end = start + LONGEST_PROSE
        if end - start > self._searchable:
            self._unread.append(Unread(place.path, _SEARCHED, too_big=True))
            return
        self._searchable -= max(0, end - start)
        region = hidden.header_within(place.octets, start, end)
        path = f"{place.members}~{'pre' if what is Ambiguity.HIDDEN_IN_PREAMBLE else 'post'}"
        if region is not None:
            self._noted[what] = None
            inside = place._replace(body=region.start, end=end, path=path, members=f"{path}.")
            self._hidden_entity(inside, region, start)
        elif end - start > 20:
            text = place.octets[start:end]
            data = base64_file_within(text)
            if data:
                self._noted[what] = None
                self._inner(place.depth, f"{path}/base64", "", data)
            self._files_in_text(text, path, place.depth, what)

    def _hidden_entity(self, inside: _Place, region: hidden.Region, start: int) -> None:
        if inside.depth >= self._limits.max_depth:
            self._unread.append(Unread(inside.path, self._deep(), too_big=True))
            return
        boundary = b"" if region.boundary in inside.outer else region.boundary
        # The boundary stands before the header that was found, and what is before that is prose.
        body = max(start, region.start - len(boundary) - 5) if boundary else region.start
        self._waiting.append(
            _Entity(
                inside.octets, body, inside.end, inside.path, inside.depth + 1, False, False, inside.outer, boundary
            )
        )

    # ── within a leaf ──

    def _look_inside(self, part: Part) -> None:
        """Files that a leaf carries by other means than MIME, and the other readings of its encoding."""
        octets, start, end, encoding = part.octets, part.start, part.end, part.encoding
        if encoding in IDENTITY:
            if octets.find(b"begin", start, end) >= 0 and part.content_type.startswith(("text/", "m")):
                self._files_in_text(octets[start:end], part.path, part.depth, Ambiguity.UUENCODE_IN_MIME)
            data = base64_file(octets, start, end)
            if data:
                self._lies(part, data)
            if octets.find(MARK, start, end) >= 0:
                self._binhex(part)
        else:
            self._look_at_encoding(part)
        self._tnef(part)

    def _look_at_encoding(self, part: Part) -> None:
        raw, encoding = part.raw(), part.encoding
        is_text = part.content_type.startswith("text/")
        if encoding == "base64":
            self._doubts(part, base64_doubts(raw))
            if not is_text:
                return
        if not self._may_decode(len(raw), part.path):
            return
        data = part.data()
        if encoding == "quoted-printable":
            self._doubts(part, quoted_printable_doubts(raw, data))
        if raw and not data and raw.strip():
            # It decodes to nothing: who does not know this encoding shows what stands there.
            self._noted[Ambiguity.ENCODING_LIES] = None
            self._otherwise(part, f"{part.path}~2", base64_file_within(raw) or raw)
        if is_text and encoding != "x-uuencode":
            self._files_in_text(data, part.path, part.depth, Ambiguity.UUENCODE_IN_MIME)
        if encoding != "base64" and (inner := base64_file(data, 0, len(data))):
            self._lies(part, inner)
        if MARK in data:
            self._binhex(part)

    def _doubts(self, part: Part, doubts: Doubts) -> None:
        if doubts.ambiguity is not None:
            self._noted[doubts.ambiguity] = None
        for number, data in enumerate(doubts.others, 2):
            self._otherwise(part, f"{part.path}~{number}", data)
        if doubts.unread:
            self._unread.append(Unread(part.path, doubts.unread))

    def _lies(self, part: Part, data: bytes) -> None:
        self._noted[Ambiguity.ENCODING_LIES] = None
        self._otherwise(part, f"{part.path}/base64", data)

    def _otherwise(self, part: Part, path: str, data: bytes) -> None:
        """Another reading of a part's octets."""
        if len(self._parts) >= self._limits.max_parts:
            self._stop(path)
        elif self._may_decode(len(data), path):
            self._parts.append(
                part._replace(path=path, encoding="binary", octets=data, start=0, end=len(data), kept=[data])
            )

    def _files_in_text(self, text: bytes, path: str, depth: int, what: Ambiguity) -> None:
        """uuencode and yEnc."""
        if b"begin" not in text:
            return
        for kind, files in (("uu", uuencoded_files(text)), ("yenc", yencoded_files(text))):
            for number, (name, data, unread) in enumerate(files, 1):
                if self._is_mime or what is not Ambiguity.UUENCODE_IN_MIME:
                    self._noted[what] = None
                if unread:
                    self._unread.append(Unread(f"{path}/{kind}{number}", unread))
                if data and not self._inner(depth, f"{path}/{kind}{number}", decoded_words(name), data):
                    return

    def _binhex(self, part: Part) -> None:
        for number, (name, data, unread) in enumerate(binhex_files(part.data()), 1):
            path = f"{part.path}/binhex{number}"
            if unread:
                self._unread.append(Unread(path, unread))
            else:
                self._inner(part.depth, path, text_of(name, "mac_roman"), data)

    def _tnef(self, part: Part) -> None:
        """winmail.dat, by its type or by its first octets."""
        raw = part.octets[part.start : part.start + 64]
        if part.content_type not in ("application/ms-tnef", "application/vnd.ms-tnef") and not raw.lstrip().startswith(
            (SIGNATURE, IN_BASE64)
        ):
            return
        if not self._may_decode(part.end - part.start, part.path):
            return
        for number, (name, data, content_type, unread) in enumerate(tnef_members(part.data()), 1):
            path = f"{part.path}/tnef{number}"
            if unread:
                self._unread.append(Unread(path, unread))
            elif data and not self._inner(part.depth, path, name, data, content_type):
                return

    def _inner(self, depth: int, path: str, name: str, data: bytes, content_type: str = "") -> bool:
        """A file within a part; False when no more may be told."""
        if len(self._parts) >= self._limits.max_parts:
            self._stop(path)
            return False
        if not self._may_decode(len(data), path):
            return False
        self._parts.append(
            Part(path, content_type or "application/octet-stream", NO_PARAMETERS, "", name, (),
                 "" if content_type else "attachment", "binary", "", depth, 0, len(data), False, data, [data])
        )  # fmt: skip
        return True

    # ── limits ──

    def _note(self, ambiguities: Iterable[Ambiguity]) -> None:
        for one in ambiguities:
            self._noted[one] = None

    def _stop(self, path: str) -> None:
        """No more parts. What waits is unread, and said to be in one word."""
        self._waiting.clear()
        why = f"more than {self._limits.max_parts} parts"
        if not any(one.why == why for one in self._unread):
            self._unread.append(Unread(path or "0", why, too_big=True))

    def _deep(self) -> str:
        return f"parts nested more than {self._limits.max_depth} deep"

    def _too_deep(self, about: About, kind: Value, encoding: str, place: _Place) -> None:
        self._unread.append(Unread(place.path, self._deep(), too_big=True))
        self._part(about, kind, encoding, place, is_container=True)

    def _may_decode(self, size: int, path: str) -> bool:
        if size > self._decodable:
            self._unread.append(Unread(path, "more to decode than is allowed", too_big=True))
            return False
        self._decodable -= size
        return True


def _place(entity: _Entity, kind: str, body: int, suffix: str = "") -> _Place:
    """The path of an entity's body: a whole message is told as its only part, or as the parts it has."""
    place, is_multipart = entity.place, kind.startswith("multipart")
    if not entity.is_message:
        path = place + suffix
        members = path + "."
    elif is_multipart:
        path = place + "0" + suffix
        members = path + "." if suffix else place
    else:
        path = place + "1" + suffix
        members = path + "."
    return _Place(entity.octets, body, max(body, entity.end), path, members, entity.depth, entity.outer)


def _with_line_ends(octets: bytes) -> bytes:
    """Each CR, LF or both as CRLF."""
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _outline(part: Part) -> tuple[str, str, str, bool]:
    return part.content_type, part.encoding, part.name, part.is_container


def _before_line_end(octets: bytes, start: int, at: int) -> int:
    """The end of a part before the line end that belongs to its delimiter (RFC 2046 5.1.1)."""
    end = at - 1 if at > start and octets[at - 1] == 0x0D else at
    return max(start, end) if at >= start else start


def _looks_encoded(start: bytes) -> bool:
    """Whether these octets are no header: a field stands on the first line of a message that is not encoded."""
    first = start.lstrip().partition(b"\n")[0]
    return b":" not in first


def _hides_parts(raw: bytes, data: bytes, encoding: str, needles: list[bytes]) -> bool:
    """Whether a multipart that was decoded shows other parts than its raw octets do."""
    visible = [(b"\n" + raw).count(needle) for needle in needles]
    if encoding != "quoted-printable":
        return not any(visible)
    # Of a base64 part, decoding joins the padding and the delimiter behind it: fewer are no other reading.
    found = [(b"\n" + data).count(needle) for needle in needles]
    return any(one > other for one, other in zip(found, visible, strict=True))
