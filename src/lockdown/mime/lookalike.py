"""Domains that are made to be taken for another: homographs, slips of a letter, a name with a word more.

Only against a short list of names (ours, our partners'): lists of all brands age, one's own name does not. The list is
prepared once; a domain then costs a few look-ups. Signs that look alike are facts of fonts, kept here as a table in the
spirit of UTS 39 (Unicode Security Mechanisms): the letters of other scripts that pass for Latin ones.
Fails as: None, it resembles nothing. Never raises.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from lockdown.mime.domains import is_within, organisational, readable


class How(StrEnum):
    """In which way one domain resembles another."""

    HOMOGRAPH = "looks the same"
    OTHER_ORDER = "two letters are exchanged"
    OTHER_LETTER = "one letter is another"
    DOUBLED_LETTER = "a letter is doubled or added"
    OMITTED_LETTER = "a letter is missing"
    WITHIN = "the name stands in front of another domain"
    EXTRA_WORD = "a word of trust is added to the name"
    OTHER_WORD = "the name is part of another"
    OTHER_ENDING = "the name has another ending"


@dataclass(frozen=True, slots=True)
class Resemblance:
    """What a domain is made to be taken for."""

    domain: str
    of: str
    how: How

    @property
    def says(self) -> str:
        """In words."""
        return f"{self.domain} resembles {self.of}: {self.how}"


_ALIKE = {
    "a": "аαɑạąᴀ", "b": "ЬьƄɓᏏ", "c": "сϲᴄⅽ", "d": "ԁɗⅾ", "e": "еεҽẹęℯ", "f": "ƒϝſ",
    "g": "ɡցğɢ", "h": "һհḥ", "i": "іιıɩӏɪὶ", "j": "јϳʝ", "k": "кκᴋķ", "l": "ӏłⅼɭ|׀ǀ",
    "m": "мᴍⅿṃ", "n": "ոռηпṇ", "o": "оοσօᴏøӧọ๐〇", "p": "рρᴘþ", "q": "ԛզգ", "r": "гᴦꭇɾ",
    "s": "ѕʂꜱṣș", "t": "тτᴛțţ", "u": "υսᴜцʋų", "v": "νѵᴠⅴ∨", "w": "ԝѡшωɯᴡ", "x": "хχⅹ",
    "y": "уγүʏỵ", "z": "ʐᴢżẓ", "ae": "æ", "oe": "œ", "ss": "ß",
}  # fmt: skip
_TABLE = {ord(sign): latin for latin, signs in _ALIKE.items() for sign in signs}
# Digits for letters, and what a capital or a missing gap looks like in a mail program's font.
_DIGITS = str.maketrans("01358", "olesb")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))
_SHORTEST = 6
"""Letters of a name from which one other letter is no chance."""
_SHORTEST_WORD = 5
"""Letters of a name from which it is taken for itself within a longer one."""


def latin(text: str) -> str:
    """Lower case, with signs that pass for Latin letters as those letters, and without accents."""
    text = text.lower()
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_TABLE))
    return "".join(char for char in plain if not unicodedata.combining(char)).translate(_TABLE).lower()


@lru_cache(maxsize=8192)
def skeleton(domain: str) -> str:
    """What a hasty reader sees: equal for two domains that look the same."""
    text = latin(readable(domain)).translate(_DIGITS)
    for pair, looks in _PAIRS:
        text = text.replace(pair, looks)
    # i and l, as small l and capital I are one stroke.
    return text.replace("i", "l")


@lru_cache(maxsize=8192)
def resembles(domain: str, ours: tuple[str, ...]) -> Resemblance | None:
    """Which of our domains this one is made to be taken for; none where it is ours."""
    if not ours or not domain:
        return None
    return _prepared(ours).resemblance(readable(domain))


@lru_cache(maxsize=16)
def _prepared(ours: tuple[str, ...]) -> _Names:
    return _Names(tuple(readable(domain) for domain in ours if "." in domain))


class _Names:
    """Our domains, prepared: the questions that are asked of each stranger's are look-ups."""

    __slots__ = ("by_label", "by_skeleton", "near", "ours", "words")

    def __init__(self, ours: tuple[str, ...]) -> None:
        self.ours = ours
        self.by_skeleton = {skeleton(domain): domain for domain in reversed(ours)}
        self.by_label = {_label(domain): domain for domain in reversed(ours)}
        self.words = tuple((label, domain) for label, domain in self.by_label.items() if len(label) >= _SHORTEST_WORD)
        self.near: dict[str, tuple[str, ...]] = {}
        for label in self.by_label:
            if len(label) >= _SHORTEST:
                for key in set(_with_one_less(label)):
                    self.near[key] = (*self.near.get(key, ()), label)

    def resemblance(self, domain: str) -> Resemblance | None:
        if any(is_within(domain, one) for one in self.ours):
            return None
        registered = organisational(domain)
        if any(organisational(one) == registered for one in self.ours):
            return None
        same = self.by_skeleton.get(skeleton(registered)) or self.by_skeleton.get(skeleton(domain))
        if same:
            return Resemblance(domain, same, How.HOMOGRAPH)
        return self._within(domain) or self._by_label(domain, _label(registered))

    def _within(self, domain: str) -> Resemblance | None:
        """`example.org.evil.test`, `example-org.evil.test`, and so with what looks the same."""
        plain = f".{skeleton(domain).replace('-', '.')}."
        for look, one in self.by_skeleton.items():
            if f".{look.replace('-', '.')}." in plain:
                return Resemblance(domain, one, How.WITHIN)
        return None

    def _by_label(self, domain: str, label: str) -> Resemblance | None:
        if (same := self.by_label.get(label)) is not None:
            return Resemblance(domain, same, How.OTHER_ENDING)
        look = skeleton(label)
        for mine, one in self.by_label.items():
            if look == skeleton(mine):
                return Resemblance(domain, one, How.HOMOGRAPH)
        return self._slip(domain, label) or self._extra_word(domain, label)

    def _slip(self, domain: str, label: str) -> Resemblance | None:
        """One letter more, less, other or exchanged (Damerau), found by what is left when one is taken away."""
        if not _SHORTEST - 1 <= len(label) <= 64:
            return None
        for key in (label, *_with_one_less(label)):
            for mine in self.near.get(key, ()):
                if (how := _one_edit(label, mine)) is not None:
                    return Resemblance(domain, self.by_label[mine], how)
        return None

    def _extra_word(self, domain: str, label: str) -> Resemblance | None:
        """`example-login`, `examplelogin`, `example-org`; and with less weight `example-gardening`."""
        weak = None
        for mine, one in self.words:
            if mine not in label:
                continue
            before, _, after = label.partition(mine)
            rest = {word for word in (before.strip("-"), after.strip("-")) if word}
            if all(part in _LURES or part == one.rpartition(".")[2] for word in rest for part in word.split("-")):
                return Resemblance(domain, one, How.EXTRA_WORD)
            if f"-{mine}-" in f"-{label}-":
                weak = weak or Resemblance(domain, one, How.OTHER_WORD)
        return weak


_LURES = frozenset(
    (
        "account", "accounts", "admin", "auth", "billing", "bank", "care", "center", "cloud", "connect", "corp",
        "customer", "docs", "files", "group", "help", "helpdesk", "hr", "id", "info", "invoice", "it", "login", "mail",
        "mailbox", "mails", "my", "notice", "office", "online", "pay", "payment", "payments", "payroll", "portal",
        "secure", "security", "service", "services", "share", "sharepoint", "signin", "sso", "support", "team",
        "update", "verify", "web", "webmail", "www", "konto", "kunde", "sicherheit", "rechnung",
        "kundenservice", "cuenta", "seguridad", "soporte", "compte",
    )
)  # fmt: skip


def _label(domain: str) -> str:
    return organisational(domain).partition(".")[0]


def _with_one_less(label: str) -> Iterator[str]:
    yield label
    for place in range(len(label)):
        yield label[:place] + label[place + 1 :]


def _one_edit(label: str, mine: str) -> How | None:
    """The one edit between two different names; None where there are more."""
    start = 0
    while start < min(len(label), len(mine)) and label[start] == mine[start]:
        start += 1
    if len(label) == len(mine):
        if label[start + 1 :] == mine[start + 1 :]:
            # A counter at the end is a sister (web1, web2), not a slip.
            return None if label[start].isdigit() and mine[start].isdigit() else How.OTHER_LETTER
        swapped = label[start : start + 2] == mine[start : start + 2][::-1] and label[start + 2 :] == mine[start + 2 :]
        return How.OTHER_ORDER if swapped else None
    longer, shorter = (label, mine) if len(label) > len(mine) else (mine, label)
    if longer[start + 1 :] != shorter[start:] or abs(len(label) - len(mine)) != 1:
        return None
    return How.DOUBLED_LETTER if longer is label else How.OMITTED_LETTER
