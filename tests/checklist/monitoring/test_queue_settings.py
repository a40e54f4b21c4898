"""How Postfix names and keeps what is in its queue: judged, and set where nobody can have meant it so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.monitoring.audit_queue_settings import audit_queue_settings
from lockdown.checklist.monitoring.enforce import enforce
from lockdown.checklist.monitoring.server_controls import QUEUE_IDS, QUEUE_LIFETIME
from lockdown.config import Settings
from lockdown.facts import postfix, units
from lockdown.model.change import Left, Proposal, SetPostfix
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host

AGENT = "lockdown-agent.service enabled enabled\n"


def machine(main: str = "", enabled: str | Unknown = AGENT) -> Snapshot:
    base = host(main)
    return replace(base, readings={**base.readings, units.ENABLED: enabled})


def state(control: str, snapshot: Snapshot) -> State:
    return next(one.state for one in audit_queue_settings(snapshot, Settings()) if one.control == control)


def proposed(control: str, snapshot: Snapshot) -> list[object]:
    made = [one for one in enforce(snapshot, Settings()) if one.control == control]
    return [one.change if isinstance(one, Proposal) else one for one in made]


@pytest.mark.parametrize(
    ("main", "enabled", "expected"),
    [
        ("enable_long_queue_ids = yes\n", AGENT, State.PASS),
        ("enable_long_queue_ids = yes\n", "", State.PASS),
        ("", AGENT, State.WARN),
        ("", "", State.NOT_APPLICABLE),
        ("", Unknown("systemctl: Permission denied"), State.UNKNOWN),
    ],
)
def test_ids_that_come_again_matter_where_the_agent_acts_by_them(
    main: str, enabled: str | Unknown, expected: State
) -> None:
    assert state(QUEUE_IDS.id, machine(main, enabled)) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5d", State.PASS),
        ("2", State.PASS),
        ("36h", State.PASS),
        ("1w", State.PASS),
        ("0", State.WARN),
        ("4h", State.WARN),
        ("90m", State.WARN),
        ("60d", State.WARN),
        ("999999999w", State.WARN),
        ("soon", State.UNKNOWN),
        ("٣d", State.UNKNOWN),
    ],
)
def test_mail_is_given_back_after_days(written: str, expected: State) -> None:
    assert state(QUEUE_LIFETIME.id, machine(f"maximal_queue_lifetime = {written}\n")) is expected


def test_what_nobody_can_have_meant_is_set_and_the_rest_is_left_alone() -> None:
    bad = machine("maximal_queue_lifetime = 1h\n")
    assert proposed(QUEUE_LIFETIME.id, bad) == [SetPostfix("maximal_queue_lifetime", None)]
    assert proposed(QUEUE_IDS.id, bad) == [SetPostfix("enable_long_queue_ids", "yes")]
    good = machine("maximal_queue_lifetime = 3d\nenable_long_queue_ids = yes\n")
    assert proposed(QUEUE_LIFETIME.id, good) == proposed(QUEUE_IDS.id, good) == []


def test_an_old_postfix_is_left_as_it_is() -> None:
    base = machine()
    old = replace(base, readings={**base.readings, postfix.VERSION: "mail_version = 2.8.5\n"})
    (left,) = proposed(QUEUE_IDS.id, old)
    assert isinstance(left, Left)
