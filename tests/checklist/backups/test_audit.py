"""Audit of item 11, by literals and by real repositories of restic and borg."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.checklist.backups.audit import audit
from lockdown.checklist.backups.controls import COMPLETE, CONTROLS, EXIST, OFF_HOST, RECENT
from lockdown.config import read_settings
from lockdown.facts import backups
from lockdown.host import backups as asked
from lockdown.host.tree import Tree
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_upkeep import BACKUP_FAULTS
from tests.recordings.upkeep import NOW, files_of, kept, without

FINE = (State.PASS, State.NOT_APPLICABLE)
ALL_IN_ONE = '[site]\nrole = "all-in-one"\n'


def findings(snapshot: Snapshot, settings: str = ALL_IN_ONE) -> dict[str, Finding]:
    return {it.control: it for it in audit(snapshot, read_settings([("lockdown.toml", settings)]).settings)}


def test_a_machine_with_borgmatic_to_another_one_raises_nothing() -> None:
    assert [it for it in findings(kept()).values() if it.state not in FINE] == []


def test_every_control_that_a_machine_can_show_is_judged() -> None:
    shown = {control.id for control in CONTROLS if not control.by_word}
    assert set(findings(kept())) == set(findings(without(kept(), "backups/"))) == shown


def test_what_was_not_read_is_unknown_and_says_what_to_type() -> None:
    for finding in findings(without(kept(), "backups/")).values():
        assert finding.state is State.UNKNOWN
        assert finding.next_command


def test_no_backup_that_could_be_found_is_a_failure_and_one_that_was_hidden_is_not() -> None:
    none = {**files_of(backups.SETTINGS, {}), **files_of(backups.SCHEDULES, {})}
    assert findings(kept(none))[EXIST.id].state is State.FAIL
    hidden: dict[str, Reading] = {**none, backups.ROOT_SETTINGS: Unknown("/root: Permission denied")}
    assert findings(kept(hidden))[EXIST.id].state is State.UNKNOWN


@pytest.mark.parametrize(("name", "change", "control", "state"), BACKUP_FAULTS, ids=[it[0] for it in BACKUP_FAULTS])
def test_a_planted_fault_is_found(name: str, change: Mapping[str, Reading], control: str, state: State) -> None:
    assert findings(kept(change))[control].state is state, name


def test_a_gateway_need_not_hold_mailboxes() -> None:
    change = {f"{backups.SETTINGS}/etc/borgmatic/config.yaml": "source_directories:\n    - /etc\n"}
    assert findings(kept(change))[COMPLETE.id].state is State.WARN
    assert findings(kept(change), '[site]\nrole = "gateway"\n')[COMPLETE.id].state is State.PASS


def test_no_password_is_kept() -> None:
    text = 'export RESTIC_PASSWORD="hunter2"\nencryption_passphrase: hunter3\nRESTIC_PASSWORD_FILE=/root/key\n'
    assert "hunter" not in asked.hide(text)
    assert "/root/key" in asked.hide(text)
    assert "hunter" not in asked.about_backups("0 1 * * * root BORG_PASSPHRASE=hunter2 borg create /b::x /etc\n")


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        ("ssh://u@backup.example.org:23/./repo", True), ("sftp:u@h:/srv/r", True), ("rest:https://h:8000/", True),
        ("s3:s3.amazonaws.com/bucket", True), ("u@h:repo", True), ("backup:/srv/borg", True), ("/mnt/backup", False),
        ("./repo", False), ("file:///mnt", False), ("$REPO", False),
    ],
)  # fmt: skip
def test_a_repository_on_another_machine_is_told_by_how_it_is_written(place: str, remote: bool) -> None:
    assert backups.is_remote(place) is remote


# ── real repositories ──


def run(home: Path, *argv: str) -> None:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "RESTIC_PASSWORD": "a test", "BORG_PASSPHRASE": "a test",
    }  # fmt: skip
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def image(tmp_path: Path, script: str) -> Path:
    """A whole image of a machine, with a script of root's that makes the backup."""
    for path, text in (
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
        ("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n"),
        ("usr/local/sbin/backup-mail", f"#!/bin/sh\n{script}\n"),
        ("etc/cron.d/backup", "MAILTO=root\n0 2 * * * root /usr/local/sbin/backup-mail\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "root").mkdir(exist_ok=True)
    return tmp_path


def judged(root: Path, now: datetime) -> dict[str, Finding]:
    snapshot = replace(kept(Tree(root, {}, whole=True).ask(asked.sources())), taken_at=now)
    return findings(without_planted(snapshot, root))


def without_planted(snapshot: Snapshot, root: Path) -> Snapshot:
    mine = Tree(root, {}, whole=True).ask(asked.sources())
    kept_readings = {name: it for name, it in snapshot.readings.items() if not name.startswith("backups/")}
    return replace(snapshot, readings={**kept_readings, **mine})


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed")
def test_a_real_run_of_restic_is_seen_and_its_age_told(tmp_path: Path) -> None:
    repository = tmp_path / "srv/repository"
    root = image(tmp_path, f"restic -r {repository} backup /etc /var/mail\nrestic forget --keep-daily 7 --prune")
    run(root / "root", "restic", "-r", str(repository), "init")
    run(root / "root", "restic", "-r", str(repository), "backup", str(root / "etc"))
    now = datetime.now(UTC)
    found = judged(root, now)
    assert found[EXIST.id].state is State.PASS
    assert found[RECENT.id].state is State.PASS, found[RECENT.id]
    assert found[OFF_HOST.id].state is State.WARN
    assert found[COMPLETE.id].state is State.PASS
    assert judged(root, now + timedelta(days=9))[RECENT.id].state is State.FAIL


@pytest.mark.skipif(not shutil.which("borg"), reason="borg is not installed")
def test_a_real_run_of_borg_is_seen_and_its_age_told(tmp_path: Path) -> None:
    repository = tmp_path / "srv/repository"
    root = image(tmp_path, "export BORG_REPO=ssh://b@away.example.org/./r\nborg create ::x /etc /home\nborg prune")
    (tmp_path / "srv").mkdir()
    run(root / "root", "borg", "init", "-e", "repokey", str(repository))
    run(root / "root", "borg", "create", f"{repository}::one", str(root / "etc"))
    now = datetime.now(UTC)
    found = judged(root, now)
    assert found[RECENT.id].state is State.PASS, found[RECENT.id]
    assert found[OFF_HOST.id].state is State.PASS, found[OFF_HOST.id]
    assert judged(root, now + timedelta(days=3))[RECENT.id].state is State.WARN


def test_the_moment_of_the_machine_counts_and_not_ours() -> None:
    assert "6 hours" in findings(kept())[RECENT.id].says
    assert NOW.tzinfo is UTC
