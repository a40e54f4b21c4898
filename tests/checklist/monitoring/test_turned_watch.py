"""Whoever knows how the watch judges, and writes so that it is blind or hits somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Dimension, Match, Restrain, Rung
from tests.checklist.monitoring.accounts_world import ANNA, HOME, World
from tests.checklist.monitoring.traffic import SECOND, Town

BOMBER, NEIGHBOUR, PARTNER = "203.0.113.9", "198.51.100.200", "198.51.100.0/24"
BOSS = ["boss@example.org"]
MINUTE = 60 * SECOND


@pytest.fixture(scope="module")
def town() -> Town:
    """A day of wanted mail; what is tried here is tried from addresses that no other test tries."""
    town = Town()
    town.wanted_for(timedelta(hours=26), 30 * SECOND)
    return town


def bomb(town: Town, client: str, number: int, **like: Any) -> Alarm | None:
    """Letters to one person, each another; what is told of it."""
    for count in range(number):
        text: dict[str, Any] = {"body": [f"{client} {count}"], "subject": f"word {count} of {client}"} | like
        town.comes(client=client, sender=f"x{count}@evil.example", to=BOSS, **text)
        if not count % 10:
            town.pass_time(SECOND)
    alarm = next((one for name, one in town.alarms().items() if name == "flood"), None)
    town.pass_time(11 * MINUTE)
    return alarm


def first(alarm: Alarm | None) -> tuple[Match, Rung]:
    assert alarm is not None
    wish = next(wish for wish in alarm.wishes if isinstance(wish, Restrain))
    return wish.match, wish.rung


def test_forty_good_letters_do_not_buy_a_bomb(town: Town) -> None:
    for count in range(40):
        town.comes(client=BOMBER, sender="x@evil.example", to=["anna@example.org"], body=[f"hello {count}"])
        town.pass_time(MINUTE)
    town.pass_time(11 * MINUTE)
    # As for each source of good mail, slowed first.
    assert first(bomb(town, BOMBER, 400)) == (((Dimension.CLIENT, BOMBER),), Rung.SLOW)


def test_a_neighbour_of_good_senders_is_met_and_they_are_not(town: Town) -> None:
    alarm = bomb(town, NEIGHBOUR, 300, body=["the same"])
    assert first(alarm) == (((Dimension.CLIENT, NEIGHBOUR),), Rung.DEFER)
    assert alarm is not None
    assert all(wish.match != ((Dimension.NETWORK, PARTNER),) for wish in alarm.wishes if isinstance(wish, Restrain))


def test_who_sends_as_much_good_mail_each_month_may_send_much_at_once(town: Town) -> None:
    like: dict[str, Any] = {"dkim": "shop.example", "spf": "shop.example"}
    for count in range(320):
        town.comes(client="192.0.2.77", to=[f"user{count}@example.org"], body=[f"order {count}"], **like)
        town.pass_time(2 * SECOND)
    town.pass_time(11 * MINUTE)
    assert bomb(town, "192.0.2.77", 200, **like) is None


# ── accounts ──


def test_a_customer_who_guesses_at_the_boss_from_his_own_network_is_told_of_and_not_shut_out() -> None:
    world = World()
    world.signs_in(ANNA, HOME)
    for _ in range(70):
        world.fails("boss@example.org", HOME)
        world.later(seconds=40)
    (alarm,) = world.named("password-guessing")
    assert "boss@example.org" in alarm.says and "not shut out" in alarm.says
    assert alarm.wishes == ()


def test_an_office_where_one_phone_has_an_old_password_is_not_guessing() -> None:
    world = World()
    for user in (ANNA, "ben@example.org"):
        world.signs_in(user, HOME)
    for _ in range(120):
        world.fails(ANNA, HOME)
        world.later(seconds=30)
    assert world.named("password-guessing") == []


def test_a_desk_that_answers_forged_senders_is_not_held_for_what_comes_back() -> None:
    world = World()
    desk = "desk@example.org"
    world.usual_weeks(desk)
    for number in range(45):
        nobody = f"nobody{number}@forged.example"
        world.receives(desk, nobody)
        world.writes(desk, nobody, status="bounced", dsn="5.1.1")
    assert world.grip(desk) is None


def test_a_week_of_millions_of_names_is_bounded_and_still_told() -> None:
    world = World()
    hours = 24
    for hour in range(hours):
        for number in range(64):
            world.fails(f"name{hour}x{number}@example.org", "203.0.113.5")
        world.later(hours=1)
    kept = world.ledger.sign_ins.networks["203.0.113.0/24"]
    assert sum(len(one.logins) for one in kept.hours.values()) <= 50 + 64
    assert "accounts were tried" in world.named("password-guessing")[0].says


def test_of_a_name_that_nobody_has_each_try_is_not_kept_for_ever() -> None:
    world = World()
    for number in range(400):
        world.fails("admin@example.org", f"203.0.{number % 40}.5")
        world.later(seconds=1)
    kept = world.ledger.sign_ins.logins["admin@example.org"]
    assert sum(map(len, kept.failed.values())) <= 8 * 40
    assert world.named("spread-guessing")
