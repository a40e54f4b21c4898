"""Item 7: minimise the number of administrators."""

from __future__ import annotations

from lockdown.model.card import Card

CARD = Card(
    number=7,
    id="admins",
    title="Minimise the number of administrators",
    promise="Few people hold the keys, each by name, with strong passwords and a second factor.",
    empty={
        "audit": "Who administers this machine, and how strong their passwords are, is not judged yet.",
        "enforce": "Lockdown changes no accounts yet.",
        "watch": "A new administrator raises no alarm yet.",
        "drill": "No sign-in is tried with a weak password yet.",
    },
)
