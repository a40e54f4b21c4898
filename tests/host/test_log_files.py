"""Logs in files: read whole, or followed through every way of rotating them, and through our own restart."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.log_lines import write
from lockdown.host import log_files
from lockdown.host.log_files import BLOCK, LONGEST_LINE, LogFollower, Position, blocks, picture_of
from lockdown.model.errors import OperatorError


def line(number: int) -> str:
    return f"May  4 00:00:{number % 60:02} mx postfix/qmgr[1]: B{number:06}: removed\n"


def lines(*numbers: int) -> str:
    return "".join(line(number) for number in numbers)


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}


class Log:
    """A log, and who writes to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mail.log"
        self.path.write_text("")

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def rename(self) -> None:
        self.path.rename(self.path.with_name("mail.log.1"))
        self.path.write_text("")

    def copy_and_empty(self) -> None:
        shutil.copyfile(self.path, self.path.with_name("mail.log.1"))
        os.truncate(self.path, 0)

    def compress(self, how: str = "gz") -> None:
        old = self.path.with_name("mail.log.1")
        old.with_name(f"mail.log.2.{how}").write_bytes(PACKERS[how](old.read_bytes()))
        old.unlink()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_only_what_is_new_is_read_and_only_whole_lines(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(1, 2) + "May  4 00:00:03 mx post")
    assert follower.read().octets == lines(1, 2).encode()
    log.write("fix/qmgr[1]: B000003: removed\n")
    assert follower.read().octets == lines(3).encode()
    assert follower.read() == log_files.Piece(b"")


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("rotate", ["rename", "copy_and_empty"])
def test_what_was_written_before_a_rotation_is_not_lost(log: Log, rotate: str, restart: bool) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    assert follower.read().octets == lines(*range(20)).encode()
    log.write(lines(20))
    getattr(log, rotate)()
    log.write(lines(21))
    if restart:
        position = follower.position
        follower.close()
        follower = LogFollower(log.path, position)
    piece = follower.read()
    assert (piece.octets, piece.missed) == (lines(20, 21).encode(), ())
    log.write(lines(22))
    assert follower.read().octets == lines(22).encode()


@pytest.mark.parametrize("how", PACKERS)
def test_after_a_restart_the_rest_is_found_in_a_file_that_is_compressed_by_now(log: Log, how: str) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    log.write(lines(20))
    log.rename()
    log.compress(how)
    log.write(lines(21))
    assert LogFollower(log.path, follower.position).read().octets == lines(20, 21).encode()


NAMES = {
    "numbered": ("mail.log.3.gz", "mail.log.2", "mail.log.1"),
    "dated": ("mail.log-20260208.gz", "mail.log-20260209", "mail.log-20260210"),
    "dated within": ("mail-20260208.log.xz", "mail-20260209.log", "mail-20260210.log"),
    "ten": ("mail.log.10", "mail.log.9", "mail.log.8"),
}


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_what_was_rotated_away_more_than_once_is_read_in_its_order(
    log: Log, names: tuple[str, ...], restart: bool
) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    log.write(lines(20))
    for number, name in enumerate(names):
        octets = log.path.read_bytes()
        pack = PACKERS.get(name.rpartition(".")[2], bytes)
        if number:
            log.path.rename(log.path.with_name(name))
        else:
            log.path.unlink()
        log.path.with_name(name).write_bytes(pack(octets))
        os.utime(log.path.with_name(name), (1_000, 1_000))
        log.path.write_text(lines(21 + number))
    (log.path.with_name("mail.err")).write_text(lines(99))
    if restart:
        position = follower.position
        follower.close()
        follower = LogFollower(log.path, position)
    piece = follower.read()
    assert (piece.octets, piece.missed) == (lines(20, 21, 22, 23).encode(), ())
    log.write(lines(24))
    assert follower.read().octets == lines(24).encode()


def test_a_log_of_which_the_end_was_cut_off_is_not_told_again(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    os.truncate(log.path, len(lines(*range(15))))
    log.write(lines(20))
    piece = follower.read()
    assert "cut short" in piece.missed[0]
    log.write(lines(21))
    assert piece.octets + follower.read().octets == lines(21).encode()


def test_a_rotated_file_that_is_just_being_packed_is_said_and_no_more(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(2000)))
    follower.read()
    log.write(lines(2000))
    log.rename()
    packed = gzip.compress(log.path.with_name("mail.log.1").read_bytes())
    log.path.with_name("mail.log.1").unlink()
    log.path.with_name("mail.log.1.gz").write_bytes(packed[: len(packed) - 20])
    log.write(lines(21))
    piece = LogFollower(log.path, follower.position).read()
    assert piece.octets.endswith(lines(21).encode())
    assert piece.missed


def test_what_cannot_be_found_any_more_is_said(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    log.rename()
    log.path.with_name("mail.log.1").unlink()
    log.write(lines(21))
    piece = LogFollower(log.path, follower.position).read()
    assert piece.octets == lines(21).encode()
    assert "gone" in piece.missed[0]


def test_a_log_that_was_emptied_without_a_copy_is_said(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    os.truncate(log.path, 0)
    log.write(lines(21))
    piece = follower.read()
    assert piece.octets == lines(21).encode()
    assert "emptied" in piece.missed[0]


def test_a_log_that_was_emptied_and_has_grown_again_is_not_read_from_the_middle(log: Log) -> None:
    follower = LogFollower(log.path)
    log.write(lines(*range(20)))
    follower.read()
    log.copy_and_empty()
    log.write(lines(*range(20, 60)))
    piece = follower.read()
    assert (piece.octets, piece.missed) == (lines(*range(20, 60)).encode(), ())


def test_a_log_that_is_not_there_is_said_and_read_when_it_comes(log: Log) -> None:
    log.path.unlink()
    follower = LogFollower(log.path)
    assert follower.read().missed == (f"{log.path} is not there",)
    log.write(lines(1))
    assert follower.read().octets == lines(1).encode()


def test_another_file_with_the_same_inode_is_not_read_from_the_middle(log: Log) -> None:
    log.write(lines(*range(40)))
    position = Position(log.path.stat().st_ino, 200, b"of another file")
    piece = LogFollower(log.path, position).read()
    assert piece.octets == lines(*range(40)).encode()


def test_no_more_is_read_at_once_than_is_allowed_and_nothing_is_lost(log: Log) -> None:
    follower = LogFollower(log.path, most=200)
    log.write(lines(*range(50)))
    taken = [follower.read().octets]
    log.rename()
    log.write(lines(50, 51))
    taken += [follower.read().octets for _ in range(30)]
    assert b"".join(taken) == lines(*range(52)).encode()
    assert max(map(len, taken)) <= 200


def test_a_line_that_does_not_end_takes_no_memory(log: Log) -> None:
    log.write("x" * (3 * BLOCK) + "\n" + lines(1))
    with log.path.open("rb") as file:
        read = b"".join(blocks(file))
    assert read == b"x" * LONGEST_LINE + b"\n" + lines(1).encode()
    follower = LogFollower(log.path, most=LONGEST_LINE + 1)
    pieces = [follower.read() for _ in range(30)]
    assert lines(1).encode() in b"".join(piece.octets for piece in pieces)
    assert any("64 KiB" in word for piece in pieces for word in piece.missed)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_file_comes_to_the_same_picture_with_any_number_of_processes(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "_WORTH_A_PROCESS", 1000)
    write(tmp_path / "mail.log", 5000)
    alone, shared = (
        picture_of(tmp_path / "mail.log", processes=1),
        picture_of(tmp_path / "mail.log", processes=processes),
    )
    assert alone.lines >= 5000
    assert shared == alone


def test_the_parts_of_a_log_come_to_the_picture_of_the_whole(tmp_path: Path) -> None:
    write(tmp_path / "whole.log", 2000)
    lines = (tmp_path / "whole.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:700])))
    (tmp_path / "mail.log.1").write_bytes(b"".join(lines[700:1400]))
    (tmp_path / "mail.log").write_bytes(b"".join(lines[1400:]))
    parts = [tmp_path / name for name in ("mail.log.2.gz", "mail.log.1", "mail.log")]
    assert picture_of(*parts) == picture_of(tmp_path / "whole.log")


@pytest.mark.parametrize("how", PACKERS)
def test_a_compressed_log_is_read(tmp_path: Path, how: str) -> None:
    write(tmp_path / "mail.log", 500)
    packed = tmp_path / f"mail.log.2.{how}"
    packed.write_bytes(PACKERS[how]((tmp_path / "mail.log").read_bytes()))
    assert picture_of(packed) == picture_of(tmp_path / "mail.log")


def test_a_broken_or_missing_log_is_an_error_that_an_operator_can_mend(tmp_path: Path) -> None:
    (tmp_path / "mail.log.gz").write_bytes(gzip.compress(b"x" * 5000)[:20])
    (tmp_path / "mail.log.xz").write_bytes(lzma.compress(b"x" * 5000)[:40])
    (tmp_path / "mail.log.zst").write_bytes(b"\x28\xb5\x2f\xfd\0\0")
    for name in ("mail.log.gz", "mail.log.xz", "mail.log.zst", "nothing"):
        with pytest.raises(OperatorError, match="could not be read"):
            picture_of(tmp_path / name)
