"""Item 11: perform regular backups."""

from __future__ import annotations

from lockdown.checklist.backups.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=11,
    id="backups",
    title="Perform regular backups",
    promise="After an attack the mail is back soon: complete, recent, off the machine, and proved by restoring it.",
    controls=CONTROLS,
    empty={
        "enforce": "Lockdown makes no backups yet.",
        "watch": "A missed backup raises no alarm yet.",
        "drill": "No restore is rehearsed yet.",
    },
)
