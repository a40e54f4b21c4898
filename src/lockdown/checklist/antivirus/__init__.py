"""Item 1: use antivirus software."""

from __future__ import annotations

from lockdown.model.card import Card

CARD = Card(
    number=1,
    id="antivirus",
    title="Use antivirus software",
    promise="No message reaches a mailbox uncleared; the scanner stands before the server, on hardware of its own.",
    empty={
        "audit": "Whether a scanner stands in every path of your mail is not judged yet: see by hand that it runs.",
        "enforce": "Lockdown does not set up a virus scanner for you yet.",
        "watch": "A scanner that stops or grows old raises no alarm yet.",
        "drill": "No harmless test virus is sent through your paths yet.",
    },
)
