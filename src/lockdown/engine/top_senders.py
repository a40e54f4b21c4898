"""Who sends most lately: from the gateway's log, and from the mail server's log for what users and programs hand in.

Of each user, client, network, sender, domain or subject: messages, recipients, how many of these are new to it, how
much bounced, how much was spam. The whole time that is asked for is read, through files that were rotated and packed,
and somewhat more, to tell who is new. Bounded in memory; what is left out is said.

Fails as: `Top.unseen` in words for a log that is not there, may not be read or is damaged; never raises for a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from lockdown.config import Settings
from lockdown.engine.recent import network_of
from lockdown.facts.mail_log.events import Delivered, Queued, Received
from lockdown.facts.mail_log.place import JOURNAL
from lockdown.facts.mail_log.prefix import parts, when
from lockdown.facts.mail_log.reading import events, read
from lockdown.host.log_files import BROKEN, blocks, blocks_since, rotated
from lockdown.host.log_journal import last_lines, lines_since
from lockdown.host.log_sources import sources
from lockdown.host.zone import MACHINE
from lockdown.state.layout import StateDirectory
from lockdown.state.transactions import Transaction

KINDS = ("user", "client", "network", "sender", "domain", "subject")
_BEFORE_BYTES = 32 * 1024 * 1024
"""Of what is before the time that is asked for, to know who was written to already."""
_SLACK = timedelta(minutes=5)
"""The lines of a log are about in order."""
SLICES = 12
_SHORTEST = timedelta(seconds=SLICES)
_MOST_VALUES = 100_000
_MOST_PAIRS = 500_000
_MOST_OPEN = 50_000
_NOT_SENT = ("turned-away", "unreadable", "aborted", "replayed", "dropped")
T = TypeVar("T")
_decode = msgspec.json.Decoder(Transaction).decode


@dataclass(slots=True)
class Sender:
    """One value, and what came with it since then."""

    value: str
    messages: int = 0
    recipients: int = 0
    new_recipients: int = 0
    """To whom it had not sent before, as far as the logs go back."""
    octets: int = 0
    refused: int = 0
    """Messages that were not taken."""
    judged: int = 0
    spam: int = 0
    tried: int = 0
    """Recipients to whom delivery was tried."""
    bounced: int = 0
    pace: list[int] = field(default_factory=lambda: [0] * SLICES)
    """Messages in each twelfth of that time, the oldest first."""


class _Message(NamedTuple):
    """One message, of whichever log."""

    at: datetime
    values: dict[str, str]
    recipients: tuple[str, ...]
    size: int
    unnamed: int = 0
    """Recipients, where they are not named."""
    refused: bool = False
    spam: bool | None = None


@dataclass(slots=True)
class Top:
    """All senders by one kind of value."""

    by: str
    since: datetime
    slice: timedelta = timedelta(minutes=5)
    most_bytes: int | None = None
    senders: dict[str, Sender] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    knows_before: bool = False
    """Whether the logs go back before that time: else nobody can tell who is new."""
    _known: set[int] = field(default_factory=set)

    def first(self, number: int) -> list[Sender]:
        """Those with most recipients."""
        return sorted(self.senders.values(), key=lambda one: (-one.recipients, -one.messages, one.value))[:number]

    def _take(self, message: _Message) -> None:
        value = message.values.get(self.by, "")
        if self.by != "sender" and not value:
            return
        is_before = message.at < self.since
        self.knows_before |= is_before
        new = self._new(value, message.recipients)
        if is_before or message.at.tzinfo is None:
            return
        sender = self._sender(value)
        if sender is None:
            return
        sender.messages += 1
        sender.pace[min(int((message.at - self.since) / self.slice), SLICES - 1)] += 1
        sender.recipients += len(message.recipients) or message.unnamed
        sender.new_recipients += new
        sender.octets += message.size
        sender.refused += message.refused
        if message.spam is not None:
            sender.judged += 1
            sender.spam += message.spam

    def _sender(self, value: str) -> Sender | None:
        found = self.senders.get(value)
        if found is None and len(self.senders) < _MOST_VALUES:
            found = self.senders[value] = Sender(value)
        return found

    def _new(self, value: str, recipients: Iterable[str]) -> int:
        pairs = {hash((value, one)) for one in recipients} - self._known
        if len(self._known) < _MOST_PAIRS:
            self._known |= pairs
        return len(pairs)

    def _tried(self, value: str, counts: bool, event: Delivered) -> None:
        """Delivery to one recipient has ended, one way or the other."""
        if event.status not in ("sent", "bounced", "expired"):
            return
        new = self._new(value, [event.recipient.lower()])
        sender = self._sender(value) if counts else None
        if sender is not None:
            sender.new_recipients += new
            sender.tried += 1
            sender.bounced += event.status != "sent"


def top_senders(settings: Settings, by: str, since: datetime, now: datetime, most_bytes: int | None = None) -> Top:
    """Read both logs; where `most_bytes` is named, of each so much of its end."""
    top = Top(by, since, max(now - since, _SHORTEST) / SLICES, most_bytes)
    directory = StateDirectory(Path(settings.state.directory))
    for path in _days(directory.log, since):
        for message in _of_gateway(_lines(path, lambda line: _is_before(_at(line), since), top), settings.antispam.tag):
            top._take(message)
    here = now.astimezone(MACHINE)
    for name in sources(settings.monitoring.mail_logs):
        whole = _whole_journal(top) if name == JOURNAL else _whole_log(Path(name), here, top)
        _take_mail_log(whole, top, here)
    return top


def _days(folder: Path, since: datetime) -> list[Path]:
    """The gateway's files of these days, and that of the day before."""
    first = f"gateway-{since.astimezone(UTC) - timedelta(days=1):%Y%m%d}.jsonl"
    return [path for path in sorted(folder.glob("gateway-*.jsonl")) if path.name >= first]


def _at(line: bytes) -> datetime | None:
    try:
        return _decode(line).at
    except (msgspec.MsgspecError, RecursionError):
        return None


def _stamp(line: bytes, here: datetime) -> datetime | None:
    found = parts(line.decode("utf-8", "replace"))
    return when(found.stamp, here) if found and found.stamp else None


def _is_before(at: datetime | None, since: datetime) -> bool | None:
    return None if at is None or at.tzinfo is None else at < since - _SLACK


def _whole_log(path: Path, here: datetime, top: Top) -> Iterator[bytes]:
    """The log through its rotated files, as far back as the time that is asked for and one file more."""
    older: list[Path] = []
    for one in rotated(path) if top.most_bytes is None else ():
        older.append(one)
        if _ended_before(one, top.since):
            break
    for one in (*reversed(older), path):
        yield from _lines(one, lambda line: _is_before(_stamp(line, here), top.since), top)


def _whole_journal(top: Top) -> Iterator[bytes]:
    """As far back, and a day more, to know who was written to already; or so much of its end."""
    try:
        since = (top.since - timedelta(days=1)).timestamp()
        yield from lines_since(since) if top.most_bytes is None else last_lines(top.most_bytes)
    except OSError as error:
        top.unseen.append(f"the journal cannot be read: {_why(error)}")


def _ended_before(path: Path, since: datetime) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < since.timestamp()
    return False


def _lines(path: Path, is_before: Callable[[bytes], bool | None], top: Top) -> Iterator[bytes]:
    try:
        whole = (
            blocks_since(path, is_before, _BEFORE_BYTES) if top.most_bytes is None else _end(path, top, top.most_bytes)
        )
        for block in whole:
            yield from block.split(b"\n")
    except FileNotFoundError:
        top.unseen.append(f"{path} is not there")
    except BROKEN as error:
        top.unseen.append(f"{path} cannot be read{' to its end' if path.exists() else ''}: {_why(error)}")


def _end(path: Path, top: Top, most: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(start := max(0, size - most))
        if start:
            top.unseen.append(f"of {path} the last {most >> 20} MiB alone were read")
            file.readline()
        yield from blocks(file)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _of_gateway(lines: Iterable[bytes], tag: float) -> Iterator[_Message]:
    for line in lines:
        try:
            one = _decode(line)
        except (msgspec.MsgspecError, RecursionError):
            continue
        if one.type not in _NOT_SENT:
            recipients = tuple(address.strip("<>").lower() for address in one.recipients)
            spam = one.scan.spam >= tag if one.scan.antispam else None
            refused = one.type in ("rejected", "deferred")
            values = _values(one.client.address, one.sender, one.like.subject)
            yield _Message(one.at, values, recipients, one.size, len(one.refused), refused, spam)


def _values(address: str, sender: str, subject: str = "", user: str = "") -> dict[str, str]:
    sender = sender.strip("<>").lower()
    return {
        "user": user,
        "client": address,
        "network": network_of(address),
        "sender": sender,
        "domain": sender.rpartition("@")[2] if "@" in sender else "",
        "subject": subject,
    }


def _take_mail_log(lines: Iterable[bytes], top: Top, now: datetime) -> None:
    """What passes through the gateway is counted there; here it is what a user or a program hands in."""
    begun: dict[str, Received] = {}
    queued: dict[str, tuple[str, bool]] = {}
    for line in lines:
        if not _may_tell(line, begun, queued) or (reading := read(line)) is None:
            continue
        at = when(reading.line.stamp, now) if reading.line.stamp else None
        for event in events(reading):
            match event:
                case Received(queue_id=queue_id, user=user, local=local) if user or local:
                    _bounded(begun)[queue_id] = event
                case Queued(queue_id=queue_id) if at is not None and (origin := begun.pop(queue_id, None)):
                    values = _values(origin.address or "", event.sender, user=origin.user or "")
                    top._take(_Message(at, values, (), event.size, event.recipients))
                    if value := values.get(top.by, ""):
                        _bounded(queued)[queue_id] = value, at >= top.since
                case Delivered(queue_id=queue_id) if queue_id in queued:
                    top._tried(*queued[queue_id], event)
                case _:
                    pass


_BEGINS = (b" sasl_username=", b": uid=", b" <= ")
_PLAIN_ID = re.compile(rb"\]: ([0-9A-Za-z]{5,24}): ")


def _may_tell(line: bytes, begun: dict[str, Received], queued: dict[str, tuple[str, bool]]) -> bool:
    """Whether it is worth reading with care: most lines are of mail that others send, and tell nothing here."""
    if any(sign in line for sign in _BEGINS):
        return True
    if b" nrcpt=" not in line and b" status=" not in line:
        return any(mark in line for mark in _EXIM_MARKS)
    # Where no plain queue id is, it is read with care.
    found = _PLAIN_ID.search(line, 0, _LONGEST_HEAD)
    return found is None or (queue_id := found[1].decode()) in begun or queue_id in queued


_EXIM_MARKS = (b" => ", b" -> ", b" ** ", b" == ", b" >> ", b" *> ")
_LONGEST_HEAD = 400
"""Before the text, and the queue id that begins it."""


def _bounded(table: dict[str, T]) -> dict[str, T]:
    if len(table) >= _MOST_OPEN:
        del table[next(iter(table))]
    return table
