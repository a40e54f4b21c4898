"""What lies in the mailboxes of the machine, from the reading `mailboxes/sizes`: a line for each mailbox.

`doveadm quota get -A` is not asked: it makes a mailbox for every account that has none, and an audit changes nothing.

Fails as: Unknown, with the reason of the reading or the line that is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SOURCE = "mailboxes/sizes"
DAYS = 7
"""How far back a message counts as new."""
MOST_MAILBOXES = 5000
_LINE = re.compile(r"(?P<all>\d{1,15}) (?P<new>\d{1,15}|-) (?P<path>/\S.{0,4000})\Z")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One folder or file of mail; sizes in KiB."""

    path: str
    size: int
    new: int | None
    """Of messages younger than `DAYS`; None where one file holds them all."""


def mailboxes(snapshot: Snapshot) -> tuple[Mailbox, ...] | Unknown:
    """The largest first; empty where there surely is none yet."""
    reading = snapshot.reading(SOURCE)
    if isinstance(reading, Unknown):
        return reading
    found = []
    for number, line in enumerate(reading.splitlines(), start=1):
        part = _LINE.match(line)
        if line.startswith("denied "):
            return Unknown(f"{line[7:207]}: Permission denied")
        if not part:
            return Unknown(f"{SOURCE} line {number} is not understood: {line[:80]!r}")
        new = None if part["new"] == "-" else int(part["new"])
        found.append(Mailbox(part["path"], int(part["all"]), new))
    if len(found) > MOST_MAILBOXES:
        return Unknown(f"more than {MOST_MAILBOXES} mailboxes are not counted")
    return tuple(sorted(found, key=lambda one: (-one.size, one.path)))


def days_to_full(found: Sequence[Mailbox], free_kib: int) -> int | None:
    """At the pace of the mail of the last days that still lies there, with nothing older deleted; None: no pace."""
    news = [one.new for one in found if one.new is not None]
    pace = sum(news) / DAYS
    return int(free_kib / pace) if len(news) == len(found) and pace >= 1 else None
