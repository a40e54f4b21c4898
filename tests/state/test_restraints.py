"""Restraints in the store: a term each, ended by hand or by time, and a version that tells the workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.model.restraint import Restraint, match_in_words, plain_match, plain_value, read_match
from lockdown.model.traffic import Dimension, Doors, Match, Rung
from lockdown.model.unknown import Unknown
from lockdown.state.store import Store, open_store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MATCH: Match = ((Dimension.NETWORK, "203.0.113.0/24"), (Dimension.SUBJECT, "you have won"))
RESTRAINT = Restraint(MATCH, Rung.DEFER, NOW, NOW + HOUR, "lockdown", "a flood (incident 3)", incident=3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def test_a_restraint_comes_back_as_it_was_told(store: Store) -> None:
    entered = store.restrain(RESTRAINT).result()

    assert entered == replace(RESTRAINT, number=entered.number)
    assert store.active_restraints(NOW) == [entered]
    assert store.restraint_history(NOW - HOUR) == [entered]


def test_it_runs_until_its_end_and_no_moment_longer(store: Store) -> None:
    entered = store.restrain(RESTRAINT).result()

    assert store.active_restraints(NOW + HOUR - timedelta(seconds=1)) == [entered]
    assert store.active_restraints(NOW + HOUR) == []
    assert entered.runs(NOW) and not entered.runs(NOW + HOUR)


def test_a_person_ends_it_and_is_named(store: Store) -> None:
    entered = store.restrain(RESTRAINT).result()

    assert store.end_restraint(entered.number, "anna", NOW + HOUR / 2).result()
    assert not store.end_restraint(entered.number, "bert", NOW + HOUR / 2).result(), "it has ended already"
    assert store.active_restraints(NOW + HOUR / 2) == []
    assert store.restraint_history(NOW)[0].ended_by == "anna"


def test_a_new_term_for_the_same_match_ends_the_old_one(store: Store) -> None:
    store.restrain(RESTRAINT).result()
    harder = store.restrain(replace(RESTRAINT, rung=Rung.REJECT, since=NOW + HOUR / 4)).result()

    assert store.active_restraints(NOW + HOUR / 2) == [harder]


def test_restraints_of_other_doors_or_another_match_run_beside_it(store: Store) -> None:
    store.restrain(RESTRAINT).result()
    store.restrain(replace(RESTRAINT, doors=Doors.SIGN_IN)).result()
    store.restrain(replace(RESTRAINT, match=MATCH[:1])).result()

    assert len(store.active_restraints(NOW)) == 3


def test_workers_are_told_of_a_restraint_and_of_its_end_but_not_of_hits(store: Store) -> None:
    before = store.version()
    number = store.restrain(RESTRAINT).result().number
    begun = store.version()
    store.count_hits({number: 7}).result()
    counted = store.version()
    store.end_restraint(number, "anna", NOW).result()

    assert before < begun == counted < store.version()


def test_hits_of_all_workers_add_up(store: Store) -> None:
    number = store.restrain(RESTRAINT).result().number
    store.count_hits({number: 7, 999: 1}).result()
    store.count_hits({number: 5}).result()

    assert store.active_restraints(NOW)[0].hits == 12


def test_what_is_long_over_is_forgotten_and_what_runs_is_not(store: Store) -> None:
    store.restrain(replace(RESTRAINT, match=MATCH[:1], until=NOW + HOUR / 2)).result()
    kept = store.restrain(RESTRAINT).result()

    assert store.forget_restraints(NOW + HOUR).result() == 1
    assert store.restraint_history(NOW - HOUR) == [kept]


@pytest.mark.parametrize(
    ("dimension", "typed", "plain"),
    [
        (Dimension.NETWORK, "192.0.2.7/24", "192.0.2.0/24"),
        (Dimension.CLIENT, "2001:DB8::1", "2001:db8::1"),
        (Dimension.SENDER, "<Anna@Example.ORG>", "anna@example.org"),
        (Dimension.SENDER, "<>", ""),
        (Dimension.NETWORK, "nonsense", "nonsense"),
    ],
)
def test_a_value_has_one_spelling(dimension: Dimension, typed: str, plain: str) -> None:
    assert plain_value(dimension, typed) == plain


def test_the_order_in_which_values_are_named_does_not_matter() -> None:
    assert plain_match(reversed(MATCH)) == plain_match(MATCH) == MATCH
    assert match_in_words(MATCH) == "network 203.0.113.0/24, subject you have won"


@given(st.sampled_from(Dimension), st.text())
def test_no_value_of_a_stranger_breaks_its_spelling(dimension: Dimension, value: str) -> None:
    assert plain_value(dimension, plain_value(dimension, value)) == plain_value(dimension, value)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=10))
def test_whatever_the_store_holds_is_a_match_or_unknown(entries: object) -> None:
    assert isinstance(read_match(entries), tuple | Unknown)
