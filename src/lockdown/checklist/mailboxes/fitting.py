"""Which limit fits: what the profile wants, what the disk holds for everyone, what the largest mailbox needs.

Fails as: a sentence why no limit can be named without a person.
"""

from __future__ import annotations

from lockdown.checklist.mailboxes.room import room
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

BY_PROFILE = {"starter": 10 << 30, "business": 5 << 30, "strict": 2 << 30}
ASIDE = 0.10
"""Of the room of mail, kept for what is no mail: indexes, the queue, the notice of a full disk."""
SPARE = 1.25
"""A mailbox that is there already keeps so much more than it holds."""
LETTERS = 4
"""A mailbox holds at least so many of the largest messages."""


def fitting(snapshot: Snapshot, policy: Settings, found: Dovecot | None, largest_message: int) -> ByteSize | str:
    """The limit for everyone."""
    there = room(snapshot, found)
    if isinstance(there, Unknown):
        return f"how much lies in the mailboxes and is free on their disk is not known: {there.why}"
    wanted = int(policy.mailboxes.limit) or BY_PROFILE[policy.site.profile]
    share = int(there.kib * 1024 * (1 - ASIDE) / there.count)
    biggest = there.boxes[0] if there.boxes else None
    # Whoever writes a limit down has decided how much a mailbox shall hold of the largest messages.
    of_letters = 0 if policy.mailboxes.limit else LETTERS * largest_message
    needed = max(int(biggest.size * 1024 * SPARE) if biggest else 0, of_letters)
    asked = wanted if wanted >= needed else _people_write(needed, up=True)
    chosen = asked if asked <= share else _people_write(share)
    if chosen >= needed and chosen >= 1 << 20:
        return ByteSize(chosen)
    holds = f"{there.disk.mount} holds {ByteSize(share)} for each of {there.count}"
    if biggest and chosen < biggest.size * 1024 * SPARE:
        return f"{biggest.path} already has {ByteSize(biggest.size * 1024)}, and {holds}"
    return f"{LETTERS} of the largest messages ({ByteSize(largest_message)}) need more than there is: {holds}"


def _people_write(size: int, *, up: bool = False) -> int:
    """A number near it that people write: whole GiB, hundreds of MiB below, whole MiB for what is small."""
    step = 1 << 30 if size >= 4 << 30 else 100 << 20 if size >= 400 << 20 else 1 << 20
    return (size + (step - 1) * up) // step * step
