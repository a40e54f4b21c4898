"""Item 5: limit the size of user mailboxes."""

from __future__ import annotations

from lockdown.checklist.mailboxes.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=5,
    id="mailboxes",
    title="Limit the size of user mailboxes",
    promise="No mailbox can fill the disk; a full one is refused at the door and its owner is told before.",
    controls=CONTROLS,
    empty={
        "watch": "A mailbox or disk that fills up raises no alarm yet.",
    },
)
