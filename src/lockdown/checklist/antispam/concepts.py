"""What a letter speaks of, in a dozen languages: single words by topic, of which nothing follows by itself.

Fraud changes its sentences daily and its subjects hardly ever: an account that will be closed, a parcel with a fee, a
prize, a wallet. `schemes` asks which of these come together, and who writes. Fails as: no concept, for a language that
is not in the lexicon. Bounded by its caller: one pass over the distinct words.
"""

from __future__ import annotations

from itertools import chain, compress
from operator import itemgetter
from typing import NamedTuple

from lockdown.checklist.antispam.lexicon import LEXICON, Concept


class _Words(NamedTuple):
    """The lexicon as it is looked up."""

    whole: dict[bytes, list[Concept]]
    """Words that suffice."""
    phrases: dict[bytes, list[tuple[str, str, Concept]]]
    """Words that need a phrase around them, with that phrase, and with hyphens in it."""
    begins: dict[bytes, list[tuple[bytes, Concept]]]
    """Beginnings of words, by their first six octets."""
    joined: list[tuple[str, Concept]]
    """Of scripts that know no spaces."""


def _prepared() -> _Words:
    words = _Words({}, {}, {}, [])
    for concept, text in LEXICON.items():
        for word in text.split():
            _add(words, concept, word.rstrip("*").replace("-", " "), open_ended=word[-1] == "*")
    return words


def _add(words: _Words, concept: Concept, stem: str, *, open_ended: bool) -> None:
    if stem[0] >= "\u3000":
        words.joined.append((stem, concept))
    elif open_ended and len(octets := stem.encode()) >= _KEY:
        words.begins.setdefault(octets[:_KEY], []).append((octets, concept))
    else:
        key = max(stem.split(), key=len)
        for word in [(key + ending).encode() for ending in (("", *_ENDINGS) if open_ended else ("",))]:
            if " " in stem:
                words.phrases.setdefault(word, []).append((stem, stem.replace(" ", "-"), concept))
            else:
                words.whole.setdefault(word, []).append(concept)


_KEY = 6
_ENDINGS = tuple("s e n en er es t ed ing a o y i ie ów ę ą ем ы а у".split())  # noqa: SIM905
_WHOLE, _PHRASES, _BEGINS, _JOINED = _prepared()
_SUFFICE, _WITH_PHRASE = frozenset(_WHOLE), frozenset(_PHRASES)
WHOLE_WORDS = _SUFFICE | _WITH_PHRASE
_OF_WORD, _FIRST, _IS_BEGUN = _WHOLE.__getitem__, itemgetter(slice(_KEY)), _BEGINS.__contains__
"""Asked of every word of every letter, so without a frame for each."""


def concepts(words: list[bytes], low: str, known: frozenset[bytes] | None = None) -> dict[Concept, int]:
    """What is spoken of, and by how many different words.

    `words`: those of `low`, as octets; `known`: those of them that some list has, WHOLE_WORDS among these, where
    that was looked up before.
    """
    known = frozenset(words) if known is None else known
    found: dict[Concept, int] = {}
    for concept in chain.from_iterable(map(_OF_WORD, _SUFFICE.intersection(known))):
        found[concept] = found.get(concept, 0) + 1
    for word in _WITH_PHRASE.intersection(known):
        for phrase, hyphened, concept in _PHRASES[word]:
            if phrase in low or hyphened in low:
                found[concept] = found.get(concept, 0) + 1
    for word in set(compress(words, map(_IS_BEGUN, map(_FIRST, words)))):
        for stem, concept in _BEGINS[word[:_KEY]]:
            if word.startswith(stem):
                found[concept] = found.get(concept, 0) + 1
    # A word of Chinese or Japanese begins with the octet E3 or a later one.
    if not low.isascii() and words and max(words) >= b"\xe3":
        for part, concept in _JOINED:
            if part in low:
                found[concept] = found.get(concept, 0) + 1
    return found
