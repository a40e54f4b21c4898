"""Item 3: deploy the mail server in the DMZ."""

from __future__ import annotations

from lockdown.checklist.dmz.controls import CONTROLS
from lockdown.model.card import Card

CARD = Card(
    number=3,
    id="dmz",
    title="Deploy the mail server in the DMZ",
    promise="Firewall rules shield the server from the world, and your users from the server should it be taken over.",
    controls=CONTROLS,
    empty={
        "watch": "A port that opens unexpectedly raises no alarm yet.",
        "drill": "Ports are not tried from outside yet.",
    },
)
