"""Item 2: use anti-spam software."""

from __future__ import annotations

from lockdown.checklist.antispam.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=2,
    id="antispam",
    title="Use anti-spam software",
    promise="Spam and forged senders are stopped at the gateway, before they cost strength and time.",
    controls=CONTROLS,
    empty={
        "enforce": "Lockdown does not set up a spam filter for you yet.",
    },
)
