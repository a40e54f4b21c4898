"""What waits in a queue, one message after the other: the lines of `postqueue -j`, and of `exim -bp`.

Nothing is kept here, so a queue of hundreds of thousands of messages is read in the memory of one. Senders, recipients
and reasons are what strangers have chosen.

Fails as: None for what is no message; `exim_entries` passes over it. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

_LATEST = 4_102_444_800


class Entry(NamedTuple):
    """One message that waits."""

    queue_id: str
    queue: str
    """active, incoming, deferred, hold …; of Exim: deferred or frozen."""
    arrived: datetime
    size: int
    sender: str
    recipients: tuple[str, ...]
    """Those that have not got it yet."""
    reason: str
    """Of the first of them; "" where none is said."""


class _Recipient(msgspec.Struct):
    address: str = ""
    delay_reason: str = ""


class _Message(msgspec.Struct):
    queue_id: str
    queue_name: str
    arrival_time: int
    message_size: int = 0
    sender: str = ""
    recipients: list[_Recipient] = []


_DECODE = msgspec.json.Decoder(_Message).decode


def postfix_entry(line: bytes) -> Entry | None:
    """One line of `postqueue -j`; an address that is no UTF-8 is read with signs in its place."""
    try:
        message = _DECODE(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            message = _DECODE(line.decode("utf-8", "replace"))
        except (msgspec.MsgspecError, RecursionError):
            return None
    if not re.fullmatch(r"[0-9A-Za-z]{1,40}", message.queue_id):
        return None
    reason = next((it.delay_reason for it in message.recipients if it.delay_reason), "")
    return Entry(
        message.queue_id,
        message.queue_name,
        datetime.fromtimestamp(min(max(message.arrival_time, 0), _LATEST), UTC),
        max(message.message_size, 0),
        message.sender,
        tuple(it.address for it in message.recipients),
        reason[:500],
    )


_HEAD = re.compile(
    r" {0,3}(?P<age>\d{1,5})(?P<unit>[smhdw]) +(?P<size>\d{1,6}(?:\.\d{1,3})?)(?P<scale>[KMG]?) "
    r"(?P<id>\w{6}-\w{6}-\w{2}|\w{6}-\w{11}-\w{4}) <(?P<sender>.*)>(?P<frozen> \*\*\* frozen \*\*\*)?",
    re.ASCII,
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SCALES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_MOST_RECIPIENTS = 50_000


def exim_entries(lines: Iterable[str], now: datetime) -> Iterator[Entry]:
    """The messages that `exim -bp` lists; it says an age, so the arrival is only about right."""
    head: re.Match[str] | None = None
    recipients: list[str] = []
    for line in lines:
        line = line.rstrip("\r\n")
        if found := _HEAD.fullmatch(line):
            if head:
                yield _exim_entry(head, recipients, now)
            head, recipients = found, []
        elif head and line.startswith("          ") and len(recipients) < _MOST_RECIPIENTS:
            recipients.append(line.strip())
    if head:
        yield _exim_entry(head, recipients, now)


def _exim_entry(head: re.Match[str], recipients: list[str], now: datetime) -> Entry:
    age = timedelta(seconds=int(head["age"]) * _UNITS[head["unit"]])
    size = int(float(head["size"]) * _SCALES[head["scale"]])
    queue = "frozen" if head["frozen"] else "deferred"
    return Entry(head["id"], queue, max(now - age, _EARLIEST), size, head["sender"], tuple(recipients), "")


_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
