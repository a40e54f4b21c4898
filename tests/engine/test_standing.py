"""What is half done, and the age of the last drill: told by whoever may read it, with what to type."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lockdown.engine.evidence import write_evidence
from lockdown.engine.standing import standing_here, symptoms_of
from lockdown.engine.symptom import Symptom
from lockdown.engine.undo import alone
from lockdown.host.journal import Journal
from lockdown.model.finding import State
from lockdown.model.standing import HalfDone, Halfway, Standing
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from tests.rig.applied import write_apply

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NAME = "20261124-115000"


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state").prepare()


def told(found: Standing | Unknown) -> dict[str, Symptom]:
    return {one.part: one for one in symptoms_of(found, NOW)}


def test_where_nothing_was_ever_changed_nothing_is_half_done(directory: StateDirectory) -> None:
    assert standing_here(directory) == Standing()
    assert told(Standing())["changes"].state is State.PASS


def test_a_probation_is_told_with_the_time_that_is_left_and_both_ways_on(directory: StateDirectory) -> None:
    write_apply(directory.applies, NAME, "services.x", "tcp/1")
    journal = Journal(directory.applies / NAME)
    journal.append("armed", until=(NOW + timedelta(minutes=7)).isoformat())
    journal.append("committed", probation=True)
    found = standing_here(directory)
    assert found.half_done == HalfDone(NAME, Halfway.PROBATION, NOW + timedelta(minutes=7))
    symptom = told(found)["changes"]
    assert symptom.state is State.WARN
    assert "in 7 minutes, at 12:07:00Z" in symptom.says
    assert f"lockdown confirm {NAME}" in symptom.try_this and f"lockdown rollback {NAME}" in symptom.try_this


@pytest.mark.parametrize("end", ["confirmed", "undone"])
def test_what_has_ended_is_not_half_done(directory: StateDirectory, end: str) -> None:
    write_apply(directory.applies, NAME, "services.x", "tcp/1", "committed", end)
    assert standing_here(directory).half_done is None


def test_one_that_is_at_work_is_told_from_one_that_was_cut_off(directory: StateDirectory) -> None:
    with alone(directory.applies):
        write_apply(directory.applies, NAME, "services.x", "tcp/1")
        assert standing_here(directory).half_done == HalfDone(NAME, Halfway.AT_WORK)
    cut_off = standing_here(directory)
    assert cut_off.half_done == HalfDone(NAME, Halfway.CUT_OFF)
    assert told(cut_off)["changes"].state is State.FAIL
    assert told(cut_off)["changes"].try_this == "sudo lockdown rollback --interrupted"


def test_a_journal_that_says_nonsense_is_told_and_not_passed_over(directory: StateDirectory) -> None:
    write_apply(directory.applies, NAME, "services.x", "tcp/1")
    journal = Journal(directory.applies / NAME)
    journal.append("armed", until="soon")
    journal.append("committed", probation=True)
    assert told(standing_here(directory))["changes"].state is State.UNKNOWN


def test_looking_keeps_nobody_from_changing(directory: StateDirectory) -> None:
    write_apply(directory.applies, NAME, "services.x", "tcp/1")
    with alone(directory.applies):
        pass
    standing_here(directory)
    lock = os.open(directory.applies / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


@pytest.mark.parametrize(
    ("age", "exit_code", "state", "words"),
    [
        (timedelta(days=3), 0, State.PASS, "3 days ago, all as expected"),
        (timedelta(days=40), 0, State.WARN, "40 days ago"),
        (timedelta(hours=5), 1, State.WARN, "not all was as expected"),
    ],
)
def test_the_last_signed_drill_is_told_with_its_age(
    directory: StateDirectory, age: timedelta, exit_code: int, state: State, words: str
) -> None:
    write_evidence({"began": (NOW - age).isoformat(), "exit_code": exit_code}, directory)
    symptom = told(standing_here(directory))["drill"]
    assert symptom.state is state and words in symptom.says


def test_a_result_that_was_changed_proves_nothing(directory: StateDirectory) -> None:
    file = write_evidence({"began": NOW.isoformat(), "exit_code": 1}, directory)
    file.write_text(file.read_text().replace('"exit_code": 1', '"exit_code": 0'))
    assert told(standing_here(directory))["drill"].state is State.WARN
    file.write_text("{}")
    assert told(standing_here(directory))["drill"].state is State.UNKNOWN


@pytest.mark.skipif(os.geteuid() != 0, reason="folders of another user are made by root")
def test_who_may_not_read_it_is_told_that_and_not_that_all_is_well() -> None:
    with TemporaryDirectory() as folder:  # one that others can reach, unlike those of pytest
        Path(folder).chmod(0o755)
        directory = StateDirectory(Path(folder) / "state").prepare()
        _make_both(directory)
        assert _as_nobody(directory) == repr({"changes": "unknown", "drill": "unknown"})


def _make_both(directory: StateDirectory) -> None:
    write_apply(directory.applies, NAME, "services.x", "tcp/1")
    write_evidence({"began": NOW.isoformat(), "exit_code": 0}, directory)
    os.chown(directory.path, 65534, 65534)


def _as_nobody(directory: StateDirectory) -> str:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        states = {one.part: str(one.state) for one in symptoms_of(standing_here(directory), NOW)}
        os.write(writes, repr(states).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reads, 1000).decode()


def test_an_agent_that_does_not_answer_is_no_good_news() -> None:
    assert told(Unknown("no answer in 5 s"))["changes"].state is State.UNKNOWN
