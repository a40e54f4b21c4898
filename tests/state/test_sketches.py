"""The sketches against exact counting: whatever is counted, no error is larger than is told."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lockdown.state.sketches import SPANS, Baseline, HyperLogLog, Panes, SpaceSaving, tail

KEYS = st.lists(st.integers(0, 40).map(str), max_size=400)


@given(KEYS, st.integers(1, 12))
def test_a_heavy_count_is_never_too_small_and_too_large_by_its_error_at_most(keys: list[str], room: int) -> None:
    sketch: SpaceSaving[str] = SpaceSaving(room)
    for key in keys:
        sketch.add(key)
    exact = Counter(keys)
    assert len(sketch) <= room
    assert sketch.total == len(keys)
    for key in {*exact, "never"}:
        count, error = sketch.get(key)
        assert exact[key] <= count <= exact[key] + error
        assert error <= len(keys) / room


@given(KEYS, st.integers(1, 12))
def test_whatever_has_more_than_its_share_of_the_room_is_there(keys: list[str], room: int) -> None:
    sketch: SpaceSaving[str] = SpaceSaving(room)
    for key in keys:
        sketch.add(key)
    kept = {key for key, _ in sketch.items()}
    assert {key for key, count in Counter(keys).items() if count > len(keys) / room} <= kept


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 1000)), max_size=200))
def test_with_room_for_all_amounts_are_exact(added: list[tuple[int, int]]) -> None:
    sketch: SpaceSaving[int] = SpaceSaving(10)
    exact: Counter[int] = Counter()
    for key, amount in added:
        sketch.add(key, amount)
        exact[key] += amount
    assert {key: (count, error) for key, (count, error) in sketch.items()} == {
        key: (count, 0) for key, count in exact.items()
    }
    assert [heavy.number for _, heavy in sketch.top(3)] == [count for _, count in exact.most_common(3)]


@given(st.lists(st.tuples(st.floats(0, 5000), st.integers(1, 5)), max_size=100))
def test_a_span_counts_what_is_younger_than_nine_tenths_of_it_and_nothing_older(steps: list[tuple[float, int]]) -> None:
    panes, now, added = Panes(), 0.0, []
    for step, amount in steps:
        now += step
        panes.add(amount, now)
        added.append((now, amount))
    for span, total in zip(SPANS, panes.totals(now), strict=True):
        surely = sum(amount for at, amount in added if at > now - 0.9 * span)
        at_most = sum(amount for at, amount in added if at >= now - span - 1e-6)
        assert surely <= total <= at_most


def test_a_time_that_goes_back_neither_forgets_nor_counts_twice() -> None:
    panes = Panes()
    panes.add(3, 10_000.0)
    panes.add(2, 50.0)
    assert panes.totals(60.0) == (5, 5, 5, 5, 5)


@given(st.sets(st.text(max_size=8), max_size=32))
def test_few_different_ones_are_counted_exactly(values: set[str]) -> None:
    log = HyperLogLog()
    for value in (*values, *values):
        log.add(value)
    assert log.count() == len(values)


def test_many_different_ones_are_counted_within_a_quarter() -> None:
    for number in (100, 1000, 20_000):
        log, other = HyperLogLog(), HyperLogLog()
        for index in range(number):
            (log if index % 2 else other).add(f"user{index}@example.org")
        log.merge(other)
        assert abs(log.count() - number) < number / 4


def test_a_newsletter_of_last_week_is_usual_this_week_and_not_tomorrow() -> None:
    baseline = Baseline()
    for hour in range(168 * 3):
        baseline.learn({"news.example": 5000} if hour % 168 == 20 else {"other.example": 3}, hour % 168)
    assert baseline.usual("news.example", 20) > 4000
    assert baseline.usual("news.example", 21) > 4000, "an hour later than usual"
    assert baseline.usual("news.example", 60) < 300
    assert 2 < baseline.usual("other.example", 60) < 4


def test_the_baseline_lets_go_of_the_smallest() -> None:
    baseline = Baseline(most=40)
    for hour in range(30):
        baseline.learn({f"k{hour * 10 + number}": 1 for number in range(10)} | {"large": 500}, hour)
    assert len(baseline.means) <= 40
    assert baseline.usual("large", 100) > 300


@given(st.integers(1, 400), st.floats(0.01, 100))
def test_a_tail_is_a_chance_and_falls_with_the_count(count: int, mean: float) -> None:
    chances = [tail(number, mean) for number in (count, count + 1, 2 * count + 1)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)


def test_a_tail_is_that_of_the_exact_sum() -> None:
    from math import exp, lgamma, log

    def chance(count: int, mean: float, r: float = 3.0) -> float:
        p = mean / (mean + r)
        return exp(lgamma(count + r) - lgamma(r) - lgamma(count + 1) + r * log(1 - p) + count * log(p))

    for count, mean in ((20, 5.0), (80, 10.0), (33, 1.0), (500, 60.0)):
        exact = sum(chance(number, mean) for number in range(count, count + 5000))
        assert exact <= tail(count, mean) <= 3 * exact
    assert tail(80, 10.0) < 1e-6 < tail(40, 10.0)
