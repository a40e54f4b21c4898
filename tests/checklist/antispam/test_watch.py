"""What rings for item 2, from literals: once where it must, once where it must not, once where nothing can be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.checklist.antispam.watch import MOST_OBJECTS, watch
from lockdown.config import Settings, read_settings
from lockdown.model.alarm import Alarm, BlockFor
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown
from lockdown.model.window import EngineHealth, Event, Lessons, ListHealth, Share, Window

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RSPAMD = "rspamd://127.0.0.1:11333"
QUIET = Window(NOW, NOW - 15 * MINUTE, (), ())


def policy(text: str = "") -> Settings:
    return read_settings([("lockdown.toml", f'[antispam]\nengines = ["builtin", "{RSPAMD}"]\n{text}')]).settings


def event(number: int, *, network: str = "203.0.113", **changes: object) -> Event:
    plain = Event(
        f"ID{number}", NOW - MINUTE, "accepted", f"{network}.{number % 250 + 1}", f"{network}.0/24", False,
        (f"user{number}@example.org",), points=0.0, dns=True,
    )  # fmt: skip
    return plain._replace(**changes)  # type: ignore[arg-type]


def spam(number: int, **changes: object) -> Event:
    values = {"kind": "quarantined", "control": "antispam.score", "points": 9.0, **changes}
    return event(number, **values)  # type: ignore[arg-type]


def alarms(window: Window, settings: Settings | None = None) -> dict[str, Alarm]:
    found = list(watch(window, settings or policy()))
    assert len({alarm.key for alarm in found}) == len(found)
    return {alarm.name.partition(".")[2]: alarm for alarm in found}


def with_events(*events: Event) -> Window:
    return replace(QUIET, events=events)


def test_a_quiet_window_is_quiet() -> None:
    assert alarms(with_events(*map(event, range(100)))) == {}


# ── engines, lists, model, lessons ──


def test_a_filter_that_is_down_rings_after_two_minutes() -> None:
    def down(since: timedelta) -> Window:
        return replace(QUIET, engines=(EngineHealth(RSPAMD, "antispam", False, NOW - since, "no answer"),))

    alarm = alarms(down(3 * MINUTE))["engine-down"]
    assert "since 02:57 UTC" in alarm.says
    assert "delivered unjudged by it" in alarm.meanwhile
    assert alarms(down(MINUTE)) == {}


def test_a_filter_that_takes_spam_for_plain_rings_at_once() -> None:
    lying = EngineHealth(RSPAMD, "antispam", False, NOW, "GTUBE", lies=True)
    assert set(alarms(replace(QUIET, engines=(lying,)))) == {"engine-lies"}


def test_an_antivirus_engine_is_not_ours() -> None:
    clamd = EngineHealth("clamd:///run/clamd", "antivirus", False, NOW - HOUR)
    assert alarms(replace(QUIET, engines=(clamd,))) == {}


def test_a_classifier_without_a_model_rings_where_it_is_used() -> None:
    window = replace(QUIET, model=Unknown("the model is damaged"))
    assert "damaged" in alarms(window)["model-unavailable"].says
    only_rspamd = read_settings([("lockdown.toml", f'[antispam]\nengines = ["{RSPAMD}"]')]).settings
    assert alarms(window, only_rspamd) == {}


@pytest.mark.parametrize(("passes", "rings"), [(True, False), (None, False), (False, True)])
def test_a_blocklist_rings_when_it_fails_its_own_test(passes: bool | None, rings: bool) -> None:
    window = replace(QUIET, lists=(ListHealth("bl.example", passes, "it lists everything"),))
    assert ("blocklist-disabled" in alarms(window)) is rings


def test_lessons_beyond_what_counts_ring_with_who_gave_them() -> None:
    window = replace(QUIET, lessons=(Lessons("rival.example", True, 60, 8, "eve"),))
    alarm = alarms(window)["learning-poisoned"]
    assert "by eve" in alarm.says
    assert "only 8 of them count" in alarm.meanwhile
    assert alarms(replace(QUIET, lessons=(Lessons("rival.example", True, 20, 8, "eve"),))) == {}


# ── the resolver ──


def silent(count: int, networks: int = 50) -> tuple[Event, ...]:
    return tuple(event(number, network=f"198.51.{number % networks}", dns=False) for number in range(count))


def test_a_silent_resolver_rings() -> None:
    assert "SPF" in alarms(with_events(*silent(6)))["resolver-down"].meanwhile


def test_a_resolver_that_went_silent_within_the_window_rings_before_the_window_is_full_of_it() -> None:
    window = with_events(*map(event, range(60)), *silent(30))
    assert "resolver-down" in alarms(window)


def test_some_domains_without_an_answer_are_no_silent_resolver() -> None:
    assert alarms(with_events(*silent(4), *map(event, range(6)))) == {}
    assert alarms(with_events(*silent(20, networks=1))) == {}


def test_where_no_resolver_is_set_none_can_be_down() -> None:
    assert alarms(with_events(*silent(20)), policy("resolvers = []")) == {}


# ── messages ──


def test_many_that_claim_to_be_us_are_a_wave_and_nobody_is_blocked_for_it() -> None:
    control = "antispam.forged-own-domain"
    met = [event(number, network=f"198.51.{number}", kind="quarantined", control=control) for number in range(10)]
    alarm = alarms(with_events(*met))["forged-wave"]
    assert "10 messages claim to come from you; networks: 10," in alarm.says
    assert alarm.answer is None
    assert alarms(with_events(*met[:9])) == {}


def test_the_twentieth_spam_of_a_network_asks_for_a_block_of_an_hour() -> None:
    met = [spam(number) for number in range(20)]
    alarm = alarms(with_events(*met))["spam-wave"]
    assert (alarm.object, alarm.answer) == ("203.0.113.0/24", BlockFor("203.0.113.0/24", HOUR))
    assert "spam-wave" not in alarms(with_events(*met[:19]))


def test_spam_that_was_only_marked_asks_for_no_block() -> None:
    met = [spam(number, kind="accepted") for number in range(30)]
    assert "spam-wave" not in alarms(with_events(*met))


def test_a_provider_whose_mail_is_mostly_wanted_is_told_of_and_not_blocked() -> None:
    window = with_events(*[spam(number) for number in range(20)], *map(event, range(20, 40)))
    assert alarms(window)["spam-wave"].answer is None


def test_more_networks_than_are_told_one_by_one_are_counted() -> None:
    met = [spam(number, network=f"198.51.{number // 20}") for number in range(20 * (MOST_OBJECTS + 3))]
    found = [alarm for alarm in watch(with_events(*met), policy()) if "spam-wave" in alarm.name]
    assert len(found) == MOST_OBJECTS + 1
    assert any("3 more networks" in alarm.says for alarm in found)


def test_spam_from_a_client_that_we_trust_rings_high_and_is_not_blocked() -> None:
    met = [spam(number, client="10.0.0.7", network="10.0.0.0/24", trusted=True) for number in range(30)]
    alarm = alarms(with_events(*met))["spam-from-inside"]
    assert (alarm.object, alarm.severity, alarm.answer) == ("10.0.0.7", Severity.HIGH, None)
    assert "spam-wave" not in alarms(with_events(*met))
    assert alarms(with_events(*met[:9])) == {}


def usual(window: Window, spam_count: int, of: int) -> Window:
    return replace(window, usual=Share(spam_count, of))


def test_five_times_as_much_spam_as_before_is_a_drift() -> None:
    mixed = with_events(*[spam(number, network=f"198.51.{number}") for number in range(15)], *map(event, range(45)))
    assert "25% of the last 60" in alarms(usual(mixed, 20, 1000))["score-drift"].says
    assert alarms(usual(mixed, 100, 1000)) == {}


@pytest.mark.parametrize("before", [None, Share(0, 100)])
def test_where_little_is_known_of_before_there_is_no_drift(before: Share | None) -> None:
    mixed = with_events(*[spam(number, network=f"198.51.{number}") for number in range(60)])
    assert "score-drift" not in alarms(replace(mixed, usual=before))


def test_a_handful_of_messages_is_no_drift() -> None:
    mixed = with_events(*[spam(number, network=f"198.51.{number}") for number in range(15)])
    assert "score-drift" not in alarms(usual(mixed, 1, 1000))


def test_messages_that_no_engine_has_judged_are_no_spam() -> None:
    window = with_events(*[event(number, points=None) for number in range(100)])
    assert alarms(usual(window, 1, 1000)) == {}


# ── settings ──


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        ({"antispam.engines": ("builtin", RSPAMD, "spamd://old")}, "", "with spamd://old"),
        ({"antispam.unavailable": "defer"}, "", "antispam.unavailable was defer and is accept-and-mark"),
        ({"antispam.dmarc": "honour"}, 'dmarc = "mark"', "antispam.dmarc was honour and is mark"),
        ({"antispam.hold": 8.0}, "hold = 12.0", "antispam.hold was 8 and is 12"),
        ({"antispam.deny": ("bad.example",)}, "", "with bad.example"),
    ],
)
def test_what_became_looser_rings(before: dict[str, object], now: str, says: str) -> None:
    alarm = alarms(replace(QUIET, accepted=before), policy(now))["loosened"]  # type: ignore[arg-type]
    assert says in alarm.says
    assert alarm.accepted_by_closing


def test_what_became_stricter_or_makes_no_sense_does_not_ring() -> None:
    stricter = {"antispam.hold": 12.0, "antispam.unavailable": "accept-and-mark", "antispam.engines": ("builtin",)}
    assert alarms(replace(QUIET, accepted=stricter)) == {}
    assert alarms(replace(QUIET, accepted={"antispam.hold": "many", "antispam.dmarc": 7, "antispam.engines": 1})) == {}


# ── unknown ──


@pytest.mark.parametrize(
    ("window", "what"),
    [
        (replace(QUIET, events=Unknown("the disk is broken")), "the log"),
        (replace(QUIET, engines=Unknown("nobody told")), "the engines"),
        (replace(QUIET, lists=Unknown("nobody told")), "the blocklists"),
        (replace(QUIET, lessons=Unknown("cannot be read")), "the lessons"),
        (replace(QUIET, accepted=Unknown("watch.json is damaged")), "the settings of before"),
    ],
)
def test_a_fact_that_is_unknown_rings_by_itself_and_is_never_quiet(window: Window, what: str) -> None:
    assert alarms(window)["cannot-watch"].object == what
