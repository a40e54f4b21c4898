"""The room of services, by literals: what listens to strangers, what is of another time, what comes back by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.checklist.services.audit import audit
from lockdown.checklist.services.controls import CLEAR_MAILBOXES, COMES_BACK, DECLARED, NOTHING_OLD, OWN_CONTROLS
from lockdown.config import read_settings
from lockdown.facts import listeners, units
from lockdown.model.finding import Control, Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_host import FAULTS, WELL, Fault

PASS, WARN, FAIL, UNKNOWN, N_A = State.PASS, State.WARN, State.FAIL, State.UNKNOWN, State.NOT_APPLICABLE
OURS = [one for one in FAULTS if one.control.startswith("services.")]
WHOLE = 'role = "all-in-one"\nprofile = "strict"'
OWN = {one.id for one in OWN_CONTROLS}


def told(readings: Mapping[str, Reading], site: str = WHOLE, more: str = "") -> list[Finding]:
    policy = read_settings([("lockdown.toml", f"[site]\n{site}\n{more}")]).settings
    snapshot = Snapshot("m", datetime(2026, 1, 13, tzinfo=UTC), "1", readings)
    return [one for one in audit(snapshot, policy) if one.control in OWN]


def state(control: Control, lines: str, site: str = 'role = "all-in-one"', more: str = "") -> State:
    found = [one.state for one in told({**WELL, listeners.SOURCE: lines}, site, more) if one.control == control.id]
    assert found
    return next((one for one in found if one is not PASS), PASS)


@pytest.mark.parametrize("profile", ["starter", "business", "strict"])
def test_a_machine_that_is_well_has_nothing_to_be_told(profile: str) -> None:
    assert [
        (one.control, one.says)
        for one in told(WELL, f'role = "all-in-one"\nprofile = "{profile}"')
        if one.state is not PASS
    ] == []


def test_every_control_is_judged() -> None:
    assert {one.control for one in told(WELL)} == OWN


@pytest.mark.parametrize("fault", OURS, ids=lambda fault: fault.name)
def test_a_fault_is_named(fault: Fault) -> None:
    raised = {(one.control, one.state) for one in told({**WELL, **fault.readings}) if one.state is not PASS}
    assert (fault.control, fault.state) in raised
    # What is of another time, or in the open, is not declared either.
    assert {control for control, _ in raised} <= {fault.control, DECLARED.id}


@pytest.mark.parametrize("reading", [Unknown("Permission denied"), "not a line of ours\n", "tcp 0.0.0.0:x 1 a\n"])
def test_what_cannot_be_read_is_unknown_and_says_what_to_type(reading: Reading) -> None:
    found = told({**WELL, listeners.SOURCE: reading, units.ENABLED: Unknown("Permission denied")})
    assert [(one.state, bool(one.next_command)) for one in found] == [(UNKNOWN, True)] * 4


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ("", PASS),
        ("l\t777\troot\troot\t1\t1.0\t/etc/rc2.d/S01postfix\t../init.d/postfix\n", PASS),
        ("l\t777\troot\troot\t1\t1.0\t/etc/rc2.d/S01openbsd-inetd\t../init.d/openbsd-inetd\n", WARN),
        (Unknown("Permission denied"), UNKNOWN),
    ],
)
def test_without_systemd_the_init_scripts_come_back(scripts: Reading, expected: State) -> None:
    gone = {units.ENABLED: "not installed: systemd does not run here\n", units.SCRIPTS: scripts}
    assert [one.state for one in told({**WELL, **gone}) if one.control == COMES_BACK.id] == [expected]


@pytest.mark.parametrize(
    ("role", "line", "expected"),
    [
        ("mx", "tcp 0.0.0.0:25 1 master", PASS),
        ("mx", "tcp 0.0.0.0:993 1 dovecot", WARN),
        ("gateway", "tcp 0.0.0.0:443 1 nginx", WARN),
        ("all-in-one", "tcp 0.0.0.0:443 1 nginx", PASS),
        ("backend", "tcp 0.0.0.0:143 1 dovecot", PASS),
        ("all-in-one", "tcp [::1]:9999 1 x", PASS),
        ("all-in-one", "udp 0.0.0.0:68 1 dhclient", PASS),
    ],
)
def test_what_may_listen_is_by_the_role(role: str, line: str, expected: State) -> None:
    assert state(DECLARED, f"{line}\n", f'role = "{role}"') is expected


def test_what_somebody_has_declared_may_listen_and_only_on_that_protocol() -> None:
    declared = '[services]\ndeclared = ["tcp/8443 console", "udp/51820 tunnel"]\n'
    assert state(DECLARED, "tcp 0.0.0.0:8443 1 a\nudp 0.0.0.0:51820 - -\n", more=declared) is PASS
    assert state(DECLARED, "udp 0.0.0.0:8443 1 a\n", more=declared) is WARN


def test_a_door_of_another_time_never_leaves_the_declared_ones_as_all() -> None:
    assert state(DECLARED, "tcp 0.0.0.0:23 1 inetd\n") is WARN


def test_an_inner_address_written_as_ipv6_is_no_stranger() -> None:
    assert state(DECLARED, "tcp [::ffff:127.0.0.1]:9200 1 java\n") is PASS
    assert state(DECLARED, "tcp [::ffff:192.0.2.7]:9200 1 java\n") is WARN


def test_services_of_another_time_on_loopback_are_let_be() -> None:
    assert state(NOTHING_OLD, "tcp 127.0.0.1:631 1 cupsd\n") is PASS
    assert state(CLEAR_MAILBOXES, "tcp 127.0.0.1:143 1 dovecot\n") is PASS


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_garbage_never_raises(heard: str, enabled: str) -> None:
    assert told({**WELL, listeners.SOURCE: heard, units.ENABLED: enabled})
