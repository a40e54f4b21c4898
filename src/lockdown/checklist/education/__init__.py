"""Item 13: educate users."""

from __future__ import annotations

from lockdown.checklist.education.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=13,
    id="education",
    title="Educate users",
    promise="Users know what spam is, keep their addresses to themselves, and know that plain email is no secret.",
    controls=CONTROLS,
    empty={
        "enforce": "No lessons are assigned yet.",
        "watch": "How fast users report phishing is not followed yet.",
        "drill": "No practice phishing mail is sent yet.",
    },
)
