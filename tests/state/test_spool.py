"""The spool: durable in the right order, nothing half, and files and rows brought together again after a crash."""

from __future__ import annotations

import errno
import hashlib
import io
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.model.held import HeldMessage, HeldState
from lockdown.state.spool import ORPHANS_KEPT, Spool, hold_durably, reconcile
from lockdown.state.store import open_store

ID = "0K3ABCDEFGHJ2345"


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool(tmp_path / "quarantine")


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def later() -> datetime:
    """When files that were written just now are old enough to be judged by a sweep."""
    return datetime.now(UTC) + timedelta(hours=1)


def meta(id: str = ID) -> HeldMessage:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return HeldMessage(
        id, at, "192.0.2.7", "mx", "a@b.example", ("c@d.example",), "attachments.parts", "too many parts"
    )


def files(spool: Spool) -> list[str]:
    return sorted(str(path.relative_to(spool.directory)) for path in spool.directory.rglob("*") if path.is_file())


def test_octets_are_kept_under_their_id_with_size_and_digest(spool):
    kept = spool.write([b"Subject: x\r\n", b"", b"\r\nbody\r\n"], ID)
    content = b"Subject: x\r\n\r\nbody\r\n"
    assert (kept.size_bytes, kept.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert files(spool) == ["0K/0K3ABCDEFGHJ2345.eml"]
    with spool.open(ID) as file:
        assert file.read() == content
    assert kept.path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_read_from_where_it_stands_and_not_by_lines(spool):
    class File:
        def __init__(self, content: bytes) -> None:
            self._file, self.reads = io.BytesIO(content), 0

        def read(self, size: int, /) -> bytes:
            self.reads += 1
            return self._file.read(size)

        def __iter__(self):
            raise AssertionError("a file of many short lines would take for ever")

    source = File(b"skipped" + b"kept\n" * 1_000_000)
    source.read(7)
    assert spool.write(source, ID).size_bytes == 5_000_000
    assert source.reads < 10


def test_an_id_that_is_held_is_never_overwritten(spool):
    spool.write([b"first"], ID)
    with pytest.raises(FileExistsError):
        spool.write([b"second"], ID)
    assert spool.open(ID).read() == b"first"


@pytest.mark.parametrize("id", ["", "..", "../../etc/passwd", "AB/CD", "A\0BC", "ab.cd", "ÄÖÜ"])
def test_what_is_no_id_names_no_file(spool, id):
    for deed in (spool.open, spool.remove, lambda id: spool.write([b""], id)):
        with pytest.raises(ValueError, match="is not the id"):
            deed(id)


def test_a_source_that_breaks_leaves_nothing(spool):
    def breaks():
        yield b"half"
        raise ConnectionError("the client is gone")

    with pytest.raises(ConnectionError):
        spool.write(breaks(), ID)
    assert files(spool) == []


def test_a_disk_error_is_raised_and_leaves_nothing(spool):
    class FullDisk(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        spool.write(FullDisk(), ID)
    assert files(spool) == []


def test_removed_is_removed_once(spool):
    spool.write([b"x"], ID)
    assert spool.remove(ID) is True
    assert spool.remove(ID) is False
    with pytest.raises(FileNotFoundError):
        spool.open(ID)


def test_a_durable_hold_is_file_and_row(spool, store):
    message = hold_durably(store, spool, meta(), [b"abc"])
    assert message.size_bytes == 3
    assert message.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert store.held_message(ID) == message


def test_without_its_row_nothing_is_held_and_the_file_is_taken_back(spool, store):
    store.hold(meta()).result()
    with pytest.raises(Exception, match="UNIQUE"):
        hold_durably(store, spool, meta(), [b"abc"])
    assert files(spool) == []


HOLDS = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from lockdown.model.held import HeldMessage
from lockdown.state.spool import Spool, hold_durably
from lockdown.state.store import open_store
state = Path(sys.argv[1])
store, spool = open_store(state), Spool(state / "quarantine")
meta = HeldMessage("0K3ABCDEFGHJ2345", datetime(2026, 3, 1, tzinfo=UTC), "192.0.2.7", "mx", "a@b", ("c@d",), "x.y", "z")
os.write(1, b"begin")
hold_durably(store, spool, meta, [b"abc"] * 1000)
os.write(1, b"250")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_file_then_directories_then_row_and_only_then_250(tmp_path):
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-o", trace, "-e", "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2",
         sys.executable, "-c", HOLDS, tmp_path / "state"],
        capture_output=True,
    )  # fmt: skip
    if done.returncode and b"ptrace" in done.stderr:
        pytest.skip("this system forbids tracing")
    lines = trace.read_text().splitlines()
    seen = "\n".join(lines[next(n for n, line in enumerate(lines) if '"begin"' in line) :])
    moments = (
        r"write\(\d+<[^>]*quarantine/tmp/0K3ABCDEFGHJ2345[^>]*>",
        r"f(data)?sync\(\d+<[^>]*quarantine/tmp/0K3ABCDEFGHJ2345[^>]*>\)",
        r"rename\w*\([^)]*0K/0K3ABCDEFGHJ2345\.eml",
        r"fsync\(\d+<[^>]*quarantine/0K>\)",
        r"fsync\(\d+<[^>]*quarantine>\)",
        r"pwrite64\(\d+<[^>]*lockdown\.db-wal>",
        r"f(data)?sync\(\d+<[^>]*lockdown\.db-wal>\)",
        r'write\(1<[^>]*>, "250"',
    )
    at = 0
    for moment in moments:
        found = re.compile(moment).search(seen, at)
        assert found, f"{moment} does not follow in\n{seen}"
        at = found.end()


def test_a_crash_between_rename_and_commit_leaves_an_orphan_that_is_set_aside_and_later_removed(spool, store, later):
    spool.write([b"the sender still has it"], ID)
    report = reconcile(store, spool, later)
    assert (report.missing, report.orphaned, report.removed) == ((), (ID,), 0)
    assert files(spool) == [f"orphans/{ID}.eml"]
    assert reconcile(store, spool, later + ORPHANS_KEPT).removed == 0
    assert reconcile(store, spool, later + ORPHANS_KEPT + timedelta(hours=1)).removed == 1
    assert files(spool) == []


def test_a_file_whose_row_may_be_on_its_way_is_left_alone(spool, store):
    spool.write([b"x"], ID)
    (spool.directory / "tmp" / "0K3ABCDEFGHJ9999.1").write_bytes(b"being written")
    report = reconcile(store, spool, datetime.now(UTC))
    assert (report.orphaned, report.removed) == ((), 0)
    assert len(files(spool)) == 2


def test_a_row_without_its_file_is_reported_and_marked(spool, store, later):
    hold_durably(store, spool, meta(), [b"x"])
    spool.remove(ID)
    assert reconcile(store, spool, later).missing == (ID,)
    assert store.held_message(ID).state is HeldState.BYTES_MISSING


def test_what_an_interrupted_write_left_is_removed(spool, store, later):
    (spool.directory / "tmp" / f"{ID}.4711").write_bytes(b"half")
    assert reconcile(store, spool, later).removed == 1
    assert files(spool) == []


def test_what_is_held_stays_through_a_sweep(spool, store, later):
    hold_durably(store, spool, meta(), [b"x"])
    report = reconcile(store, spool, later + 10 * ORPHANS_KEPT)
    assert (report.missing, report.orphaned, report.removed) == ((), (), 0)
    assert spool.open(ID).read() == b"x"


def test_a_killed_writer_leaves_nothing_that_a_sweep_does_not_mend(tmp_path, spool, store, later, child):
    script = HOLDS.replace('[b"abc"] * 1000', '(print(one, flush=True) or input() or b"" for one in range(9))')
    writer = child(script, tmp_path)
    assert "begin0" in writer.says()
    writer.kill()
    assert store.held() == []
    assert reconcile(store, spool, later).removed == 1
    assert files(spool) == []


def test_all_folders_are_for_us_alone(spool):
    spool.write([b"x"], ID)
    folders = [path for path in spool.directory.rglob("*") if path.is_dir()]
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
