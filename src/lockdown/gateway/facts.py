"""Gather the facts of a message that has come to its dot: measures only, nobody judges here."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from lockdown.config import Settings
from lockdown.gateway.body import Body
from lockdown.gateway.counts import Counts
from lockdown.mime.header import count_hops, header_block
from lockdown.mime.structure import scan_structure
from lockdown.model.mail import Mail, Structure
from lockdown.model.unknown import Unknown
from lockdown.smtp.events import DataEnd

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction


class Facts:
    """Measures messages by the limits of the settings."""

    def __init__(self, settings: Settings, counts: Counts, hostname: str) -> None:
        self._limits = settings.attachments
        self._counts = counts
        self._our_mark = f"by {hostname} (Lockdown)".encode()

    def mail(self, transaction: Transaction, body: Body, end: DataEnd) -> Mail:
        """The message as the gates see it."""
        limit = int(self._limits.max_header)
        start = body.start(limit + 4)
        header = start[: header_block(start, limit).end]
        mailboxes = [f"{event.address.local}@{event.address.domain}".lower() for event in transaction.accepted]
        from_network, to_recipient = self._counts.message(transaction.client, mailboxes, end.size)
        return Mail(
            client=transaction.client,
            sender=transaction.sender,
            recipients=tuple(event.address for event in transaction.accepted),
            size_bytes=end.size,
            header=header,
            header_bytes=len(header),
            hops=count_hops(header),
            own_hops=header.count(self._our_mark),
            structure=self._structure(body, header),
            from_network=from_network,
            to_recipient=to_recipient,
        )

    def _structure(self, body: Body, header: bytes) -> Structure | Unknown:
        whole = body.whole()
        try:
            return scan_structure(
                whole,
                header_end=len(header),
                max_parts=self._limits.max_parts,
                max_nesting=self._limits.max_nesting,
            )
        finally:
            if isinstance(whole, mmap.mmap):
                whole.close()
