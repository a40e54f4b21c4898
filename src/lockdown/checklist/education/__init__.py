"""Item 13: educate users."""

from __future__ import annotations

from lockdown.model.card import Card

CARD = Card(
    number=13,
    id="education",
    title="Educate users",
    promise="Users know what spam is, keep their addresses to themselves, and know that plain email is no secret.",
    empty={
        "audit": "Whether your users were taught is not judged yet.",
        "enforce": "No lessons are assigned yet.",
        "watch": "How fast users report phishing is not followed yet.",
        "drill": "No practice phishing mail is sent yet.",
    },
)
