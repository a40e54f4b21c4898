"""A room that is none of the thirteen: it wants a file, and once that is there it cannot see what it saw before."""

from __future__ import annotations

from lockdown.model.card import Card
from lockdown.model.finding import Control, Severity

_WORDS = {"why": "Somebody may harm you.", "fix": "touch FILE", "evidence": "the file"}
WANTED = Control("doubtful.wanted", "The file is there", Severity.MEDIUM, **_WORDS)
SEEN = Control("doubtful.seen", "Something else holds", Severity.MEDIUM, **_WORDS)
FILE = "doubtful/file"
"""A reading: the path of the file, and whether it is there."""

CARD = Card(
    number=1, id="doubtful", title="A room of the tests", promise="It promises nothing.", controls=(WANTED, SEEN)
)
