"""Whether the mail server's log is seen, as the watch left it behind; no log is read here.

Fails as: a log that is not seen, or not understood, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockdown.config import Settings
from lockdown.engine.symptom import Symptom, doubtful, well
from lockdown.host.log_sources import is_there, mend, sources
from lockdown.model.units import show_duration
from lockdown.state.log_sight import LogSight, read_sight

_PART = "mail log"
_STALE = timedelta(minutes=15)
_MANY = 0.01
_WHERE = "lockdown config explain monitoring.mail_logs"


def log_is_seen(settings: Settings, now: datetime) -> Iterator[Symptom]:
    """How many lines were read, and how many were not understood."""
    logs = [log for log in sources(settings.monitoring.mail_logs) if is_there(log)]
    if not logs:
        yield well(_PART, "none of a mail server is here")
        return
    sight = read_sight(Path(settings.state.directory))
    if sight is None or not sight.at:
        closed = sight.closed if sight else ""
        yield doubtful(_PART, f"{logs[0]} has not been looked at{f': {closed}' if closed else ''}", _mend(logs))
        return
    yield from _seen(sight, now, _mend(logs))


def _mend(logs: Iterable[str]) -> str:
    return "; ".join([_WHERE, *dict.fromkeys(map(mend, logs))])


def _seen(sight: LogSight, now: datetime, mends: str) -> Iterator[Symptom]:
    age, unread = now - datetime.fromtimestamp(sight.at, UTC), sum(sight.unread.values())
    says = f"{sight.lines:,} lines read, {unread:,} of them not understood"
    if sight.gaps:
        says += f"; {sight.gaps:,} times something of it could not be read, the last: {sight.last_gap}"
    if sight.foreign:
        says += f"; {sight.foreign:,} entries in its name were written by another user, and passed over"
    if age > _STALE:
        yield doubtful(_PART, f"last looked at {show_duration(age)} ago; {says}", "systemctl status lockdown")
    elif sight.closed:
        yield doubtful(_PART, f"{sight.closed}; {says}", mends)
    elif sight.blindness > _MANY:
        by = ", ".join(f"{name} {count:,}" for name, count in sorted(sight.unread.items(), key=lambda one: -one[1])[:5])
        yield doubtful(
            _PART,
            f"{sight.blindness:.0%} of the lines of late are not understood ({by}); {says}",
            "lockdown --version     (a later one may know them)",
        )
    else:
        yield well(_PART, says)
