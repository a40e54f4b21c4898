"""Item 2: use anti-spam software."""

from __future__ import annotations

from lockdown.model.card import Card

CARD = Card(
    number=2,
    id="antispam",
    title="Use anti-spam software",
    promise="Spam and forged senders are stopped at the gateway, before they cost strength and time.",
    empty={
        "audit": "Whether spam is filtered, and whether SPF, DKIM and DMARC protect your name, is not judged yet.",
        "enforce": "Lockdown does not set up a spam filter for you yet.",
        "watch": "A filter that stops, or a wave that passes it, raises no alarm yet.",
        "drill": "No test spam is sent through your paths yet.",
    },
)
