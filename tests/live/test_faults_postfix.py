"""The careful Postfix raises nothing, each planted fault is named: judged on what the real postconf says of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.checklist.attachments.audit import audit as audit_attachments
from lockdown.checklist.relaying.audit import audit as audit_relaying
from lockdown.config import Loaded, read_settings
from lockdown.facts import interfaces, listeners
from lockdown.facts.postfix import EFFECTIVE
from lockdown.host.read import take_snapshot
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from tests.live.faults_postfix import FAULTS, Fault
from tests.recordings.make import MAIN_CF, MASTER_CF, SETTINGS

pytestmark = pytest.mark.skipif(not shutil.which("postconf", path="/usr/sbin"), reason="Postfix is not installed")
LOADED: Loaded = read_settings([("lockdown.toml", SETTINGS.replace("[site]", '[site]\nrole = "mx"'))])
BAD = (State.FAIL, State.WARN)
GUARDED = MAIN_CF + "smtpd_forbid_bare_newline = normalize\n"


def findings(folder: Path, fault: Fault | None) -> list[Finding]:
    """What is said of the Postfix alone."""
    old, new = fault.master if fault else ("", "")
    assert old in MASTER_CF
    (folder / "main.cf").write_text(GUARDED + (fault.main + "\n" if fault else ""))
    (folder / "master.cf").write_text(MASTER_CF.replace(old, new) if old else MASTER_CF)
    (folder / "logins").write_text("info@example.com info\n")
    taken = take_snapshot(LOADED, datetime.now(UTC), postfix_config=folder)
    assert isinstance(taken.reading(EFFECTIVE), str), taken.reading(EFFECTIVE)
    here = {listeners.SOURCE: "tcp 0.0.0.0:25 1 master\n", interfaces.SOURCE: "lo 127.0.0.1/8\neth0 192.0.2.7/24\n"}
    snapshot = Snapshot(taken.host, taken.taken_at, taken.version, {**taken.readings, **here})
    return [one for one in _all(snapshot) if one.target.startswith("postfix")]


def _all(snapshot: Snapshot) -> Iterator[Finding]:
    yield from audit_relaying(snapshot, LOADED.settings)
    yield from audit_attachments(snapshot, LOADED.settings)


def test_the_careful_one_raises_nothing(tmp_path: Path) -> None:
    found = findings(tmp_path, None)
    assert [one for one in found if one.state in BAD] == []
    assert len([one for one in found if one.state is State.PASS]) > 20


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_named(fault: Fault, tmp_path: Path) -> None:
    bad = [(one.control, one.state) for one in findings(tmp_path, fault) if one.state in BAD]
    assert (fault.control, fault.state) in bad, bad
