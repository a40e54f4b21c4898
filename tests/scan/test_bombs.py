"""What is made to unpack to far more than it is ends at a limit, is told as unread, and costs no more than that."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zlib

import pytest

from lockdown.config import Antivirus
from lockdown.model.scan import Content, Trait
from lockdown.model.units import ByteSize
from tests.scan.parcels import archived, file, message, read, tarred, zip_central, zip_end, zip_local, zipped

MIB = 1024 * 1024
SMALL = Antivirus(max_unpacked=ByteSize(4 * MIB), max_members=50, max_depth=5)


def ended_by_a_limit(content: Content) -> bool:
    return any(unread.too_big for unread in content.unread)


def test_a_zip_of_a_thousand_to_one_ends_at_the_allowance() -> None:
    content = read(("a.zip", zipped({"zeros": bytes(32 * MIB)})), policy=SMALL)
    assert ended_by_a_limit(content) and Trait.BOMB in file(content, "a.zip").traits


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_stream_of_a_thousand_to_one_ends_at_the_allowance(compress) -> None:  # type: ignore[no-untyped-def]
    assert ended_by_a_limit(read(("a.bin.gz", compress(bytes(16 * MIB))), policy=SMALL))


@pytest.mark.parametrize("form", ["7zip", "xar", "pax"])
def test_an_archive_of_a_thousand_to_one_ends_at_the_allowance(form: str) -> None:
    filter_name = "zstd" if form == "pax" else None
    bomb = archived(form, filter_name, {"zeros": bytes(16 * MIB)})
    assert len(bomb) < MIB and ended_by_a_limit(read(("a.bin", bomb), policy=SMALL))


def test_a_zip_of_zips_of_zips_ends_at_the_allowance() -> None:
    inner = zipped({f"{number}": bytes(MIB) + bytes([number]) for number in range(8)})
    for level in range(3):
        inner = zipped({f"{level}-{number}.zip": inner + bytes([number]) for number in range(8)})
    content = read(("42.zip", inner), policy=SMALL)
    assert ended_by_a_limit(content)


def test_the_same_file_twice_is_unpacked_once_and_charged_twice() -> None:
    bomb = zipped({"zeros": bytes(MIB)})
    three = read(*((f"{number}.zip", bomb) for number in range(3)), policy=SMALL)
    assert not three.unread and len([file for file in three.files if file.kind == "zip"]) == 3
    many = read(*((f"{number}.zip", bomb) for number in range(100)), policy=SMALL)
    assert ended_by_a_limit(many) and Trait.BOMB in file(many, "99.zip").traits


def test_zips_of_identical_zips_end_at_the_allowance_as_well() -> None:
    inner = zipped({"zeros": bytes(MIB)})
    for level in range(3):
        inner = zipped({f"{level}-{number}.zip": inner for number in range(8)})
    assert ended_by_a_limit(read(("42.zip", inner), policy=SMALL))


def test_members_that_share_their_octets_are_a_bomb() -> None:
    kernel = zip_local(b"a", bytes(1000))
    whole = kernel + zip_end([zip_central(bytes([65 + n]), bytes(1000), 0) for n in range(20)], len(kernel))
    content = read(("a.zip", whole), policy=SMALL)
    assert Trait.BOMB in file(content, "a.zip").traits and ended_by_a_limit(content)


def test_more_members_than_allowed_are_not_read() -> None:
    content = read(("a.zip", zipped({f"{n}.txt": str(n).encode() for n in range(200)})), policy=SMALL)
    assert ended_by_a_limit(content) and len(content.files) < 60


def test_a_directory_of_a_million_entries_is_not_read_to_its_end() -> None:
    entry = zip_central(b"a", b"", 0)
    local = zip_local(b"a", b"")
    whole = local + zip_end([entry], len(local))[:-22].replace(entry, entry * 200_000)
    whole += zip_end([entry], len(local))[-22:][:12] + (len(entry) * 200_000).to_bytes(4, "little") + b"\x1f\0\0\0\0\0"
    assert read(("a.zip", whole), policy=SMALL).unread


def test_what_nests_deeper_than_allowed_is_not_read() -> None:
    data = b"deep"
    for level in range(1000):
        data = _stored(f"{level}.zip", data)
    content = read(("deep.zip", data), policy=SMALL)
    assert ["containers deep" in unread.why for unread in content.unread] == [True]
    assert max(file.depth for file in content.files) == 5


def _stored(name: str, data: bytes) -> bytes:
    local = zip_local(name.encode(), data)
    return local + zip_end([zip_central(name.encode(), data, 0)], len(local))


def test_an_archive_that_contains_itself_is_a_bomb() -> None:
    """The form of a quine: a gzip whose content is the gzip again. Here by hand, with a stand-in for the reader."""
    from lockdown.scan.examination import Examination, Piece, Tools
    from lockdown.scan.inspect import inspect

    examination = Examination(Tools(SMALL, {}, lambda _: (), inspect, lambda _: False, False))
    data = gzip.compress(b"x")
    digest = __import__("hashlib").sha256(data).hexdigest()
    examination._file(Piece(data, "q.gz", "q.gz/q.gz", around=(digest,)))
    content = examination._content(1)
    assert Trait.BOMB in content.files[0].traits and content.unread[0].too_big


def test_a_tar_that_claims_terabytes_is_damaged() -> None:
    huge = tarfile.TarInfo("huge")
    huge.size = 1 << 40
    whole = huge.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    assert read(("a.tar", whole), policy=SMALL).unread


def test_a_sparse_tar_unpacks_only_to_the_allowance() -> None:
    """GNU sparse 1.0: 16 GiB of holes, a few octets of content."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("GNUSparseFile.0/holes")
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "holes",
            "GNU.sparse.realsize": str(1 << 34),
        }
        table = b"1\n%d\n4\n" % ((1 << 34) - 4)
        content = table.ljust(512, b"\0") + b"end\n"
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert ended_by_a_limit(read(("a.tar", octets.getvalue()), policy=SMALL))


def test_an_xz_that_wants_gigabytes_of_memory_is_not_given_them() -> None:
    asked = lzma.compress(b"x" * 100, lzma.FORMAT_ALONE)
    huge = asked[:1] + (0xFFFFFFFF).to_bytes(4, "little") + asked[5:]
    assert read(("a.lzma", huge), policy=SMALL).unread


def test_a_pdf_whose_stream_is_a_bomb_ends_at_the_allowance() -> None:
    pdf = b"%PDF-1.4\n1 0 obj <<>>\nstream\n" + zlib.compress(bytes(16 * MIB)) + b"\nendstream\nendobj\n%%EOF\n"
    assert ended_by_a_limit(read(("a.pdf", pdf), policy=SMALL))


def test_ten_thousand_parts_are_read_to_the_limit_and_the_rest_is_told() -> None:
    content = read(*((f"{number}.txt", b"x") for number in range(10_000)), policy=SMALL)
    assert content.unread and len(content.files) <= 1100


def test_a_thousand_messages_in_messages_are_read_to_the_limit_and_the_rest_is_told() -> None:
    letter = message(("a.txt", b"x"))
    for level in range(1000):
        letter = b"Subject: %d\r\nContent-Type: message/rfc822\r\n\r\n" % level + letter
    assert read(("deep.eml", letter), policy=SMALL).unread


def test_a_limit_ends_one_container_and_the_other_attachments_are_still_read() -> None:
    content = read(("bomb.zip", zipped({"zeros": bytes(32 * MIB)})), ("after.tar", tarred({"x": b"y"})), policy=SMALL)
    assert {"bomb.zip", "after.tar"} <= {file.path for file in content.files}
    assert {unread.path for unread in content.unread} == {"bomb.zip", "after.tar"}


def test_a_small_message_may_not_cost_what_a_large_one_may() -> None:
    small = read(("a.xz", lzma.compress(bytes(40 * MIB), preset=0)))
    assert Trait.BOMB in file(small, "a.xz").traits and small.unread[-1].too_big
    large = read(("a.xz", lzma.compress(bytes(40 * MIB), preset=0)), ("b.bin", random.Random(1).randbytes(300 * 1024)))
    assert large.unread == ()
