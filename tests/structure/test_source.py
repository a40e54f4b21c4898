"""What the source may not hold, whoever writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lockdown"
FILES = [file for file in sorted(SOURCE.rglob("*.py")) if "_vendor" not in file.parts]
_PYTHON = re.compile(r"sys\.executable(?:,\s*[\"']|\}\s+)-(?![IP]\b)")
_POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+(?!,)")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_pattern_repeats_a_group_possessively(file: Path) -> None:
    # Python before 3.11.5 ends such a group in the wrong place after a half-matched round; `(?>(?:...)*)` is right.
    patterns = [line for line in file.read_text().splitlines() if re.search(r"\br?b?r?[\"']", line)]
    assert [line for line in patterns if _POSSESSIVE_GROUP.search(line)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_every_process_of_ours_looks_for_no_module_in_the_working_folder(file: Path) -> None:
    # Without -I (or -P) Python runs what somebody has put there under the name of any module.
    assert _PYTHON.findall(file.read_text()) == []


def test_the_rule_sees_a_start_that_looks_there() -> None:
    assert _PYTHON.search('[sys.executable, "-m", "lockdown"]') and _PYTHON.search('f"{sys.executable} -m lockdown"')
    assert not _PYTHON.search('(sys.executable, "-I", "-m", "lockdown")')


def test_the_rule_sees_such_a_pattern() -> None:
    assert _POSSESSIVE_GROUP.search(r"(?:ab?c)" + "*+") and not _POSSESSIVE_GROUP.search(r"(?>(?:ab?c)*)")
