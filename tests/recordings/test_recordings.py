"""Hosts as folders: what an audit finds on each recorded machine, line for line.

`hosts/NAME/` is a snapshot that `make.py` took of the installed Postfix; `hosts/NAME.expected` is what is found.
On a difference the lines that came out lie beside it, as `NAME.got`: read them, and rename the file if they are right.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import Settings
from lockdown.engine.audit import audit, cards
from lockdown.engine.snapshots import settings_of, snapshot_from_folder
from lockdown.model.finding import Finding, State
from lockdown.model.unknown import Unknown
from tests.recordings.make import CASES, record

HOSTS = Path(__file__).parent / "hosts"
NAMES = sorted(path.name for path in HOSTS.iterdir() if path.is_dir())
NOW = datetime(2026, 1, 15, 4, 0, tzinfo=UTC)


def found_on(name: str) -> tuple[Finding, ...]:
    return found_in(HOSTS / name)


def found_in(folder: Path) -> tuple[Finding, ...]:
    snapshot = snapshot_from_folder(folder)
    own = settings_of(snapshot)
    return audit(snapshot, Settings() if isinstance(own, Unknown) else own, NOW).findings


def as_lines(findings: tuple[Finding, ...]) -> str:
    """What does not hold in full, the worst first; what holds by name."""
    order = [State.FAIL, State.WARN, State.UNKNOWN, State.PASS, State.NOT_APPLICABLE]
    return "".join(_lines(finding) for finding in sorted(findings, key=lambda finding: order.index(finding.state)))


def _lines(finding: Finding) -> str:
    lines = f"{finding.state:<8}{finding.control} [{finding.target}]\n"
    if finding.state not in (State.PASS, State.NOT_APPLICABLE):
        lines += f"        {finding.says}\n"
    if finding.state in (State.FAIL, State.WARN):
        lines += "".join(f"            {line.source}:{line.line or '-'}: {line.text}\n" for line in finding.evidence)
        lines += f"        do: {finding.next_command}\n"
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_an_audit_of_a_recorded_host_finds_what_is_written_beside_it(name: str) -> None:
    lines = as_lines(found_on(name))
    expected = HOSTS / f"{name}.expected"
    got = HOSTS / f"{name}.got"
    got.unlink(missing_ok=True)
    if not expected.exists() or lines != expected.read_text():
        got.write_text(lines)
    assert lines == expected.read_text()


def test_the_recordings_are_those_that_are_made() -> None:
    assert set(NAMES) == set(CASES)


@pytest.mark.skipif(
    not Path("/usr/sbin/postconf").exists(), reason="Postfix is not installed (apt-get install postfix)"
)
@pytest.mark.parametrize("name", ["healthy", "open-relay-on-one-port", "broken-syntax"])
def test_the_installed_postfix_is_judged_as_the_recorded_one(name: str, tmp_path: Path) -> None:
    record(CASES[name], tmp_path / name)
    again = {(finding.control, finding.target, finding.state) for finding in found_in(tmp_path / name)}
    assert again == {(finding.control, finding.target, finding.state) for finding in found_on(name)}


@pytest.mark.parametrize("name", NAMES)
def test_every_bad_finding_says_what_to_type(name: str) -> None:
    for finding in found_on(name):
        assert finding.next_command or finding.state not in (State.FAIL, State.WARN), finding


PLANTED_BY_LITERALS = (
    "attachments.structure-limits",
    "attachments.slow-clients",
    "relaying.no-nameless-log-in",
    "relaying.no-smuggling",
    "relaying.claimed-addresses",
    "relaying.quiet-banner",
    "relaying.bounces-get-in",
)
"""Their faults stand in tests/checklist."""
NOT_ON_THEM = ("attachments.web-upload",)
"""What no recorded machine has, a webmail; all its states stand in tests/checklist."""
RECORDED = ("antivirus", "attachments", "relaying")
"""Items whose faults are recorded hosts; those of the others are planted one by one (tests/live/faults_*.py)."""


def test_every_audited_control_is_recorded_passing_failing_and_unreadable() -> None:
    states: dict[str, set[State]] = {}
    for name in NAMES:
        for finding in found_on(name):
            states.setdefault(finding.control, set()).add(finding.state)
    for control in (
        control
        for card in cards()
        if card.id in RECORDED
        for control in card.controls
        if not (control.in_flight or control.black_box or control.id in NOT_ON_THEM)
    ):
        if "audit" in next(card.empty for card in cards() if control in card.controls):
            continue
        seen = states[control.id]
        assert State.PASS in seen, control.id
        assert State.FAIL in seen or State.WARN in seen or control.id in PLANTED_BY_LITERALS, control.id
        assert State.UNKNOWN in seen, control.id


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("open-relay")])
def test_every_way_to_an_open_relay_fails_its_control(name: str) -> None:
    failed = {finding.control for finding in found_on(name) if finding.state is State.FAIL}
    assert "relaying.open-to-strangers" in failed


@pytest.mark.parametrize("name", ["denied", "broken-syntax", "another-mail-server"])
def test_a_server_that_cannot_be_read_never_passes(name: str) -> None:
    of_postfix = [finding.state for finding in found_on(name) if finding.target.startswith("postfix")]
    assert State.UNKNOWN in of_postfix
    assert set(of_postfix) <= {State.UNKNOWN, State.NOT_APPLICABLE}
