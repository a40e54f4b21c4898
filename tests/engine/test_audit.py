"""The engine: no control is ever silent, a broken room is no healthy machine, a waiver keeps its reason and its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from lockdown.config import Settings
from lockdown.engine.audit import FINDINGS, HOLDS, NOT_TOLD, ItemReport, Report, audit, cards, control_named
from lockdown.model.card import Card
from lockdown.model.finding import Control, Finding, Severity, State
from lockdown.model.snapshot import Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING_READ = Snapshot("mail.example.org", NOW, "0.1.0", {})


def control(name: str, **more: object) -> Control:
    return Control(name, name, Severity.HIGH, "why", "fix", "evidence", **more)  # type: ignore[arg-type]


FIRST, SECOND = control("room.first"), control("room.second")
FOR_GATES = control("room.for-gates", in_flight=True)
FOR_EVER = control("room.for-ever", waivable=False)


@dataclass(frozen=True, slots=True)
class Waived:
    control: str
    until: datetime
    target: str = ""
    reason: str = "the printer is old"
    owner: str = "carol"


class FakeRoom:
    """A room whose audit is the function given."""

    def __init__(self, judge: object, *controls: Control, **card: object) -> None:
        self.CARD = Card(1, "room", "A room", "It holds.", controls, **card)  # type: ignore[arg-type]
        self.__name__ = "fake_room"
        module = ModuleType("fake_room.audit")
        module.audit = judge  # type: ignore[attr-defined]
        sys.modules["fake_room"] = ModuleType("fake_room")
        sys.modules["fake_room.audit"] = module


@pytest.fixture(autouse=True)
def _forget_the_fake() -> Iterator[None]:
    yield
    for name in ("fake_room", "fake_room.audit"):
        sys.modules.pop(name, None)


def states(room: FakeRoom, *waivers: Waived) -> dict[str, State]:
    report = audit(NOTHING_READ, Settings(), NOW, checklist=[room], waivers=waivers)
    return {finding.control: finding.state for finding in report.findings}


def says(*findings: Finding) -> object:
    return lambda snapshot, policy: iter(findings)


def test_a_control_that_a_room_is_silent_about_is_unknown() -> None:
    room = FakeRoom(says(FIRST.finding(State.PASS, "It holds.")), FIRST, SECOND)
    assert states(room) == {"room.first": State.PASS, "room.second": State.UNKNOWN}


def test_a_control_of_the_gates_is_no_business_of_an_audit() -> None:
    assert states(FakeRoom(says(), FOR_GATES)) == {}


def test_a_room_that_breaks_keeps_what_it_said_and_the_rest_is_unknown_in_words() -> None:
    def broken(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
        yield FIRST.finding(State.FAIL, "It does not hold.")
        raise KeyError("mynetworks")

    report = audit(NOTHING_READ, Settings(), NOW, checklist=[FakeRoom(broken, FIRST, SECOND)])
    first, second = report.findings
    assert first.state is State.FAIL
    assert second.state is State.UNKNOWN
    assert "KeyError: 'mynetworks'" in second.says


def test_an_item_without_an_audit_says_so_and_is_neither_pass_nor_failure() -> None:
    room = FakeRoom(says(), empty={"audit": "Nobody looks yet."})
    report = audit(NOTHING_READ, Settings(), NOW, checklist=[room])
    assert report.items[0].not_judged == "Nobody looks yet."
    assert report.items[0].state is None
    assert report.exit_code() == HOLDS
    assert report.exit_code(asked=["room"]) == NOT_TOLD


TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)


def test_a_waived_failure_is_shown_as_waived_with_who_why_and_until_when() -> None:
    room = FakeRoom(says(FIRST.finding(State.FAIL, "It does not hold.")), FIRST)
    report = audit(NOTHING_READ, Settings(), NOW, checklist=[room], waivers=[Waived(FIRST.id, TOMORROW)])
    (finding,) = report.findings
    assert finding.state is State.WAIVED
    for word in ("carol", "2026-01-02", "the printer is old", "fail: It does not hold."):
        assert word in finding.says
    assert report.exit_code(State.WARN) == HOLDS


@pytest.mark.parametrize(
    ("waiver", "left"),
    [
        (Waived(FIRST.id, YESTERDAY), State.FAIL),
        (Waived(SECOND.id, TOMORROW), State.FAIL),
        (Waived(FIRST.id, TOMORROW, target="another host"), State.FAIL),
        (Waived(FIRST.id, TOMORROW, target="this host"), State.WAIVED),
    ],
)
def test_a_waiver_covers_its_control_on_its_target_until_its_day(waiver: Waived, left: State) -> None:
    room = FakeRoom(says(FIRST.finding(State.FAIL, "It does not hold.")), FIRST)
    assert states(room, waiver) == {"room.first": left}


def test_some_controls_cannot_be_waived() -> None:
    room = FakeRoom(says(FOR_EVER.finding(State.FAIL, "It does not hold.")), FOR_EVER)
    assert states(room, Waived(FOR_EVER.id, TOMORROW)) == {"room.for-ever": State.FAIL}


def test_what_holds_is_not_turned_into_a_waiver() -> None:
    room = FakeRoom(says(FIRST.finding(State.PASS, "It holds.")), FIRST)
    assert states(room, Waived(FIRST.id, TOMORROW)) == {"room.first": State.PASS}


def report_of(*found: State) -> Report:
    card = Card(1, "room", "A room", "It holds.", (FIRST,))
    return Report("h", NOW, "1", (ItemReport(card, tuple(FIRST.finding(state, state) for state in found)),))


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        ([State.PASS, State.NOT_APPLICABLE, State.WAIVED], State.WARN, HOLDS),
        ([State.PASS, State.WARN], State.FAIL, HOLDS),
        ([State.PASS, State.WARN], State.WARN, FINDINGS),
        ([State.PASS, State.UNKNOWN], State.FAIL, NOT_TOLD),
        ([State.WARN, State.UNKNOWN], State.FAIL, NOT_TOLD),
        ([State.FAIL, State.UNKNOWN], State.FAIL, FINDINGS),
        ([], State.FAIL, HOLDS),
    ],
)
def test_the_exit_code_says_holds_findings_or_could_not_tell(found: list[State], fail_on: State, code: int) -> None:
    assert report_of(*found).exit_code(fail_on) == code


def test_an_item_is_as_bad_as_its_worst_finding() -> None:
    assert report_of(State.PASS, State.FAIL, State.WARN).items[0].state is State.FAIL
    assert report_of(State.PASS, State.UNKNOWN).items[0].state is State.UNKNOWN
    assert report_of(State.NOT_APPLICABLE, State.PASS).items[0].state is State.PASS


def test_the_urgent_are_few_the_worst_first_and_none_twice() -> None:
    low, critical = control("room.low"), Control("room.critical", "t", Severity.CRITICAL, "w", "f", "e")
    found = (
        low.finding(State.WARN, "a"),
        FIRST.finding(State.UNKNOWN, "b"),
        FIRST.finding(State.UNKNOWN, "b", target="again"),
        SECOND.finding(State.FAIL, "c"),
        critical.finding(State.FAIL, "d"),
    )
    report = Report("h", NOW, "1", (ItemReport(Card(1, "room", "t", "p", (low, FIRST, SECOND, critical)), found),))
    assert [finding.says for finding in report.urgent()] == ["d", "c", "b"]


def test_a_machine_of_which_nothing_was_read_passes_in_nothing() -> None:
    report = audit(NOTHING_READ, Settings(), NOW)
    assert {finding.state for finding in report.findings} == {State.UNKNOWN}
    assert report.exit_code() == NOT_TOLD
    assert len(report.items) == 13


def test_every_declared_control_gets_a_finding_even_then() -> None:
    found = {finding.control for finding in audit(NOTHING_READ, Settings(), NOW).findings}
    declared = {
        control.id
        for card in cards()
        if "audit" not in card.empty
        for control in card.controls
        if not (control.in_flight or control.black_box or control.by_drill)
    }
    assert found == declared


def test_only_the_items_that_are_asked_for_are_judged() -> None:
    report = audit(NOTHING_READ, Settings(), NOW, items=["relaying"])
    assert [item.card.id for item in report.items] == ["relaying"]


def test_a_control_is_found_by_its_name_with_its_card() -> None:
    found = control_named("relaying.open-to-strangers")
    assert found is not None
    assert found[1].number == 8
    assert control_named("relaying.nothing") is None
