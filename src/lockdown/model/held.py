"""HeldMessage: a message in quarantine, as the store knows it; its octets lie in the spool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HeldState(StrEnum):
    """What has become of it."""

    HELD = "held"
    RELEASED = "released"
    """A person let it go on; the server behind has it."""
    DELETED = "deleted"
    """A person removed it, or its time was over."""
    BYTES_MISSING = "bytes-missing"
    """The row is there and the octets are not: a damage that must be shown."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """`id` is the transaction's. Size and digest are those of the file; a message not yet written has neither."""

    id: str
    at: datetime
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    control: str
    """The control that asked for it to be held."""
    says: str
    """Why, in a sentence for a person."""
    subject: str = ""
    parameters: tuple[str, ...] = ()
    """Of MAIL, as the client gave them (BODY=8BITMIME, SMTPUTF8, RET=…): a release repeats them."""
    key: str = ""
    """What an identical retry has in common with this sending, so that it is not held twice; hexadecimal."""
    size_bytes: int = 0
    sha256: str = ""
    state: HeldState = HeldState.HELD
    changed_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineTotals:
    """What is held now; `oldest` is None when nothing is."""

    messages: int
    size_bytes: int
    oldest: datetime | None
