"""Tallies against a plain list of what happened; gauges against the death of a worker."""

from __future__ import annotations

import itertools
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.state.shared import WAYS
from lockdown.state.tally import MOST_IN_A_PANE, PANES, Gauge, PairTally, Tally

WINDOW = timedelta(seconds=100)
PANE_SECONDS = 10
START = 1_700_000_000.0


def tally(directory: Path, worker: int = 0, workers: int = 1, *, name: str = "t", slots: int = 64) -> Tally:
    return Tally(directory, name, worker=worker, workers=workers, window=WINDOW, slots=slots)


def pair(directory: Path, worker: int = 0, workers: int = 1, *, name: str = "p") -> PairTally:
    return PairTally(directory, name, worker=worker, workers=workers, window=WINDOW, slots=64)


def gauge(directory: Path, worker: int = 0, workers: int = 1, *, slots: int = 64) -> Gauge:
    return Gauge(directory, "g", worker=worker, workers=workers, slots=slots)


def test_a_key_that_has_done_nothing_has_nothing(tmp_path):
    assert tally(tmp_path).total("192.0.2.1", START) == 0
    assert pair(tmp_path).total("192.0.2.1", START) == (0, 0)
    assert gauge(tmp_path).total("192.0.2.1") == 0


def test_the_total_is_over_all_workers(tmp_path):
    first, second = tally(tmp_path, 0, 2), tally(tmp_path, 1, 2)
    first.add("a", 3, START)
    second.add("a", 4, START)
    assert first.total("a", START) == second.total("a", START) == 7


def test_text_and_its_octets_are_one_key(tmp_path):
    counted = tally(tmp_path)
    counted.add("a@example.org", 1, START)
    assert counted.total(b"a@example.org", START) == 1


def test_nothing_older_than_the_window_is_counted(tmp_path):
    counted = tally(tmp_path)
    counted.add("a", 5, START)
    assert counted.total("a", START + 89) == 5
    assert counted.total("a", START + 100) == 0


def test_a_workers_counts_survive_its_end(tmp_path):
    first = tally(tmp_path)
    first.add("a", 5, START)
    first.close()
    assert tally(tmp_path).total("a", START + 1) == 5


def test_a_pane_counts_no_further_than_its_word_can_hold(tmp_path):
    counted = tally(tmp_path)
    for place in range(PANES):
        counted.add("a", MOST_IN_A_PANE * 3, START + place * PANE_SECONDS)
        counted.add("a", MOST_IN_A_PANE, START + place * PANE_SECONDS)
    assert counted.total("a", START + 9 * PANE_SECONDS) == MOST_IN_A_PANE * PANES


def test_forgotten_by_one_worker_is_forgotten_by_all(tmp_path):
    first, second = tally(tmp_path, 0, 2), tally(tmp_path, 1, 2)
    first.add("a", 3, START)
    second.add("a", 4, START)
    first.forget("a")
    assert second.total("a", START) == 0


def test_a_pair_is_counted_together(tmp_path):
    first, second = pair(tmp_path, 0, 2), pair(tmp_path, 1, 2)
    first.add("a", 1, 5000, START)
    first.add("a", 1, 6000, START + 15)
    second.add("a", 2, 100, START + 30)
    assert second.total("a", START + 40) == (4, 11100)
    assert second.total("a", START + 105) == (3, 6100)


def test_from_a_full_table_the_key_heard_of_longest_ago_leaves(tmp_path):
    counted = tally(tmp_path, slots=WAYS)
    for place in range(WAYS):
        counted.add(f"key {place}", 1000 - place, START + place * PANE_SECONDS)
    now = START + WAYS * PANE_SECONDS
    counted.add("key 0", 1, now)
    counted.add("one more", 1, now)
    assert counted.total("key 1", now) == 0
    assert counted.total("key 0", now) == 1001
    assert counted.total("one more", now) == 1


@pytest.mark.parametrize("light", range(WAYS))
def test_of_keys_heard_of_just_now_the_lightest_leaves(tmp_path, light):
    """A stranger with many addresses cannot push out the count of the one who sends most."""
    counted = tally(tmp_path, slots=WAYS)
    for place in range(WAYS):
        counted.add(f"key {place}", 1 if place == light else 5000, START)
    for stranger in range(20):
        counted.add(f"stranger {stranger}", 1, START + 1)
    assert [counted.total(f"key {place}", START + 1) for place in range(WAYS)] == [
        0 if place == light else 5000 for place in range(WAYS)
    ]


def test_a_clock_set_back_blames_nobody_for_the_future(tmp_path):
    counted = tally(tmp_path)
    counted.add("a", 5, START + 3600)
    assert counted.total("a", START) == 0
    counted.add("a", 2, START)
    assert counted.total("a", START) == 2


def test_when_pane_numbers_begin_again_the_window_is_still_whole(tmp_path):
    counted = tally(tmp_path)
    wrap = float((1 << 24) * PANE_SECONDS)
    counted.add("a", 1, wrap - 55)
    counted.add("a", 2, wrap - 5)
    counted.add("a", 4, wrap + 5)
    assert counted.total("a", wrap + 6) == 7
    assert counted.total("a", wrap + 46) == 6
    assert tally(tmp_path, 0, 1).total("a", wrap + 16) == 7


names = (f"model{number}" for number in itertools.count())
events = st.lists(
    st.tuples(st.floats(0, 60, allow_nan=False), st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 10_000)),
    max_size=40,
)


@pytest.fixture(scope="module")
def model_directory():
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@given(events=events)
@settings(max_examples=60, deadline=None)
def test_a_total_is_what_happened_within_the_window_to_the_pane(model_directory, events):
    name = next(names)
    workers = [tally(model_directory, worker, 2, name=name) for worker in (0, 1)]
    happened: list[tuple[float, str, int]] = []
    now = START
    for later, key, worker, amount in events:
        now += later
        workers[worker].add(key, amount, now)
        happened.append((now, key, amount))
        for asked in "abc":
            total = workers[1 - worker].total(asked, now)
            ages = [(now - at, done) for at, who, done in happened if who == asked]
            assert sum(done for age, done in ages if age <= 90) <= total
            assert total <= sum(done for age, done in ages if age < 100)
    for one in workers:
        one.close()


@given(events=events)
@settings(max_examples=30, deadline=None)
def test_a_pair_counts_as_two_tallies_would(model_directory, events):
    name = next(names)
    both = [pair(model_directory, worker, 2, name=name) for worker in (0, 1)]
    messages = [tally(model_directory, worker, 2, name=f"{name}m") for worker in (0, 1)]
    octets = [tally(model_directory, worker, 2, name=f"{name}o") for worker in (0, 1)]
    now = START
    for later, key, worker, amount in events:
        now += later
        both[worker].add(key, 1, amount, now)
        messages[worker].add(key, 1, now)
        octets[worker].add(key, amount, now)
        assert both[0].total(key, now) == (messages[0].total(key, now), octets[0].total(key, now))
    for one in (*both, *messages, *octets):
        one.close()


COUNTS = """
import sys
from datetime import timedelta
from pathlib import Path
from lockdown.state.tally import Tally
counted = Tally(Path(sys.argv[1]), "t", worker=int(sys.argv[2]), workers=2, window=timedelta(seconds=100), slots=64)
print("open", flush=True)
input()
for _ in range(20000):
    counted.add("a", 1, 1_700_000_000.0)
print("counted", flush=True)
input()
"""


def test_two_processes_that_count_at_once_lose_nothing(tmp_path, child):
    workers = [child(COUNTS, tmp_path, number) for number in (0, 1)]
    assert [worker.says() for worker in workers] == ["open", "open"]
    watching = tally(tmp_path, 0, 2)
    for worker in workers:
        worker.tell("go")
    seen = [watching.total("a", START) for _ in range(2000)]
    assert [worker.says() for worker in workers] == ["counted", "counted"]
    assert watching.total("a", START) == 40000
    assert seen == sorted(seen)


def test_counts_survive_kill_9_of_the_worker(tmp_path, child):
    worker = child(COUNTS, tmp_path, 1)
    worker.says()
    worker.tell("go")
    assert worker.says() == "counted"
    worker.kill()
    assert tally(tmp_path, 0, 2).total("a", START) == 20000


def test_a_gauge_is_over_all_workers_and_never_below_nothing(tmp_path):
    first, second = gauge(tmp_path, 0, 2), gauge(tmp_path, 1, 2)
    first.add("a", 1)
    second.add("a", 1)
    second.add("a", 1)
    assert first.total("a") == 3
    first.add("a", -1)
    first.add("a", -1)
    first.add("a", -1)
    assert first.total("a") == 2


def test_a_workers_connections_end_with_it(tmp_path):
    first, second = gauge(tmp_path, 0, 2), gauge(tmp_path, 1, 2)
    first.add("a", 1)
    second.add("a", 1)
    restarted = gauge(tmp_path, 1, 2)
    assert first.total("a") == restarted.total("a") == 1


def test_a_machine_with_fewer_workers_does_not_remember_the_connections_of_the_others(tmp_path):
    gauge(tmp_path, 3, 4).add("a", 1)
    assert gauge(tmp_path, 0, 2).total("a") == 0


def test_what_falls_to_nothing_gives_its_slot_back(tmp_path):
    counted = gauge(tmp_path, slots=WAYS)
    counted.add("many", 5)
    for number in range(100):
        counted.add(f"key {number}", 7)
        counted.add(f"key {number}", -7)
    assert counted.total("many") == 5


def test_from_a_full_gauge_the_one_with_fewest_leaves(tmp_path):
    counted = gauge(tmp_path, slots=WAYS)
    for number in range(WAYS):
        counted.add(f"key {number}", number + 2)
    counted.add("one more", 1)
    assert counted.total("key 0") == 0
    assert counted.total("key 1") == 3
    assert counted.total("one more") == 1
