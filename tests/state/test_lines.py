"""Searching a file in blocks finds what reading it line by line finds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.state.lines import lines_with

contents = st.lists(st.sampled_from([b"", b"a", b"needle", b"x NEEDLE y", b"long " * 5, b"pin", b"nee", b"dle"]))


@pytest.fixture(scope="module")
def path():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "log"


def line_by_line(content: bytes, needles: list[bytes]) -> list[bytes]:
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line for line in lines if any(needle in line.lower() for needle in needles)]


@given(
    contents, st.booleans(), st.integers(1, 60), st.sampled_from([[b"needle"], [b"needle", b"pin"], [b"absent"], [b""]])
)
@settings(max_examples=300, deadline=None)
def test_blocks_of_any_size_from_either_end_give_the_same_lines(path, lines, ended, block_bytes, needles):
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    path.write_bytes(content)
    expected = line_by_line(content, needles)
    assert list(lines_with(path, needles, last_first=False, block_bytes=block_bytes)) == expected
    assert list(lines_with(path, needles, last_first=True, block_bytes=block_bytes)) == expected[::-1]


def test_a_file_that_is_gone_has_no_lines(tmp_path):
    assert list(lines_with(tmp_path / "gone", [b"x"], last_first=True)) == []
