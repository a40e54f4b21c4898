"""The embedded mailbox: one Maildir as the upstream, for a machine that has no mail server yet.

A message is in it, on disk and in its directory, before the 250. Fails as: a 452 with the reason in `why`.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from lockdown.gateway.body import Body
from lockdown.gateway.upstream import Final, Offers, Stranger
from lockdown.smtp.data import Unstuffer
from lockdown.smtp.reply import Reply
from lockdown.state.maildir import deliver, sync_directory

TAKEN = Reply(250, "1.5", "Recipient ok")
STORED = Reply(250, "0.0", "Stored")
NO_ROOM = Reply(452, "3.1", "The mailbox cannot store it now; try again")


class MaildirUpstream:
    """A Maildir as the upstream."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.directory = directory
        self.offers: Offers | None = Offers(eightbitmime=True, smtputf8=True)
        self.up = True

    def delivery(self, sender: str, params: Sequence[str], stranger: Stranger) -> MaildirDelivery:
        return MaildirDelivery(self, sender)

    def resting(self) -> bool:
        return False

    async def probe(self) -> None:
        """Nothing to ask: the directory is made at the first message."""

    def tick(self, now: float) -> None:
        """Nothing grows old here."""

    async def close(self) -> None:
        """Nothing is open."""


class MaildirDelivery:
    """A message on its way into the Maildir: one copy, whoever and however many it is for."""

    __slots__ = ("_recipients", "_sender", "_upstream", "per_recipient", "repeats", "url")

    def __init__(self, upstream: MaildirUpstream, sender: str) -> None:
        self._upstream, self._sender = upstream, sender
        self._recipients: list[str] = []
        self.url = upstream.url
        self.per_recipient = False
        self.repeats = False

    async def recipient(self, path: str, params: Sequence[str]) -> Reply:
        self._recipients.append(path)
        return TAKEN

    async def deliver(self, prefix: bytes, body: Body, offset: int) -> Final:
        # RFC 5321 4.4: final delivery records the envelope; Delivered-To tells the readers of one box apart.
        top = [f"Return-Path: <{self._sender}>\r\n", *(f"Delivered-To: {path}\r\n" for path in self._recipients)]
        pieces = _plain("".join(top).encode() + prefix, body, offset)
        stem = self._stem(body)
        try:
            if not (self.repeats and await asyncio.to_thread(_is_there, self._upstream.directory, stem)):
                name = f"{stem}.{secrets.token_hex(8)}"
                await asyncio.to_thread(deliver, self._upstream.directory, pieces, name=name)
        except OSError as error:
            return Final((NO_ROOM,), why=f"{self._upstream.directory}: {error.strerror or error}")
        return Final((STORED,))

    def _stem(self, body: Body) -> str:
        """What names of the same message for the same people begin with: a retry after our death finds its copy."""
        envelope = "\n".join((self._sender, *self._recipients)).encode()
        return hashlib.sha256(body.digest() + envelope).hexdigest()[:40]

    async def restrict(self, wanted: Sequence[int]) -> bool:
        self._recipients = [self._recipients[index] for index in wanted]
        return True

    def release(self) -> None:
        """No connection is held."""

    def abandon(self) -> None:
        self._recipients.clear()


def _is_there(directory: Path, stem: str) -> bool:
    """Whether an earlier sending was renamed into the mailbox before we died; its name is then made durable."""
    found = any(True for part in ("new", "cur") for _ in (directory / part).glob(f"{stem}.*"))
    if found:
        sync_directory(directory / "new")
    return found


def _plain(prefix: bytes, body: Body, offset: int) -> Iterator[bytes]:
    yield prefix
    unstuffer = Unstuffer()
    for piece in body.pieces(offset):
        yield unstuffer.feed(piece)
