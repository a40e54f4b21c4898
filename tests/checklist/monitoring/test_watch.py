"""What rings for item 9, and what explains it: labelled floods within wanted mail, and wanted mail like a flood."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lockdown.checklist.monitoring.attribution import explanations
from lockdown.checklist.monitoring.watch import watch
from lockdown.config import Settings
from lockdown.mime.texture import texture
from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Dimension, Nature, Restrain, Rung, Stage, Traffic
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window
from tests.checklist.monitoring.traffic import SECOND, START, Town

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
CLIENT, NETWORK, BODY = Dimension.CLIENT, Dimension.NETWORK, Dimension.BODY


@pytest.fixture
def town() -> Town:
    """Two hours of wanted mail lie behind it."""
    made = Town()
    made.wanted_for(2 * HOUR)
    return made


def matches(alarm: Alarm) -> list[dict[Dimension, str]]:
    return [dict(wish.match) for wish in alarm.wishes if isinstance(wish, Restrain)]


def of(traffic: Traffic | Unknown | None) -> set[str]:
    window = Window(START, START, (), (), traffic=traffic)
    return {alarm.name.partition(".")[2] for alarm in watch(window, Settings())}


def test_wanted_mail_is_quiet(town: Town) -> None:
    assert town.alarms() == {}


def test_where_nobody_counts_nothing_rings_and_what_cannot_be_counted_does() -> None:
    assert of(None) == set()
    assert of(Unknown("the log is damaged")) == {"cannot-watch"}
    assert of(Traffic(600.0, unseen="traffic.json cannot be read")) == {"cannot-watch"}


# ── one source ──


def bomb(town: Town, number: int, client: str = "203.0.113.9") -> None:
    """Copies to one person, each from another address that nobody has proved."""
    for index in range(number):
        town.comes(
            client=client, sender=f"x{index}@forged{index}.example", to=["anna@example.org"], body=["bomb"],
            subject="read this now",
        )  # fmt: skip


def test_a_single_source_is_answered_by_its_address_before_a_hundred_messages(town: Town) -> None:
    bomb(town, 20)
    assert town.alarms() == {}
    bomb(town, 20)
    assert town.counter.hot
    alarm = town.alarms()["flood"]
    assert alarm.object == "client 203.0.113.9"
    first, other, *_ = [wish for wish in alarm.wishes if isinstance(wish, Restrain)]
    assert (first.match, first.rung) == (((CLIENT, "203.0.113.9"),), Rung.DEFER)
    assert other.match != first.match, "of two hours nobody knows that no good mail comes from there"
    assert (first.coverage, first.spill) == (1.0, 0.0)
    assert "100% from 203.0.113.9, no good mail of" in first.words
    assert "20 different, not proven, so not used" in alarm.says


def test_a_single_source_is_seen_however_much_other_mail_a_large_server_has(town: Town) -> None:
    newsletter(town, 2000)
    bomb(town, 59)
    assert town.alarms() == {}
    bomb(town, 1)
    assert town.alarms()["flood"].object == "client 203.0.113.9"


@pytest.mark.parametrize("different", [{"dkim": "monitor.example"}, {"to": ""}])
def test_many_messages_of_one_address_are_no_bomb_if_somebody_vouches_or_they_go_to_many(
    town: Town, different: dict[str, str]
) -> None:
    newsletter(town, 2000)
    for index in range(90):
        to = different.get("to", "anna@example.org") or f"u{index}@example.org"
        town.comes(client="203.0.113.9", sender="box@monitor.example", to=[to], dkim=different.get("dkim", ""),
                   body=[f"m{index}"], subject="a disk is full")  # fmt: skip
    assert town.alarms() == {}


def test_several_addresses_of_one_network_are_answered_as_the_network(town: Town) -> None:
    for host in range(8):
        bomb(town, 8, f"203.0.113.{host + 1}")
    assert {NETWORK: "203.0.113.0/24"} in matches(town.alarms()["flood"])[:1]


def test_a_wide_network_is_never_answered_to(town: Town) -> None:
    for third in range(64):
        bomb(town, 2, f"203.0.{third}.1")
    alarm = town.alarms()["forged-flood"]
    assert matches(alarm)[0] == {BODY: "bomb"}
    assert not any(Dimension.WIDE_NETWORK in match for match in matches(alarm))


def test_a_source_of_most_good_mail_is_not_answered_to_alone(town: Town) -> None:
    """A customer of a great provider runs wild: with it, hundreds of others would be put off."""
    for index in range(60):
        town.comes(
            client="198.51.100.1", sender=f"x{index}@firm0.example", to=["anna@example.org"], dkim="firm0.example",
            spf="firm0.example", body=["bomb"], subject="read this now", spam=9.0,
        )  # fmt: skip
    (alarm,) = town.alarms().values()
    assert matches(alarm), "it is answered"
    for match in matches(alarm):
        assert Dimension.BODY in match or Dimension.SUBJECT in match, match


def test_the_greatest_sources_are_named_by_no_explanation_of_one_value(town: Town) -> None:
    for index in range(60):
        town.comes(client="203.0.113.9", to=["anna@example.org"], body=["bomb"], spam=9.0, sender=f"x{index}@x.example")
    great = {(CLIENT, "203.0.113.9"): 100, (NETWORK, "203.0.113.0/24"): 100}
    traffic = replace(town.traffic(), greatest=frozenset(great), good=great, good_messages=100_000)
    found = explanations([one for one in traffic.seen if one.spam], traffic)
    assert found
    assert all(one.match not in (((CLIENT, "203.0.113.9"),), ((NETWORK, "203.0.113.0/24"),)) for one in found)


def test_a_client_that_we_trust_is_told_and_not_answered() -> None:
    town = Town('[gateway]\ntrusted_networks = ["203.0.113.9/32"]')
    town.wanted_for(HOUR)
    bomb(town, 100)
    alarm = town.alarms()["flood"]
    assert alarm.wishes == ()
    assert "a client that you trust" in alarm.meanwhile


def test_guessed_recipients_are_a_flood(town: Town) -> None:
    for index in range(40):
        town.comes(
            client="203.0.113.9", kind="rejected", to=["anna@example.org"],
            refused=[(f"guess{index}@example.org", "User unknown")],
        )  # fmt: skip
    assert "do not exist" in town.alarms()["flood"].says


def test_mail_that_the_server_behind_puts_off_is_nobodys_flood(town: Town) -> None:
    for _ in range(100):
        town.comes(client="203.0.113.9", kind="deferred", to=["anna@example.org"], body=["x"])
    assert town.alarms() == {}


@pytest.mark.parametrize("kind", ["deferred", "rejected"])
def test_what_an_answer_has_met_is_not_counted_again_or_it_would_never_end(town: Town, kind: str) -> None:
    for _ in range(50):
        town.comes(client="203.0.113.9", kind=kind, control="monitoring.restrained-mail", to=["anna@example.org"])
    assert town.alarms() == {}


# ── a botnet ──


def botnet(town: Town, minutes: int, addresses: int = 500, a_minute: int = 3) -> int:
    """Each a few, from forged senders to anybody here, all of the same text; wanted mail goes on."""
    number = 0
    for _ in range(minutes):
        for address in range(addresses):
            for _ in range(a_minute):
                number += 1
                town.comes(
                    client=f"{11 + address % 200}.{address % 250}.{address // 200}.7",
                    sender=f"s{number}@real{number % 900}.example",
                    to=[f"user{number % 200}@example.org"], body=["pills", "line"], subject=f"offer {number % 7} #",
                    hosts=["pills.example"],
                )  # fmt: skip
        town.pass_time(MINUTE)
        town.wanted(6)
    return number


def test_a_botnet_is_answered_by_what_it_says_and_no_sender_is_blamed(town: Town) -> None:
    botnet(town, 2)
    alarms = town.alarms()
    alarm = alarms["forged-flood"]
    assert matches(alarm)[0] in ({BODY: "pills"}, {BODY: "line"})
    assert all(wish.rung is Rung.QUARANTINE for wish in alarm.wishes if isinstance(wish, Restrain))
    assert "different, not proven, so not used" in alarm.says
    assert set(alarms) == {"forged-flood"}
    for wish in alarm.wishes:
        assert isinstance(wish, Restrain)
        assert wish.spill == 0.0
        assert not any(key[0] in (Dimension.SENDER, Dimension.SENDER_DOMAIN) for key in wish.match)


WORDS = [f"{first}{second}" for first in ("wonder", "market", "silver", "garden", "letter") for second in
         ("able", "ing", "house", "ward", "ship", "ness", "land", "ers", "ful", "less", "man", "ly")]  # fmt: skip


def varied(town: Town, words: list[str]) -> str:
    """A tenth of the words is another one in each letter."""
    return " ".join(f"odd{town.chance.randrange(10**6)}" if town.chance.random() < 0.1 else word for word in words)


def varied_botnet(town: Town, number: int, spam_each: int = 0) -> None:
    """`spam_each`: one of so many looks like spam."""
    for index in range(number):
        text = varied(town, WORDS)
        town.comes(
            client=f"{11 + index % 200}.{index % 250}.7.7", sender=f"s{index}@real{index}.example",
            to=[f"user{index}@example.org"], body=[f"b{index}"], subject=f"s{index} of many",
            hosts=[f"h{index}.example"], texture=f"{texture(text):016x}",
            spam=9.0 if spam_each and not index % spam_each else 0.0,
        )  # fmt: skip


@pytest.mark.parametrize("spam_each", [0, 2])
def test_a_botnet_whose_every_letter_is_varied_is_answered_by_what_they_are_alike_in(
    town: Town, spam_each: int
) -> None:
    varied_botnet(town, 100, spam_each)
    alarm = town.alarms()["forged-flood"]
    (match, *_) = matches(alarm)
    assert list(match) == [Dimension.ALIKE]
    (wish, *_) = [wish for wish in alarm.wishes if isinstance(wish, Restrain)]
    assert wish.rung is Rung.QUARANTINE and wish.coverage > 0.8 and wish.spill == 0.0
    assert "with much the same text" in wish.words


def test_what_comes_later_and_is_alike_belongs_to_it_and_it_is_forgotten_with_the_window(town: Town) -> None:
    varied_botnet(town, 100)
    assert "forged-flood" in town.alarms()
    varied_botnet(town, 100)
    (key,) = [hitter.key for hitter in town.traffic().hitters if hitter.key[0] is Dimension.ALIKE]
    assert town.counter._counts[key] > 160
    town.pass_time(11 * MINUTE)
    assert town.traffic().messages == 0
    assert (town.counter._counts, town.counter._alike) == ({}, {})


def test_letters_to_whom_nobody_vouches_and_that_have_nothing_in_common_are_not_alike(town: Town) -> None:
    for index in range(300):
        words = [town.chance.choice(WORDS) + str(town.chance.choice("abcdefgh")) for _ in range(50)]
        town.comes(client=f"{11 + index % 200}.{index % 250}.7.7", sender=f"s{index}@real{index}.example",
                   body=[f"b{index}"], texture=f"{texture(' '.join(words)):016x}")  # fmt: skip
    assert town.alarms() == {}


def test_a_flood_that_went_on_does_not_become_good_mail(town: Town) -> None:
    for _ in range(30):
        bomb(town, 20)
        town.pass_time(MINUTE)
        alarm = town.alarms().get("flood")
        if alarm:
            town.counter.blame(wish.match for wish in alarm.wishes if isinstance(wish, Restrain))
    alarm = town.alarms()["flood"]
    assert matches(alarm)[0] == {CLIENT: "203.0.113.9"}
    assert "no good mail" in alarm.says


# ── wanted mail that looks like a flood ──


def newsletter(town: Town, number: int, **changes: object) -> None:
    fields = {
        "client": "192.0.2.80", "sender": "news@list.example", "dkim": "list.example", "spf": "list.example",
        "body": ["news"], "subject": "news of march", "hosts": ["list.example"], "lists": True, **changes,
    }  # fmt: skip
    for index in range(number):
        town.comes(to=[f"reader{index}@example.org"], **fields)  # type: ignore[arg-type]


def test_a_newsletter_to_five_thousand_is_no_flood(town: Town) -> None:
    newsletter(town, 5000)
    assert town.alarms() == {}


def test_a_newsletter_without_list_header_is_vouched_for(town: Town) -> None:
    newsletter(town, 500, lists=False)
    assert town.alarms() == {}


def test_a_vouched_letter_to_everybody_of_which_a_fifth_is_spam_is_no_newsletter(town: Town) -> None:
    newsletter(town, 400)
    newsletter(town, 100, spam=9.0)
    assert town.alarms() == {}, "a fifth alone is no flood, either"
    newsletter(town, 300, spam=9.0)
    assert "flood" in town.alarms()


def test_the_same_unvouched_and_as_spam_is_a_flood(town: Town) -> None:
    newsletter(town, 500, lists=False, dkim="", spf="", spam=9.0)
    assert matches(town.alarms()["flood"])[0] == {CLIENT: "192.0.2.80"}


def test_notifications_of_an_old_friend_to_one_person_are_no_flood(town: Town) -> None:
    for _ in range(60):
        for _ in range(4):
            town.comes(client="192.0.2.33", sender="notify@hub.example", to=["ben@example.org"], dkim="hub.example",
                       body=[f"n{town.now}"], subject="pull request #")  # fmt: skip
        town.pass_time(5 * MINUTE)
    for index in range(80):
        town.comes(client="192.0.2.33", sender="notify@hub.example", to=["ben@example.org"], dkim="hub.example",
                   body=[f"x{index}"], subject="pull request #")  # fmt: skip
    assert town.alarms() == {}


def test_what_comes_every_week_at_this_hour_is_usual() -> None:
    town = Town()

    def report() -> None:
        for index in range(200):
            town.comes(client="192.0.2.90", to=["dora@example.org"], body=[f"r{index % 2}"], spam=9.0)

    report()
    assert "flood" in town.alarms()
    for _ in range(2):
        town.pass_time(timedelta(days=7) - 10 * MINUTE, 2 * MINUTE)
        report()
        town.pass_time(10 * MINUTE)
    town.pass_time(timedelta(days=7) - 10 * MINUTE, 2 * MINUTE)
    report()
    assert town.alarms() == {}


def test_far_more_than_usual_with_nothing_in_common_is_told_and_nobody_is_answered_to() -> None:
    town = Town()
    town.wanted_for(timedelta(days=8), 5 * MINUTE)
    assert town.alarms() == {}
    for number in range(400):
        town.comes(client=f"{11 + number % 200}.{number // 200}.1.1", sender=f"s{number}@x{number}.example",
                   to=[f"r{number}@example.org"], body=[f"b{number}"], subject=f"word{number} and others")  # fmt: skip
    alarm = town.alarms()["inflow"]
    assert alarm.wishes == ()
    assert "403 messages" in alarm.says


def test_a_newsletter_is_not_more_than_usual() -> None:
    town = Town()
    town.wanted_for(timedelta(days=8), 5 * MINUTE)
    newsletter(town, 3000)
    assert town.alarms() == {}


def test_a_flood_that_goes_on_for_hours_does_not_become_usual(town: Town) -> None:
    for _ in range(150):
        bomb(town, 30)
        for alarm in town.alarms().values():
            town.counter.blame(wish.match for wish in alarm.wishes if isinstance(wish, Restrain))
        town.pass_time(MINUTE)
    assert "flood" in town.alarms()


# ── other classes ──


def test_large_mail_that_fills_a_mailbox_within_the_hour_is_told_with_the_time(town: Town) -> None:
    for index in range(60):
        town.comes(client="203.0.113.9", sender=f"x{index}@a.example", to=["anna@example.org"], size=25_000_000)
        town.pass_time(SECOND)
    alarm = town.alarms()["byte-bomb"]
    assert "is full in" in alarm.says
    assert matches(alarm)[0] == {CLIENT: "203.0.113.9"}


@pytest.mark.parametrize(("free", "says"), [
    (300_000_000, "has room for 300 MB and is full in"), (0, "anna@example.org gets 250 MB, and is full"),
])  # fmt: skip
def test_where_the_mail_server_says_how_much_still_fits_that_is_what_counts(town: Town, free: int, says: str) -> None:
    town.counter.ask_room = lambda recipient: free
    for index in range(50):
        town.comes(client="203.0.113.9", sender=f"x{index}@a.example", to=["anna@example.org"], size=5_000_000)
    assert says in town.alarms()["byte-bomb"].says


def test_a_mailbox_with_room_for_days_is_not_about_to_be_full(town: Town) -> None:
    town.counter.ask_room = lambda recipient: 10**12
    for index in range(50):
        town.comes(client="203.0.113.9", sender=f"x{index}@a.example", to=["anna@example.org"], size=5_000_000)
    assert set(town.alarms()) == {"flood"}


def test_the_mail_server_is_asked_once_a_minute_and_only_of_whom_much_comes_to(town: Town) -> None:
    asked: list[str] = []
    town.counter.ask_room = lambda recipient: asked.append(recipient)
    for _ in range(3):
        for index in range(50):
            town.comes(client="203.0.113.9", sender=f"x{index}@a.example", to=["anna@example.org"], size=5_000_000)
        town.traffic()
    town.pass_time(MINUTE)
    town.traffic()
    assert asked == ["anna@example.org"] * 2


def bounces(town: Town, number: int, nature: str, to: str = "carla@example.org") -> None:
    for index in range(number):
        town.comes(client=f"192.0.2.{index}", sender="", to=[to], nature=nature, body=[f"{nature}{index}"])


def test_bounces_are_told_and_where_nobody_knows_what_went_out_none_is_held(town: Town) -> None:
    bounces(town, 20, "")
    assert "backscatter" not in town.alarms()
    bounces(town, 1, "")
    alarm = town.alarms()["backscatter"]
    assert alarm.object == "carla@example.org"
    assert "is not known" in alarm.says
    assert alarm.wishes == ()


def test_of_a_flood_of_bounces_those_of_foreign_letters_are_held_and_no_others(town: Town) -> None:
    bounces(town, 40, Nature.OWN_BOUNCE)
    assert "backscatter" not in town.alarms(), "of letters from here as many as there are"
    bounces(town, 30, Nature.FOREIGN_BOUNCE)
    bounces(town, 10, "")
    alarm = town.alarms()["backscatter"]
    (wish,) = alarm.wishes
    assert isinstance(wish, Restrain)
    assert dict(wish.match) == {
        Dimension.SENDER: "", Dimension.RECIPIENT: "carla@example.org", Dimension.NATURE: Nature.FOREIGN_BOUNCE,
    }  # fmt: skip
    assert (wish.rung, wish.coverage) == (Rung.QUARANTINE, 0.75)
    assert "30 name letters, and none of these went out here" in alarm.says


def test_foreign_bounces_to_many_people_are_nobodys_flood(town: Town) -> None:
    for number in range(10):
        bounces(town, 10, Nature.FOREIGN_BOUNCE, f"user{number}@example.org")
    assert "backscatter" not in town.alarms()


def subscribed(town: Town, number: int, nature: str) -> None:
    """So many shops write to one recipient, and somebody vouches for each."""
    for index in range(number):
        town.comes(client=f"192.0.2.{index}", sender=f"no-reply@shop{nature[:1]}{index}.example",
                   to=["zoe@example.org"], dkim=f"shop{nature[:1]}{index}.example", body=[f"c{nature}{index}"],
                   subject="confirm your subscription", nature=nature)  # fmt: skip


def test_a_subscription_bomb_blames_nobody_and_what_nobody_has_asked_for_waits(town: Town) -> None:
    subscribed(town, 60, Nature.UNASKED)
    subscribed(town, 20, "")
    alarm = town.alarms()["subscription-bomb"]
    assert alarm.object == "zoe@example.org"
    assert "80 messages of 80 domains" in alarm.says
    (wish,) = alarm.wishes
    assert isinstance(wish, Restrain)
    assert wish.match == ((Dimension.RECIPIENT, "zoe@example.org"), (Dimension.NATURE, Nature.UNASKED))
    assert (wish.rung, wish.coverage) == (Rung.QUARANTINE, 0.75)


def test_a_subscription_bomb_is_seen_however_much_other_mail_a_large_server_has(town: Town) -> None:
    newsletter(town, 2000)
    subscribed(town, 20, Nature.UNASKED)
    assert len(town.alarms()["subscription-bomb"].wishes) == 1


def test_an_address_to_which_many_firms_write_all_day_is_not_bombed_by_their_letters(town: Town) -> None:
    newsletter(town, 2000)
    subscribed(town, 100, "")
    subscribed(town, 19, Nature.UNASKED)
    assert town.alarms() == {}


def test_on_a_mailing_list_people_of_many_domains_write_and_nobody_is_signed_up_everywhere(town: Town) -> None:
    for index in range(80):
        town.comes(client="192.0.2.7", sender=f"list-bounce+{index}@lists.example", to=["zoe@example.org"], lists=True,
                   dkim=f"writer{index}.example", body=[f"c{index}"], nature=Nature.UNASKED)  # fmt: skip
    assert town.alarms() == {}


def test_where_hardly_any_is_a_confirmation_of_a_stranger_it_is_told_alone(town: Town) -> None:
    subscribed(town, 19, Nature.UNASKED)
    subscribed(town, 60, "")
    alarm = town.alarms()["subscription-bomb"]
    assert alarm.wishes == ()
    assert "they are delivered" in alarm.meanwhile


def test_confirmations_that_come_to_everybody_are_no_flood(town: Town) -> None:
    for index in range(100):
        town.comes(client=f"192.0.2.{index}", sender=f"no-reply@shop{index}.example", to=[f"u{index}@example.org"],
                   dkim=f"shop{index}.example", body=[f"c{index}"], nature=Nature.UNASKED)  # fmt: skip
    assert town.alarms() == {}


def test_what_a_user_hands_in_is_counted_by_user(town: Town) -> None:
    for index in range(60):
        town.counter.take_queued(town.now, f"Q{index}", "ben", "203.0.113.50", "ben@example.org", 4000, 30)
        town.comes(client=f"192.0.2.{index}", to=[f"u{index}@example.org"], dkim="d.example")
    traffic = town.traffic()
    (hitter,) = [one for one in traffic.hitters if one.key == (Dimension.USER, "ben")]
    assert (hitter.messages, hitter.recipients) == (60, 1800)


def test_relay_seekers_are_a_trend_and_no_alarm_each(town: Town) -> None:
    for index in range(199):
        town.comes(client=f"192.0.2.{index % 250}", kind="rejected", control="relaying.open-to-strangers",
                   refused=[("x@far.example", "Relay access denied")], to=["none@example.org"])  # fmt: skip
    assert "relay-seekers" not in town.alarms()
    town.comes(client="192.0.2.1", kind="rejected", control="relaying.open-to-strangers",
               refused=[("x@far.example", "Relay access denied")])  # fmt: skip
    assert "200 messages" in town.alarms()["relay-seekers"].says


def test_a_slow_stage_is_named_with_what_to_look_at() -> None:
    stages = (Stage("in the queue manager", 0.1, 0.1), Stage("connecting", 40.0, 0.5), Stage("transmitting", 3.0, 1.0))
    traffic = Traffic(600.0, stages=stages, deliveries=50)
    (alarm,) = watch(Window(START, START, (), (), traffic=traffic), Settings())
    assert (alarm.name, alarm.object) == ("monitoring.delivery-is-slow", "connecting")
    assert "deferred" in alarm.meanwhile
    assert of(replace(traffic, deliveries=5)) == set()
    assert of(replace(traffic, stages=(Stage("connecting", 40.0, 30.0),))) == set()
