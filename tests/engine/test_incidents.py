"""The story of a trouble, alarm by alarm: begun, gone on with, closed, taken up again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lockdown.engine.incidents import answered, gravest_first, is_over, told
from lockdown.model.alarm import Alarm, Answer, Incident
from lockdown.model.finding import Severity

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ALARM = Alarm("antivirus.engine-down", "clamd", "antivirus.unavailable", Severity.HIGH, "It is down.")
OPEN = replace(told(None, ALARM, NOW), number=7)


def closed(by: str, at: datetime = NOW) -> Incident:
    return replace(OPEN, closed_at=at, closed_by=by)


def test_the_first_alarm_begins_it() -> None:
    assert (OPEN.says, OPEN.count, OPEN.opened_at, OPEN.is_open) == ("It is down.", 1, NOW, True)


def test_the_same_alarm_goes_on_with_it_and_says_it_in_its_new_words() -> None:
    later = told(OPEN, replace(ALARM, says="It is still down."), NOW + MINUTE)
    assert (later.number, later.count, later.last_seen, later.opened_at) == (7, 2, NOW + MINUTE, NOW)
    assert later.says == "It is still down."


def test_what_was_once_grave_stays_grave() -> None:
    assert told(OPEN, replace(ALARM, severity=Severity.LOW), NOW).severity is Severity.HIGH
    assert told(OPEN, replace(ALARM, severity=Severity.CRITICAL), NOW).severity is Severity.CRITICAL


def test_one_that_closed_itself_and_returns_within_a_day_is_the_same() -> None:
    for later in (MINUTE, HOUR):
        again = told(closed("lockdown"), ALARM, NOW + later)
        assert (again.number, again.is_open, again.returned) == (7, True, 1)


def test_one_that_returns_after_days_is_another() -> None:
    other = told(closed("lockdown"), ALARM, NOW + timedelta(days=3))
    assert (other.number, other.opened_at, other.returned) == (0, NOW + timedelta(days=3), 0)


def test_a_person_who_has_closed_it_is_not_bothered_while_it_goes_on() -> None:
    noted = closed("anna")
    for _ in range(100):
        noted = told(noted, ALARM, noted.last_seen + 9 * MINUTE)
        assert not noted.is_open
    assert noted.last_seen > NOW + 14 * HOUR


def test_one_that_a_person_closed_and_that_was_gone_is_told_again() -> None:
    assert told(closed("anna"), ALARM, NOW + 11 * MINUTE).is_open


def test_one_that_a_person_closed_is_told_again_after_a_day() -> None:
    noted = closed("anna")
    for minutes in range(9, 24 * 60, 9):
        noted = told(noted, ALARM, NOW + minutes * MINUTE)
    assert not noted.is_open
    again = told(noted, ALARM, NOW + timedelta(days=1))
    assert again.is_open
    assert again.number == 7


def over(incident: Incident, now: datetime, *, ringing: set[str] | None = None, blind: set[str] | None = None) -> bool:
    return is_over(incident, ringing or set(), blind or set(), NOW - HOUR, now)


def test_it_is_over_when_its_cause_has_been_gone_for_ten_minutes() -> None:
    assert not over(OPEN, NOW + 9 * MINUTE)
    assert over(OPEN, NOW + 10 * MINUTE)


def test_it_is_not_over_while_it_rings() -> None:
    assert not over(OPEN, NOW + HOUR, ringing={ALARM.key})


def test_it_is_not_over_while_nobody_can_look() -> None:
    assert not over(OPEN, NOW + HOUR, blind={"antivirus"})
    assert over(OPEN, NOW + HOUR, blind={"antispam"})


def test_the_alarm_about_not_seeing_ends_itself() -> None:
    blind = replace(OPEN, name="antivirus.cannot-watch")
    assert over(blind, NOW + HOUR, blind={"antivirus"})


def test_time_in_which_nobody_looked_does_not_count() -> None:
    """The gateway was down for an hour: the engine may have been down for as long."""
    assert not is_over(OPEN, (), (), NOW + HOUR, NOW + HOUR + 9 * MINUTE)


def test_the_same_answer_is_not_written_down_again_and_again() -> None:
    answer = Answer(NOW, "is not blocked: it is ours", done=False)
    once = answered(OPEN, answer)
    assert answered(once, replace(answer, at=NOW + MINUTE)) == once
    other = answered(once, replace(answer, says="is blocked"))
    assert [one.says for one in other.answers] == ["is not blocked: it is ours", "is blocked"]


def test_the_gravest_comes_first_and_of_two_the_newest() -> None:
    low, old, new = (
        replace(OPEN, number=number, severity=severity, opened_at=NOW + number * MINUTE)
        for number, severity in ((9, Severity.LOW), (1, Severity.HIGH), (2, Severity.HIGH))
    )
    assert [one.number for one in gravest_first([low, old, new])] == [2, 1, 9]
