"""What an inspector brings back, what it writes down on its way, and what it may spend.

Fails as: OverBudget where more would be spent than allowed. Inspectors let it pass; `inspect` turns it into a reason.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from lockdown.model.scan import Trait

WORDS = 40
"""Pieces of evidence that are kept of one file."""
WORD = 200
"""Characters kept of one piece of evidence."""
EMBEDDED = 500
"""Files taken out of one file; more are said to be unread."""


class OverBudget(Exception):
    """More would be spent on this file than allowed; the argument says of what."""


class Budget:
    """What inspecting one file may cost: octets unpacked and steps taken. Counted, not timed: the same file ends at the
    same place on every machine."""

    __slots__ = ("octets", "steps")

    def __init__(self, octets: int = 64 * 1024 * 1024, steps: int = 200_000) -> None:
        self.octets, self.steps = octets, steps

    def spend(self, octets: int) -> None:
        """Account for so many octets that were unpacked or copied."""
        self.octets -= octets
        if self.octets < 0:
            raise OverBudget("unpacks to more than is allowed")

    def step(self, count: int = 1) -> None:
        """Account for so many objects, records or streams."""
        self.steps -= count
        if self.steps < 0:
            raise OverBudget("is made of more pieces than are allowed")

    def inflate(self, data: bytes, wbits: int = zlib.MAX_WBITS) -> bytes:
        """Decompress, within the budget. What comes before an error is given: half a stream may hold a whole macro."""
        machine, found = zlib.decompressobj(wbits), b""
        try:
            found = machine.decompress(data, self.octets + 1)
        except zlib.error:
            found = _as_far_as_it_goes(data, wbits, self.octets + 1)
        self.spend(len(found))
        return found


def _as_far_as_it_goes(data: bytes, wbits: int, limit: int) -> bytes:
    machine, found = zlib.decompressobj(wbits), bytearray()
    for at in range(0, len(data), 256):
        try:
            found += machine.decompress(data[at : at + 256], limit - len(found))
        except zlib.error:
            break
        if len(found) >= limit:
            break
    return bytes(found)


class Embedded(NamedTuple):
    """A file within the file; `name` is as its reader would see it."""

    name: str
    data: bytes


class Inspected(NamedTuple):
    """What was seen in one file."""

    traits: tuple[Trait, ...] = ()
    embedded: tuple[Embedded, ...] = ()
    unread: tuple[str, ...] = ()
    """Why something in it was not read: it may not pass for clean."""
    encrypted: bool = False
    says: tuple[str, ...] = ()
    """Evidence in words: "AutoOpen", "Shell", "http://…"."""


class Notes:
    """What is written down while one file is inspected. Kept when the inspector breaks off: half beats nothing."""

    __slots__ = ("budget", "embedded", "encrypted", "says", "traits", "why_unread")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.encrypted = False
        self.traits: dict[Trait, None] = {}
        self.embedded: list[Embedded] = []
        self.why_unread: dict[str, None] = {}
        self.says: dict[str, None] = {}

    def trait(self, *traits: Trait) -> None:
        self.traits.update(dict.fromkeys(traits))

    def say(self, *words: str) -> None:
        for word in words:
            if len(self.says) < WORDS:
                self.says[_printable(word)] = None

    def unread(self, why: str) -> None:
        if len(self.why_unread) < WORDS:
            self.why_unread[_printable(why)] = None

    def embed(self, name: str, data: bytes) -> None:
        """A file was found within; to be read as a file of its own."""
        if len(self.embedded) >= EMBEDDED:
            self.unread(f"more than {EMBEDDED} files within")
            return
        self.embedded.append(Embedded(_printable(name) or f"object {len(self.embedded) + 1}", data))

    def locked(self) -> None:
        """Something needs a password."""
        self.encrypted = True
        self.trait(Trait.ENCRYPTED)

    def inspected(self) -> Inspected:
        return Inspected(tuple(self.traits), tuple(self.embedded), tuple(self.why_unread), self.encrypted,
                         tuple(self.says))  # fmt: skip


def _printable(word: str) -> str:
    return "".join(char if char.isprintable() else " " for char in word[:WORD]).strip()
