"""What the source may not hold, whoever writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lockdown"
FILES = [file for file in sorted(SOURCE.rglob("*.py")) if "_vendor" not in file.parts]
_POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+(?!,)")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_no_pattern_repeats_a_group_possessively(file: Path) -> None:
    # Python before 3.11.5 ends such a group in the wrong place after a half-matched round; `(?>(?:...)*)` is right.
    patterns = [line for line in file.read_text().splitlines() if re.search(r"\br?b?r?[\"']", line)]
    assert [line for line in patterns if _POSSESSIVE_GROUP.search(line)] == []


def test_the_rule_sees_such_a_pattern() -> None:
    assert _POSSESSIVE_GROUP.search(r"(?:ab?c)" + "*+") and not _POSSESSIVE_GROUP.search(r"(?>(?:ab?c)*)")
