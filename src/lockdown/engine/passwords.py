"""How strong a password is for somebody who knows the company: the guesses he needs, and whether it is lost already.

The estimate is zxcvbn's (Wheeler, USENIX Security 2016), fed with the words that are guessed first here. The password
goes nowhere: not into a log, not over the network.
Fails as: a breach list that cannot be read is Unknown in the answer, which is then no yes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zxcvbn import zxcvbn

from lockdown.config import Settings
from lockdown.facts.accounts import LEAST_LENGTH
from lockdown.facts.company_words import company_words
from lockdown.host.breach_list import times_lost
from lockdown.model.unknown import Unknown

LEAST_SCORE = 3
"""Of 0 to 4; 3 is out of reach of guessing over the network, and of days against a slow hash."""
MOST_JUDGED = 72
"""What follows cannot make a password weaker; the time of the estimate grows with the square."""
SHIPPED = (
    "admin", "administrator", "changeme", "default", "letmein", "lockdown", "mailcow", "moohoo", "password",
    "postfixadmin", "roundcube", "rspamd", "welcome", "zimbra",
)  # fmt: skip
"""What mail servers and their panels come with."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What is known of one password; the password itself is not in it."""

    score: int
    guesses: float
    length: int
    least_length: int
    words: tuple[str, ...]
    """Of the company, its people and its products, that stand in it."""
    lost: int | Unknown | None
    """How often others have lost it; None: there is no list to look into."""
    advice: tuple[str, ...]

    @property
    def why_not(self) -> tuple[str, ...]:
        """Each reason against it, in a sentence."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        if isinstance(self.lost, int) and self.lost:
            yield f"Others have lost it {self.lost} times: it is in every list that guessers have."
        if self.length < self.least_length:
            yield f"It has {self.length} signs; {self.least_length} are wanted."
        if self.score < LEAST_SCORE:
            after = f"after about {self.guesses:.0e} tries" if self.guesses >= 100 else "at once"
            yield f"It is guessed {after}: {self.score} of 4, {LEAST_SCORE} are wanted."
            if self.words:
                yield f"It is made of what everyone knows of you: {', '.join(self.words)}."
        if isinstance(self.lost, Unknown):
            yield f"Whether others have lost it could not be told: {self.lost.why}."


def strength(password: str, settings: Settings, host: str = "", user: str = "") -> Strength:
    """For this site, and for the account of this name."""
    names = tuple(part for part in (user, user.partition("@")[0]) if part)
    words = (*company_words(settings.site, host, names), *names, *SHIPPED)
    whole = _judged(password, words)
    known = _known_parts(password, whole, words)
    # Words that everyone knows cost a guesser next to nothing: what is left must be strong by itself.
    told = min((whole, _judged(_without(password, known), words)), key=_guesses) if known else whole
    return Strength(
        int(told["score"]), _guesses(told), len(password), LEAST_LENGTH[settings.site.profile], tuple(known.values()),
        _lost(password, settings.admins.breach_list), tuple(_advice(whole)),
    )  # fmt: skip


def _judged(password: str, words: tuple[str, ...]) -> dict[str, Any]:
    if not password:
        return {"score": 0, "guesses": 1, "sequence": [], "feedback": {"warning": "", "suggestions": []}}
    return dict(zxcvbn(password[:MOST_JUDGED], user_inputs=list(words)))


def _guesses(told: dict[str, Any]) -> float:
    return float(told["guesses"])


def _known_parts(password: str, told: dict[str, Any], words: tuple[str, ...]) -> dict[str, str]:
    """Parts of the password as they stand there, and the word that each is: as written, or in disguise (4cm3)."""
    found = {
        match["token"]: str(match["matched_word"])
        for match in told["sequence"]
        if match.get("dictionary_name") == "user_inputs"
    }
    folded = password.lower()
    return found | {word: word for word in words if word.lower() in folded and word not in found.values()}


def _without(password: str, parts: dict[str, str]) -> str:
    for part in sorted(parts, key=len, reverse=True):
        password = re.sub(re.escape(part), "", password, flags=re.IGNORECASE)
    return password


def _lost(password: str, breach_list: str) -> int | Unknown | None:
    return times_lost(Path(breach_list.removeprefix("file:")), password) if breach_list else None


def _advice(told: dict[str, Any]) -> Iterator[str]:
    if warning := told["feedback"]["warning"]:
        yield str(warning)
    yield from (str(one) for one in told["feedback"]["suggestions"])
