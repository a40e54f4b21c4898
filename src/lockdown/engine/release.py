"""Let a held message go on to the server behind, or away with it; each at most once, and recorded.

A message is marked as released only when the server behind has said 250, or the Maildir has it on disk. Killed in
between, it is still held: a second release to the Maildir takes the first one's place, one over SMTP may arrive twice.
Fails as: `NotReleased(why, try_this)`, a value; the message is still held.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, assert_never

from lockdown.config import Settings, upstreams
from lockdown.engine.targets import Mailbox, target_of
from lockdown.model.held import HeldMessage, HeldState
from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import Accepted, Caller, Delivered, Letter, NotSent, Refused, Target, deliver
from lockdown.smtp.reply import Reply
from lockdown.state import maildir
from lockdown.state.spool import Spool
from lockdown.state.store import Store

_PIECE_BYTES = 1 << 20
_COMMIT_SECONDS = 10.0
_MOST_MEANT = 100_000
_RESTRAINED = "monitoring.restrained-mail"
_RESTRAINT = re.compile(r"r[1-9]\d{0,9}\Z")


@dataclass(frozen=True, slots=True)
class Released:
    """The server behind has it. `refused` are recipients that it would not take, with its words."""

    where: str
    says: str
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """It is gone."""


@dataclass(frozen=True, slots=True)
class Already:
    """It was released or deleted before; nothing was done now."""

    message: HeldMessage


@dataclass(frozen=True, slots=True)
class NotReleased:
    """It is still held (or never was), and why."""

    why: str
    try_this: str


def meant(store: Store, id: str) -> list[str]:
    """The message of this id; by the name of a restraint (`r7`) all that it holds, the oldest first."""
    if not _RESTRAINT.match(id):
        return [id]
    held = store.held(limit=_MOST_MEANT)
    return [one.id for one in reversed(held) if one.control == _RESTRAINED and f" meets {id} (" in one.says] or [id]


def release(
    settings: Settings, store: Store, spool: Spool, id: str, by: str, now: datetime
) -> Released | Already | NotReleased:
    """Deliver a held message through the configured upstream."""
    match _held(store, id):
        case HeldMessage() as message:
            return _release(settings, store, spool, message, by, now)
        case other:
            return other


def delete(store: Store, spool: Spool, id: str, by: str, now: datetime) -> Removed | Already | NotReleased:
    """Away with a held message: first the row says so, then the octets go."""
    match _held(store, id):
        case HeldMessage() as message:
            if not store.deleted(message.id, by, now).result(_COMMIT_SECONDS):
                return Already(message)
            spool.remove(message.id)
            return Removed()
        case other:
            return other


def _held(store: Store, id: str) -> HeldMessage | Already | NotReleased:
    message = store.held_message(id)
    if message is None:
        return NotReleased(f"no message {id} was ever held", "lockdown quarantine list")
    match message.state:
        case HeldState.HELD:
            return message
        case HeldState.RELEASED | HeldState.DELETED:
            return Already(message)
        case HeldState.BYTES_MISSING:
            return NotReleased("its octets are not on the disk any more", f"lockdown trace {id}")
        case _:
            assert_never(message.state)


def _release(
    settings: Settings, store: Store, spool: Spool, message: HeldMessage, by: str, now: datetime
) -> Released | Already | NotReleased:
    try:
        file = spool.open(message.id)
    except OSError as error:
        return NotReleased(f"its octets cannot be read: {error.strerror or error}", "lockdown doctor")
    with file:
        if not _only_us(file):
            return NotReleased("it is being released by somebody else", f"lockdown quarantine show {message.id}")
        if (damage := _damage(file, message)) is not None:
            return damage
        outcome = _deliver(settings, message, file)
        return _settled(outcome, store, spool, message, by, now)


def _settled(
    outcome: Released | NotReleased, store: Store, spool: Spool, message: HeldMessage, by: str, now: datetime
) -> Released | Already | NotReleased:
    if isinstance(outcome, NotReleased):
        return outcome
    if not store.released(message.id, by, now).result(_COMMIT_SECONDS):
        return Already(message)
    # The row has it now; octets that stay behind are found by the sweep.
    with suppress(OSError):
        spool.remove(message.id)
    return outcome


def _only_us(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _damage(file: BinaryIO, message: HeldMessage) -> NotReleased | None:
    """A damaged disk must not become a damaged message in somebody's mailbox."""
    digest = sha256()
    for piece in _pieces(file):
        digest.update(piece)
    if digest.hexdigest() == message.sha256:
        return None
    return NotReleased(
        "its octets have changed on the disk since it was held", f"lockdown quarantine show {message.id}"
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _deliver(settings: Settings, message: HeldMessage, file: BinaryIO) -> Released | NotReleased:
    """To the first upstream that takes it; only one that has not got it may be passed over."""
    why = "there is no upstream"
    for url in upstreams(settings.gateway):
        match _through(url, settings, message, file):
            case NotSent(missing):
                why = missing
            case outcome:
                return outcome
    return NotReleased(why, "lockdown doctor     (is the server behind up?)")


def _through(url: str, settings: Settings, message: HeldMessage, file: BinaryIO) -> Released | NotReleased | NotSent:
    match target_of(url, settings):
        case Mailbox(path):
            return _into_mailbox(path, message, file)
        case target:
            return _over_the_wire(target, settings, message, file)


def _into_mailbox(path: Path, message: HeldMessage, file: BinaryIO) -> Released | NotReleased:
    # RFC 5321 4.4: final delivery records the envelope, as the gateway does when nothing is held.
    top = [f"Return-Path: <{message.sender}>\r\n", *(f"Delivered-To: {name}\r\n" for name in message.recipients)]
    name = f"{int(message.at.timestamp())}.L{message.id}.lockdown"
    try:
        final = maildir.deliver(path, _with_top("".join(top).encode(), file), name=name)
    except OSError as error:
        return NotReleased(f"the mailbox {path} cannot store it: {error.strerror or error}", f"df -h {path}")
    return Released(str(final), "stored")


def _with_top(top: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield top
    yield from _pieces(file)


def _over_the_wire(
    target: Target, settings: Settings, message: HeldMessage, file: BinaryIO
) -> Released | NotReleased | NotSent:
    letter = Letter(message.sender, message.recipients, lambda: _pieces(file), message.size_bytes, message.parameters)
    outcome = deliver(target, letter, Caller(name=settings.gateway.hostname or "localhost"))
    return _told(outcome, target, message)


def _told(outcome: Delivered, target: Target, message: HeldMessage) -> Released | NotReleased | NotSent:
    match outcome:
        case Accepted(reply, refused):
            return Released(str(target), reply.wire.decode("ascii").strip(), tuple(_words(refused)))
        case Refused(verb, reply):
            why = f"{target} refused it at {verb}: {reply.wire.decode('ascii').strip()}"
            return NotReleased(why, f"lockdown quarantine show {message.id}")
        case NotSent():
            return outcome
        case Unknown(why):
            return NotReleased(
                f"{why}; nobody can know whether it arrived, so it is still held",
                "look into the recipient's mailbox before you release it again",
            )
        case _:
            assert_never(outcome)


def _words(refused: tuple[tuple[str, Reply], ...]) -> Iterator[tuple[str, str]]:
    return ((name, reply.wire.decode("ascii").strip()) for name, reply in refused)
