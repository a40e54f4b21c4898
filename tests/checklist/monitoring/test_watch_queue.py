"""A queue that one sender clogs: told whoever he is, and held where nobody stands for him."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.monitoring.watch_queue import watch
from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Dimension, HoldQueued, Key, Restrain, Rung, Seen, Traffic, Waits

BAD = "x@forged.example"
SENDER: Key = (Dimension.SENDER, BAD)
NOBODY: Key = (Dimension.USER, "")
CLIENT: Key = (Dimension.CLIENT, "203.0.113.9")
FROM_ONE = Waits(BAD, 120, client="203.0.113.9")
CLOGGED = Traffic(600.0, waiting=400, waits=(FROM_ONE,), good_messages=1000, days=30.0)


def alarms(traffic: Traffic) -> list[Alarm]:
    return list(watch(traffic))


def held(alarm: Alarm) -> list[object]:
    return [wish.match for wish in alarm.wishes if isinstance(wish, HoldQueued)]


def test_a_fifth_of_the_queue_of_one_sender_is_held_and_where_it_comes_from_is_put_off() -> None:
    (alarm,) = alarms(CLOGGED)
    assert alarm.says.startswith(f"120 of the 400 messages that wait in the queue are of {BAD} (30%), from 203.0.113.9")
    assert held(alarm) == [(SENDER, NOBODY)]
    (restrain,) = [wish for wish in alarm.wishes if isinstance(wish, Restrain)]
    assert (restrain.match, restrain.rung) == ((CLIENT,), Rung.DEFER)


@pytest.mark.parametrize("traffic", [
    replace(CLOGGED, waiting=601), replace(CLOGGED, waits=(FROM_ONE._replace(messages=99),)),
    replace(CLOGGED, waits=()),
])  # fmt: skip
def test_less_than_a_fifth_or_than_a_hundred_clogs_nothing(traffic: Traffic) -> None:
    assert alarms(traffic) == []


@pytest.mark.parametrize(("waits", "why"), [
    (FROM_ONE._replace(user="ben"), "user ben has signed in"),
    (FROM_ONE._replace(good=12), "12 good messages of this sender are known"),
])  # fmt: skip
def test_what_a_user_has_handed_in_and_who_is_known_for_good_mail_is_told_and_not_held(waits: Waits, why: str) -> None:
    (alarm,) = alarms(replace(CLOGGED, waits=(waits,)))
    assert alarm.wishes == ()
    assert why in alarm.meanwhile


def test_what_this_machine_sends_is_held_only_where_it_is_known_what_is_usual() -> None:
    local = replace(CLOGGED, waits=(Waits(BAD, 120, local=120),))
    assert held(alarms(local)[0]) == [(SENDER, NOBODY)]
    (alarm,) = alarms(replace(local, days=2.0))
    assert alarm.wishes == () and "this machine itself" in alarm.meanwhile


def test_a_newsletter_that_somebody_vouches_for_may_wait_for_its_readers() -> None:
    seen = tuple(Seen(f"m{n}", float(n), "accepted", (SENDER, (Dimension.DKIM, "list.example"))) for n in range(50))
    (alarm,) = alarms(replace(CLOGGED, seen=seen))
    assert alarm.wishes == () and "vouches" in alarm.meanwhile


def test_what_explains_it_at_the_gateway_is_put_off_rather_than_the_server_before_the_queue() -> None:
    source: Key = (Dimension.NETWORK, "198.51.100.0/24")
    seen = tuple(Seen(f"m{n}", float(n), "accepted", (SENDER, source)) for n in range(50))
    (alarm,) = alarms(replace(CLOGGED, seen=seen))
    assert {wish.match for wish in alarm.wishes if isinstance(wish, Restrain)} == {(source,)}


def test_the_null_sender_has_a_name() -> None:
    (alarm,) = alarms(replace(CLOGGED, waits=(Waits("", 300),)))
    assert "of the null sender <> (75%), from many places" in alarm.says
    assert alarm.object == "sender <>"


def test_of_a_forged_sender_what_a_user_has_signed_in_for_is_not_meant() -> None:
    (alarm,) = alarms(replace(CLOGGED, waits=(Waits("boss@example.org", 300),)))
    assert held(alarm) == [((Dimension.SENDER, "boss@example.org"), NOBODY)]
