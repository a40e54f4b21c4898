"""The sketches against exact counting: whatever is counted, no error is larger than is told."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lockdown.state.sketches import Baseline, SpaceSaving, clusters

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


# ── clusters ──


def near(first: int, second: int) -> bool:
    return (first ^ second).bit_count() <= 14


def scattered(middle: int, number: int, chance: random.Random, turned: float = 0.1) -> list[int]:
    return [middle ^ sum(1 << place for place in range(64) if chance.random() < turned) for _ in range(number)]


@given(st.integers(0, 2**64 - 1), st.integers(0, 1000))
def test_what_is_near_each_other_has_one_middle_however_much_else_there_is(middle: int, seed: int) -> None:
    chance = random.Random(seed)
    values = [*scattered(middle, 60, chance), *(chance.getrandbits(64) for _ in range(300))]
    chance.shuffle(values)
    found = list(clusters(values, near, 30))
    assert len(found) == 1
    assert (found[0] ^ middle).bit_count() <= 3


@given(st.integers(0, 1000))
def test_by_chance_nothing_is_near_each_other(seed: int) -> None:
    chance = random.Random(seed)
    assert list(clusters([chance.getrandbits(64) for _ in range(500)], near, 30)) == []


def test_two_clusters_are_two_the_larger_first_and_fewer_than_asked_are_none() -> None:
    chance = random.Random(5)
    first, second = chance.getrandbits(64), chance.getrandbits(64)
    found = list(clusters([*scattered(first, 40, chance), *scattered(second, 90, chance)], near, 30))
    assert [near(one, middle) for one, middle in zip(found, (second, first), strict=True)] == [True, True]
    assert list(clusters(scattered(first, 29, chance), near, 30)) == []
    assert list(clusters([], near, 30)) == []
