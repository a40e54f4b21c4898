"""The shared table: what another process wrote is there, what is torn is not, and it never grows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockdown.model.errors import OperatorError
from lockdown.state.shared import ABSENT, HEADER_BYTES, WAYS, SharedTable


def table(path: Path, slots: int = 8 * WAYS) -> SharedTable:
    return SharedTable(path, digest_bytes=8, value_bytes=16, slots=slots)


def lowest_value_leaves(shared: SharedTable):
    return lambda at: (shared.memory[at],)


def value(number: int) -> bytes:
    return bytes([number]) * 16


def enter(shared: SharedTable, digest: bytes, number: int) -> None:
    shared.insert(digest, value(number), lowest_value_leaves(shared))


def read(shared: SharedTable, digest: bytes) -> bytes | None:
    at = shared.find(digest)
    return None if at == ABSENT else shared.memory[at : at + 16]


def test_what_is_entered_is_found_by_everyone_who_has_the_file(tmp_path):
    ours, theirs = table(tmp_path / "t"), table(tmp_path / "t")
    enter(ours, b"\x01" * 8, 7)
    assert read(theirs, b"\x01" * 8) == value(7)
    assert read(theirs, b"\x02" * 8) is None


def test_what_is_dropped_is_gone_and_its_slot_is_used_again(tmp_path):
    shared = table(tmp_path / "t", slots=WAYS)
    for number in range(1, WAYS + 1):
        enter(shared, bytes([number]) * 8, number)
    shared.drop(bytes([3]) * 8)
    enter(shared, bytes([200]) * 8, 200)
    assert read(shared, bytes([3]) * 8) is None
    assert [read(shared, bytes([number]) * 8) for number in (1, 2, 4, 5, 6, 7, 8, 200)] == [
        value(number) for number in (1, 2, 4, 5, 6, 7, 8, 200)
    ]


def test_from_a_full_bucket_the_lowest_leaves(tmp_path):
    shared = table(tmp_path / "t", slots=WAYS)
    for number in (50, 40, 30, 10, 20, 60, 70, 80):
        enter(shared, bytes([number]) * 8, number)
    enter(shared, b"\xee" * 8, 99)
    assert read(shared, bytes([10]) * 8) is None
    assert read(shared, bytes([20]) * 8) == value(20)
    assert read(shared, b"\xee" * 8) == value(99)


def test_zeros_between_two_digests_are_not_taken_for_an_empty_slot(tmp_path):
    """A digest may end, and its neighbour begin, with zeros: together eight of them, and yet no slot."""
    shared = table(tmp_path / "t", slots=WAYS)
    digests = [b"\x01\x02\x03\x04" + bytes(4), bytes(4) + b"\x05\x06\x07\x08"] * 4
    digests = [bytes([number]) + one[1:7] + bytes([one[7]]) for number, one in enumerate(digests)]
    for number, digest in enumerate(digests, start=1):
        enter(shared, digest, number)
    enter(shared, b"\xee" * 8, 99)
    kept = [read(shared, digest) for digest in digests]
    assert kept == [None, *(value(number) for number in range(2, WAYS + 1))]


def test_the_file_never_grows(tmp_path):
    shared = table(tmp_path / "t")
    before = (tmp_path / "t").stat().st_size
    for number in range(1000):
        enter(shared, os.urandom(8), number % 250)
    assert (tmp_path / "t").stat().st_size == before == shared.size_bytes


def test_the_room_is_taken_at_once_so_that_a_full_disk_cannot_kill_us_later(tmp_path):
    shared = table(tmp_path / "t", slots=65536)
    assert (tmp_path / "t").stat().st_blocks * 512 >= shared.size_bytes


def test_what_was_written_survives_the_opening_of_the_next_process(tmp_path):
    first = table(tmp_path / "t")
    enter(first, b"\x01" * 8, 7)
    first.close()
    assert read(table(tmp_path / "t"), b"\x01" * 8) == value(7)


@pytest.mark.parametrize("damage", ["header", "length", "another shape"])
def test_a_file_that_is_not_ours_is_replaced_by_an_empty_one(tmp_path, damage):
    path = tmp_path / "t"
    enter(table(path), b"\x01" * 8, 7)
    if damage == "header":
        with path.open("r+b") as file:
            file.write(b"nonsense")
    elif damage == "length":
        os.truncate(path, 100)
    again = table(path, slots=16 * WAYS if damage == "another shape" else 8 * WAYS)
    assert read(again, b"\x01" * 8) is None
    enter(again, b"\x02" * 8, 9)
    assert read(again, b"\x02" * 8) == value(9)


def test_cleared_is_cleared_for_all_who_have_it_open(tmp_path):
    ours, theirs = table(tmp_path / "t"), table(tmp_path / "t")
    enter(ours, b"\x01" * 8, 7)
    ours.clear()
    assert read(theirs, b"\x01" * 8) is None
    assert (tmp_path / "t").read_bytes()[HEADER_BYTES:].count(0) == ours.size_bytes - HEADER_BYTES


def test_a_folder_that_is_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError) as refused:
        table(tmp_path / "file" / "t")
    assert refused.value.name == "state-not-a-directory"


PARENT_DIES = """
import os, sys
from pathlib import Path
from lockdown.state.shared import SharedTable
shared = SharedTable(Path(sys.argv[1]), digest_bytes=8, value_bytes=16, slots=64)
shared.insert(b"\\x01" * 8, b"\\x07" * 16, lambda at: (0,))
print("written", flush=True)
input()
"""


def test_what_was_written_survives_kill_9_of_the_writer(tmp_path, child):
    writer = child(PARENT_DIES, tmp_path / "t")
    assert writer.says() == "written"
    writer.kill()
    assert read(table(tmp_path / "t"), b"\x01" * 8) == value(7)
