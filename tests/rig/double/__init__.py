"""A room that is none of the thirteen: three controls that a careless mail server does not hold, with enforcements of a
file that is edited, a file of our own, and an account. What it proposes hangs on `site.profile`, which the tests set:

- `starter`: changes that do no harm;
- `business`: the same, on probation;
- `strict`: one more, which stops all mail: an apply must notice, and take everything back.
"""

from __future__ import annotations

from lockdown.model.card import Card
from lockdown.model.finding import Control, Severity

_WORDS = {"why": "Somebody may harm you.", "fix": "postconf -e", "evidence": "the settings"}
VRFY = Control("double.no-vrfy", "Addresses are not told", Severity.MEDIUM, **_WORDS)
LOGINS = Control("double.logins-told", "Failed logins are told", Severity.MEDIUM, **_WORDS)
ACCOUNT = Control("double.surplus-locked", "A surplus account is shut", Severity.HIGH, **_WORDS)

CARD = Card(
    number=1,
    id="double",
    title="A room of the tests",
    promise="It promises nothing.",
    controls=(VRFY, LOGINS, ACCOUNT),
)
