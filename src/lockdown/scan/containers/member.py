"""The words of all openers: what they find, what they could not read, and what one message may cost.

Fails as: `Spent`, which ends all unpacking of the message: the caller says what was not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from lockdown.model.scan import Ambiguity, Trait

QUIET_FACTOR = 25
"""So many inner pieces (streams, XML parts) may a message have for each file: nobody sees them, documents have many."""


class Member(NamedTuple):
    """One file in a container, whole."""

    name: str
    """As its receiver would see it."""
    data: bytes
    quiet: bool = False
    """A piece of the container's own body, that no receiver sees: named only where its type is worth a word."""


class Flaw(NamedTuple):
    """Something in a container that was not read: the whole of it, or the member of that name."""

    why: str
    name: str = ""
    size_bytes: int = 0
    """As the container says, where `name` is a member's."""
    trait: Trait | None = None
    too_big: bool = False

    @property
    def encrypted(self) -> bool:
        return self.trait in (Trait.ENCRYPTED, Trait.ENCRYPTED_NAMES)


class Doubt(NamedTuple):
    """Two programs would read this message in a container differently."""

    ambiguity: Ambiguity


class Spent(Exception):
    """The message has cost what it may."""


class Allowance:
    """What one message may still cost: files unpacked, and octets in them. Shared by all its containers."""

    __slots__ = ("members", "octets", "pieces", "spent")

    def __init__(self, members: int, octets: int) -> None:
        self.members, self.octets, self.pieces = members, octets, members * QUIET_FACTOR
        self.spent = ""
        """Why nothing more is unpacked; "" while something may be."""

    def take_member(self) -> None:
        """One more file, before it is unpacked."""
        self.members -= 1
        if self.members < 0:
            self._end("more files than one message may have unpacked")

    def take_piece(self) -> None:
        """One more inner piece, before it is unpacked."""
        self.pieces -= 1
        if self.pieces < 0:
            self._end("more inner pieces than one message may have unpacked")

    def take(self, octets: int) -> None:
        """So many octets more have been unpacked."""
        self.octets -= octets
        if self.octets < 0:
            self._end("more octets than one message may have unpacked")

    def _end(self, why: str) -> None:
        self.spent = why
        raise Spent(why)


Opened: TypeAlias = Iterator[Member | Flaw | Doubt]
Opener: TypeAlias = Callable[[bytes, str, Allowance], Opened]
"""Opens (data, name of the container, allowance)."""


def damaged(why: str, name: str = "") -> Flaw:
    """A flaw of what cannot be right."""
    return Flaw(why, name, trait=Trait.DAMAGED)
