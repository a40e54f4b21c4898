"""Item 1: use antivirus software."""

from __future__ import annotations

from lockdown.checklist.antivirus.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=1,
    id="antivirus",
    title="Use antivirus software",
    promise="No message reaches a mailbox uncleared; the scanner stands before the server, on hardware of its own.",
    controls=CONTROLS,
    empty={
        "enforce": "Lockdown does not set up a virus scanner for you yet.",
    },
)
