"""Item 4: limit the size of attachments."""

from __future__ import annotations

from lockdown.checklist.attachments.audit_probe import PROBE_CONTROLS
from lockdown.checklist.attachments.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=4,
    id="attachments",
    title="Limit the size of attachments",
    promise="Large mail gets through up to a stated size; the same sent again and again does not take the server down.",
    controls=(*CONTROLS, *PROBE_CONTROLS),
    empty={
        "watch": "A bomb is stopped and logged by the gateway, but not turned into an alarm yet.",
    },
)
