"""What the mail server's log says last of one message: why a letter that was accepted has not arrived.

Fails as: "", where its id is not known, no log may be read, or none tells of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lockdown.facts.mail_log.events import Delivered
from lockdown.facts.mail_log.reading import Reading, read
from lockdown.host.log_sources import end_of, sources
from lockdown.model.shown import cut, shown

_MOST_BYTES = 1024 * 1024
"""The end of a log: a canary is some seconds old, and mail may be many."""
_MOST_HOPS = 4
_LONGEST = 250
# Postfix: "250 2.0.0 Ok: queued as 4B17D248"; Exim: "250 OK id=1rAbCd-0000Xy-Zz".
_QUEUE_ID = re.compile(r"\b(?:queued as |id=)([A-Za-z0-9-]{5,40})\b")
_HELD = re.compile(r"\A[^:]*: hold: (.*)\Z")


def queue_id_of(reply: str) -> str:
    """By what the server knows the letter that it has accepted with these words; "" where it does not say."""
    found = _QUEUE_ID.search(reply)
    return found[1] if found else ""


def last_word(logs: Iterable[str], queue_id: str) -> str:
    """In words, with the id, so that the rest can be looked up."""
    said = ""
    ends = [line for log in sources(logs) for line in _end_of(log)]
    known: list[str] = []
    while queue_id and queue_id not in known and len(known) < _MOST_HOPS:
        known.append(queue_id)
        word, queue_id = _last_of(ends, queue_id)
        said = f"{known[-1]} {word}" if word else ""
    return cut(shown(said), _LONGEST)


def _last_of(ends: list[bytes], queue_id: str) -> tuple[str, str]:
    """What is said of it, and under which id it went on: a content filter gives it another one."""
    told = [reading for line in ends if (reading := _about(line, queue_id))]
    for one in reversed(told):
        if said := _tried(one) or _held(one):
            return said, queue_id_of(said)
    return "waits in the queue, and nobody has tried to deliver it" if told else "", ""


def _end_of(log: str) -> list[bytes]:
    try:
        return list(end_of(log, _MOST_BYTES))
    except OSError:
        return []


def _about(line: bytes, queue_id: str) -> Reading | None:
    """The id stands first in what the server says: none of a stranger's words is taken for it."""
    if queue_id.encode() not in line:
        return None
    reading = read(line)
    return reading if reading and reading.line.text.startswith((f"{queue_id}: ", f"{queue_id} ")) else None


def _tried(reading: Reading) -> str:
    event = reading.event
    return f"is {event.status}: {event.says}" if isinstance(event, Delivered) else ""


def _held(reading: Reading) -> str:
    held = _HELD.search(reading.line.text)
    return f"is on hold: {held[1]}" if held else ""
