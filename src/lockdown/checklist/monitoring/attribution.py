"""What explains a flood: the values that most of its messages have, that hardly any good mail has, and nobody forges.

Coverage of the flood, spill into good mail, and how sure a value is, multiplied; over each dimension and each pair. A
label (a sender address, a HELO name) is never answered to, a wide network neither, nor a source of most good mail by
itself. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from typing import NamedTuple

from lockdown.model.traffic import Dimension, Forgeability, Key, Match, Seen, Traffic

PROVEN = frozenset(one for one in Dimension if one.forgeability is Forgeability.PROVEN)
CONTENT = frozenset(one for one in Dimension if one.forgeability is Forgeability.CONTENT)
LEAST_COVERAGE = 0.5
"""What explains less than half of a flood is not what it is."""
TERM = timedelta(hours=1)
MOST_SPILL = 0.02
"""Of good mail; beyond it an answer would do more harm than the flood."""
_MONTH_DAYS = 30.0
_CANDIDATE = 0.3
_MOST_PAIRED = 10
_MOST_EXPLANATIONS = 3
_ENOUGH_OTHERS = 10
_PAIR = 0.99
"""Of two equal explanations the one with fewer values is said."""
_LEAST_SUBJECT = 8
_LIKE_A_REPLY = ("re:", "aw:", "fw:", "fwd:", "wg:")
CERTAINTY = {
    Dimension.USER: 1.0,
    Dimension.DKIM: 0.99,
    Dimension.SPF: 0.98,
    Dimension.CLIENT: 0.97,
    Dimension.NETWORK: 0.95,
    Dimension.BODY: 0.85,
    Dimension.ATTACHMENT: 0.85,
    Dimension.ALIKE: 0.8,
    Dimension.URL_HOST: 0.8,
    Dimension.SUBJECT: 0.7,
}
"""By dimension; what is not here is never answered to."""
_FROM = {
    Dimension.USER: "from user {}",
    Dimension.DKIM: "signed by {}",
    Dimension.SPF: "from {}, which SPF vouches for",
    Dimension.CLIENT: "from {}",
    Dimension.NETWORK: "from {}",
    Dimension.BODY: "with the same text ({})",
    Dimension.ALIKE: "with much the same text ({})",
    Dimension.ATTACHMENT: "with the same attachment ({})",
    Dimension.URL_HOST: "with links to {}",
    Dimension.SUBJECT: 'with the subject "{}"',
}


class Explanation(NamedTuple):
    """Values that explain a flood."""

    match: Match
    coverage: float
    spill: float
    good: int
    """Good messages of the last 30 days that it would have met, at most."""
    score: float
    words: str


def explanations(flood: Sequence[Seen], traffic: Traffic) -> tuple[Explanation, ...]:
    """The best first; none where nothing may be answered to."""
    if not flood:
        return ()
    inside = set(map(id, flood))
    others = [one for one in traffic.seen if id(one) not in inside and not one.spam]
    counts = Counter([key for one in flood for key in one.keys])
    usable = [
        key
        for key, count in counts.most_common()
        if count >= _CANDIDATE * len(flood) and key[0] in CERTAINTY and _may_be_meant(key)
    ]
    holds = _Holders(flood, others, usable)
    matches: list[Match] = [
        (key,) for key in usable if key not in traffic.greatest or _is_outgrown(key, counts, traffic)
    ]
    pairs = combinations(usable[:_MOST_PAIRED], 2)
    matches += [pair for pair in pairs if not _says_the_same(*pair)]
    found = [_explained(match, holds, traffic) for match in matches]
    good = [one for one in found if one.coverage >= LEAST_COVERAGE and one.spill <= MOST_SPILL]
    return _different(sorted(good, key=lambda one: -one.score))


def _is_outgrown(key: Key, counts: Mapping[Key, int], traffic: Traffic) -> bool:
    """On a small server forty letters make a great source: who floods with more than all his good mail is none.

    A network is: there the good mail may be of others.
    """
    return key[0] is not Dimension.NETWORK and counts[key] > traffic.good.get(key, 0)


class _Holders:
    """Which messages have which values, by their places: pairs are then met without reading each message again."""

    def __init__(self, flood: Sequence[Seen], others: Sequence[Seen], keys: Sequence[Key]) -> None:
        self.flood, self.others = len(flood), len(others)
        self._flood, self._others = _places(flood, keys), _places(others, keys)

    def coverage(self, match: Match) -> float:
        return len(set.intersection(*[self._flood[key] for key in match])) / self.flood

    def spill(self, match: Match) -> float:
        if self.others < _ENOUGH_OTHERS:
            return 0.0
        return len(set.intersection(*[self._others[key] for key in match])) / self.others


def _places(seen: Sequence[Seen], keys: Sequence[Key]) -> dict[Key, set[int]]:
    found: dict[Key, set[int]] = {key: set() for key in keys}
    for place, one in enumerate(seen):
        for key in one.keys:
            if key in found:
                found[key].add(place)
    return found


def _may_be_meant(key: Key) -> bool:
    """A subject that anybody writes explains nothing."""
    dimension, value = key
    if dimension is not Dimension.SUBJECT:
        return True
    return len(value) >= _LEAST_SUBJECT and " " in value and not value.startswith(_LIKE_A_REPLY)


def _says_the_same(first: Key, second: Key) -> bool:
    """A client lies in its network: both together are the client."""
    place = {Dimension.CLIENT, Dimension.NETWORK}
    return first[0] is second[0] or {first[0], second[0]} == place


def _explained(match: Match, holds: _Holders, traffic: Traffic) -> Explanation:
    coverage = holds.coverage(match)
    good = min(traffic.good.get(key, 0) for key in match)
    spill = max(good / traffic.good_messages if traffic.good_messages else 0.0, holds.spill(match))
    certainty = max(CERTAINTY[key[0]] for key in match) * (_PAIR if len(match) > 1 else 1.0)
    days = min(max(traffic.days, 1.0), _MONTH_DAYS)
    harm = good * TERM.total_seconds() / 86400 / days
    score = coverage * (1 - spill) * certainty / (1 + harm)
    return Explanation(match, coverage, spill, good, score, _words(match, coverage, good, traffic))


def _words(match: Match, coverage: float, good: int, traffic: Traffic) -> str:
    values = " and ".join(_FROM[dimension].format(value[:80]) for dimension, value in match)
    if not traffic.good_messages:
        history = "what is good here is not known yet"
    else:
        time = "30 d" if traffic.days >= _MONTH_DAYS else f"{max(traffic.days, 0.1):.1f} d"
        mails = (
            f"no good mail of {traffic.good_messages}" if not good else f"{good} of {traffic.good_messages} good mails"
        )
        history = f"{mails} in {time}"
    return f"{coverage:.0%} {values}, {history}"


def _different(found: list[Explanation]) -> tuple[Explanation, ...]:
    """Another one is worth trying only if it is about other values."""
    chosen: list[Explanation] = []
    for one in found:
        if all(not set(one.match) & set(other.match) for other in chosen):
            chosen.append(one)
        if len(chosen) == _MOST_EXPLANATIONS:
            break
    return tuple(chosen)


def labels_not_used(flood: Sequence[Seen]) -> str:
    """What the flood says of itself, and nobody has proved: for people, so that nobody blames it."""
    return "; ".join(_labels(flood))


def _labels(flood: Sequence[Seen]) -> Iterator[str]:
    unproven = [one for one in flood if not is_proven(one)]
    senders = {value for one in unproven for dimension, value in one.keys if dimension is Dimension.SENDER and value}
    if len(senders) > 1:
        yield f"sender addresses: {len(senders)} different, not proven, so not used"
    elif senders:
        yield f"sender address {next(iter(senders))[:80]}: not proven, so not used"


def is_proven(one: Seen) -> bool:
    """Somebody vouches for who sent it."""
    return any(key[0] in PROVEN for key in one.keys)
