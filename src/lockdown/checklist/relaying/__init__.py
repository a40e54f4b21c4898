"""Item 8: disable relaying."""

from __future__ import annotations

from lockdown.checklist.relaying.controls import CONTROLS
from lockdown.checklist.relaying.probe_controls import PROBE_CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=8,
    id="relaying",
    title="Disable relaying",
    promise="Nobody sends mail through you but your own users and machines; the gateway refuses every stranger.",
    controls=(*CONTROLS, *PROBE_CONTROLS),
    empty={
        "watch": "Relay attempts are refused and logged, but not counted into an alarm yet.",
    },
)
