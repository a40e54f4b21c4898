"""What a header says its body is, as far as the structure of a message rests on it: parts, a message, or neither.

Reads what mailers really write: quoted and bare boundaries, folds, comments, any case, RFC 2231 continuations.
Fails as: Unknown("a multipart without a usable boundary"). Never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal
from urllib.parse import unquote_to_bytes

from lockdown.mime.header import unfolded, without_comments
from lockdown.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Multipart:
    """Parts between lines of `--boundary`; in a digest a part is a message by default (RFC 2046 5.1.5)."""

    boundary: bytes
    digest: bool


class Whole(Enum):
    """A body without parts of its own."""

    LEAF = "leaf"
    MESSAGE = "message"  # a whole message, with a header of its own (RFC 2046 5.2.1)


BodyKind = Multipart | Whole | Unknown
# A member of an Enum class is dear to reach.
LEAF: Literal[Whole.LEAF] = Whole.LEAF

VALUE_LIMIT = 16 * 1024
_MESSAGES = (b"message/rfc822", b"message/global", b"message/news")
# Hot path: a pattern that begins with a line feed jumps from line to line; with ^ it would try every octet.
_FIELD = re.compile(rb"\ncontent-type[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)
_TYPE = re.compile(rb"\s*([^\s/;()]+)\s*/\s*([^\s/;()]+)")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
# Mailers forget the semicolon, so white space also begins a parameter. One sign, not a run: that would be quadratic.
_PARAMETER = re.compile(
    rb'[;\s]([^\s=;*"]++)(?:\*(\d{1,3}))?(\*)?\s*+=\s*+(?:"((?>(?:[^"\\]|\\.)*))"|([^\s;"]*))',
    re.DOTALL,
)


def body_kind(header: bytes, *, in_digest: bool = False) -> BodyKind:
    """What the body under this header is. Of several fields the one that means parts wins, if they do not disagree."""
    values = _FIELD.findall(b"\n" + header)
    if not values:
        return Whole.MESSAGE if in_digest else LEAF
    if len(values) == 1:
        return _kind(values[0])
    kinds = {kind for kind in map(_kind, values) if kind is not Whole.LEAF}
    if len(kinds) > 1:
        return Unknown("several Content-Type fields that disagree")
    return kinds.pop() if kinds else Whole.LEAF


def _kind(value: bytes) -> BodyKind:
    found = _TYPE.match(value)
    if found is not None and not found[1].lower().startswith((b"multipart", b"message")):
        return LEAF
    if len(value) > VALUE_LIMIT:
        return Unknown("a Content-Type of many kilobytes")
    plain = without_comments(unfolded(value))
    found = _TYPE.match(plain)
    if found is None:
        return Whole.LEAF
    name = b"/".join(found.groups()).lower()
    if name.startswith(b"multipart/"):
        return _multipart(plain[found.end() :], digest=name == b"multipart/digest")
    return Whole.MESSAGE if name in _MESSAGES else Whole.LEAF


def _multipart(parameters: bytes, *, digest: bool) -> Multipart | Unknown:
    boundaries = _boundaries(parameters)
    if len(boundaries) > 1:
        return Unknown("a multipart with several boundaries")
    # RFC 2046 5.1.1: a boundary does not end in white space, which mailers on the way may have added or taken.
    boundary = boundaries.pop().rstrip() if boundaries else b""
    if not boundary or b"\n" in boundary or b"\r" in boundary:
        return Unknown("a multipart without a usable boundary")
    return Multipart(boundary, digest)


def _boundaries(parameters: bytes) -> set[bytes]:
    """The different boundaries given; RFC 2231 pieces (boundary*0=, boundary*1*=) are joined in their order."""
    whole: set[bytes] = set()
    pieces: dict[int, bytes] = {}
    for name, number, encoded, quoted, bare in _PARAMETER.findall(parameters):
        if name.lower() != b"boundary":
            continue
        value = (_QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted) or bare
        value = _decoded(value, first=not number or int(number) == 0) if encoded else value
        if number:
            pieces.setdefault(int(number), value)
        else:
            whole.add(value)
    return whole | ({b"".join(value for _, value in sorted(pieces.items()))} if pieces else set())


def _decoded(value: bytes, *, first: bool) -> bytes:
    """RFC 2231 4: charset'language'text with %xx; only the first piece has the quotes."""
    text = value.split(b"'", 2)[2] if first and value.count(b"'") >= 2 else value
    return unquote_to_bytes(text)
