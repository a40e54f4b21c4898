"""The state directory: made, closed to others, and its troubles told in a sentence."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from lockdown.model.errors import OperatorError
from lockdown.state.keyfile import key_of
from lockdown.state.layout import StateDirectory, cannot_use


def test_everything_is_made_and_closed_to_others(tmp_path):
    state = StateDirectory(tmp_path / "var").prepare()
    folders = [state.path, state.quarantine, state.log, state.tally, state.tls, state.metrics, state.run, state.mail]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert sorted(path.name for path in state.path.iterdir()) == sorted(StateDirectory.FOLDERS)
    assert list(state.run.iterdir()) == []


def test_a_folder_that_was_open_to_others_is_closed(tmp_path):
    (tmp_path / "var").mkdir(mode=0o755)
    StateDirectory(tmp_path / "var").prepare()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


def test_preparing_again_leaves_what_is_there(tmp_path):
    state = StateDirectory(tmp_path / "var").prepare()
    (state.mail / "kept").write_text("x")
    state.prepare()
    assert (state.mail / "kept").read_text() == "x"


@pytest.mark.parametrize("place", ["var", "var/below"])
def test_a_file_in_the_way_is_told(tmp_path, place):
    (tmp_path / "var").write_text("")
    with pytest.raises(OperatorError) as refused:
        StateDirectory(tmp_path / place).prepare()
    assert refused.value.name == "state-not-a-directory"
    assert str(tmp_path / "var") in refused.value.what
    assert "state.directory" in refused.value.try_this


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (errno.EACCES, "state-unwritable"),
        (errno.EROFS, "state-unwritable"),
        (errno.ENOSPC, "state-full"),
        (errno.EDQUOT, "state-full"),
        (errno.EIO, "state-unusable"),
    ],
)
def test_each_trouble_has_its_name_its_path_and_something_to_type(number, name):
    told = cannot_use(Path("/srv/lockdown"), OSError(number, os.strerror(number)))
    assert told.name == name
    assert "/srv/lockdown" in told.what
    assert told.why
    assert told.try_this


def test_a_folder_that_this_user_may_not_write_is_told(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(OperatorError) as refused:
        StateDirectory(tmp_path / "var").prepare()
    tmp_path.chmod(0o700)
    assert refused.value.name == "state-unwritable"


def test_a_full_disk_is_told(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk to fill")
    try:
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(OperatorError) as refused:
            StateDirectory(disk / "var").prepare()
        assert refused.value.name == "state-full"
        assert StateDirectory(disk).free_bytes() == 0
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_key_is_made_once_and_is_ours_alone(tmp_path):
    key = key_of(tmp_path / "folder" / "key")
    assert len(key) == 16
    assert key_of(tmp_path / "folder" / "key") == key
    assert key_of(tmp_path / "other" / "key") != key
    assert (tmp_path / "folder" / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["key"]


def test_a_damaged_key_is_told_and_not_used(tmp_path):
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(OperatorError) as refused:
        key_of(tmp_path / "key")
    assert refused.value.name == "state-key-damaged"


KEY = """
import sys
from pathlib import Path
from lockdown.state.keyfile import key_of
print(key_of(Path(sys.argv[1])).hex())
"""


def test_processes_that_start_at_once_agree_on_the_key(tmp_path, child):
    starting = [child(KEY, tmp_path / "key") for _ in range(4)]
    assert len({one.ends() for one in starting}) == 1
