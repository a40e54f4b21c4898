"""Gather the facts of a message that has come to its dot: measures only, nobody judges here."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from lockdown.config import Settings
from lockdown.gateway.body import Body
from lockdown.gateway.counts import Counts
from lockdown.mime.content_type import LEAF, body_kind
from lockdown.mime.header import count_hops, header_end
from lockdown.mime.structure import HEADER_LIMIT, scan_structure
from lockdown.model.mail import WITHOUT_PARTS, Mail, Structure
from lockdown.model.unknown import Unknown
from lockdown.smtp.events import DataEnd

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction


class Facts:
    """Measures messages by the limits of the settings."""

    def __init__(self, settings: Settings, counts: Counts, hostname: str) -> None:
        self._limits = settings.attachments
        self._max_header = int(settings.attachments.max_header)
        self._counts = counts
        self._our_mark = f"by {hostname} (Lockdown)".encode()

    def mail(self, transaction: Transaction, body: Body, end: DataEnd) -> Mail:
        """The message as the gates see it."""
        limit, size = self._max_header, end.size
        start = body.start(limit + 4)
        header = start[: header_end(start, limit)]
        length = len(header)
        plain = length <= HEADER_LIMIT and body_kind(header) is LEAF
        recipients = tuple([event.address for event in transaction.accepted])
        from_network, to_recipient = self._counts.message(transaction.client, recipients, size)
        # Hot path: a named tuple made without the call in between that its class would cost.
        return tuple.__new__(
            Mail,
            (
                transaction.client,
                transaction.sender,
                recipients,
                size,
                header,
                length,
                count_hops(header),
                header.count(self._our_mark),
                WITHOUT_PARTS if plain else self._structure(body, header),
                from_network,
                to_recipient,
            ),
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
