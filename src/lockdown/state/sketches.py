"""Counting much in little memory: the heaviest of many keys, and what each of them usually has.

Pure and bounded; time is an argument and never read. Each structure says how far it may be wrong.

Fails as: nothing; more keys than there is room for make the counts rougher, within the bound that is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Heavy(NamedTuple):
    """A count that is too large by `error` at most, and never too small."""

    number: int
    error: int = 0


class SpaceSaving(Generic[K]):
    """The heaviest of any number of keys (Metwally, Agrawal, El Abbadi 2005).

    With room for k keys and n counted, no error exceeds n / k, and whatever has more than n / k is there.
    """

    __slots__ = ("_by_count", "_counts", "_least", "_most", "total")

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._counts: dict[K, Heavy] = {}
        # Keys by their count, so that the lightest need not be searched for; in order, the longest there first.
        self._by_count: dict[int, dict[K, None]] = {}
        self._least = 0
        self.total = 0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: K, amount: int = 1) -> None:
        """Count this much more."""
        self.total += amount
        counts, by_count = self._counts, self._by_count
        before = counts.get(key)
        if before is not None:
            count, error = before
            self._leave(key, count)
        elif len(counts) < self._most:
            count = error = 0
            # Something this light is new.
            self._least = amount if not counts else min(self._least, amount)
        else:
            count = error = self._lightest()
            lightest = next(iter(by_count[count]))
            del counts[lightest]
            self._leave(lightest, count)
        count += amount
        counts[key] = Heavy(count, error)
        found = by_count.get(count)
        if found is None:
            by_count[count] = {key: None}
        else:
            found[key] = None

    def _leave(self, key: K, count: int) -> None:
        same = self._by_count[count]
        del same[key]
        if not same:
            del self._by_count[count]

    def _lightest(self) -> int:
        if self._least not in self._by_count:
            self._least = min(self._by_count)
        return self._least

    def get(self, key: K) -> Heavy:
        """What is known of a key: one that is not there has the count of the lightest at most, all of it in doubt."""
        found = self._counts.get(key)
        if found is not None:
            return found
        bound = self._lightest() if len(self._counts) >= self._most else 0
        return Heavy(bound, bound)

    def top(self, number: int = 10) -> list[tuple[K, Heavy]]:
        """The heaviest, in their order."""
        return sorted(self._counts.items(), key=lambda item: -item[1].number)[:number]

    def items(self) -> Iterator[tuple[K, Heavy]]:
        """All that are there."""
        yield from self._counts.items()


HOURS_OF_WEEK = 168
_MEAN_WEIGHT, _HOUR_WEIGHT = 0.05, 0.4
"""Of the newest hour: the mean remembers a day or two, the hour of the week some weeks."""
_WORTH_AN_HOUR = 20
"""An hour with fewer says nothing about the same hour of the next week."""


class Baseline:
    """What each key usually has in an hour, and at this hour of the week. Bounded: the smallest are let go of."""

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self.means: dict[str, float] = {}
        self.hours: dict[str, dict[int, float]] = {}

    def learn(self, counts: dict[str, int], hour_of_week: int) -> None:
        """An hour has ended: all that had any, with their counts."""
        for key in self.means:
            if key not in counts:
                self.means[key] *= 1 - _MEAN_WEIGHT
        for key, count in counts.items():
            before = self.means.get(key)
            # The first hour of a key says little: it begins as if it were one of many.
            self.means[key] = _MEAN_WEIGHT * count if before is None else before + _MEAN_WEIGHT * (count - before)
        for key in {*self.hours, *(key for key, count in counts.items() if count >= _WORTH_AN_HOUR)}:
            self._learn_hour(key, hour_of_week, counts.get(key, 0))
        self._trim()

    def _learn_hour(self, key: str, hour: int, count: int) -> None:
        known = self.hours.setdefault(key, {})
        before = known.get(hour)
        if before is None:
            if count >= _WORTH_AN_HOUR:
                known[hour] = float(count)
            return
        after = before + _HOUR_WEIGHT * (count - before)
        if after >= 1:
            known[hour] = after
        else:
            del known[hour]

    def usual(self, key: str, hour_of_week: int) -> float:
        """Messages in an hour like this one; of its neighbours too, since nobody sends by the clock."""
        known = self.hours.get(key, {})
        near = (known.get((hour_of_week + step) % HOURS_OF_WEEK, 0.0) for step in (-1, 0, 1))
        return max(self.means.get(key, 0.0), *near)

    def _trim(self) -> None:
        self.hours = {key: known for key, known in self.hours.items() if known}
        if len(self.means) > self._most:
            # A newsletter is silent all week: its hours count as much as its mean.
            weight = {key: max(mean, *self.hours.get(key, {}).values(), 0.0) for key, mean in self.means.items()}
            kept = sorted(weight, key=weight.__getitem__, reverse=True)[: self._most * 3 // 4]
            self.means = {key: self.means[key] for key in kept}
            self.hours = {key: self.hours[key] for key in kept if key in self.hours}


_BANDS, _BAND = 8, 8
_SAMPLE = 200


def clusters(values: Sequence[int], near: Callable[[int, int], bool], least: int, most: int = 4) -> Iterator[int]:
    """The middles of numbers of 64 bits of which at least so many are near each other, the largest cluster first.

    Those of a cluster share one of their bands more often than chance has it; of those that do, each bit as most have
    it is the middle. What is scattered so widely that no band is shared is not found.
    """
    left = list(values)
    for _ in range(most):
        if len(left) < least:
            return
        shift, band, count = max((_largest_band(left, _BAND * place) for place in range(_BANDS)), key=lambda it: it[2])
        if count < least // 2:
            return
        middle = _middle([one for one in left if one >> shift & 0xFF == band])
        middle = _middle([one for one in left if near(one, middle)] or [middle])
        if sum(near(one, middle) for one in left) < least:
            return
        yield middle
        left = [one for one in left if not near(one, middle)]


def _largest_band(values: Sequence[int], shift: int) -> tuple[int, int, int]:
    band, count = Counter([one >> shift & 0xFF for one in values]).most_common(1)[0]
    return shift, band, count


def _middle(values: Sequence[int]) -> int:
    some = values[-_SAMPLE:]
    return sum(1 << place for place in range(64) if 2 * sum(one >> place & 1 for one in some) > len(some))
