"""Item 12: fight back."""

from __future__ import annotations

from lockdown.checklist.fightback.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=12,
    id="fightback",
    title="Fight back",
    promise="Repeated attacks are reported, with evidence, to the network's provider and owner, and the authorities.",
    controls=CONTROLS,
    empty={
        "enforce": "Nothing is set up for abuse reports yet.",
        "watch": "Repeated attacks are not put together into a case yet.",
        "drill": "No sample report is sent to yourself yet.",
    },
)
