"""Hijacked accounts are held in time and honest ones are not; who guesses passwords is told from who has an old one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lockdown.checklist.monitoring.account_score import in_words, score, weights
from lockdown.config import read_settings
from lockdown.model.traffic import Dimension, Doors, Grip, HoldQueued, Restrain
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window
from tests.checklist.monitoring.accounts_world import ANNA, HOME, NOON, THIEF, TRIP, World


@pytest.fixture
def world() -> World:
    found = World()
    found.usual_weeks()
    return found


def until_held(world: World, seconds: float, most: int = 400, address: str = THIEF) -> int:
    """How many strangers it writes to, one every so many seconds, until it is to be held."""
    for number in range(1, most):
        world.writes(ANNA, f"victim{number}@victims{number % 7}.example", address=address)
        if (world.grip() or Grip.TELL) >= Grip.HOLD_OUTBOUND:
            return number
        world.later(seconds=seconds)
    return most


def test_a_thief_who_is_fast_is_held_before_fifty_recipients(world: World) -> None:
    world.signs_in(ANNA, THIEF)
    assert until_held(world, 3600 / 2000) < 50


def test_a_thief_in_the_owners_own_computer_is_held_before_fifty_recipients_too(world: World) -> None:
    assert until_held(world, 3600 / 2000, address=HOME) < 50


def test_a_thief_who_is_slow_is_held_before_two_hundred(world: World) -> None:
    world.signs_in(ANNA, THIEF)
    assert until_held(world, 3600 / 40) < 200


def test_who_got_in_after_a_spray_is_held_sooner_and_then_locked(world: World) -> None:
    for name in ("bob", "carol", "dan", "eve"):
        world.fails(f"{name}@example.org", THIEF)
    world.signs_in(ANNA, THIEF)
    assert world.grip() is Grip.TELL
    assert until_held(world, 1.8) < 25
    for number in range(40):
        world.writes(ANNA, f"more{number}@example.com", address=THIEF)
    assert world.grip() is Grip.LOCK


def test_an_owner_who_was_let_go_may_do_the_same_again(world: World) -> None:
    for _ in range(2):
        world.signs_in(ANNA, TRIP)
        for number in range(60):
            world.writes(ANNA, f"merged{number}@club{number % 9}.example", address=TRIP)
            world.later(seconds=2)
        held, _ = world.grip(), world.lets_go(ANNA, was_owner=True)
        assert world.grip() is None
        world.later(days=2)
    assert held is None


def test_a_thief_who_is_let_go_by_mistake_is_held_again_by_what_he_does_then(world: World) -> None:
    world.signs_in(ANNA, THIEF)
    first = until_held(world, 1.8)
    world.lets_go(ANNA, was_owner=False)
    assert world.grip() is None
    account = next(one for one in world.ledger.facts(world.now).accounts if one.user == ANNA)
    assert account.day.external == 0
    assert sum("victim" in one.recipient for one in account.left) == first, "whom to warn is told all the same"
    world.later(minutes=5)
    world.signs_in(ANNA, THIEF)
    for number in range(60):
        world.writes(ANNA, f"next{number}@example.com", address=THIEF)
        world.later(seconds=1.8)
        if (world.grip() or Grip.TELL) >= Grip.HOLD_OUTBOUND:
            break
    assert number < 50
    assert first < 50


def test_the_reasons_are_printed_with_their_weights_and_what_left_is_listed(world: World) -> None:
    for name in ("bob", "carol", "dan"):
        world.fails(f"{name}@example.org", THIEF)
    world.signs_in(ANNA, THIEF)
    for number in range(40):
        world.writes(ANNA, f"victim{number}@example.com", address=THIEF)
    alarm = next(alarm for alarm in world.alarms() if alarm.object == ANNA)
    assert "+3.7 new network 203.0.113.0/24, from which 3 other accounts were tried before" in alarm.says
    assert "40 recipients this hour that it never wrote to before" in alarm.says
    assert any(one.source == "what left today" and "victim39@example.com" in one.text for one in alarm.evidence)
    assert HoldQueued(((Dimension.USER, ANNA),), alarm.says.partition("): ")[2].removesuffix(".")) in alarm.wishes


def test_the_score_is_the_sum_of_what_is_printed(world: World) -> None:
    world.signs_in(ANNA, TRIP)
    for number in range(30):
        world.writes(ANNA, f"victim{number}@example.com", status="bounced", dsn="5.1.1")
    account = next(one for one in world.ledger.facts(world.now).accounts if one.user == ANNA)
    found = weights(account)
    assert "recipients do not exist (100%)" in in_words(found)
    assert score(found) == pytest.approx(sum(weight.points for weight in found), abs=0.01)


def test_a_newsletter_to_known_people_trips_nothing(world: World) -> None:
    readers = [f"reader{number}@readers{number % 30}.example" for number in range(800)]
    for reader in readers:
        world.receives(ANNA, reader)  # they have subscribed
    world.later(hours=1)
    for reader in readers[:450]:
        world.writes(ANNA, reader, size=20_000)
    assert world.grip() is None


def test_a_newsletter_as_large_as_those_before_passes_the_cap(world: World) -> None:
    readers = [f"reader{number}@readers{number % 30}.example" for number in range(800)]
    for month in range(2):
        for reader in readers:
            world.writes(ANNA, reader, size=20_000)
        if month == 0:
            world.later(days=30)
            world.usual_weeks(days=2)
    assert world.grip() is None


def test_an_invitation_to_eighty_new_people_in_one_letter_trips_nothing(world: World) -> None:
    guests = [f"guest{number}@club{number % 40}.example" for number in range(80)]
    world.writes(ANNA, *guests)
    for number in range(6):
        world.writes(ANNA, f"friend{number}@example.net")
    assert world.grip() is None


def test_an_invitation_in_two_halves_and_its_reminder_hold_nothing(world: World) -> None:
    guests = [f"guest{number}@club{number % 40}.example" for number in range(80)]
    world.writes(ANNA, *guests[:40])
    world.writes(ANNA, *guests[40:])
    world.later(minutes=30)
    world.writes(ANNA, *guests)
    assert world.grip() in (None, Grip.TELL)


def test_a_thief_who_writes_letters_to_fifty_at_a_time_is_held_after_the_second(world: World) -> None:
    world.signs_in(ANNA, THIEF)
    for letter in range(2):
        world.writes(ANNA, *(f"v{letter}-{number}@victims{number % 7}.example" for number in range(50)), address=THIEF)
    assert world.grip() is Grip.HOLD_OUTBOUND


def test_who_got_in_after_a_spray_is_told_of_though_the_account_had_slept(world: World) -> None:
    for name in ("bob", "carol", "dan"):
        world.fails(f"{name}@example.org", THIEF)
    world.signs_in("sleeper@example.org", THIEF)
    world.writes("sleeper@example.org", "victim@example.com", address=THIEF)
    assert world.grip("sleeper@example.org") is Grip.TELL


def test_an_owner_is_one_for_thirty_days_and_no_longer(world: World) -> None:
    world.later(days=29)
    for number in range(12):
        world.fails(f"user{number}@example.org", HOME)
    assert world.ledger.facts(world.now).guessers[0].owner
    world.later(days=2)
    for number in range(12):
        world.fails(f"user{number}@example.org", HOME)
    assert not world.ledger.facts(world.now).guessers[0].owner
    assert world.named("password-guessing")[0].wishes


@pytest.mark.parametrize(("days", "grip"), [(20, None), (40, Grip.TELL)])
def test_a_success_after_a_spray_counts_where_nobody_is_at_home_any_more(
    world: World, days: int, grip: Grip | None
) -> None:
    world.later(days=days)
    for name in ("bob", "carol", "dan"):
        world.fails(f"{name}@example.org", HOME)
    world.signs_in("sleeper@example.org", HOME)
    world.writes("sleeper@example.org", "victim@example.com", address=HOME)
    assert world.grip("sleeper@example.org") is grip


def test_one_who_tries_three_accounts_a_day_is_seen_within_ten(world: World) -> None:
    for number in range(30):
        world.fails(f"user{number}@example.org", THIEF)
        world.later(hours=6)
        if world.named("password-guessing"):
            break
    assert number < 29
    assert "within 7d" in world.named("password-guessing")[0].says


def test_a_trip_trips_nothing(world: World) -> None:
    world.signs_in(ANNA, TRIP)
    for number in range(6):
        world.writes(ANNA, f"hotel{number}@example.com", address=TRIP)
        world.later(minutes=20)
    assert world.grip() is None


def test_a_holiday_responder_trips_nothing(world: World) -> None:
    for number in range(120):
        sender = f"customer{number}@customers.example"
        world.receives(ANNA, sender)
        world.writes(ANNA, sender, size=900)
        world.later(minutes=10)
        assert world.grip() is None


def test_the_cap_holds_what_no_sign_speaks_against(world: World) -> None:
    friends = [f"old{number}@example.net" for number in range(600)]
    for friend in friends:
        world.receives(ANNA, friend)
    for friend in friends:
        world.writes(ANNA, friend)
        world.later(seconds=5)
    assert world.grip() is Grip.HOLD_OUTBOUND
    assert "the cap is 500" in next(alarm for alarm in world.alarms() if alarm.object == ANNA).says


def test_a_young_history_is_not_taken_for_a_theft() -> None:
    world = World()
    world.signs_in(ANNA, HOME)
    for number in range(25):
        world.writes(ANNA, f"customer{number}@example.com")
        world.later(minutes=2)
    assert world.grip() is None


def test_who_sends_nothing_is_told_of_and_keeps_his_mail(world: World) -> None:
    world.later(days=2)
    for number in range(10):
        for name in ("bob", "carol", "dan"):
            world.fails(f"{name}@example.org", f"203.0.{number}.9")
        world.signs_in(ANNA, f"203.0.{number}.9")
    assert world.grip() in (None, Grip.TELL)


# ── passwords ──


def test_an_old_password_in_a_phone_is_told_and_never_shut_out(world: World) -> None:
    for _ in range(100):
        world.fails(ANNA, HOME)
        world.later(minutes=5)
    assert [alarm.object for alarm in world.named("old-password")] == [f"{ANNA} 192.0.2.0/24"]
    assert "every 300 s" in world.named("old-password")[0].says
    assert world.named("password-guessing") == []


def test_one_address_that_sprays_slowly_is_seen_within_the_day() -> None:
    world = World()
    for number in range(144):
        world.fails(f"user{number % 40}@example.org", THIEF)
        world.later(minutes=10)
        if found := world.named("password-guessing"):
            break
    assert number * 10 < 24 * 60
    wish = found[0].wishes[0]
    assert isinstance(wish, Restrain)
    assert wish.match == ((Dimension.CLIENT, THIEF),)
    assert wish.doors is Doors.SIGN_IN


def test_two_hundred_addresses_of_one_try_a_day_are_seen_by_the_account() -> None:
    world = World()
    for number in range(200):
        world.fails(ANNA, f"198.{number}.100.7")
        world.later(minutes=7)
        if found := world.named("spread-guessing"):
            break
    assert number < 20
    assert found[0].object == ANNA
    assert found[0].wishes == ()  # one try proves nothing against an address
    for number in range(20):
        for _ in range(3):
            world.fails(ANNA, f"198.{number}.100.7")
    assert len(world.named("spread-guessing")[0].wishes) == 20


def test_a_spray_of_one_try_from_each_of_many_networks_is_seen_and_shuts_nobody_out() -> None:
    world = World()
    for number in range(30):
        world.signs_in(f"user{number}@example.org", f"192.0.2.{number}")
    world.later(days=1)
    for number in range(30):
        world.fails(f"user{number}@example.org", f"198.{number}.100.7")
        world.later(hours=2)
        if found := world.named("spread-spraying"):
            break
    assert number < 15
    assert "of 10 accounts in use are tried from 10 networks within 1d" in found[0].says.replace("Passwords ", "")
    assert found[0].wishes == ()
    assert world.named("password-guessing") == []


def test_guesses_at_names_that_nobody_uses_are_no_campaign_nor_are_owners_who_mistype() -> None:
    world = World()
    for number in range(60):
        world.fails(f"guess{number}@example.org", f"198.{number}.100.7")
    for number in range(20):
        world.signs_in(f"user{number}@example.org", f"192.0.{number}.9")
        world.fails(f"user{number}@example.org", f"192.0.{number}.9")
    assert world.named("spread-spraying") == []


def test_failures_that_only_the_end_of_a_connection_tells_are_counted() -> None:
    world = World()
    for _ in range(20):
        world.hangs_up(THIEF, 5)
        world.later(minutes=30)
    found = world.ledger.facts(world.now).guessers[0]
    assert found.within[-1].failures == 100
    assert world.ledger.facts(NOON - timedelta(days=2)).guessers == ()  # a clock that jumps back invents nothing


def test_a_network_of_an_owner_is_told_but_not_shut_out(world: World) -> None:
    for number in range(30):
        world.fails(f"user{number}@example.org", HOME)
    alarm = world.named("password-guessing")[0]
    assert alarm.wishes == ()
    assert "is not shut out" in alarm.says


def test_who_got_in_by_guessing_does_not_become_an_owner() -> None:
    world = World()
    for number in range(12):
        world.fails(f"user{number}@example.org", THIEF)
    world.signs_in("user3@example.org", THIEF)
    assert world.named("password-guessing")[0].wishes


def test_three_mistakes_of_one_person_are_no_attack() -> None:
    world = World()
    for _ in range(3):
        world.fails(ANNA, HOME)
    assert world.alarms() == []


def test_blindness_is_told() -> None:
    from lockdown.checklist.monitoring.accounts import watch

    settings = read_settings([("lockdown.toml", "")]).settings
    found = list(watch(Window(NOON, NOON, (), (), accounts=Unknown("no log")), settings))
    assert [alarm.name for alarm in found] == ["monitoring.accounts-unseen"]
    assert list(watch(Window(NOON, NOON, (), ()), settings)) == []
