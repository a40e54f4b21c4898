"""Strangers stay strangers for a day, however much they send; and what went out is known as far back as it was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockdown.state.correspondents import KNOWN_AFTER, RETURNED_WITHIN, Correspondents

NOW = 1_700_000_000.0
ANNA = "anna@example.org"


@pytest.fixture
def known(tmp_path: Path) -> Correspondents:
    return Correspondents(tmp_path, pairs=1024, letters=1024)


def test_who_has_written_a_day_ago_is_an_acquaintance_of_that_mailbox_alone(known: Correspondents) -> None:
    known.met(ANNA, ["shop.example"], NOW)
    known.met(ANNA, ["shop.example"], NOW + KNOWN_AFTER - 1)
    assert not known.knows(ANNA, ["shop.example"], NOW + KNOWN_AFTER - 1)
    assert known.knows(ANNA, ["other.example", "shop.example"], NOW + KNOWN_AFTER)
    assert not known.knows("ben@example.org", ["shop.example"], NOW + KNOWN_AFTER)


def test_whom_a_mailbox_has_written_to_is_known_at_once(known: Correspondents) -> None:
    known.met(ANNA, ["shop.example"], NOW)
    assert not known.writes(ANNA)
    known.wrote(ANNA, ["shop.example"])
    assert known.knows(ANNA, ["shop.example"], NOW) and known.writes(ANNA)


def test_thousands_of_strangers_displace_no_acquaintance(known: Correspondents) -> None:
    known.met(ANNA, ["friend.example"], NOW)
    known.wrote(ANNA, [])
    for number in range(4000):
        known.met("zoe@example.org", [f"{number}"], NOW + number)
    assert known.knows(ANNA, ["friend.example"], NOW + KNOWN_AFTER) and known.writes(ANNA)


def test_what_went_out_is_known_after_the_days_a_letter_may_take_to_come_back(known: Correspondents) -> None:
    assert not known.knows_what_went_out(NOW)
    known.went_out("one", NOW)
    known.went_out("older", NOW - 3600)
    assert known.has_sent("one") and not known.has_sent("two")
    assert not known.knows_what_went_out(NOW - 3601 + RETURNED_WITHIN)
    assert known.knows_what_went_out(NOW - 3600 + RETURNED_WITHIN)


def test_where_letters_had_to_be_forgotten_it_is_not_known_what_went_out_before(known: Correspondents) -> None:
    for number in range(2000):
        known.went_out(str(number), NOW + number)
    assert not known.has_sent("0")
    assert known.has_sent("1999")
    assert not known.knows_what_went_out(NOW + RETURNED_WITHIN + 100)
    assert known.knows_what_went_out(NOW + 2000 + RETURNED_WITHIN)


def test_another_process_sees_what_one_has_learnt(tmp_path: Path) -> None:
    Correspondents(tmp_path).wrote(ANNA, ["far.example"])
    assert Correspondents(tmp_path).knows(ANNA, ["far.example"], NOW)
