"""The test virus, and the admin's list of digests."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.scan.signatures import holds_test_virus, read_digests
from tests.scan.parcels import EICAR

SOURCES = Path(__file__).parents[2]


@pytest.mark.parametrize("data", [EICAR, b"before " + EICAR + b" after", EICAR.decode().encode("utf-16-le"),
                                  EICAR.decode().encode("utf-16")])  # fmt: skip
def test_the_test_virus_is_seen(data: bytes) -> None:
    assert holds_test_virus(data)


@pytest.mark.parametrize("data", [b"", EICAR[:-1], EICAR.lower(), b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"])
def test_what_only_looks_like_it_is_not(data: bytes) -> None:
    assert not holds_test_virus(data)


def test_no_file_of_ours_is_the_test_virus() -> None:
    files = [*(SOURCES / "src").rglob("*"), *(SOURCES / "tests" / "scan").rglob("*")]
    assert [path for path in files if path.is_file() and holds_test_virus(path.read_bytes())] == []


def test_a_list_of_digests_is_read_with_its_names() -> None:
    text = f"# ours\n{'A' * 64}  invoice.exe\n{'b' * 64}\n\n{'c' * 64}, Some.Worm # seen in May\n"
    read = read_digests(text)
    assert dict(read.names) == {"a" * 64: "invoice.exe", "b" * 64: "digest bbbbbbbbbbbb", "c" * 64: "Some.Worm"}
    assert read.problems == ()


def test_the_output_of_sha256sum_is_a_list() -> None:
    assert read_digests(f"{'d' * 64} *binary.exe\n").names == {"d" * 64: "binary.exe"}


def test_a_line_that_is_no_digest_is_told_with_its_number() -> None:
    assert read_digests(f"{'a' * 64}\nmd5 of something\n").problems == (
        "line 2 is no SHA-256 digest: 'md5 of something'",
    )


@given(st.text())
def test_any_text_is_a_list_with_problems_or_without(text: str) -> None:
    read = read_digests(text)
    assert all(len(digest) == 64 for digest in read.names)
