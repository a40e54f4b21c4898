"""The mail that waits here: how much, for how long, and whose.

Of each message one line is kept: its queue, arrival, size, recipients, sender and the first reason it waits for.
Fails as: Absent without a queue to ask for, Unknown with the reason. Never raises for a damaged answer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lockdown.facts.scanner_files import Absent
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

POSTFIX, EXIM = "queue/postfix", "queue/exim"
_ENDED = re.compile(r"# ended (?P<code>\d+)\s*\Z")
_CUT = "# cut short\n"
_FIELDS = 6
_MOST_TIME = 4_102_444_800


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message in the queue."""

    queue: str
    arrived: datetime
    size: int
    recipients: int
    sender: str
    reason: str


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits; `count` is all, of which `messages` may be but a part, or none where only a number was said."""

    count: int
    messages: tuple[Waiting, ...]
    cut_short: bool
    source: str

    def senders(self) -> tuple[tuple[str, int], ...]:
        """Who has how many, the most first; an empty sender is that of bounces."""
        return tuple(Counter(message.sender for message in self.messages).most_common())


def reduce_postqueue(text: str) -> str:
    """The answer of `postqueue -j` as lines of six fields, and whether it was cut short."""
    ended = _ENDED.search(text)
    if ended and ended["code"] != "0":
        return text[-200:]
    lines = [line for raw in text.splitlines() if raw.startswith("{") and (line := _line(raw))]
    return "".join(lines) + ("" if ended else _CUT) + (ended[0].strip() + "\n" if ended else "")


def _line(raw: str) -> str:
    try:
        message = json.loads(raw)
        recipients = message.get("recipients") or [{}]
        reason = str(recipients[0].get("delay_reason", ""))[:160]
        fields = (
            str(message["queue_name"]), str(int(message["arrival_time"])), str(int(message["message_size"])),
            str(len(recipients)), str(message.get("sender", "")), reason,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError):
        return ""
    return "\t".join(re.sub(r"\s", " ", field) for field in fields) + "\n"


def queue(snapshot: Snapshot) -> Queue | Absent | Unknown:
    """The queue of Postfix, else of Exim."""
    postfix, exim = snapshot.reading(POSTFIX), snapshot.reading(EXIM)
    if isinstance(postfix, Unknown):
        return postfix
    if not (gone := absent(postfix)):
        return _of_postfix(postfix)
    if isinstance(exim, Unknown):
        return exim
    if absent(exim):
        return Absent(gone)
    number = exim.strip()
    if not re.fullmatch(r"[0-9]{1,9}", number):
        return Unknown(f"exim -bpc said {number[:60]!r}")
    return Queue(int(number), (), cut_short=False, source="exim -bpc")


def _of_postfix(text: str) -> Queue | Unknown:
    ended = _ENDED.search(text)
    if ended and ended["code"] != "0":
        return Unknown(f"postqueue -j ended with {ended['code']}: is Postfix running?")
    if not ended and _CUT not in text:
        return Unknown("the answer of postqueue broke off")
    messages = tuple(_messages(text))
    return Queue(len(messages), messages, cut_short=ended is None, source="postqueue -j")


def _messages(text: str) -> Iterator[Waiting]:
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) == _FIELDS and all(re.fullmatch(r"[0-9]{1,18}", field) for field in fields[1:4]):
            name, arrived, size, recipients, sender, reason = fields
            then = datetime.fromtimestamp(min(int(arrived), _MOST_TIME), UTC)
            yield Waiting(name, then, int(size), int(recipients), sender, reason)
