"""Mail in flight as gates see it: the client, the envelope, the message's measures. Facts only; nobody judges here.

Named tuples and not frozen dataclasses: five are made for every message, and a frozen dataclass costs four times as
much to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lockdown.model.unknown import Unknown
from lockdown.smtp.address import Address

AUTOMATIC = "lockdown"
"""Who `Block.by` names when no person set the block. A person's block is an order; this one can be exempted from."""


@dataclass(frozen=True, slots=True)
class Block:
    """A network that may not talk to us until `until` (aware UTC; None: until removed), and why."""

    network: str
    why: str
    until: datetime | None
    by: str


class Client(NamedTuple):
    """The address that talks to us, and how much it has talked lately (counted over all workers of this machine).

    `prefix` is the /24 (IPv4) or /64 (IPv6) that the address lies in.
    """

    address: str
    prefix: str
    trusted: bool
    """Lies in `gateway.trusted_networks`."""
    connections: int
    """Open now from this address, this one included."""
    prefix_connections: int
    """Open now from its prefix, this one included."""
    connects: int
    """Opened within the last minute from this address, this one included."""
    block: Block | None


class Repetition(NamedTuple):
    """What has come within the sliding window from one source or to one recipient, this message included."""

    messages: int
    size_bytes: int


class Announced(NamedTuple):
    """One MAIL, before it is answered: who asks, from whom, how large they say it will be (RFC 1870)."""

    client: Client
    sender: Address
    size_bytes: int | None
    from_network: Repetition
    """Before this message."""


class Asked(NamedTuple):
    """One RCPT, before it is answered: who asks, from whom, for whom."""

    client: Client
    sender: Address
    recipient: Address
    accepted_recipients: int
    """How many this transaction has accepted already."""
    recipients_lately: int
    """Recipients asked for by this client within the last hour, this one included."""
    refused_lately: int
    """Recipients refused to this client within the last hour."""


class Structure(NamedTuple):
    """What a bounded scan of the MIME structure counted. `unread` says why the scan stopped early ("" = it did not)."""

    parts: int
    nesting: int
    unread: str = ""


WITHOUT_PARTS = Structure(parts=1, nesting=0)
"""A message that is one part, as most are; no limit can be lower."""


class Mail(NamedTuple):
    """A whole message, received to its dot and not yet answered."""

    client: Client
    sender: Address
    recipients: tuple[Address, ...]
    size_bytes: int
    """Octets after unstuffing."""
    header: bytes
    """The header block as received, without the empty line that ends it."""
    header_bytes: int
    hops: int
    """Received fields counted (RFC 5321 6.3)."""
    own_hops: int
    """Received fields that this gateway itself has written."""
    structure: Structure | Unknown
    from_network: Repetition
    """From the client's prefix within the window."""
    to_recipient: Repetition
    """To the recipient of this message that has received most within the window."""
