"""One entry of systemd's journal (`journalctl --output=json`), read as a line of a log.

Who wrote it is what the kernel told the journal (the user of the process): any local user may call himself Postfix, and
may run in a service. When is the journal's own clock. An entry is bounded, and has one line, whatever it says.

Fails as: None for what is no entry; an entry of nobody's, which has no line. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from lockdown.facts.mail_log.prefix import parts

_SUPPRESSED = "a596d6fe7bfa4994828e72309e95d61e"
"""SD_MESSAGE_JOURNAL_DROPPED: the journal took no more from a service that wrote too fast."""
_FIELDS = (
    "MESSAGE", "MESSAGE_ID", "SYSLOG_IDENTIFIER", "_PID", "_UID", "_HOSTNAME", "_TRANSPORT",
)  # fmt: skip
# Without --all a field of more than 4 KiB is null: nobody makes us read megabytes.
_ARGV = ("journalctl", "--output=json", "--no-pager", "--quiet", f"--output-fields={','.join(_FIELDS)}")
_MATCHES = ("SYSLOG_FACILITY=2", "+", "_TRANSPORT=driver", f"MESSAGE_ID={_SUPPRESSED}")
"""What is of mail, and what the journal itself says of its gaps."""
_CURSOR = re.compile(r"[A-Za-z0-9=;]{1,200}", re.ASCII)
_NAME = re.compile(r"[A-Za-z][\w.+/-]{0,63}", re.ASCII)
_HOST = re.compile(r"[\w.:-]{1,255}", re.ASCII)
_OF_MAIL = re.compile(r"postfix|dovecot|exim", re.IGNORECASE)


class Entry(NamedTuple):
    """What it tells, and where to go on after it."""

    line: str
    """As syslog would have written it, without an end; "" where it is of no mail server."""
    cursor: str
    foreign: bool = False
    """It is said in the name of a mail server by a user who is none."""
    suppressed: str = ""
    """What the journal says that it did not take from a mail server."""


def argv(cursor: str = "", since: str = "", *, last: int = 0, follow: bool = True) -> list[str]:
    """The command that tells the entries after the one of this cursor, those since then, or the last so many."""
    start = f"--after-cursor={cursor}" if _CURSOR.fullmatch(cursor) else f"--since={since}" if since else ""
    asked = [
        *(["--follow"] if follow else []),
        # Who follows is else given the last ten alone.
        f"--lines={last}" if last else "--no-tail",
        *([start] if start else []),
    ]
    return [*_ARGV, *asked, *_MATCHES]


def entry(raw: bytes, trusted: Collection[str]) -> Entry | None:
    """What this entry tells; `trusted` are the ids of the users that mail servers run as."""
    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    cursor = _text(fields.get("__CURSOR"))
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    message = " ".join(_text(fields.get("MESSAGE")).splitlines())
    # A sender may name any field but those that begin with a "_".
    if _text(fields.get("_TRANSPORT")) == "driver":
        return Entry("", cursor, suppressed=_about_mail(message[:200], _text(fields.get("MESSAGE_ID"))))
    line = _line(fields, message)
    if not line or _text(fields.get("_UID")) in trusted:
        return Entry(line, cursor)
    return Entry("", cursor, foreign=parts(line) is not None)


def _line(fields: dict[str, object], message: str) -> str:
    name, pid = _text(fields.get("SYSLOG_IDENTIFIER")), _text(fields.get("_PID"))
    at = _moment(_text(fields.get("__REALTIME_TIMESTAMP")))
    if at is None or not _NAME.fullmatch(name):
        return ""
    host = _text(fields.get("_HOSTNAME"))
    tag = f"{name}[{pid}]" if pid.isascii() and pid.isdigit() else name
    return f"{at.isoformat()} {host if _HOST.fullmatch(host) else 'localhost'} {tag}: {message}"


def _about_mail(says: str, kind: str) -> str:
    return says if kind == _SUPPRESSED and _OF_MAIL.search(says) else ""


def _text(value: object) -> str:
    """A field: text, octets where they are no text, the first of several values; "" for one that is too long."""
    match value:
        case str():
            return value
        case [int(), *_]:
            octets = [octet for octet in value if type(octet) is int and 0 <= octet < 256]
            return bytes(octets).decode("utf-8", "replace") if len(octets) == len(value) else ""
        case [str(first), *_]:
            return first
        case _:
            return ""


def _moment(microseconds: str) -> datetime | None:
    if not microseconds.isascii() or not microseconds.isdigit() or len(microseconds) > 16:
        return None
    return datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC)
