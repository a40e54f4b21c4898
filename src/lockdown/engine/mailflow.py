"""Does mail flow? A letter to ourselves through the live server: taken at its dot, and then delivered.

It is sent from this machine, which the server trusts: it proves the queue and the delivery, not what a stranger meets.
That it was delivered is seen in the mailbox that the settings name, else in the server's own log, by its queue id.

Fails as: `Unknown(why)` where the server took it and nobody can see what became of it; `Stopped(why)` where it did not.
Bounded in time. Never raises.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from lockdown.config import Settings
from lockdown.engine.canary import Canary, open_canary
from lockdown.host.commands import run
from lockdown.mime import compose
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import Accepted, Caller, Deadlines, Letter, NotSent, Refused, Target, deliver
from lockdown.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Flows:
    """It was delivered; `how` says where that was seen."""

    how: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was refused, or not delivered."""

    why: str


Flow: TypeAlias = Flows | Stopped | Unknown

_DEADLINES = Deadlines(connect=10.0, command=60.0, piece=30.0, final=60.0)
_LOG_BYTES = 4 * 1024 * 1024
_LOGS = ("/var/log/mail.log", "/var/log/maillog", "/var/log/exim4/mainlog", "/var/log/exim/mainlog")
_JOURNALCTL = Path("/usr/bin/journalctl")
_QUEUED = re.compile(r"queued as ([0-9A-Za-z]{6,20})\b|\bid=([0-9A-Za-z]{6,16}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\b")
_STATUS = re.compile(r"\bstatus=(sent|deferred|bounced|expired)\b(.*)")
_TO_ITSELF = re.compile(r"\brelay=(?:127\.|localhost\b|\S*\[(?:127\.|::1\]))")
_MOST_HOPS = 5
"""Through so many queues of this machine a letter is followed: a filter hands it back under another id."""


def mail_flows(settings: Settings) -> Flow:
    """Send one letter, see what becomes of it, remove it where it can be removed."""
    wait_seconds = settings.apply.delivery.total_seconds()
    canary = _canary(settings)
    if isinstance(canary, Unknown):
        return canary
    log = _Log()
    mark, recipient = secrets.token_hex(12), recipient_of(settings)
    match _sent(settings, recipient, mark):
        case Refused(verb, reply):
            return Stopped(f"the server refuses a letter to {recipient} at {verb}: {_words(reply)}")
        case NotSent(why):
            return Stopped(f"the server does not take a letter: {why}")
        case Unknown() as unknown:
            return unknown
        case Accepted(reply):
            seen = _lies_there(canary, mark, wait_seconds) if canary else _delivered(reply, log, wait_seconds)
            return seen if not isinstance(seen, Unknown) else Unknown(f"the letter to {recipient} {seen.why}")


def recipient_of(settings: Settings) -> str:
    """Who receives it."""
    return settings.apply.canary or f"postmaster@{(*settings.site.domains, 'localhost')[0]}"


def _canary(settings: Settings) -> Canary | Unknown | None:
    wanted = settings.apply
    if not wanted.mailbox:
        return None
    try:
        return open_canary(settings, wanted.mailbox, Path(wanted.mailbox_password) if wanted.mailbox_password else None)
    except (OperatorError, OSError) as error:
        return Unknown(f"the mailbox of apply.mailbox cannot be opened: {error}")


def _sent(settings: Settings, recipient: str, mark: str) -> Accepted | Refused | NotSent | Unknown:
    host, _, port = settings.apply.server.rpartition(":")
    domain = recipient.rpartition("@")[2]
    sender = f"postmaster@{domain}"
    header = compose.head(
        f"Lockdown <{sender}>", recipient, "Lockdown: does mail still flow?", datetime.now(UTC),
        f"{mark}@drill.example", "Auto-Submitted: auto-generated",
    )  # fmt: skip
    content = compose.whole(header, compose.text("Sent before and after a change of this server. Delete it.\n"))
    letter = Letter(sender, (recipient,), lambda: (content,), len(content))
    return deliver(Target(host.strip("[]"), int(port)), letter, Caller(name="localhost", deadlines=_DEADLINES))


def _words(reply: Reply) -> str:
    return " ".join(reply.wire.decode("ascii", "replace").split())[:300]


# ── in the mailbox ──


def _lies_there(canary: Canary, mark: str, wait_seconds: float) -> Flow:
    """A letter that does not come is not stopped for sure: the mailbox may be another one than the settings say."""
    try:
        if not _wait(lambda: bool(canary.arrivals([mark])), wait_seconds):
            return Unknown(f"was taken, but does not lie in apply.mailbox after {wait_seconds:.0f} s")
        with suppress(OSError, OperatorError):
            canary.remove([mark])
        return Flows("it lies in the mailbox")
    except (OSError, OperatorError) as error:
        return Unknown(f"was taken, but the mailbox cannot be looked into: {error}")


# ── in the server's log ──


class _Log:
    """What the server's log says from now on; several places are followed, since the server alone knows its own."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC)
        self._at = {path: _size(path) for path in dict.fromkeys([*_postfix_log(), *map(Path, _LOGS)])}

    def lines(self, id: str) -> list[str]:
        """Every line about this queue id."""
        return [line for text in self._texts() for line in text.splitlines() if id in line]

    def _texts(self) -> Iterator[str]:
        for path, at in self._at.items():
            with suppress(OSError), path.open("rb") as opened:
                # Rotated since: then all of it is new.
                opened.seek(at if at <= path.stat().st_size else 0)
                yield opened.read(_LOG_BYTES).decode("utf-8", "replace")
        if _JOURNALCTL.exists() and Path("/run/systemd/system").is_dir():
            since = f"@{self._since.timestamp() - 1:.0f}"
            said = run(
                [str(_JOURNALCTL), "--no-pager", "-q", "-o", "cat", "-n", "5000", "--facility=mail", "-S", since]
            )
            yield said if isinstance(said, str) else ""


def _postfix_log() -> list[Path]:
    said = run(["/usr/sbin/postconf", "-h", "maillog_file"]) if Path("/usr/sbin/postconf").exists() else ""
    return [Path(said.strip())] if isinstance(said, str) and said.startswith("/") else []


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _delivered(reply: Reply, log: _Log, wait_seconds: float) -> Flow:
    found = _QUEUED.search(_words(reply))
    if not found:
        return Unknown(f"was taken without a queue id: {_words(reply)}")
    id, end = found[1] or found[2], time.monotonic() + wait_seconds
    for _ in range(_MOST_HOPS):
        fate: Flow | str | None = None

        def look(id: str = id) -> bool:
            nonlocal fate
            fate = fate_of(log.lines(id), id)
            return fate is not None

        _wait(look, max(0.0, end - time.monotonic()))
        if not isinstance(fate, str):
            break
        id = fate
    if fate is None or isinstance(fate, str):
        return Unknown(f"was taken as {id}, but no log says what became of it within {wait_seconds:.0f} s")
    return fate


def fate_of(lines: list[str], id: str) -> Flow | str | None:
    """What the lines about a queue id say of it: its fate, the next queue's id, or nothing yet. Never raises."""
    for line in lines:
        if f"{id} Completed" in line:  # Exim
            return Flows("its log says so")
        if re.search(rf"{re.escape(id)} (?:\*\*|==) ", line):
            return Stopped(f"it was not delivered: {line[-300:]}")
        # The id in its own place: a stranger's address further on may look like a line of its own.
        if not re.search(rf"\]: {re.escape(id)}: to=<", line) or not (status := _STATUS.search(line)):
            continue
        if status[1] != "sent":
            return Stopped(f"it was not delivered: {status[0][:300]}")
        # Another machine's queue id means nothing here; a filter of this one hands the letter back.
        again = _QUEUED.search(status[2]) if _TO_ITSELF.search(line) else None
        return again[1] if again and again[1] and again[1] != id else Flows("its log says so")
    return None


def _wait(seen: Callable[[], bool], seconds: float) -> bool:
    end, pause = time.monotonic() + seconds, 0.1
    while not seen():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    return True
