"""A message that waits in a mail server's queue, and by what it is known again: a queue id alone is used anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple


class Fingerprint(NamedTuple):
    """What a deed names. A message that differs in any of it is another one, and is left alone."""

    id: str
    arrived: int
    """Microseconds since 1970, as the server wrote it down."""
    size: int
    sender: str
    """A digest of the envelope sender."""


class Queued(NamedTuple):
    """One message, as its queue file says. Every text but the id is what strangers have chosen."""

    id: str
    queue: str
    """incoming, active, deferred, hold; of Exim: deferred or frozen."""
    arrived: int
    size: int
    sender: str
    recipients: tuple[str, ...]
    """Those that have not got it yet."""
    client: str = ""
    helo: str = ""
    user: str = ""
    """Who was signed in."""
    subject: str = ""
    reason: str = ""
    """Of the first recipient that waits; "" where nobody asked for it, or none is said."""

    @property
    def fingerprint(self) -> Fingerprint:
        """By what it is known again."""
        return Fingerprint(self.id, self.arrived, self.size, digest_of(self.sender))


@lru_cache(maxsize=1024)  # a flood has few senders, or they are new each time
def digest_of(sender: str) -> str:
    """Of an envelope sender: short, and the same for ever."""
    return blake2b(sender.encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """What a hold came to."""

    id: str
    """Of the deed; "" where nothing matched, so that there was none."""
    count: int
    octets: int
    gone: int
    """Delivered, deleted or become another message between being found and being held: left alone."""
    undo: str
    """What to type."""
    says: str
