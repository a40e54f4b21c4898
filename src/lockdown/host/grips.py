"""Accounts that are held, as the agent wrote them down where anybody may read it.

Fails as: none, where nothing was written or it cannot be read: a grip that nobody sees is made again, which harms
nobody.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

RECORD = Path("/etc/lockdown/held-accounts.json")
"""Owned by root: whoever faces the net may ask for a grip, and not write one."""
RELEASED = Path("/etc/lockdown/released-accounts.json")


class Held(msgspec.Struct, frozen=True):
    """One account that is held."""

    user: str
    locked: bool
    """Its password opens nothing, as far as that could be done."""
    since: datetime
    until: datetime
    by: str
    why: str
    pieces: tuple[str, ...] = ()
    """What was done and is to be undone: hold, deny, passwd."""


class Released(msgspec.Struct, frozen=True):
    """One account that a person has let go."""

    user: str
    at: datetime
    was_owner: bool
    """It was its owner who sent that much, and may again; else what was sent is nobody's habit."""


def released(record: Path = RELEASED) -> tuple[Released, ...]:
    """Whom a person has let go lately."""
    try:
        return tuple(msgspec.json.decode(record.read_bytes(), type=list[Released]))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def held(record: Path = RECORD) -> dict[str, Held]:
    """By user, who is held."""
    try:
        found = msgspec.json.decode(record.read_bytes(), type=list[Held])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {one.user: one for one in found}


def held_users(record: Path = RECORD) -> frozenset[str]:
    """Their names alone."""
    return frozenset(held(record))
