"""What rings for item 1, from literals: once where it must, once where it must not, once where nothing can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.checklist.antivirus.watch import MOST_OBJECTS, watch
from lockdown.config import Settings, read_settings
from lockdown.model.alarm import Alarm, BlockFor
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown
from lockdown.model.window import Drilled, EngineHealth, Event, Value, Window

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLAMD = "clamd:///run/clamav/clamd.ctl"
QUIET = Window(NOW, NOW - 15 * MINUTE, (), ())


def policy(text: str = "") -> Settings:
    return read_settings([("lockdown.toml", f'[antivirus]\nengines = ["builtin", "{CLAMD}"]\n{text}')]).settings


def event(number: int, *, network: str = "203.0.113", **changes: object) -> Event:
    plain = Event(
        f"ID{number}",
        NOW - MINUTE,
        "rejected",
        f"{network}.{number % 250 + 1}",
        f"{network}.0/24",
        False,
        (f"user{number}@example.org",),
        "antivirus.virus",
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


def virus(number: int, name: str = "Win.Worm", **changes: object) -> Event:
    return event(number, virus=name, **changes)  # type: ignore[arg-type]


def alarms(window: Window, settings: Settings | None = None) -> dict[str, Alarm]:
    """By name; each rings once here."""
    found = list(watch(window, settings or policy()))
    assert len({alarm.key for alarm in found}) == len(found)
    return {alarm.name.partition(".")[2]: alarm for alarm in found}


def with_engine(**changes: object) -> Window:
    engine = EngineHealth(CLAMD, "antivirus", True, NOW - HOUR)
    return replace(QUIET, engines=(engine._replace(**changes),))  # type: ignore[arg-type]


def test_a_quiet_window_is_quiet() -> None:
    assert alarms(with_engine(built=NOW - HOUR)) == {}


# ── engines ──


def test_an_engine_that_is_down_says_since_when_why_and_what_becomes_of_mail() -> None:
    window = with_engine(up=False, since=NOW - 3 * MINUTE, why="clamd: connection refused")
    alarm = alarms(window)["engine-down"]
    assert alarm.object == CLAMD
    assert alarm.severity is Severity.HIGH
    assert "since 02:57 UTC" in alarm.says
    assert "put off (451)" in alarm.meanwhile
    assert alarm.evidence[0].text == "clamd: connection refused"
    assert alarm.next_command


def test_what_becomes_of_mail_is_what_the_setting_says() -> None:
    window = with_engine(up=False, since=NOW - 3 * MINUTE)
    alarm = alarms(window, policy('unavailable = "accept-and-mark"'))["engine-down"]
    assert "delivered unread by it" in alarm.meanwhile
    assert 'antivirus.unavailable = "accept-and-mark"' in alarm.meanwhile


def test_an_engine_that_loads_new_signatures_for_a_minute_is_no_outage() -> None:
    assert alarms(with_engine(up=False, since=NOW - MINUTE)) == {}


def test_an_engine_that_lies_rings_at_once_and_louder() -> None:
    alarm = alarms(with_engine(up=False, lies=True, since=NOW, why="it does not find the test virus"))["engine-lies"]
    assert alarm.severity is Severity.CRITICAL


@pytest.mark.parametrize(("age", "rings"), [(71 * HOUR, False), (73 * HOUR, True)])
def test_signatures_ring_when_they_are_older_than_the_setting(age: timedelta, rings: bool) -> None:
    assert ("signatures-old" in alarms(with_engine(built=NOW - age))) is rings


def test_an_engine_that_does_not_say_how_old_its_signatures_are_does_not_ring_for_their_age() -> None:
    assert alarms(with_engine(built=None)) == {}


def test_an_engine_of_the_other_item_is_not_ours() -> None:
    spamd = EngineHealth("spamd://127.0.0.1", "antispam", False, NOW - HOUR)
    assert alarms(replace(QUIET, engines=(spamd,))) == {}


# ── messages ──


def test_readers_that_break_ring_and_the_reason_met_most_is_told() -> None:
    why = (("builtin", "the reader process ended by signal 11 while reading"),)
    met = tuple(event(number, kind="deferred", control="antivirus.unavailable", unread=why) for number in range(5))
    alarm = alarms(replace(QUIET, events=met))["reader-crashes"]
    assert "5 messages" in alarm.says
    assert "signal 11" in alarm.says
    assert alarms(replace(QUIET, events=met[:4])) == {}


def test_one_virus_for_many_mailboxes_is_a_wave() -> None:
    met = tuple(virus(number, network=f"198.51.{number}") for number in range(10))
    alarm = alarms(replace(QUIET, events=met))["virus-wave"]
    assert (alarm.object, alarm.answer) == ("Win.Worm", None)
    assert "10 of your mailboxes" in alarm.says
    assert "10 networks" in alarm.says


def test_the_same_mailbox_again_and_again_is_no_wave() -> None:
    met = tuple(virus(number, network=f"198.51.{number}", recipients=("bob@example.org",)) for number in range(20))
    assert alarms(replace(QUIET, events=met)) == {}


def test_different_viruses_are_no_wave() -> None:
    met = tuple(virus(number, f"Virus{number}", network=f"198.51.{number}") for number in range(20))
    assert alarms(replace(QUIET, events=met)) == {}


def test_a_virus_from_a_client_that_we_trust_rings_high_and_is_never_answered_with_a_block() -> None:
    inside = virus(1, client="10.0.0.7", network="10.0.0.0/24", trusted=True)
    alarm = alarms(replace(QUIET, events=(inside,) * 9))["virus-from-inside"]
    assert (alarm.object, alarm.severity, alarm.answer) == ("10.0.0.7", Severity.HIGH, None)
    to_many = tuple(virus(number, client="10.0.0.7", network="10.0.0.0/24", trusted=True) for number in range(12))
    assert set(alarms(replace(QUIET, events=to_many))) == {"virus-from-inside"}


def test_the_fifth_virus_of_a_network_asks_for_a_block_of_an_hour() -> None:
    met = tuple(virus(number, f"Virus{number}") for number in range(5))
    alarm = alarms(replace(QUIET, events=met))["virus-sender"]
    assert alarm.answer == BlockFor("203.0.113.0/24", HOUR)
    assert alarms(replace(QUIET, events=met[:4])) == {}


def test_a_provider_whose_mail_is_mostly_wanted_is_told_of_and_not_blocked() -> None:
    met = tuple(virus(number, f"Virus{number}") for number in range(5))
    wanted = tuple(event(number, kind="accepted", control="") for number in range(10, 20))
    alarm = alarms(replace(QUIET, events=(*met, *wanted)))["virus-sender"]
    assert alarm.answer is None
    assert "not blocked" in alarm.meanwhile


def test_a_client_without_a_readable_address_is_blamed_for_nothing() -> None:
    met = tuple(virus(number, f"Virus{number}")._replace(network="") for number in range(9))
    assert alarms(replace(QUIET, events=met)) == {}


def test_more_networks_than_are_told_one_by_one_are_counted() -> None:
    met = [virus(number, f"V{number}", network=f"198.51.{number // 5}") for number in range(5 * (MOST_OBJECTS + 7))]
    found = [alarm for alarm in watch(replace(QUIET, events=tuple(met)), policy()) if "virus-sender" in alarm.name]
    assert len(found) == MOST_OBJECTS + 1
    assert any("7 more networks" in alarm.says for alarm in found)


def test_scans_that_break_ring() -> None:
    met = tuple(event(number, kind="deferred", control="gateway.scan-broken") for number in range(3))
    assert "put off" in alarms(replace(QUIET, events=met))["scan-broken"].meanwhile
    assert alarms(replace(QUIET, events=met[:2])) == {}


# ── settings ──


def before(**values: Value) -> Mapping[str, Value]:
    return {f"antivirus.{name}": value for name, value in values.items()}


def test_an_engine_that_was_removed_rings_with_before_and_after() -> None:
    window = replace(QUIET, accepted=before(engines=("builtin", CLAMD, "clamd://old:3310")))
    alarm = alarms(window)["loosened"]
    assert alarm.evidence[0].text == "antivirus.engines = with clamd://old:3310"
    assert alarm.accepted_by_closing


def test_a_word_that_became_looser_rings_and_a_stricter_one_does_not() -> None:
    loosened = replace(QUIET, accepted=before(unavailable="defer", found="reject"))
    now = policy('unavailable = "accept-and-mark"')
    assert alarms(loosened, now)["loosened"].object == "antivirus.unavailable: defer → accept-and-mark"
    assert alarms(replace(QUIET, accepted=before(unavailable="accept-and-mark", found="quarantine"))) == {}


def test_a_type_that_is_let_through_from_now_on_rings() -> None:
    window = replace(QUIET, accepted=before(allowed_types=("msi",)))
    assert "exe" in alarms(window, policy('allowed_types = ["msi", "exe"]'))["loosened"].says


def test_settings_of_before_that_make_no_sense_are_no_reason_to_break() -> None:
    assert alarms(replace(QUIET, accepted=before(engines=5, unavailable=("x",), found="nonsense"))) == {}


def test_even_without_any_engine_their_removal_is_seen() -> None:
    window = replace(QUIET, accepted=before(engines=("builtin",)))
    none = read_settings([("lockdown.toml", "[antivirus]\nengines = []")]).settings
    assert set(alarms(window, none)) == {"loosened"}


# ── drills ──


def drilled(age: timedelta, *failed: tuple[str, str]) -> Window:
    return replace(QUIET, drilled=Drilled(NOW - age, ("antivirus",), failed, NOW - age))


def test_a_drill_that_got_through_rings() -> None:
    alarm = alarms(drilled(HOUR, ("antivirus", "the test virus: in a zip"), ("antispam", "other")))["drill-failed"]
    assert "1 steps" in alarm.says
    assert "in a zip" in alarm.says


def test_where_drills_are_held_a_long_pause_rings_and_where_none_was_it_does_not() -> None:
    assert "drill-old" in alarms(drilled(timedelta(days=9)))
    assert alarms(drilled(timedelta(days=7))) == {}
    assert alarms(replace(QUIET, drilled=None)) == {}


# ── unknown ──


@pytest.mark.parametrize(
    ("window", "what"),
    [
        (replace(QUIET, events=Unknown("the disk is broken")), "the log"),
        (replace(QUIET, engines=Unknown("nobody told")), "the engines"),
        (replace(QUIET, drilled=Unknown("drills.json is damaged")), "the last drill"),
        (replace(QUIET, accepted=Unknown("watch.json is damaged")), "the settings of before"),
        (replace(QUIET, unseen="900 KiB more than can be read at once were written to it"), "the log"),
    ],
)
def test_a_fact_that_is_unknown_rings_by_itself_and_is_never_quiet(window: Window, what: str) -> None:
    alarm = alarms(window)["cannot-watch"]
    assert alarm.object == what
    assert alarm.next_command
