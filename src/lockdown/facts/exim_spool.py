"""A message in Exim's spool, as its -H file says: who sent it, from where, to whom, and whether it is frozen.

The format is described in Exim's specification, chapter "Format of spool files".

Fails as: None for what is no such file. Never raises, whatever the octets are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lockdown.model.queued import Queued

_ID = re.compile(r"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})\Z")
_TIMES = re.compile(rb"(\d{1,11}) \d{1,11}\Z")
# A value that a stranger has chosen is marked by a second hyphen, and how it was quoted may follow.
_OPTION = re.compile(rb"--?(?:\([^)\n]{0,40}\))?([a-z_]{1,40})(?: (.*))?\Z", re.S)
_PORT = re.compile(r"\A(?:\[(?P<bracketed>[0-9a-fA-F:.]+)\](?::\d+)?|(?P<plain>[0-9a-fA-F:.]+?)(?:\.\d{1,5})?)\Z")
_HEADER = re.compile(rb"(\d{3,8})[A-Z* ] ", re.S)
_MOST_RECIPIENTS = 50_000
_MOST_LINES = 200_000
_LATEST = 4_102_444_800 * 1_000_000


class Spooled(NamedTuple):
    """One message; `header` is its header as it is sent on."""

    message: Queued
    is_frozen: bool
    header: bytes


def is_id(text: str) -> bool:
    """Is this the id of a message?"""
    return bool(_ID.match(text))


def spooled(octets: bytes, id: str, body_octets: int) -> Spooled | None:
    """What the file says; `body_octets` is the size of the -D file beside it."""
    lines = octets.split(b"\n", _MOST_LINES)
    if len(lines) < 6 or lines[0] != f"{id}-H".encode() or not (times := _TIMES.match(lines[3])):
        return None
    sender = lines[2]
    if not (sender.startswith(b"<") and sender.endswith(b">")):
        return None
    options, at = _options(lines, 4)
    at = _behind_tree(lines, at)
    if at < 0:
        return None
    recipients, at = _recipients(lines, at)
    if at < 0:
        return None
    header = _header(b"\n".join(lines[at:]))
    usec = options.get(b"received_time_usec", b"").lstrip(b".")[:6].ljust(6, b"0")
    arrived = int(times[1]) * 1_000_000 + (int(usec) if usec.isdigit() else 0)
    is_frozen = b"frozen" in options
    message = Queued(
        id,
        "frozen" if is_frozen else "deferred",
        min(arrived, _LATEST),
        len(header) + max(body_octets, 0),
        _text(sender[1:-1]),
        recipients,
        _address(_text(options.get(b"host_address", b""))),
        _text(options.get(b"helo_name", b"")),
        _text(options.get(b"auth_id", b"")),
    )
    return Spooled(message, is_frozen, header)


def _options(lines: list[bytes], at: int) -> tuple[dict[bytes, bytes], int]:
    found: dict[bytes, bytes] = {}
    while at < len(lines) and lines[at].startswith(b"-"):
        if option := _OPTION.match(lines[at]):
            found.setdefault(option[1], option[2] or b"")
        at += 1
    return found, at


def _behind_tree(lines: list[bytes], at: int) -> int:
    """The tree of those who have got it: "XX", or nodes that each say whether others hang on their left and right."""
    open_ends = 1
    if at < len(lines) and lines[at] == b"XX":
        return at + 1
    while open_ends and at < len(lines):
        mark = lines[at][:3]
        if len(mark) < 3 or mark[2:3] != b" " or any(sign not in b"YN" for sign in mark[:2]):
            return -1
        open_ends += mark[:2].count(b"Y") - 1
        at += 1
    return at if not open_ends else -1


def _recipients(lines: list[bytes], at: int) -> tuple[tuple[str, ...], int]:
    if at >= len(lines) or not lines[at].isdigit() or len(lines[at]) > 6:
        return (), -1
    count = int(lines[at])
    named = lines[at + 1 : at + 1 + count]
    behind = at + 1 + count
    if len(named) != count or behind >= len(lines) or lines[behind]:
        return (), -1
    return tuple(_text(line.partition(b" ")[0]) for line in named[:_MOST_RECIPIENTS]), behind + 1


def _header(octets: bytes) -> bytes:
    """The lines that are sent on: each is counted, with a letter that says what it is; * is one that was taken out."""
    kept: list[bytes] = []
    at = 0
    while found := _HEADER.match(octets, at):
        begins = found.end()
        length = int(found[1])
        if octets[begins - 2 : begins - 1] != b"*":
            kept.append(octets[begins : begins + length])
        at = begins + max(length, 1)
    return b"".join(kept)


def _address(text: str) -> str:
    found = _PORT.match(text)
    return (found["bracketed"] or found["plain"] or "") if found else ""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
