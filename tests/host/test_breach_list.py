"""The list of lost passwords is searched by halving, and agrees with reading all of it; another file is no list."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockdown.host.breach_list import times_lost
from lockdown.model.unknown import Unknown


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def written(path: Path, lost: dict[str, int], end: str = "\r\n") -> Path:
    path.write_bytes("".join(sorted(f"{digest(one)}:{count}{end}" for one, count in lost.items())).encode())
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lost=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(1, 10**9), min_size=1),
    other=st.text(st.characters(codec="utf-8"), max_size=8),
    end=st.sampled_from(["\r\n", "\n"]),
)
def test_halving_finds_what_reading_all_of_it_finds(tmp_path: Path, lost: dict[str, int], other: str, end: str) -> None:
    path = written(tmp_path / "list", lost, end)
    for password in (*lost, other):
        assert times_lost(path, password) == lost.get(password, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(octets=st.binary(max_size=400))
def test_another_file_is_unknown_or_holds_it_not_but_never_raises(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "list"
    path.write_bytes(octets)
    assert isinstance(times_lost(path, "hello"), Unknown)


@pytest.mark.parametrize("text", ["", "hello\n", "0123:1\n", "\n\n"])
def test_what_is_no_list_is_unknown_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)
    answer = times_lost(path, "x")
    assert isinstance(answer, Unknown) and str(path) in answer.why


def test_a_list_that_is_not_sorted_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "list"
    lines = sorted((f"{digest(str(number))}:1\n" for number in range(50)), reverse=True)
    path.write_text("".join(lines))
    assert isinstance(times_lost(path, "7"), Unknown)


def test_a_list_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    answer = times_lost(tmp_path / "nowhere", "x")
    assert isinstance(answer, Unknown) and "No such file" in answer.why
