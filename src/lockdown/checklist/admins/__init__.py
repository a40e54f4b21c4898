"""Item 7: minimise the number of administrators."""

from __future__ import annotations

from lockdown.checklist.admins.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=7,
    id="admins",
    title="Minimise the number of administrators",
    promise="Few people hold the keys, each by name, with strong passwords and a second factor.",
    controls=CONTROLS,
    empty={
        "watch": "A new administrator raises no alarm yet.",
    },
)
