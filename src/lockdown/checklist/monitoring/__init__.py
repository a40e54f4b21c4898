"""Item 9: monitor the system."""

from __future__ import annotations

from lockdown.checklist.monitoring.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=9,
    id="monitoring",
    title="Monitor the system",
    promise="Floods and clogged queues are seen early, their sender is blocked, the rubbish taken out with a way back.",
    controls=CONTROLS,
)
