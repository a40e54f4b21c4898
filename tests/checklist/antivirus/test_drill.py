"""The letters of the drill of item 1: they are what they claim to be, and they follow the settings."""

from __future__ import annotations

import email
import gzip
import io
import re
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import olefile
import pikepdf
import pytest

from lockdown.checklist.antivirus import controls
from lockdown.checklist.antivirus.drill import (
    _TYPES,
    BOMBS,
    ENCRYPTED,
    FORBIDDEN,
    MALFORMED,
    WRAPPED,
    drill,
)
from lockdown.checklist.antivirus.samples import archives, documents, programs
from lockdown.config import Settings, read_settings
from lockdown.mime import compose
from lockdown.mime.filetype import kind_of
from lockdown.mime.kinds import KINDS
from lockdown.mime.tnef import tnef_members
from lockdown.model.step import Expect, Occasion, Step

VIRUS = programs.test_virus()
SOURCE = Path(__file__).parents[3] / "src" / "lockdown"
STEPS = tuple(drill(Settings()))


def _occasion(mark: str = "0123456789abcdef000001") -> Occasion:
    return Occasion(mark, datetime(2026, 3, 1, 12, tzinfo=UTC), "postmaster@example.org", "example.org")


def _step(name: str, policy: str = "") -> Step:
    (found,) = [step for step in drill(read_settings([("f", policy)]).settings) if step.name == name]
    return found


def _members(archive: bytes) -> dict[str, bytes]:
    libarchive = pytest.importorskip("libarchive")
    with libarchive.memory_reader(archive) as opened:
        return {entry.pathname: b"".join(entry.get_blocks()) for entry in opened}


# ── the samples are true to their type ──


def test_the_test_virus_is_the_one_that_every_antivirus_knows() -> None:
    assert len(VIRUS) == 68
    assert VIRUS.startswith(b"X5O!P%@AP") and VIRUS.endswith(b"$H+H*")


def test_no_file_of_ours_is_itself_a_find() -> None:
    """Compiled files too: constants that stand beside each other are joined there."""
    assert [path for path in SOURCE.rglob("*") if path.is_file() and VIRUS in path.read_bytes()] == []


@pytest.mark.parametrize("make", [archives.seven_zip, archives.rar4, archives.rar5])
def test_an_archive_made_by_hand_is_opened_by_a_library(make: object) -> None:
    assert callable(make)
    assert _members(make("a.com", VIRUS)) == {"a.com": VIRUS}


def test_longer_members_are_written_right_too() -> None:
    data = bytes(range(256)) * 20
    assert _members(archives.seven_zip("a name.bin", data)) == {"a name.bin": data}
    assert _members(archives.rar5("a name.bin", data)) == {"a name.bin": data}


def test_an_encrypted_zip_opens_with_its_password_alone() -> None:
    archive = zipfile.ZipFile(io.BytesIO(archives.encrypted_zip("a.txt", b"secret", b"word")))
    assert archive.read("a.txt", pwd=b"word") == b"secret"
    with pytest.raises(RuntimeError, match="password"):
        archive.read("a.txt")


def test_a_tar_gz_is_one() -> None:
    made = gzip.decompress(archives.tar_gz({"a.com": VIRUS}))
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        file = archive.extractfile("a.com")
        assert file is not None
        assert file.read() == VIRUS


def test_a_compound_file_holds_its_streams() -> None:
    streams = {"One": b"1" * 63, "Two and more": b"2" * 64, "Three": b"3" * 4000}
    opened = olefile.OleFileIO(documents.compound(streams, documents.MSI))
    assert {name: opened.openstream(name).read() for name in streams} == streams
    assert opened.root.clsid == "000C1084-0000-0000-C000-000000000046"
    assert not opened.parsing_issues


def test_a_pdf_holds_its_file() -> None:
    opened = pikepdf.open(io.BytesIO(documents.pdf_with_file("a.com", VIRUS)))
    assert opened.attachments["a.com"].get_file().read_bytes() == VIRUS
    assert not opened.get_warnings()


def test_a_document_holds_its_file() -> None:
    opened = zipfile.ZipFile(io.BytesIO(documents.docx_with_file("a.com", VIRUS)))
    assert VIRUS in opened.read("word/embeddings/oleObject1.bin")


@pytest.mark.parametrize("name", [name for name, sample in _TYPES.items() if sample.kind])
def test_a_sample_is_of_the_type_that_it_is_listed_under(name: str) -> None:
    sample = _TYPES[name]
    data = sample.make()
    if sample.file.startswith("files."):
        ((inner, data),) = _members(data).items()
    else:
        inner = sample.file
    assert kind_of(data, inner) == sample.kind
    assert sample.kind in KINDS


def test_the_bombs_are_small_and_hold_much() -> None:
    inner = zipfile.ZipFile(io.BytesIO(archives.nested_bomb(levels=2)))
    again = zipfile.ZipFile(io.BytesIO(inner.read("3.zip")))
    last = zipfile.ZipFile(io.BytesIO(again.read("9.zip")))
    assert (len(inner.infolist()), len(again.infolist()), last.infolist()[0].file_size) == (16, 16, 16 << 20)
    assert len(archives.nested_bomb()) < 100_000
    assert len(archives.gzip_bomb()) < 2_000_000


# ── the letters ──


def test_the_sets_are_whole() -> None:
    counts = {
        name: sum(step.set == name for step in STEPS) for name in (WRAPPED, ENCRYPTED, FORBIDDEN, BOMBS, MALFORMED)
    }
    assert sum(counts.values()) == len(STEPS)
    assert all(counts[name] >= least for name, least in ((WRAPPED, 20), (FORBIDDEN, 30), (BOMBS, 5), (MALFORMED, 20)))


def test_no_two_steps_have_one_name() -> None:
    assert len({(step.set, step.name) for step in STEPS}) == len(STEPS)


def test_every_step_proves_a_control_of_the_room() -> None:
    assert {step.control for step in STEPS} <= {control.id for control in controls.CONTROLS}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_letter_is_found_again_by_its_mark_and_is_new_each_time(step: Step) -> None:
    letter = step.write(_occasion())
    header = letter[: letter.find(b"\n\r\n") if b"\n\r\n" in letter else letter.find(b"\n\n")]
    assert b"0123456789abcdef000001" in header[:4096]
    assert letter != step.write(_occasion("0123456789abcdef000002"))


@pytest.mark.parametrize("step", [step for step in STEPS if step.set != MALFORMED], ids=lambda step: step.name)
def test_a_letter_that_is_not_malformed_has_whole_lines(step: Step) -> None:
    letter = step.write(_occasion())
    assert letter.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", letter)
    assert max(map(len, letter.split(b"\r\n"))) <= 998


def test_a_reader_finds_the_test_virus_in_base64_quoted_printable_and_uuencode() -> None:
    for name in ("as an attachment", "in quoted-printable", "under an RFC 2231 name", "without a name"):
        read = email.message_from_bytes(_step(name).write(_occasion()))
        assert VIRUS in [part.get_payload(decode=True) for part in read.walk()], name
    assert compose.uuencoded("a", VIRUS).startswith(b"begin 644 a\r\n")


def test_winmail_dat_holds_the_test_virus() -> None:
    assert [(member.name, member.data) for member in tnef_members(documents.tnef("a.com", VIRUS))] == [("a.com", VIRUS)]


def test_yenc_is_undone_by_its_own_rule() -> None:
    lines = compose.yenc("a", bytes(range(256))).split(b"\r\n")[1:-2]
    octets, escaped = bytearray(), False
    for octet in b"".join(lines):
        if octet == 0x3D and not escaped:
            escaped = True
            continue
        octets.append((octet - 42 - (64 if escaped else 0)) % 256)
        escaped = False
    assert bytes(octets) == bytes(range(256))


# ── the settings ──


@pytest.mark.parametrize(
    ("action", "expected"),
    [("reject", Expect.STOPPED), ("quarantine", Expect.STOPPED), ("accept-and-mark", Expect.CAUGHT)],
)
def test_what_is_expected_of_encrypted_and_forbidden_files_follows_the_settings(action: str, expected: Expect) -> None:
    policy = f'[antivirus]\nencrypted = "{action}"\nforbidden = "{action}"\nmacros = "{action}"\n'
    for name in ("an encrypted zip", "a Windows program", "a document with macros"):
        assert _step(name, policy).expect is expected, name


def test_a_type_that_the_site_lets_in_must_arrive() -> None:
    policy = '[antivirus]\nallowed_types = ["js"]\n'
    assert _step("JavaScript", policy).expect is Expect.LET_IN
    assert _step("VBScript", policy).expect is Expect.STOPPED


def test_no_setting_lets_the_test_virus_in() -> None:
    policy = '[antivirus]\nfound = "quarantine"\nambiguous = "accept-and-mark"\nunread = "accept-and-mark"\n'
    assert all(
        step.expect is Expect.STOPPED
        for step in drill(read_settings([("f", policy)]).settings)
        if step.set == WRAPPED or (step.set == MALFORMED and step.control != controls.UNREAD.id)
    )
