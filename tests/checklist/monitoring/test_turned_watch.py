"""Whoever knows how the watch judges, and writes so that it is blind or hits somebody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Dimension, Match, Restrain, Rung
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
