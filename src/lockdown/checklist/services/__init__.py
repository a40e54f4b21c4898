"""Item 6: disable all unnecessary services."""

from __future__ import annotations

from lockdown.checklist.services.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=6,
    id="services",
    title="Disable all unnecessary services",
    promise="Only what the mail server needs is listening; everything else is closed before it is exploited.",
    controls=CONTROLS,
    empty={
        "watch": "A new listener raises no alarm yet.",
    },
)
