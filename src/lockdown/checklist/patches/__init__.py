"""Item 10: read security bulletins and apply patches."""

from __future__ import annotations

from lockdown.checklist.patches.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=10,
    id="patches",
    title="Read security bulletins and apply patches",
    promise="Fixes for the system and the mail software go in as soon as they are released.",
    controls=CONTROLS,
    empty={
        "enforce": "Lockdown installs no updates yet.",
        "watch": "A new advisory for your software raises no alarm yet.",
        "drill": "No update is rehearsed with a way back yet.",
    },
)
