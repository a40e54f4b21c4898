"""Counting: exact within the window, deaf to clocks that jump, and of weeks only what is good and fits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.config import Settings
from lockdown.engine.traffic import FILE, FLOOR, SPAN, TrafficCounter
from lockdown.facts.mail_log.events import Delivered
from lockdown.model.traffic import Dimension, Key, Nature, Traffic
from lockdown.state.transactions import Transaction
from tests.checklist.monitoring.traffic import SECOND, START, Town

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, timedelta(days=1)
ANNA: Key = (Dimension.RECIPIENT, "anna@example.org")
NEAR: Key = (Dimension.NETWORK, "203.0.113.0/24")


def many(town: Town, number: int = FLOOR, client: str = "203.0.113.9", **changes: object) -> None:
    for _ in range(number):
        town.comes(client=client, to=["anna@example.org"], **changes)  # type: ignore[arg-type]


def count(traffic: Traffic, key: Key) -> int:
    return next((hitter.messages for hitter in traffic.hitters if hitter.key == key), 0)


def test_of_each_frequent_value_everything_is_counted(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 15)
    many(town, 5, spam=9.0)
    for number in range(10):
        town.comes(client="203.0.113.9", to=[f"u{number}@example.org"], size=1_000_000,
                   refused=[("x@example.org", "User unknown"), ("y@example.org", "greylisted")])  # fmt: skip
    (hitter,) = [one for one in town.traffic().hitters if one.key == NEAR]
    assert (hitter.messages, hitter.octets, hitter.recipients) == (30, 20 * 4000 + 10_000_000, 20 + 30)
    assert (hitter.refused, hitter.unknown, hitter.spam) == (20, 10, 5)
    assert count(town.traffic(), ANNA) == 20


def test_what_leaves_the_window_is_no_longer_counted(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 50, size=300_000)
    town.pass_time((SPAN - 1) * SECOND)
    assert count(town.traffic(), ANNA) == 50
    town.pass_time(MINUTE)
    assert town.traffic().messages == 0
    assert (town.counter._counts, town.counter._octets, town.counter._often) == ({}, {}, set())


def test_more_than_is_kept_makes_the_window_shorter_and_stays_exact(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    town.counter = TrafficCounter(Settings(), tmp_path, most=100)
    town.counter.advance(town.now)
    for _ in range(20):
        town.pass_time(10 * SECOND)
        many(town, 10)
    traffic = town.traffic()
    assert (count(traffic, ANNA), traffic.messages, len(traffic.seen)) == (100, 100, 100)
    assert traffic.seconds == 90.0


# ── clocks ──


def test_a_clock_set_back_neither_forgets_nor_stops(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town)
    town.now -= 3 * HOUR
    town.counter.advance(town.now)
    many(town, 5)
    assert count(town.traffic(), ANNA) == FLOOR + 5
    town.pass_time(11 * MINUTE)
    assert town.traffic().messages == 0


def test_a_clock_set_forward_forgets_nothing(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town)
    town.now += 400 * DAY
    town.counter.advance(town.now)
    many(town, 5)
    assert count(town.traffic(), ANNA) == FLOOR + 5
    assert town.traffic().days < 0.1


JUMPS = [-DAY, -HOUR, HOUR, DAY]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_within_wanted_mail_makes_no_alarm(tmp_path: Path, jump: timedelta) -> None:
    town = Town(folder=tmp_path)
    town.wanted_for(HOUR)
    town.now += jump
    town.counter.advance(town.now)
    town.wanted_for(HOUR)
    assert town.alarms() == {}
    town.now -= jump
    town.counter.advance(town.now)
    town.wanted_for(HOUR)
    assert town.alarms() == {}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_flood_is_seen_over_a_clock_that_jumps_in_the_middle_of_it(tmp_path: Path, jump: timedelta) -> None:
    town = Town(folder=tmp_path)
    town.wanted_for(HOUR)
    many(town, 20, sender="x@forged.example", body=["bomb"])
    assert town.alarms() == {}
    town.now += jump
    town.counter.advance(town.now)
    many(town, 20, sender="x@forged.example", body=["bomb"])
    assert "flood" in town.alarms()


@pytest.mark.parametrize("jump", JUMPS)
def test_what_waits_in_the_queue_is_no_older_by_a_clock_that_jumps(tmp_path: Path, jump: timedelta) -> None:
    town = Town(folder=tmp_path)
    for number in range(200):
        town.counter.take_waiting(f"Q{number}", "x@forged.example")
    town.now += jump
    town.counter.advance(town.now)
    assert town.traffic().waiting == 0
    town.pass_time(2 * MINUTE)
    assert town.traffic().waiting == 200


def test_messages_of_a_day_under_a_clock_that_jumps_are_no_flood(tmp_path: Path) -> None:
    """One every half minute, and at each the clock stands elsewhere."""
    town = Town(folder=tmp_path)
    for number in range(200):
        town.now = START + (number * 7919 % 1000 - 500) * HOUR
        town.counter.advance(town.now)
        many(town, 1)
    # As with a clock that is right: one each half minute are 20 within ten minutes.
    assert count(town.traffic(), ANNA) <= SPAN / 30 + 1


def test_a_message_stamped_by_another_clock_came_when_it_was_heard_of(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    town.pass_time(MINUTE)
    for away in (-9 * HOUR, 9 * HOUR):
        heard, town.now = town.now, town.now + away
        many(town, 10)
        town.now = heard
    assert count(town.traffic(), ANNA) == 20
    town.pass_time(11 * MINUTE)
    assert town.traffic().messages == 0


def test_what_is_older_than_the_window_at_the_first_look_is_not_counted(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    town.now -= HOUR
    many(town, 50)
    assert town.traffic().messages == 0


# ── what is worth a look ──


def test_each_ten_more_that_one_recipient_has_not_asked_for_are_worth_a_look(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    hot = []
    for number in range(1, 50):
        town.comes(client=f"192.0.2.{number}", sender=f"a@s{number}.example", to=["anna@example.org"],
                   nature=Nature.UNASKED)  # fmt: skip
        if town.counter.hot:
            hot.append(number)
            town.counter.hot = False
    assert hot == [20, 30, 40]


def test_a_list_to_everybody_is_worth_no_look_for_that(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    for number in range(29):
        town.comes(client=f"{11 + number}.2.3.4", sender=f"a@s{number}.example", to=[f"u{number}@example.org"],
                   nature=Nature.UNASKED)  # fmt: skip
    assert not town.counter.hot


def test_a_value_is_worth_a_look_when_it_becomes_frequent_and_each_time_it_has_doubled(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    hot = []
    for number in range(1, 100):
        town.comes(client="203.0.113.9", sender=f"{number}@x{number}.example")
        if town.counter.hot:
            hot.append(number)
            town.traffic()
    assert hot == [30, 60]


# ── weeks ──


def test_good_is_what_left_the_window_unblamed_and_unsuspected(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 30, client="192.0.2.1")
    many(town, 30, spam=9.0)
    many(town, 30, client="198.51.100.7", kind="rejected")
    many(town, 30, client="192.0.2.99")
    town.counter.blame([((Dimension.CLIENT, "192.0.2.99"),)])
    assert town.traffic().good_messages == 0, "nothing is good before its time"
    town.pass_time(11 * MINUTE)
    for client in ("192.0.2.1", "203.0.113.9", "198.51.100.7", "192.0.2.99"):
        many(town, client=client)
    traffic = town.traffic()
    clients = {key[1]: number for key, number in traffic.good.items() if key[0] is Dimension.CLIENT}
    assert clients == {"192.0.2.1": 30, "203.0.113.9": 0, "198.51.100.7": 0, "192.0.2.99": 0}
    assert traffic.greatest >= {(Dimension.CLIENT, "192.0.2.1"), (Dimension.NETWORK, "192.0.2.0/24")}


def test_good_mail_is_remembered_for_thirty_days_and_then_let_go(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 30)
    town.pass_time(30 * DAY, 2 * MINUTE)
    many(town)
    assert town.traffic().good[NEAR] == 30
    town.pass_time(41 * DAY, 2 * MINUTE)
    many(town)
    assert town.traffic().good[NEAR] == 0


def test_what_was_learnt_outlives_a_restart(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 30)
    town.pass_time(11 * MINUTE)
    town.counter.save(now=True)
    again = Town(folder=tmp_path)
    many(again)
    assert again.traffic().good[NEAR] == 30


def test_a_damaged_memory_is_said_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"generations": 7')
    town = Town(folder=tmp_path)
    assert "cannot be read" in town.traffic().unseen
    town.counter.save(now=True)
    assert Town(folder=tmp_path).traffic().unseen == ""


def test_it_is_written_every_ten_minutes_and_not_at_each_look(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    town.counter.save(now=True)
    (tmp_path / FILE).unlink()
    town.pass_time(MINUTE)
    town.counter.save()
    assert not (tmp_path / FILE).exists()
    town.pass_time(10 * MINUTE)
    town.counter.save()
    assert (tmp_path / FILE).exists()


def test_the_memory_of_good_mail_is_bounded(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    many(town, 40)
    for number in range(3000):
        town.comes(client=f"{number % 200}.{number // 200}.1.1", sender=f"s{number}@d{number}.example",
                   body=[f"b{number}", f"c{number}"], subject=f"s {number}", hosts=[f"h{number}.example"])  # fmt: skip
    town.pass_time(11 * MINUTE)
    assert sum(map(len, town.counter._memory.generations)) <= 12_000
    many(town)
    assert town.traffic().good[NEAR] == 40, "the frequent are kept"


# ── the mail server's log ──


def test_stages_of_delivery_are_held_against_what_is_usual(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)

    def deliveries(seconds: float) -> None:
        for number in range(30):
            delays = (0.1, 0.0, seconds, 0.2)
            town.counter.take_delivery(town.now, Delivered(f"Q{number}", "a@b.example", "sent", "", delays=delays))

    for _ in range(60):
        deliveries(0.5)
        town.pass_time(5 * MINUTE)
    deliveries(0.5)
    town.pass_time(11 * MINUTE)
    deliveries(40.0)
    stages = {stage.name: (stage.lately, stage.usual) for stage in town.traffic().stages}
    assert stages["connecting"] == (40.0, 0.5)


# ── strangers ──


TEXT = st.text(max_size=40)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["accepted", "rejected", "deferred"]), "sender": TEXT, "size": st.integers(0, 1 << 40),
         "client": st.fixed_dictionaries({"address": TEXT, "helo": TEXT}),
         "recipients": st.lists(TEXT, max_size=3),
         "refused": st.lists(st.fixed_dictionaries({"address": TEXT, "code": st.integers(), "text": TEXT}), max_size=2),
         "like": st.fixed_dictionaries({"body": st.lists(TEXT), "subject": TEXT, "about": st.lists(TEXT)})}
    )
)  # fmt: skip
def test_whatever_strangers_write_it_is_counted_and_let_go(fields: dict[str, object]) -> None:
    town = Town()
    line = msgspec.json.encode({"id": "x", "at": START, **fields})
    for _ in range(FLOOR):
        town.counter.take(msgspec.json.decode(line, type=Transaction))
    town.alarms()
    town.pass_time(11 * MINUTE)
    assert town.counter._counts == {}
