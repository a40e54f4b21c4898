"""A snapshot as a folder: what is written is what is read, and a damaged or foreign folder is told, never believed."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.host.folder import MANIFEST, read_folder, write_folder
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

READINGS: dict[str, Reading] = {
    "postfix/main.cf": "name = ä\n",
    "postfix/tables/etc/postfix/nets": "",
    "host/listeners": Unknown("permission denied"),
}


def snapshot(readings: dict[str, Reading] = READINGS) -> Snapshot:
    return Snapshot("mail.example.org", datetime(2026, 1, 1, tzinfo=UTC), "0.1.0", readings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(snapshot(), tmp_path / "s")
    return tmp_path / "s"


def why(found: Snapshot, name: str) -> str:
    reading = found.reading(name)
    assert isinstance(reading, Unknown), reading
    return reading.why


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    assert read_folder(folder) == snapshot()
    assert (folder / "host" / "listeners.unknown").read_text() == "permission denied"


def test_only_its_owner_may_look_into_it(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "postfix" / "main.cf").stat().st_mode) == 0o600


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(OperatorError, match="not empty"):
        write_folder(snapshot(), tmp_path)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a place where nobody may write")
def test_a_place_where_nobody_may_write_is_told_in_words() -> None:
    with pytest.raises(OperatorError, match="could not be written"):
        write_folder(snapshot(), Path("/proc/snapshot"))


def test_a_reading_that_was_cut_short_is_unknown(folder: Path) -> None:
    os.truncate(folder / "postfix" / "main.cf", 4)
    assert "cut short or changed" in why(read_folder(folder), "postfix/main.cf")


def test_a_reading_that_is_gone_is_unknown(folder: Path) -> None:
    (folder / "postfix" / "main.cf").unlink()
    assert "missing from the snapshot" in why(read_folder(folder), "postfix/main.cf")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("name = ä\n")
    (folder / "postfix" / "main.cf").unlink()
    (folder / "postfix" / "main.cf").symlink_to(secret)
    assert "missing from the snapshot" in why(read_folder(folder), "postfix/main.cf")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "", "a/./b", "a//b", "a\n"])
def test_a_name_that_leads_out_of_the_folder_is_not_read(folder: Path, name: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["readings"][name] = {"bytes": 1, "unknown": False}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert "is no name for a reading" in why(read_folder(folder), name)


def test_a_pipe_in_the_folder_is_not_waited_for(folder: Path) -> None:
    (folder / "postfix" / "main.cf").unlink()
    os.mkfifo(folder / "postfix" / "main.cf")
    assert "not a regular file" in why(read_folder(folder), "postfix/main.cf")


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", '{"schema": "other/1"}', '{"schema": "lockdown.snapshot/1"}', "[" * 100_000,
     '{"schema": "lockdown.snapshot/1", "host": "h", "version": "1", "taken_at": "2026-01-01", "readings": {}}',
     '{"schema": "lockdown.snapshot/1", "host": "h", "version": "1", "taken_at": "2026-01-01T00Z", "readings": [1]}'],
)  # fmt: skip
def test_a_foreign_manifest_is_told_in_words(folder: Path, manifest: str) -> None:
    (folder / MANIFEST).write_text(manifest)
    with pytest.raises(OperatorError, match="is not a snapshot of Lockdown"):
        read_folder(folder)


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is not a snapshot of Lockdown"):
        read_folder(tmp_path / "nothing")


def test_a_postfix_directory_is_sent_to_the_option_for_it(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("")
    with pytest.raises(OperatorError) as caught:
        read_folder(tmp_path)
    assert "--postfix-config" in caught.value.try_this


ANY_READINGS = st.dictionaries(
    st.text(max_size=12), st.text(max_size=20) | st.builds(Unknown, st.text(max_size=9)), max_size=4
)


@settings(max_examples=40, deadline=None)
@given(ANY_READINGS)
def test_no_reading_whatever_its_name_lands_outside(
    tmp_path_factory: pytest.TempPathFactory, readings: dict[str, Reading]
) -> None:
    base = tmp_path_factory.mktemp("any")
    try:
        write_folder(snapshot(readings), base / "s")
    except OperatorError:
        return  # two names that become one file, or one that is a folder for another: refused, in words
    assert [path.name for path in base.iterdir()] == ["s"]
    read_folder(base / "s")


def test_a_name_that_is_a_path_of_the_machine_is_not_written_there(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        write_folder(snapshot({f"{elsewhere}/outside": Unknown("no"), "/": "text"}), tmp_path / "s")
        assert list(Path(elsewhere).iterdir()) == []
    found = read_folder(tmp_path / "s")
    assert all(isinstance(reading, Unknown) for reading in found.readings.values())


def test_a_list_of_files_and_the_files_themselves_come_back_as_they_were(tmp_path: Path) -> None:
    readings = {
        "dovecot/files": "/etc/a.conf\n",
        "dovecot/files/etc/a.conf": "a\n",
        "dovecot/files/etc/b": Unknown("no"),
    }
    whole = Snapshot("h", datetime(2026, 1, 1, tzinfo=UTC), "1", readings)
    write_folder(whole, tmp_path / "snap")
    assert read_folder(tmp_path / "snap") == whole
