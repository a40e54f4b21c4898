"""What people are told, and when: changes only, the grave at once, the rest together, quiet hours, never a flood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lockdown.config import Alerts
from lockdown.engine.alerts import Change, Memory, Notice, after, due, forgotten, in_words, is_quiet, news
from lockdown.engine.incidents import PATH_DOWN
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Evidence, Severity

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALERTS = Alerts(to=("https://hooks.example/x",))
FRESH = Memory(since=NOW - timedelta(days=1))
FLOOD = Incident(
    "monitoring.flood 203.0.113.0/24", "monitoring.flood", "203.0.113.0/24", "", Severity.HIGH,
    "203.0.113.0/24 floods anna@example.org: 4,000 messages in 10 minutes.", NOW - MINUTE, NOW,
    "others are served as before", (Evidence("traffic", "94 % from 203.0.113.0/24, no good mail in 30 days"),),
    "lockdown senders top",
    answers=(
        Answer(NOW, "203.0.113.0/24 is put off (451)", True, NOW + timedelta(hours=1), "lockdown block remove r3"),
    ), number=7,
)  # fmt: skip
SMALL = replace(FLOOD, number=8, severity=Severity.MEDIUM, says="The DNS is slow.", answers=(), object="dns")


def closed(incident: Incident, at: datetime = NOW) -> Incident:
    return replace(incident, closed_at=at, closed_by="lockdown")


def changes(*incidents: Incident, memory: Memory = FRESH) -> list[tuple[Change, int]]:
    return [(one.change, one.incident.number) for one in news(incidents, memory, ALERTS)]


def told(memory: Memory, *incidents: Incident, at: datetime = NOW) -> Memory:
    """After everything that is due was taken."""
    for notice in due(news(incidents, memory, ALERTS), memory, ALERTS, at):
        memory = after(memory, notice, at)
    return memory


def many(count: int) -> list[Incident]:
    return [replace(FLOOD, number=number, object=f"198.51.{number}.0/24") for number in range(100, 100 + count)]


def test_what_is_new_is_told_once_and_what_did_not_change_never_again() -> None:
    assert changes(FLOOD) == [(Change.OPENED, 7)]
    assert changes(replace(FLOOD, count=40, last_seen=NOW + MINUTE), memory=told(FRESH, FLOOD)) == []


def test_what_is_worse_is_back_or_is_over_is_told() -> None:
    knows = told(FRESH, FLOOD)
    assert changes(replace(FLOOD, severity=Severity.CRITICAL), memory=knows) == [(Change.WORSE, 7)]
    assert changes(replace(FLOOD, returned=1), memory=knows) == [(Change.RETURNED, 7)]
    assert changes(closed(FLOOD), memory=knows) == [(Change.CLOSED, 7)]
    assert changes(FLOOD, memory=told(knows, closed(FLOOD))) == [(Change.RETURNED, 7)]
    assert changes(closed(FLOOD), memory=told(knows, closed(FLOOD))) == []


def test_what_is_done_about_it_later_is_told_once_and_what_only_says_that_it_helps_is_not() -> None:
    memory = told(FRESH, FLOOD)
    helps = Answer(NOW, "r3 helps: 400 messages a minute came through before, 0 do now", True)
    assert changes(replace(FLOOD, answers=(*FLOOD.answers, helps)), memory=memory) == []
    refused = Answer(NOW, "r4: it is refused (550)", True, NOW + timedelta(hours=1), "lockdown block remove r4")
    more = replace(FLOOD, answers=(*FLOOD.answers, helps, refused))
    assert changes(more, memory=memory) == [(Change.ANSWERED, 7)]
    assert changes(more, memory=told(memory, more)) == []


def test_what_came_and_went_untold_is_told_but_not_what_ended_before_anybody_was_told_anything() -> None:
    assert changes(closed(FLOOD)) == [(Change.WAS, 7)]
    assert changes(closed(FLOOD, at=FRESH.since - MINUTE)) == []


def test_what_is_less_grave_than_the_settings_ask_is_never_told() -> None:
    assert changes(replace(SMALL, severity=Severity.LOW)) == []


@pytest.mark.parametrize("of", ["client 198.18.7.3", "network 198.18.7.0/24", "198.18.7.0/24"])
def test_nobody_is_told_of_what_a_drill_does_on_purpose(of: str) -> None:
    assert changes(replace(FLOOD, object=of)) == []


@pytest.mark.parametrize("of", ["url-host 198.18.7.3", "sender 198.18.7.3", "client 203.0.113.9, subject 198.18.7.3"])
def test_no_letter_says_that_it_is_of_a_drill(of: str) -> None:
    assert changes(replace(FLOOD, object=of)) == [(Change.OPENED, 7)]


def test_a_path_is_not_told_that_it_is_down_itself_and_another_is() -> None:
    down = replace(FLOOD, name=PATH_DOWN, object="https://hooks.example/***")
    assert news([down], FRESH, ALERTS, "https://hooks.example/***") == ()
    assert len(news([down], FRESH, ALERTS, "mailto://relay.example:25?to=a@b.example")) == 1


# ── when ──


def test_the_grave_is_told_at_once_and_the_rest_waits_for_the_digest() -> None:
    memory = replace(FRESH, digest_at=NOW - 5 * MINUTE)
    (notice,) = due(news([FLOOD, SMALL], memory, ALERTS), memory, ALERTS, NOW)
    assert [one.incident for one in notice.news] == [FLOOD]
    memory = after(memory, notice, NOW)
    (digest,) = due(news([FLOOD, SMALL], memory, ALERTS), memory, ALERTS, NOW + 10 * MINUTE)
    assert digest.is_digest
    assert [one.incident for one in digest.news] == [SMALL]


def test_when_nothing_changed_nothing_is_sent() -> None:
    assert due((), FRESH, ALERTS, NOW) == ()


def test_a_flood_of_incidents_is_one_message() -> None:
    flood = many(200)
    (notice,) = due(news(flood, FRESH, ALERTS), FRESH, ALERTS, NOW)
    assert len(notice.news) == 200
    words = in_words(notice, flood, "mx.example.org", NOW)
    assert words.title == "Lockdown mx.example.org: 200 changes, 200 open, 200 of them grave"
    assert "… and 180 more changes." in words.body
    assert changes(*flood, memory=after(FRESH, notice, NOW)) == []


def test_above_so_many_an_hour_even_the_grave_waits_for_the_digest() -> None:
    memory, sent = replace(FRESH, digest_at=NOW), 0
    for number, incident in enumerate(many(40)):
        at = NOW + number * MINUTE / 4
        notices = due(news([incident], memory, ALERTS), memory, ALERTS, at)
        sent += len(notices)
        for notice in notices:
            memory = after(memory, notice, at)
    assert sent == ALERTS.per_hour


def test_what_comes_and_goes_again_and_again_no_longer_wakes_anybody() -> None:
    memory = replace(told(FRESH, FLOOD), digest_at=NOW)
    assert due(news([replace(FLOOD, returned=1)], memory, ALERTS), memory, ALERTS, NOW)
    assert not due(news([replace(FLOOD, returned=9)], memory, ALERTS), memory, ALERTS, NOW)


@pytest.mark.parametrize(
    ("clock", "hours", "quiet"),
    [("23:30", "22:00-06:00", True), ("05:59", "22:00-06:00", True), ("06:00", "22:00-06:00", False),
     ("12:00", "22:00-06:00", False), ("12:30", "12:00-13:00", True), ("13:00", "12:00-13:00", False),
     ("12:00", "", False)],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(clock: str, hours: str, quiet: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    assert is_quiet(hours, NOW.replace(hour=hour, minute=minute), UTC) is quiet


def test_quiet_hours_are_those_of_the_place() -> None:
    assert is_quiet("22:00-06:00", NOW.replace(hour=21), timezone(timedelta(hours=1)))


def test_in_quiet_hours_only_the_gravest_is_told_and_the_rest_afterwards() -> None:
    alerts = Alerts(to=ALERTS.to, quiet="22:00-06:00")
    night, morning = NOW.replace(hour=23), NOW.replace(day=25, hour=6)
    worst = replace(FLOOD, number=9, severity=Severity.CRITICAL)
    found = news([FLOOD, SMALL, worst], FRESH, alerts)
    (notice,) = due(found, FRESH, alerts, night, UTC)
    assert [one.incident for one in notice.news] == [worst]
    memory = after(FRESH, notice, night)
    later = due(news([FLOOD, SMALL, worst], memory, alerts), memory, alerts, morning, UTC)
    assert sorted(one.incident.number for notice in later for one in notice.news) == [7, 8]


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    memory = replace(FRESH, digest_at=NOW + timedelta(days=300), sent=(NOW + timedelta(days=300),) * 99)
    assert len(due(news([FLOOD, SMALL], memory, ALERTS), memory, ALERTS, NOW)) == 2


def test_what_the_store_no_longer_knows_is_forgotten() -> None:
    assert forgotten(told(FRESH, FLOOD, SMALL), {8}).known.keys() == {8}


# ── in words ──


def text(incident: Incident) -> str:
    notice = Notice(news([incident], FRESH, ALERTS), is_digest=False)
    return in_words(notice, [incident], "mx.example.org", NOW).body


def test_one_message_says_what_since_when_what_was_done_until_when_why_and_how_to_undo_it() -> None:
    assert text(FLOOD).splitlines() == [
        "[high] opened: 203.0.113.0/24 floods anna@example.org: 4,000 messages in 10 minutes.",
        "since      2026-11-24 14:59 UTC",
        "meanwhile  others are served as before",
        "done       203.0.113.0/24 is put off (451), until 2026-11-24 16:00 UTC",
        "undo       lockdown block remove r3",
        "because    traffic: 94 % from 203.0.113.0/24, no good mail in 30 days",
        "next       lockdown senders top",
        "story      lockdown incident show 7",
    ]


def test_what_has_ended_is_not_offered_to_be_undone() -> None:
    over = replace(FLOOD, answers=(replace(FLOOD.answers[0], until=NOW - MINUTE),))
    assert "undo" not in text(over)
    assert "is put off (451), ended" in text(over)


def test_strangers_words_stay_on_their_line_and_are_cut() -> None:
    nasty = replace(FLOOD, says="evil\r\nBcc: all@example.org\x1b[2J" + "x" * 5000)
    body = text(nasty)
    assert "\r" not in body
    assert "\x1b" not in body
    assert all(len(line) < 400 for line in body.splitlines())
    notice = Notice(news([nasty], FRESH, ALERTS), is_digest=False)
    assert "\n" not in in_words(notice, [nasty], "mx", NOW).title
