"""Each planted fault is told by its control, and by no other as a failure; a healthy server raises none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockdown.config import Settings
from lockdown.engine.probe_report import probe_report
from lockdown.facts.probed import Scope
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.checklist.seen import LATER, NO, SERVER, UNKNOWN_USER, seen, tried
from tests.live.faults_probe import FAULTS
from tests.recordings.literal import HEALTHY

MINE = ("relaying.", "attachments.", "services.", "dmz.seen-ports", "dmz.seen-inj", "dmz.seen-banner", "dmz.seen-other",
        "dmz.seen-starttls-plaintext")  # fmt: skip


def findings(snapshot: Snapshot) -> list[Finding]:
    return [one for one in probe_report(snapshot, Settings()).findings if one.control.startswith(MINE)]


def state_of(control: str, snapshot: Snapshot) -> State:
    return next(one.state for one in findings(snapshot) if one.control == control)


def test_a_healthy_server_raises_nothing() -> None:
    assert {one.state for one in findings(seen())} <= {State.PASS, State.NOT_APPLICABLE}


def test_where_nothing_was_probed_nothing_is_said() -> None:
    assert findings(HEALTHY) == []


@pytest.mark.parametrize(("name", "change", "control", "state"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_planted_fault_is_told(name: str, change: dict[str, Any], control: str, state: State) -> None:
    told = [one for one in findings(seen(**change)) if one.state in (State.FAIL, State.WARN)]
    assert [(one.control, one.state) for one in told] == [(control, state)]
    assert all(one.next_command and one.evidence for one in told)


@pytest.mark.parametrize(
    ("change", "control"),
    [
        ({"relay": tried("put-off", LATER)}, "relaying.seen-no-relay"),
        ({"relay": ()}, "relaying.seen-no-relay"),
        ({"postmaster": LATER}, "relaying.seen-own-mail-gets-in"),
        ({"plain_letter": LATER}, "relaying.seen-no-smuggling"),
        ({"over_size": LATER}, "attachments.seen-size-limit"),
        ({"relay": tried("refused", UNKNOWN_USER), "postmaster": UNKNOWN_USER}, "relaying.seen-no-relay"),
    ],
)
def test_what_was_put_off_or_tells_nothing_is_unknown(change: dict[str, Any], control: str) -> None:
    assert state_of(control, seen(**change)) is State.UNKNOWN


def test_a_server_that_takes_every_name_says_nothing_by_taking_odd_ones() -> None:
    odd = (*SERVER.relay, *tried("taken-at-rcpt", form="R03", to="<c%x@example.org>"))
    assert state_of("relaying.seen-no-relay", seen(relay=odd, unknown=SERVER.postmaster)) is State.PASS


def test_the_machine_itself_may_relay_and_see_its_own_ports() -> None:
    own = seen(scope=Scope("127.0.0.1", owned=True, local=True), relay=tried("taken-at-rcpt"))
    assert state_of("relaying.seen-no-relay", own) is State.UNKNOWN
    assert state_of("dmz.seen-ports", own) is State.NOT_APPLICABLE


@pytest.mark.parametrize("kind", ["silent", "busy", "nonsense"])
def test_a_listener_that_would_not_talk_passes_in_nothing(kind: str) -> None:
    told = [one for one in findings(seen(kind=kind, why="421 busy")) if "192.0.2.25:25" in one.target]
    assert {one.state for one in told} == {State.UNKNOWN}


def test_a_reading_that_is_unknown_or_garbage_passes_in_nothing() -> None:
    for reading in (Unknown("it burned"), "{", "[]", '{"address": 3}', "\0"):
        broken = replace(HEALTHY, readings={"probe/smtp/192.0.2.25/25.json": reading, "probe/scope.json": reading})
        assert State.PASS not in {one.state for one in findings(broken)}, reading


def test_a_refusal_is_evidence_in_the_servers_own_words() -> None:
    told = next(one for one in findings(seen()) if one.control == "relaying.seen-no-relay")
    assert NO.text in told.evidence[0].text
