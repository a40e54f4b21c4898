"""Fields of Word documents that fetch or run something: DDE, DDEAUTO, and names spelled in numbers.

Fails as: a field that never ends is read up to a bound. Never raises.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes

_IS_DDE = re.compile(r"[\s\"'\x13\x14\x15\u200b\ufeff]*+dde(?:auto)?(?![a-z0-9_])", re.IGNORECASE)
_QUOTED = re.compile(r"quote((?:\s*+\"?\d{2,5}\"?){3,400})", re.IGNORECASE)
_FETCHES = re.compile(
    r"[\s\"']*+(includetext|import|link|rd)\b.{0,200}?((?:https?|ftp|mhtml):[^\s\"]{3,300}|\\\\\\\\[^\s\"]{3,300})",
    re.IGNORECASE | re.DOTALL,
)
_FIELD = re.compile("\x13([^\x13\x14\x15]{1,1000})")


def judge_instruction(text: str, notes: Notes) -> None:
    """Write down what one field instruction does."""
    spelled = spelled_out(text[:4000])
    if _IS_DDE.match(spelled):
        notes.trait(Trait.DDE)
        notes.say(" ".join(spelled.split()))
    elif fetched := _FETCHES.match(spelled):
        notes.trait(Trait.REMOTE_TEMPLATE)
        notes.say(f"{fetched[1].upper()} {fetched[2]}")


def judge_text_with_fields(text: str, notes: Notes) -> None:
    """The same of all fields in a binary document's text ([MS-DOC] 2.8.25: 0x13 begins one, 0x14 and 0x15 end it)."""
    for found in _FIELD.finditer(text):
        notes.budget.step()
        judge_instruction(found[1], notes)


def spelled_out(text: str) -> str:
    """An instruction as Word reads it, numbers as the letters that they stand for."""
    return _QUOTED.sub(_spell, text)


def _spell(quoted: re.Match[str]) -> str:
    """QUOTE 68 68 69 is DDE to Word, and nothing to who looks for DDE."""
    numbers = [int(number) for number in re.findall(r"\d+", quoted[1])]
    return "".join(chr(number) for number in numbers if number < 0x10000 and not 0xD800 <= number < 0xE000)
