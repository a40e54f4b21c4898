"""One line of a mail server's log, read with care.

Fails as: `Unread` for a line of a mail server that no pattern knows, None for a line of something else. Never raises.
"""

from __future__ import annotations

from typing import NamedTuple

from lockdown.facts.mail_log.dovecot import dovecot
from lockdown.facts.mail_log.events import Event, Received, Unread
from lockdown.facts.mail_log.exim import arrival, exim
from lockdown.facts.mail_log.postfix import postfix
from lockdown.facts.mail_log.prefix import Line, parts

LONGEST = 8192
"""A line that is longer than any server writes is not read."""


class Reading(NamedTuple):
    """Who said it, and what it means."""

    line: Line
    event: Event


_NOT_OURS = Unread("the log of this server is not read here")
_TOO_LONG = Unread("it is too long")


def read(raw: bytes | str) -> Reading | None:
    """What this line tells; None where it is of no mail server."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
    # Of a log that was emptied while its writer held its place, a hole of zeros is left.
    text = text.lstrip("\0")
    line = parts(text.rstrip("\r\n"))
    if line is None:
        return None
    if len(text) > LONGEST:
        return Reading(line, _TOO_LONG)
    match line.program:
        case "postfix":
            return Reading(line, postfix(line.daemon, line.text))
        case "other":
            return Reading(line, _NOT_OURS)
        case "dovecot":
            return Reading(line, dovecot(line.text))
        case _:
            return Reading(line, exim(line.text))


def events(reading: Reading) -> tuple[Event, ...]:
    """All that it tells: Exim says in one line what Postfix says in two: whence it comes, and what is queued."""
    both = arrival(reading.line.text) if reading.line.program == "exim" and type(reading.event) is Received else None
    return both or (reading.event,)
