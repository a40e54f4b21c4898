"""What a mail server's log comes to as a whole: for `lockdown senders log`.

Fails as: OperatorError where there is no log, or one that is named cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lockdown.config import Settings
from lockdown.facts.mail_log.blocks import BlockReader
from lockdown.facts.mail_log.picture import Picture, Tally, joined
from lockdown.facts.mail_log.place import JOURNAL
from lockdown.host.log_files import picture_of
from lockdown.host.log_journal import lines_since
from lockdown.host.log_sources import is_there, mend, sources
from lockdown.model.errors import OperatorError

_PARTS = (
    ("sent by", "senders"), ("sent from", "clients"), ("signed in and sent", "users"), ("delivered to", "sent"),
    ("deferred, to", "deferred"), ("deferred, because", "deferrals"), ("bounced, from", "bounced"),
    ("refused, because", "refused"), ("refused, from", "refused_clients"), ("misbehaved", "misbehaved"),
    ("sign-ins that failed", "failed_logins"), ("sign-ins", "logins"), ("full mailboxes", "full"),
    ("complaints", "troubles"),
)  # fmt: skip
"""What it is called, and the part of the picture."""
_LINES = 2000
"""Of the journal, at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value, how often it came, and with how many octets."""

    value: str
    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class WholeLog:
    """The picture, as it is shown."""

    lines: int
    first: str
    last: str
    unread: dict[str, int]
    """By daemon, lines that are not understood: the most first."""
    parts: dict[str, tuple[Row, ...]]
    latency: dict[str, float]
    """The seconds within which half of all deliveries had passed each stage."""


def whole_log(settings: Settings, files: Iterable[Path], limit: int) -> WholeLog:
    """Of these files, the oldest first; without any, of the logs of the settings."""
    logs = tuple(map(str, files)) or tuple(filter(is_there, sources(settings.monitoring.mail_logs)))
    if not logs:
        raise OperatorError(
            "no-log",
            what="There is no log of a mail server.",
            why="none of monitoring.mail_logs is there",
            try_this="lockdown senders log FILE",
        )
    picture = picture_of(*(Path(log) for log in logs)) if files or JOURNAL not in logs else _with_journal(logs)
    parts = {name: _rows(getattr(picture, part), limit) for name, part in _PARTS}
    latency = {stage: seconds for stage, seconds in picture.latency().items() if seconds is not None}
    unread = dict(picture.unread.most_common())
    return WholeLog(picture.lines, picture.first, picture.last, unread, parts, latency)


def _with_journal(logs: Iterable[str]) -> Picture:
    """All that the journal has, after the files that are named beside it."""
    reader = BlockReader()
    try:
        lines = lines_since(0)
        while block := b"".join(islice(lines, _LINES)):
            reader.read(block)
    except OSError as error:
        why = error.strerror or str(error)
        raise OperatorError(
            "log-unreadable", what="The journal could not be read.", why=why, try_this=mend(JOURNAL)
        ) from error
    pieces = [picture_of(*paths)] if (paths := [Path(log) for log in logs if log != JOURNAL]) else []
    return joined([*pieces, reader.picture]).finished()


def _rows(tally: Tally, limit: int) -> tuple[Row, ...]:
    return tuple(Row(value, *share) for value, share in tally.top(limit))
