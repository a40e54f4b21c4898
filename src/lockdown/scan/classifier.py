"""The embedded classifier: how much a letter looks like the spam it was trained on, in points, and by what.

Needs no server; a few texts are kept in memory, to judge copies of them at once. A letter of which nothing is known
gets 0 points; what looks wanted gets down to -5; what looks like spam gets 5 where one in some hundred wanted
newsletters would, 8 where hardly any would, and never as much as 15: words alone refuse nobody.

Fails as: `Unknown` from `load` where the model is absent, damaged or of another version. `judge` has an answer for
every letter. Deterministic: the same letter has the same score in every process and on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from heapq import nlargest
from math import exp
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lockdown.model.scan import Letter, Opinion, Reason
from lockdown.model.unknown import Unknown
from lockdown.scan.features import (
    Ids,
    Read,
    all_shape_ids,
    all_word_ids,
    gram_ids,
    last_of_each,
    length_of,
    names_of,
    once,
    pair_ids,
    paired,
    read_text,
    shape_hash,
    shape_hashes,
    shapes_around,
    shapes_of_text,
)
from lockdown.scan.learning import LocalLearning, rare_words
from lockdown.scan.weights import SHIPPED, Scales, Small, Weights
from lockdown.scan.weights import load as load_weights

ENGINE = "builtin"
REQUIRED = 5.0
MOST_POINTS = 12.0
LEAST_POINTS = -5.0
EXPLAINED_FROM = 4.0
"""Points from which an opinion gives its reasons: they cost more than the score."""
_HOLD = 8.0
_FALLS_WITHIN = 3.5
"""Logits: below 0 points go on as steeply as they came."""
_WORDS_SHOWN = 5
_WORDS_LOOKED_AT, _WORD_SHOWN = 40, 40
_SHAPES_SHOWN = 3
_TEXTS_KEPT, _MOST_KEPT = 128, 8192
"""So many texts, of so many characters, are not read anew when they come again."""


def points_of(logit: float, scales: Scales) -> float:
    """Points, rising with the logit everywhere: straight between its marks, levelling off beyond them."""
    if logit <= scales.start:
        return LEAST_POINTS * (1.0 - exp(max(logit - scales.start, -700.0) / _FALLS_WITHIN))
    if logit <= scales.tag:
        return REQUIRED * (logit - scales.start) / (scales.tag - scales.start)
    slope = (_HOLD - REQUIRED) / (scales.hold - scales.tag)
    if logit <= scales.hold:
        return REQUIRED + slope * (logit - scales.tag)
    room = MOST_POINTS - _HOLD
    return _HOLD + room * (1.0 - exp(max(-slope * (logit - scales.hold) / room, -700.0)))


class _Spoken(NamedTuple):
    """What the words of a letter come to, whoever sends it."""

    words: float
    grams: float
    rare: Ids
    shapes: tuple[str, ...]


class _Taken(NamedTuple):
    """What was said, in octets and places."""

    said: tuple[str, str, str]
    """Subject, text, names."""
    read: Read
    words: Ids
    grams: Ids


class _Judged(NamedTuple):
    """A letter's points, and what they are made of."""

    points: float
    learned: float
    spoken: _Spoken
    of_shapes: float
    said: tuple[str, str, str]
    """Subject, text, names."""
    shapes: list[str]

    @property
    def score(self) -> float:
        return self.points + self.learned


class Classifier:
    """A model, and what was learned here."""

    def __init__(self, weights: Weights, local: LocalLearning | None = None) -> None:
        self._weights, self._local = weights, local
        # Of one letter: reasons are made of what the score was made of.
        self._latest: _Taken | None = None
        # What many people get is read once, whoever it comes from.
        self._spoken = lru_cache(maxsize=_TEXTS_KEPT)(self._heard)
        self._telling = lru_cache(maxsize=_TEXTS_KEPT)(self._by_word)

    @classmethod
    def load(cls, path: Path | None = None, local: LocalLearning | None = None) -> Classifier | Unknown:
        """With the shipped model, or another."""
        weights = load_weights(path or SHIPPED)
        return weights if isinstance(weights, Unknown) else cls(weights, local)

    @property
    def weights(self) -> Weights:
        return self._weights

    def judge(self, letter: Letter) -> Opinion:
        """What it thinks of a letter; with reasons where the score is worth any."""
        judged = self._judged(letter)
        return Opinion(ENGINE, judged.score, REQUIRED, self._reasons(judged) if judged.score >= EXPLAINED_FROM else ())

    def refresh(self) -> bool | Unknown:
        """Take over what was learned since: whether there was anything. Cheap where nothing was."""
        return False if self._local is None else self._local.refresh()

    def explain(self, letter: Letter) -> tuple[Reason, ...]:
        """The features that decided. The points of all reasons add up to the score."""
        return self._reasons(self._judged(letter))

    def _judged(self, letter: Letter) -> _Judged:
        said = (letter.subject, letter.text, names_of(letter))
        resembling = self._local is not None and len(self._local) > 0
        spoken = (self._spoken if len(letter.text) <= _MOST_KEPT else self._heard)(*said, resembling)
        shapes = [*spoken.shapes, *shapes_around(letter)]
        of_shapes = self._weights.of_shapes(all_shape_ids(shapes))
        points = points_of(spoken.words + spoken.grams + of_shapes + self._weights.scales.start, self._weights.scales)
        learned = 0.0
        if self._local is not None and resembling:
            learned = self._local.points(spoken.rare, sender_domain(letter))
        return _Judged(points, learned, spoken, of_shapes, said, shapes)

    def _heard(self, subject: str, text: str, names: str, resembling: bool) -> _Spoken:
        """Rare words are told where there is something that they could resemble."""
        taken = read_text(subject, text, names)
        words, grams = all_word_ids(taken), gram_ids(taken.running)
        self._latest = _Taken((subject, text, names), taken, words, grams)
        return _Spoken(
            self._weights.of_words(words),
            self._weights.of_grams(grams),
            rare_words(once(words), self._weights.common) if resembling else words[:0],
            tuple(shapes_of_text(taken.raw)),
        )

    def _read(self, subject: str, text: str, names: str) -> Read:
        """A text in octets; that of the letter just judged is still at hand."""
        latest = self._latest
        if latest is not None and latest.said == (subject, text, names):
            return latest.read
        return read_text(subject, text, names)

    def _ids_of(self, taken: Read) -> tuple[Ids, Ids]:
        latest = self._latest
        if latest is not None and latest.read is taken:
            return latest.words, latest.grams
        return all_word_ids(taken), gram_ids(taken.running)

    def _reasons(self, judged: _Judged) -> tuple[Reason, ...]:
        points, spoken = judged.points, judged.spoken
        total = spoken.words + spoken.grams + judged.of_shapes
        share = points / total if total else 0.0
        says = (self._telling if len(judged.said[1]) <= _MOST_KEPT else self._by_word)(*judged.said)
        reasons = [
            Reason("words", share * (spoken.words + spoken.grams), says),
            Reason("shape", share * judged.of_shapes, _built_like(self._by_shape(judged.shapes))),
        ]
        if judged.learned:
            reasons.append(Reason("learned", judged.learned, "resembles what was reported here"))
        return tuple(reasons)

    def _by_word(self, subject: str, text: str, names: str) -> str:
        """The words that add most, the strongest first."""
        taken = self._read(subject, text, names)
        added = self._shares(taken)
        strongest = added.argsort()[::-1][:_WORDS_LOOKED_AT]
        begins = taken.words.begins[strongest]
        ends = np.minimum(taken.words.ends[strongest], begins + _WORD_SHOWN)
        return _speaks_of(_gathered(added[strongest].tolist(), taken.running, begins.tolist(), ends.tolist()))

    def _shares(self, taken: Read) -> npt.NDArray[np.float64]:
        """What each word adds where it stands: its own weights, and those of the grams that begin in it."""
        scales, count = self._weights.scales, taken.words.begins.size
        if not count:
            return np.zeros(0)
        ids, grams = self._ids_of(taken)
        # Words as such come first, then those of the subject once more, then names, which are not shown.
        owner = np.arange(ids.size)
        owner[count:] -= count
        owner[ids.size - taken.names.size :] = count
        begun = np.zeros(len(taken.running), dtype=np.intp)
        begun[taken.words.begins[1:]] = 1
        word_at = begun.cumsum()[: grams.size]
        of_words = _each("words", self._weights.words, ids, scales.words)
        of_grams = _each("grams", self._weights.grams, grams, scales.grams)
        added = np.zeros(count + 1)
        added += np.bincount(owner, of_words, count + 1)
        added += np.bincount(word_at, of_grams, count + 1)
        return added[:count]

    def _by_shape(self, found: list[str]) -> list[tuple[float, str]]:
        """What each shape adds, in no order: of what a pair adds, each of the two has half."""
        named = {shape_hash(shape): shape for shape in sorted(found)}
        hashes = shape_hashes(found)
        ids = pair_ids(hashes)
        added = _each("shapes", self._weights.shapes, ids, self._weights.scales.shapes) / 2
        one, other = paired(hashes.size)
        total = np.bincount(one, added, hashes.size) + np.bincount(other, added, hashes.size)
        return list(zip(total.tolist(), (named[each] for each in hashes.tolist()), strict=True))


def _each(view: str, table: Small, ids: Ids, scale: float) -> npt.NDArray[np.float64]:
    """What each adds, the last of its kind for all of them."""
    last = last_of_each(ids)
    shares = (table.take(ids) * last).astype(np.float64)
    shares *= scale / length_of(view, int(np.count_nonzero(last)))
    return shares


def _gathered(added: list[float], octets: bytes, begins: list[int], ends: list[int]) -> list[tuple[float, str]]:
    """Words with what they add, one that stands in several places once; the strongest first."""
    total: dict[bytes, float] = {}
    for share, begin, end in zip(added, begins, ends, strict=True):
        word = octets[begin:end]
        total[word] = total.get(word, 0.0) + share
    return sorted(((share, word.decode("utf-8", "replace")) for word, share in total.items()), reverse=True)


def _speaks_of(words: list[tuple[float, str]]) -> str:
    return ", ".join(f"“{word}”" for share, word in words[:_WORDS_SHOWN] if share > 0) or "its words"


def _built_like(shapes: list[tuple[float, str]]) -> str:
    strongest = nlargest(_SHAPES_SHOWN, shapes)
    return ", ".join(shape.replace("-", " ") for share, shape in strongest if share > 0) or "its build"


def sender_domain(letter: Letter) -> str:
    """Of the first From; "" for none."""
    return letter.senders[0].domain if letter.senders else ""
