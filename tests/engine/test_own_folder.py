"""The journals lie where the owner of the state directory has no hand, also those that earlier versions have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockdown.agent import verbs
from lockdown.agent.acting import Actor, recover_first
from lockdown.engine.apply_record import records
from lockdown.engine.own_folder import bring_over
from lockdown.engine.undo import alone
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory
from tests.rig.applied import write_apply

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="folders of another user are made by root")


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state").prepare()


def ids(directory: StateDirectory) -> list[str]:
    return [record.id for record in records(directory.applies)]


def test_an_apply_keeps_its_journal_out_of_the_state_directory(directory: StateDirectory) -> None:
    with alone(directory.applies):
        pass
    assert not directory.applies.is_relative_to(directory.path)
    assert directory.own.stat().st_mode & 0o777 == 0o700


@as_root
def test_whoever_owns_the_state_directory_cannot_take_the_journals_away(directory: StateDirectory) -> None:
    write_apply(directory.applies, "20261124-120000", "services.x", "tcp/1", "committed")
    os.chown(directory.path, NOBODY, NOBODY)
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            directory.own.rename(directory.path / "hidden")
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ids(directory) == ["20261124-120000"]


def test_those_of_an_earlier_version_are_brought_over_once(directory: StateDirectory) -> None:
    write_apply(directory.path / "applies", "20261124-120000", "services.x", "tcp/1", "committed")
    bring_over(directory)
    bring_over(directory)
    assert ids(directory) == ["20261124-120000"]
    assert not (directory.path / "applies").exists()


def test_what_is_there_already_is_never_replaced(directory: StateDirectory) -> None:
    write_apply(directory.applies, "20261124-120000", "services.x", "tcp/1", "committed")
    write_apply(directory.path / "applies", "20261123-120000", "services.x", "tcp/1", "committed")
    bring_over(directory)
    assert ids(directory) == ["20261124-120000"]


@as_root
def test_an_apply_that_an_earlier_version_has_left_half_done_is_ended_by_the_agents_start(
    directory: StateDirectory,
) -> None:
    write_apply(directory.path / "applies", "20261124-120000", "services.x", "tcp/1")
    asked: list[tuple[str, ...]] = []

    class Acts(Actor):
        def run(self, arguments: tuple[str, ...], seconds: float) -> verbs.Reply:
            asked.append(arguments)
            return verbs.Acted("20261124-120000", "rolled back", ["it was cut off; it is rolled back"], 0)

    assert list(recover_first(directory, Acts(""))) == ["it was cut off; it is rolled back"]
    assert asked == [("rollback", "--interrupted")]


@as_root
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_others_have_put_there_is_not_brought_over(directory: StateDirectory, kind: str, tmp_path: Path) -> None:
    old = directory.path / "applies"
    if kind == "folder":
        old.mkdir()
        os.chown(old, NOBODY, NOBODY)
    else:
        (tmp_path / "ours").mkdir()
        old.symlink_to(tmp_path / "ours")
    bring_over(directory)
    assert not directory.applies.exists()
    with alone(directory.applies):
        pass
    assert not directory.applies.is_symlink()


def test_what_cannot_be_moved_is_told_with_what_to_type(directory: StateDirectory) -> None:
    write_apply(directory.path / "applies", "20261124-120000", "services.x", "tcp/1", "committed")
    directory.own.write_text("a file is in the way")
    with pytest.raises(OperatorError) as refused:
        bring_over(directory)
    assert refused.value.try_this.startswith(f"sudo mv {directory.path}/applies")
