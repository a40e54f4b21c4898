"""Archives of a queue: what is put in comes out, octet for octet; what does not read back is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lockdown.host.queue_archive import Archive, members
from lockdown.model.errors import OperatorError

FILES = [("A1B2C3", b"\x00\xff" * 700, 1_764_000_000.0), ("3/1tiX2y-0004Xz-1B-D", b"", 1_764_000_001.0)]


def archived(place: Path) -> str:
    with Archive(place) as archive:
        for name, octets, mtime in FILES:
            archive.add(name, octets, mtime)
        return archive.seal()


def test_what_is_put_in_comes_out_and_any_tar_can_read_it(tmp_path: Path) -> None:
    place = tmp_path / "archive.tar.gz"
    digest = archived(place)
    assert list(members(place, digest)) == FILES
    assert place.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(["tar", "-tzf", place], capture_output=True, text=True, check=True).stdout.split()
    assert listed == [name for name, _, _ in FILES]


def test_what_was_changed_since_is_not_taken_out(tmp_path: Path) -> None:
    place = tmp_path / "archive.tar.gz"
    digest = archived(place)
    place.write_bytes(place.read_bytes()[:-1] + b"\x01")
    with pytest.raises(OperatorError, match="not what was archived"):
        list(members(place, digest))


@pytest.mark.parametrize("octets", [b"", b"nonsense", "less", "turned"])
def test_what_does_not_read_back_as_it_was_written_is_no_archive(octets: bytes | str, tmp_path: Path) -> None:
    place, other = tmp_path / "archive.tar.gz", tmp_path / "other"
    archived(other)
    good = other.read_bytes()
    if isinstance(octets, str):
        octets = good[:-9] if octets == "less" else good[:40] + bytes([good[40] ^ 1]) + good[41:]
    with Archive(place) as archive:
        for name, inside, mtime in FILES:
            archive.add(name, inside, mtime)
        place.unlink()  # what is read back is not what was written
        place.write_bytes(octets)
        with pytest.raises(OSError, match="does not read back"):
            archive.seal()
