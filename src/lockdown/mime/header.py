"""The header block of a message: where it ends, how often the message has hopped, and verdicts forged into it.

Works on wire form, lines ending in CRLF. Nothing is decoded and nothing rewritten: what is not taken out whole stays
byte for byte. Fails as: nothing; every octet string has an answer. Never raises.
"""

from __future__ import annotations

import mmap
import re
from typing import NamedTuple

# Atomic, not possessive: in Python before 3.11.5 a possessive group with a choice in it ends in the wrong place.
_FIELD_LINES = re.compile(rb"(?>(?:(?:[!-9;-~]++[ \t]*+:|[ \t])[^\n]*+(?:\n|\Z))*)")
# Hot path: a pattern that begins with a line feed jumps from line to line; with ^ it would try every octet.
_RECEIVED = re.compile(rb"\nreceived[ \t]*:", re.IGNORECASE)
_MAY_CLAIM = re.compile(rb"\n[ax](?:uthentication-results|-spam-|-lockdown-)", re.IGNORECASE)
_CLAIM = re.compile(
    rb"(?:(authentication-results)|x-(?:spam|lockdown)-[!-9;-~]*)[ \t]*:"
    rb"([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)",
    re.IGNORECASE,
)
_OUTSIDE_COMMENTS = re.compile(rb'(?>(?:[^"(]|"(?>(?:[^"\\]|\\.)*)"|")*)', re.DOTALL)
_COMMENT_STEP = re.compile(rb"(?>(?:[^()\\]|\\.|\\\Z)*)", re.DOTALL)
_FIRST_WORD = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.DOTALL)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


_RETURN = 0x0D


class HeaderBlock(NamedTuple):
    """`end` is just past the last header line; `body` is just past the empty line, or `end` where there is none."""

    end: int
    body: int


def header_block(content: bytes | mmap.mmap, limit: int) -> HeaderBlock:
    """Find the header block: to the empty line, or where none is within `limit`, to the first line that is no field.

    A message that is all body (no header, no empty line) is thus not taken for a huge header. A header of more than
    `limit` octets is told as it is: longer than `limit`.
    """
    if content[:2] == b"\r\n":
        return HeaderBlock(0, 2)
    start = content[: limit + 4]
    blank = start.find(b"\r\n\r\n")
    if blank >= 0:
        return HeaderBlock(blank + 2, blank + 4)
    end = _FIELD_LINES.match(start).end()  # type: ignore[union-attr]  # it matches the empty string too
    return HeaderBlock(end, end)


def header_end(content: bytes, limit: int) -> int:
    """The end alone of what `header_block` finds."""
    # Hot path: nearly every message has a header and an empty line behind it.
    blank = content.find(b"\r\n\r\n", 0, limit + 4)
    return blank + 2 if blank > 0 and content[0] != _RETURN else header_block(content, limit).end


def count_hops(header: bytes) -> int:
    """How many Received fields there are (RFC 5321 6.3)."""
    return len(_RECEIVED.findall(b"\n" + header))


def strip_forged(header: bytes, authserv_id: bytes) -> bytes | None:
    """The header without the verdicts that only we may write; None where there are none, which is the rule.

    Taken out whole, with their continuation lines: Authentication-Results in our name (RFC 8601 5), X-Spam-*
    and X-Lockdown-*. Results of others stay.
    """
    text = b"\n" + header
    if _MAY_CLAIM.search(text) is None:
        return None
    kept, at, ours = [], 1, _plain_name(authserv_id)
    for line in _MAY_CLAIM.finditer(text):
        claim = _CLAIM.match(text, line.start() + 1)
        if claim is not None and (not claim[1] or _is_by(claim[2], ours)):
            kept.append(text[at : claim.start()])
            at = claim.end()
    return b"".join([*kept, text[at:]]) if kept else None


def _is_by(results: bytes, ours: bytes) -> bool:
    """Whether these results claim to be ours. What cannot be read is taken for ours where our name is in it at all."""
    value = without_comments(unfolded(results))
    word = _FIRST_WORD.match(value)
    if word is None:
        return ours in results.lower()
    quoted, token = word.groups()
    return _plain_name(token if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted)) == ours


def _plain_name(authserv_id: bytes) -> bytes:
    return authserv_id.strip().lower().removesuffix(b".")


def unfolded(value: bytes) -> bytes:
    """A field's value on one line (RFC 5322 2.2.3)."""
    return _FOLD.sub(b"", value) if b"\n" in value else value


def without_comments(value: bytes) -> bytes:
    """A field's value without its comments, which nest (RFC 5322 3.2.2); a comment without end runs to the end."""
    if b"(" not in value:
        return value
    kept, depth, at = [], 0, 0
    while at < len(value):
        step = (_COMMENT_STEP if depth else _OUTSIDE_COMMENTS).match(value, at)
        end = step.end() if step else at
        if not depth:
            kept.append(value[at:end])
        depth += {b"(": 1, b")": -1}.get(value[end : end + 1], 0)
        at = end + 1
    return b" ".join(kept)
