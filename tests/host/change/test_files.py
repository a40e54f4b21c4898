"""A file lies there whole, the old one or the new one, with its owner, its mode and its attributes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockdown.host.change.files import ASIDE, FileImage, absent, image_of, missing_folders, put, remove_empty
from lockdown.model.errors import OperatorError

ME = {"uid": os.geteuid(), "gid": os.getegid()}


def test_what_is_put_is_what_lies_there(tmp_path: Path) -> None:
    path = str(tmp_path / "main.cf")
    for image in (
        FileImage(path, b"a = 1\n", 0o640, **ME),
        FileImage(path, b"\xff\0\r\n", 0o600, **ME),
        FileImage(path, b"", 0o777, **ME, link="elsewhere"),
        FileImage(path, b"a = 2", 0o644, **ME),
        absent(path),
        absent(path),
    ):
        put(image)
        assert image_of(path) == image
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made_and_taken_away_again_while_empty(tmp_path: Path) -> None:
    path = str(tmp_path / "a/b/99.conf")
    folders = missing_folders(path)
    assert folders == (str(tmp_path / "a"), str(tmp_path / "a/b"))
    put(FileImage(path, b"x", **ME))
    (tmp_path / "a/kept").touch()
    put(absent(path))
    remove_empty(folders)
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["kept"]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to("target")
    put(FileImage(str(tmp_path / "link"), b"ours", **ME))
    assert (tmp_path / "target").read_text() == "theirs"
    assert (tmp_path / "link").read_text() == "ours"


def test_attributes_of_the_file_stay_with_it(tmp_path: Path) -> None:
    file = tmp_path / "main.cf"
    file.write_text("a = 1\n")
    try:
        os.setxattr(file, "user.note", b"by hand")
    except OSError:
        pytest.skip("no attributes on this file system")
    put(FileImage(str(file), b"a = 2\n", **ME))
    assert os.getxattr(file, "user.note") == b"by hand"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)])
def test_what_is_no_ordinary_file_is_refused(make: object, tmp_path: Path) -> None:
    make(tmp_path / "odd")  # type: ignore[operator]
    with pytest.raises(OperatorError, match="no ordinary file"):
        image_of(str(tmp_path / "odd"))


def test_what_a_killed_attempt_left_is_hidden_and_gone_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / f"{ASIDE}99-lockdown.conf.12345"
    left.write_text("half a")
    assert not list(tmp_path.glob("[!.]*.conf"))
    put(FileImage(str(tmp_path / "99-lockdown.conf"), b"whole", **ME))
    assert [entry.name for entry in tmp_path.iterdir()] == ["99-lockdown.conf"]


_FOREVER = """
import sys
from lockdown.host.change.files import FileImage, put
images = [FileImage(sys.argv[1], letter * 200_000, 0o600, *map(int, sys.argv[2:])) for letter in (b"a", b"b")]
print("begun", flush=True)
while True:
    for image in images:
        put(image)
"""


def test_killed_at_any_moment_it_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    file = tmp_path / "99-lockdown.conf"
    chance = random.Random(5)
    for _ in range(20):
        put(FileImage(str(file), b"a" * 200_000, 0o600, **ME))
        argv = [sys.executable, "-c", _FOREVER, str(file), str(ME["uid"]), str(ME["gid"])]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(chance.random() * 0.02)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        assert file.read_bytes() in (b"a" * 200_000, b"b" * 200_000)
        assert [entry.name for entry in tmp_path.iterdir() if not entry.name.startswith(".")] == [file.name]
