"""The product, as the source text has it: thirteen items, in its order. Each room is a folder with a card and verbs.

A room judges; it never acts. It takes frozen values and returns frozen values, so it can be tested with a literal.
Importing this package imports the cards only; a room's verbs (`audit`, `gate`) are imported by who calls them.
"""

from __future__ import annotations

from typing import Protocol

from lockdown.checklist import (
    admins,
    antispam,
    antivirus,
    attachments,
    backups,
    dmz,
    education,
    fightback,
    mailboxes,
    monitoring,
    patches,
    relaying,
    services,
)
from lockdown.model.card import Card


class Room(Protocol):
    """The module of one item."""

    CARD: Card
    __name__: str


CHECKLIST: tuple[Room, ...] = (
    antivirus,
    antispam,
    dmz,
    attachments,
    mailboxes,
    services,
    admins,
    relaying,
    monitoring,
    patches,
    backups,
    fightback,
    education,
)
