"""The journal of an apply: what was promised is there after a crash; what others could have written is not believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.host.change.files import FileImage
from lockdown.host.journal import FILE, IMAGES, Journal, entries_of, journals
from lockdown.model.errors import OperatorError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.begin(tmp_path / "applies" / "20261124-120000")


def test_entries_come_back_in_their_order_with_what_belongs_to_them(journal: Journal) -> None:
    journal.append("intended", by="anna")
    journal.append("edit-begins", number=0)
    entries = journal.read().entries
    assert [(entry.event, dict(entry.fields)) for entry in entries] == [
        ("intended", {"by": "anna"}), ("edit-begins", {"number": 0}),
    ]  # fmt: skip
    assert entries[0].at.tzinfo is not None


def test_only_its_owner_may_look_into_it(journal: Journal) -> None:
    journal.append("intended")
    journal.keep("0-before", FileImage("/etc/shadow", b"x"))
    for path in (journal.folder.parent, journal.folder, journal.folder / IMAGES):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in (journal.folder / FILE, journal.folder / IMAGES / "0-before"):
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"{", b'{"at": "2026-11-24T12:00:00+00:00", "event": "committed"}', b"\x00\x00"])
def test_a_line_that_a_crash_has_cut_was_never_promised_and_takes_no_other_with_it(
    journal: Journal, torn: bytes
) -> None:
    journal.append("intended")
    with (journal.folder / FILE).open("ab") as opened:
        opened.write(torn)
    assert [entry.event for entry in journal.read().entries] == ["intended"]
    assert journal.read().problem == ""
    journal.append("undoing")
    assert [entry.event for entry in journal.read().entries] == ["intended", "undoing"]


@pytest.mark.parametrize("damage", [b"garbage\n", b"[]\n", b'{"event": "x"}\n', b'{"at": 7, "event": "x"}\n', b"\n"])
def test_any_other_damage_is_told_and_what_follows_it_is_not_read(journal: Journal, damage: bytes) -> None:
    journal.append("intended")
    with (journal.folder / FILE).open("ab") as opened:
        opened.write(damage)
    journal.append("committed")
    written = journal.read()
    assert [entry.event for entry in written.entries] == ["intended"]
    assert "line 2" in written.problem


def test_an_image_comes_back_as_it_was_kept_absent_files_and_links_too(journal: Journal) -> None:
    for name, image in (
        ("0", FileImage("/etc/a", b"\xff\x00\r\n", 0o640, 1, 2)),
        ("1", FileImage("/etc/b", None)),
        ("2", FileImage("/etc/c", b"", 0o777, 0, 0, "/dev/null")),
    ):
        assert journal.image(json.loads(json.dumps(journal.keep(name, image)))) == image


def test_an_image_that_is_not_what_was_kept_is_refused(journal: Journal) -> None:
    about = journal.keep("0", FileImage("/etc/a", b"old"))
    (journal.folder / IMAGES / "0").write_bytes(b"new")
    with pytest.raises(ValueError, match="not what was kept"):
        journal.image(about)
    with pytest.raises(ValueError, match="not the name"):
        journal.image({**about, "file": "../../../etc/shadow"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("place", ["", "20261124-120000", f"20261124-120000/{FILE}"])
def test_what_others_could_have_written_is_not_read(journal: Journal, place: str) -> None:
    journal.append("intended")
    os.chown(journal.folder.parent / place, 65534, 65534)
    written = journal.read()
    assert written.entries == ()
    assert "by others" in written.problem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_nothing_begins_where_others_could_write_the_journal(tmp_path: Path) -> None:
    (tmp_path / "applies").mkdir()
    os.chown(tmp_path / "applies", 65534, 65534)
    with pytest.raises(OperatorError, match="could be forged"):
        Journal.begin(tmp_path / "applies" / "20261124-120000")


def test_a_link_in_the_place_of_a_journal_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    journal.append("intended")
    (journal.folder / FILE).rename(tmp_path / "elsewhere")
    (journal.folder / FILE).symlink_to(tmp_path / "elsewhere")
    assert "is a link" in journal.read().problem
    with pytest.raises(OSError):
        journal.append("committed")


def test_the_newest_is_the_first(tmp_path: Path) -> None:
    for name in ("20261124-120000", "20261125-120000"):
        Journal.begin(tmp_path / "applies" / name)
    (tmp_path / "applies" / "lock").touch()
    assert [journal.id for journal in journals(tmp_path / "applies")] == ["20261125-120000", "20261124-120000"]
    assert journals(tmp_path / "nowhere") == ()


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=40)).map(b"\n".join))
def test_no_octets_make_reading_raise(octets: bytes) -> None:
    entries_of(octets)
    entries_of(b'{"at": "2026-11-24T12:00:00+00:00", "event": "intended"}\n' + octets)
