"""Audit of item 10, by literals: what waits, whether it comes by itself, and whether it is in use."""

from __future__ import annotations

import pytest

from lockdown.checklist.patches.audit import audit
from lockdown.checklist.patches.controls import CONTROLS, EXPOSED_UPDATES, IN_USE, LISTS_FRESH
from lockdown.config import read_settings
from lockdown.facts import old_code, packages
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_upkeep import PATCH_FAULTS
from tests.recordings.upkeep import kept, listed, without

FINE = (State.PASS, State.NOT_APPLICABLE)


def findings(snapshot: Snapshot, settings: str = "") -> list[Finding]:
    return list(audit(snapshot, read_settings([("lockdown.toml", settings)]).settings))


def test_a_machine_that_is_kept_well_raises_nothing() -> None:
    assert [finding for finding in findings(kept()) if finding.state not in FINE] == []


def test_every_control_that_a_machine_can_show_is_judged() -> None:
    shown = {control.id for control in CONTROLS if not control.by_word}
    assert {finding.control for finding in findings(kept())} == shown
    assert {finding.control for finding in findings(without(kept(), "packages/", "kernel/"))} == shown


def test_what_was_not_read_is_unknown_and_says_what_to_type() -> None:
    for finding in findings(without(kept(), "packages/", "kernel/")):
        assert finding.state is State.UNKNOWN, finding
        assert finding.next_command


def test_nothing_passes_where_reading_was_denied() -> None:
    denied = {
        name: Unknown("Permission denied") for name in kept().readings if name.startswith(("packages/", "kernel/"))
    }
    assert {finding.state for finding in findings(kept(denied))} == {State.UNKNOWN}


def test_a_machine_without_dpkg_is_not_blamed_for_it() -> None:
    gone = {packages.STATUS: "not installed: no /var/lib/dpkg/status\n"}
    of = {finding.control: finding.state for finding in findings(kept(gone))}
    assert of[EXPOSED_UPDATES.id] is of[LISTS_FRESH.id] is State.NOT_APPLICABLE


@pytest.mark.parametrize(("name", "change", "control", "state"), PATCH_FAULTS, ids=[fault[0] for fault in PATCH_FAULTS])
def test_a_planted_fault_is_found(name: str, change: dict[str, str], control: str, state: State) -> None:
    found = [finding for finding in findings(kept(change)) if finding.control == control]
    assert state in {finding.state for finding in found}, (name, found)
    assert all(finding.evidence or finding.next_command for finding in found if finding.state is state)


def test_without_root_the_processes_of_others_are_unknown() -> None:
    found = next(it for it in findings(kept({old_code.SOURCE: "user 1000\n"})) if it.control == IN_USE.id)
    assert found.state is State.UNKNOWN


@pytest.mark.parametrize(("profile", "state"), [("starter", State.PASS), ("business", State.WARN)])
def test_how_old_the_lists_may_be_depends_on_the_profile(profile: str, state: State) -> None:
    from datetime import timedelta

    from tests.recordings.upkeep import DEBIAN_LISTS, NOW

    change = {packages.LISTS: listed(DEBIAN_LISTS, NOW - timedelta(days=10))}
    found = findings(kept(change), f'[site]\nprofile = "{profile}"\n')
    assert next(it for it in found if it.control == LISTS_FRESH.id).state is state
