"""A file is found in every container that the builtin engine claims to open; what it cannot open it says."""

import bz2
import gzip
import itertools
import lzma
import zipfile
from collections.abc import Callable, Mapping

import pytest

from lockdown.mime.kinds import KINDS, Family
from lockdown.model.scan import Trait
from lockdown.scan.containers import OPENS, UNOPENED
from tests.scan.parcels import (
    PAYLOAD,
    archived,
    encrypted_zip,
    file,
    found,
    message,
    read,
    tarred,
    uuencoded,
    zip_central,
    zip_end,
    zip_local,
    zipped,
)

INSIDE = {"deep/payload.txt": PAYLOAD}

MAKERS: dict[str, Callable[[], bytes]] = {
    "a.zip": lambda: zipped(INSIDE),
    "stored.zip": lambda: zipped(INSIDE, zipfile.ZIP_STORED),
    "bzip2.zip": lambda: zipped(INSIDE, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda: zipped(INSIDE, zipfile.ZIP_LZMA),
    "a.tar": lambda: tarred(INSIDE),
    "a.tar.gz": lambda: gzip.compress(tarred(INSIDE)),
    "a.tgz": lambda: gzip.compress(tarred(INSIDE)),
    "a.tar.bz2": lambda: bz2.compress(tarred(INSIDE)),
    "a.tar.xz": lambda: lzma.compress(tarred(INSIDE)),
    "a.tar.lzma": lambda: lzma.compress(tarred(INSIDE), lzma.FORMAT_ALONE),
    "a.tar.zst": lambda: archived("pax", "zstd", INSIDE),
    "a.tar.lz4": lambda: archived("pax", "lz4", INSIDE),
    "a.tar.lz": lambda: archived("pax", "lzip", INSIDE),
    "a.tar.Z": lambda: archived("pax", "compress", INSIDE),
    "payload.txt.gz": lambda: gzip.compress(PAYLOAD),
    "payload.txt.bz2": lambda: bz2.compress(PAYLOAD),
    "payload.txt.xz": lambda: lzma.compress(PAYLOAD),
    "a.7z": lambda: archived("7zip", None, INSIDE),
    "a.cpio": lambda: archived("cpio_newc", None, INSIDE),
    "a.iso": lambda: archived("iso9660", None, INSIDE),
    "a.xar": lambda: archived("xar", None, INSIDE),
    "a.ar": lambda: archived("ar_bsd", None, {"payload.txt": PAYLOAD}),
    "payload.uue": lambda: uuencoded(b"payload.txt", PAYLOAD),
    "letter.eml": lambda: message(("payload.txt", PAYLOAD)),
    "box.mbox": lambda: b"From a@example.org Mon Jan  5 10:00:00 2026\n" + message(("payload.txt", PAYLOAD)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_file_is_found_in(name: str) -> None:
    content = read((name, MAKERS[name]()))
    assert any("payload" in path for path in found(content)), content
    assert not content.unread


def _tar_gz(files: Mapping[str, bytes]) -> bytes:
    return gzip.compress(tarred(files))


def _seven_zip(files: Mapping[str, bytes]) -> bytes:
    return archived("7zip", None, files)


@pytest.mark.parametrize(("outer", "inner"), [*itertools.product(("a.zip", "a.tar.gz", "a.7z"), repeat=2)])
def test_a_container_in_a_container_is_opened(outer: str, inner: str) -> None:
    pack = {"a.zip": zipped, "a.tar.gz": _tar_gz, "a.7z": _seven_zip}[outer]
    nested = pack({f"inner-{inner}": MAKERS[inner]()})
    content = read((outer, nested))
    assert any(path.endswith("deep/payload.txt") for path in found(content))


def test_names_are_told_as_their_reader_sees_them() -> None:
    content = read(("parcel.zip", zipped({"Größe/rechnung.pdf": b"%PDF-1.4 nothing"})))
    assert file(content, "parcel.zip/Größe/rechnung.pdf").depth == 1


def test_a_tar_gz_is_one_container_deep() -> None:
    content = read(("a.tar.gz", gzip.compress(tarred({"x.txt": PAYLOAD}))))
    assert [found_file.depth for found_file in content.files[-3:]] == [0, 0, 1]


# ── what is not opened ──


def test_every_kind_of_container_is_either_opened_or_told_as_unread() -> None:
    containers = {
        word for word, kind in KINDS.items() if kind.family in (Family.CONTAINER, Family.DISK_IMAGE, Family.MAIL)
    }
    assert containers - OPENS.keys() - UNOPENED <= {"appledouble"}, "appledouble has no file in it, only a fork"


def test_a_container_without_a_reader_is_told_as_unread() -> None:
    content = read(("old.arj", bytes.fromhex("60ea2c00220b010210000214e8cfeb47") + bytes(40)))
    assert [(unread.path, unread.why) for unread in content.unread] == [("old.arj", "no builtin reader for arj")]


def test_an_encrypted_member_is_told_with_its_name_and_what_the_name_promises() -> None:
    content = read(("a.zip", encrypted_zip("invoice.pdf.exe", PAYLOAD)))
    member = file(content, "a.zip/invoice.pdf.exe")
    assert [unread.encrypted for unread in content.unread] == [True]
    assert KINDS[member.kind].dangerous and {Trait.ENCRYPTED, Trait.DOUBLE_EXTENSION} <= set(member.traits)
    assert Trait.ENCRYPTED in file(content, "a.zip").traits


@pytest.mark.parametrize("cut", [30, 60, 120])
@pytest.mark.parametrize("name", ["a.zip", "a.7z", "a.tar.gz", "a.cpio", "payload.txt.xz", "a.tar.zst"])
def test_a_container_that_is_cut_off_is_never_whole(name: str, cut: int) -> None:
    whole = MAKERS[name]()
    content = read((name, whole[: max(40, len(whole) - cut)]))
    if not found(content):
        assert content.unread or file(content, name).kind == "unknown"


def test_what_can_be_read_of_a_cut_off_zip_is_read() -> None:
    whole = zipped({"payload.txt": PAYLOAD, "more.txt": b"more" * 100})
    content = read(("a.zip", whole[: whole.find(b"PK\x01\x02")]))
    assert found(content) == {"a.zip/payload.txt"} and content.unread
    assert Trait.DAMAGED in file(content, "a.zip").traits


def test_a_wrong_checksum_is_damage() -> None:
    whole = bytearray(zipped({"payload.txt": PAYLOAD}, zipfile.ZIP_STORED))
    whole[50] ^= 1
    assert "its checksum is wrong" in [unread.why for unread in read(("a.zip", bytes(whole))).unread]


# ── two readers, two archives ──


def test_a_member_that_the_directory_does_not_list_is_found() -> None:
    hidden, shown = zip_local(b"payload.txt", PAYLOAD), zip_local(b"note.txt", b"note")
    whole = hidden + shown + zip_end([zip_central(b"note.txt", b"note", len(hidden))], len(hidden) + len(shown))
    assert found(read(("a.zip", whole))) == {"a.zip/payload.txt"}


def test_a_member_that_has_two_names_is_told_under_both() -> None:
    local = zip_local(b"invoice.exe", PAYLOAD)
    whole = local + zip_end([zip_central(b"invoice.txt", PAYLOAD, 0)], len(local))
    paths = {file.path for file in read(("a.zip", whole)).files}
    assert {"a.zip/invoice.exe", "a.zip/invoice.txt"} <= paths


def test_a_zip_behind_a_picture_is_opened() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(200)
    content = read(("cat.png", picture + zipped(INSIDE)))
    assert found(content) == {"cat.png/deep/payload.txt"} and not content.unread


@pytest.mark.parametrize("name", ["a.7z", "a.zip"])
def test_an_archive_behind_a_program_is_opened(name: str) -> None:
    program = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(400)
    assert any(path.endswith("deep/payload.txt") for path in found(read(("setup.exe", program + MAKERS[name]()))))


def test_the_sign_of_an_archive_in_a_program_is_no_damaged_archive() -> None:
    program = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(400)
    content = read(("unpacker.exe", program + b"7z\xbc\xaf\x27\x1c\x00\x04 Rar!\x1a\x07\x00 PK\x05\x06" + bytes(30)))
    assert not content.unread


def test_what_stands_behind_the_end_of_a_gzip_is_read() -> None:
    assert found(read(("a.txt.gz", gzip.compress(b"hello") + PAYLOAD)))


def test_one_file_in_many_gzip_streams_is_one_file() -> None:
    halves = gzip.compress(PAYLOAD[:50]) + gzip.compress(PAYLOAD[50:])
    assert found(read(("payload.txt.gz", halves))) == {"payload.txt.gz/payload.txt"}


def test_the_pieces_of_a_document_are_searched_and_not_listed() -> None:
    types = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    document = zipped(
        {"[Content_Types].xml": types, "word/document.xml": b"<w:document/>", "word/media/x.dat": PAYLOAD}
    )
    content = read(("letter.docx", document))
    assert found(content) == {"letter.docx/word/media/x.dat"}
    assert [file.path for file in content.files if file.depth] == []


@pytest.mark.parametrize("name", ["invoice.rar", "invoice.zip", "invoice.r03", "invoice.zip.002"])
def test_what_is_named_as_an_archive_and_is_none_is_told_as_unread(name: str) -> None:
    assert read((name, bytes(range(1, 256)) * 3)).unread
