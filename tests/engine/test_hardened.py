"""An apply in a hostile place: a state directory of another user, a full disk, a clock that was set back."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockdown.engine.apply import in_doubt_after, new_id, wrong_after
from lockdown.engine.apply_record import End, Entry, Record
from lockdown.engine.probation import arm, lockdown_command
from lockdown.engine.undo import alone, undo
from lockdown.host.change.files import FileImage, image_of, put
from lockdown.host.change.staging import FileEdit
from lockdown.host.journal import Journal
from lockdown.model.change import PutFile
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root")


def test_our_own_command_is_not_looked_for_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "lockdown").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "lockdown" / name).write_text("print('planted')\n")
    said = subprocess.run(lockdown_command("--version"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "planted" not in said.stdout


@as_root
def test_a_link_of_another_user_is_not_followed_and_the_path_below_his_folder_neither(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/secret").write_text("secret")
    (tmp_path / "theirs/conf.d").symlink_to(tmp_path / "ours")
    for path in (tmp_path / "theirs", tmp_path / "theirs/conf.d"):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for act in (lambda: put(FileImage(f"{tmp_path}/theirs/conf.d/x", b"x")),
                lambda: image_of(f"{tmp_path}/theirs/conf.d/secret")):  # fmt: skip
        with pytest.raises(OperatorError, match="belongs to the user 65534"):
            act()
    assert [one.name for one in (tmp_path / "ours").iterdir()] == ["secret"]
    (tmp_path / "linked").symlink_to(tmp_path / "ours")
    put(FileImage(f"{tmp_path}/linked/x", b"x"))
    assert (tmp_path / "ours/x").read_bytes() == b"x"


def test_a_new_folder_can_be_entered_by_the_service_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        put(FileImage(f"{tmp_path}/conf.d/x", b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "conf.d").stat().st_mode & 0o777 == 0o755


@as_root
def test_nothing_is_written_through_a_journal_folder_that_was_exchanged(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path / "applies/20261124-120000")
    journal.append("intended")
    (tmp_path / "applies").rename(tmp_path / "hidden")
    (tmp_path / "theirs/20261124-120000/images").mkdir(parents=True)
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    (tmp_path / "applies").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match=r"."):
        journal.append("committed")
    with pytest.raises(OSError, match=r"."):
        journal.keep("0-before", FileImage("/etc/x", b"x"))
    with pytest.raises(OperatorError, match="nothing is changed"), alone(tmp_path / "applies"):
        pass
    assert [one for one in (tmp_path / "theirs").rglob("*") if one.is_file()] == []


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd keeps the time here")
def test_the_timer_writes_its_log_through_no_link(tmp_path: Path) -> None:
    folder = Journal.begin(tmp_path / "applies/20261124-120000").folder
    (folder / "probation.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OperatorError, match="timer"):
        arm("20261124-120000", 60.0, "", folder / "probation.log")
    assert not (tmp_path / "elsewhere").exists()


def test_a_journal_that_takes_no_more_lines_does_not_keep_the_machine_from_being_put_back(tmp_path: Path) -> None:
    path = f"{tmp_path}/file"
    was, ours = FileImage(path, b"was\n"), FileImage(path, b"ours\n")
    put(ours)
    record = Record(
        "20261124-120000", Journal(tmp_path / "gone/20261124-120000"),
        (Entry(datetime.now(UTC), "edit-begins", {"number": 0}),), End.INTERRUPTED,
        changes=(PutFile(path, "ours\n"),), edits=(FileEdit(was, ours, (0,)),),
    )  # fmt: skip
    undone = undo(record, "it failed", "tests")
    assert Path(path).read_bytes() == b"was\n"
    assert undone.left == ()
    assert "could not be written down" in undone.problems[0]


def test_the_newest_apply_has_the_last_name_also_after_the_clock_was_set_back(tmp_path: Path) -> None:
    now, earlier = datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 23, 12, tzinfo=UTC)
    made = []
    for moment in (now, earlier, *[now] * 10):
        made.append(new_id(tmp_path, moment))
        (tmp_path / made[-1]).mkdir()
    assert made == sorted(made)
    assert made[1] == "20261124-120000-02"


def test_a_control_that_could_not_be_judged_is_not_proved_by_its_missing_target() -> None:
    gone: Any = SimpleNamespace(expected=[("tls.new", "tcp/25")], before=SimpleNamespace(findings=[]))
    unknown = SimpleNamespace(control="tls.new", target="this host", state=State.UNKNOWN, says="its room broke")
    after: Any = SimpleNamespace(findings=[unknown])
    assert list(wrong_after(gone, after)) == ["tls.new (tcp/25) should hold now, but: its room broke"]
    assert list(wrong_after(gone, SimpleNamespace(findings=[]))) == []  # type: ignore[arg-type]


def test_what_held_before_and_can_be_told_no_more_is_not_proved_and_no_failure() -> None:
    def one(control: str, state: State, target: str = "postfix") -> Any:
        return SimpleNamespace(control=control, target=target, state=state, says="postconf ended with 1")

    passed = [one(name, State.PASS) for name in ("a.kept", "b.lost", "c.broke", "d.gone")]
    plan: Any = SimpleNamespace(expected=[], before=SimpleNamespace(findings=[*passed, one("e.never", State.UNKNOWN)]))
    after: Any = SimpleNamespace(
        findings=[one("a.kept", State.PASS), one("b.lost", State.UNKNOWN), one("c.broke", State.UNKNOWN, "this host"),
                  one("e.never", State.UNKNOWN)]
    )  # fmt: skip
    assert [line.partition(" held")[0] for line in in_doubt_after(plan, after)] == [
        "b.lost (postfix)",
        "c.broke (postfix)",
    ]
    assert list(wrong_after(plan, after)) == []
