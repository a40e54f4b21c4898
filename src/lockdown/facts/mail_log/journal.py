"""One entry of systemd's journal (`journalctl --output=json`), read as a line of a log.

Who wrote it is taken from what the journal itself has seen where it says so: any local user may call himself Postfix.

Fails as: None for what is no entry of a mail server. Never raises.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from lockdown.facts.mail_log.reading import Reading, read

ARGV = ("journalctl", "--output=json", "--follow", "--no-pager", "--quiet", "--all", "--facility=mail")
_LONGEST_CURSOR = 400


class Entry(NamedTuple):
    """What it tells, when, and where to go on after it."""

    reading: Reading | None
    at: datetime | None
    cursor: str


def argv(cursor: str = "", since: str = "") -> list[str]:
    """The command that follows the journal, after the entry with this cursor."""
    start = [f"--after-cursor={cursor}"] if cursor else [f"--since={since}"] if since else ["--lines=0"]
    return [*ARGV, *start]


def entry(line: bytes) -> Entry | None:
    """What this entry tells."""
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    message, name = _text(fields.get("MESSAGE")), _text(fields.get("SYSLOG_IDENTIFIER"))
    cursor, at = _text(fields.get("__CURSOR"))[:_LONGEST_CURSOR], _moment(_text(fields.get("__REALTIME_TIMESTAMP")))
    if not _is_from_a_service(fields):
        return Entry(None, at, cursor)
    pid = _text(fields.get("SYSLOG_PID")) or _text(fields.get("_PID"))
    tag = f"{name}[{pid}]" if pid.isdigit() else name
    stamp = at.isoformat() if at else ""
    # An entry may have lines; the text of a log has one.
    words = message.replace("\r", " ").replace("\n", " ")
    return Entry(read(f"{stamp} {_text(fields.get('_HOSTNAME')) or 'localhost'} {tag}: {words}"), at, cursor)


def _is_from_a_service(fields: dict[str, object]) -> bool:
    """Not from the session of somebody who has logged in: there anybody may write with any name."""
    unit = _text(fields.get("_SYSTEMD_UNIT"))
    return not unit or (unit.endswith(".service") and not unit.startswith("user@"))


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case list() if value and all(isinstance(octet, int) and 0 <= octet < 256 for octet in value):
            return bytes(value).decode("utf-8", "replace")
        case [str(first), *_]:
            return first
        case _:
            return ""


def _moment(microseconds: str) -> datetime | None:
    if not microseconds.isascii() or not microseconds.isdigit() or len(microseconds) > 16:
        return None
    return datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC)
