"""The strings by which spam filters are tried: mail that holds one is to be treated as spam, and harms nobody.

They are put together here, so that this file is no test message itself.
"""

from __future__ import annotations

from lockdown.mime.letter import TEST_STRING
from lockdown.model.scan import Letter

_TAIL = "JS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-" + "UBE-TEST-EMAIL*C.34X"
GTUBE = "X" + _TAIL
"""The Generic Test for Unsolicited Bulk Email, as SpamAssassin defines it: 68 characters, refused."""
MARKED = ("Y" + _TAIL, "Z" + _TAIL)
"""Its milder sisters, as rspamd has them: marked and delivered."""


def is_test(letter: Letter) -> bool:
    """The test message, wherever the string stands."""
    if TEST_STRING in letter.hidden_by:
        return True
    return GTUBE in letter.subject or GTUBE in letter.text or GTUBE in letter.hidden_text


def is_mild_test(letter: Letter) -> bool:
    """The test message that only wants a mark."""
    if _TAIL[1:] not in letter.text and _TAIL[1:] not in letter.subject:
        return False
    return any(mark in letter.text or mark in letter.subject for mark in MARKED)
