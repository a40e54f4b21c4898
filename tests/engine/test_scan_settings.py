"""Settings that name files, lists and types are checked before anything is served with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockdown.config import Antispam, Antivirus, Settings
from lockdown.engine.scan_settings import check_scan_settings
from lockdown.model.errors import OperatorError


def problem(antivirus: Antivirus = Antivirus(), antispam: Antispam = Antispam()) -> str:  # noqa: B008
    with pytest.raises(OperatorError) as raised:
        check_scan_settings(Settings(antivirus=antivirus, antispam=antispam))
    return f"{raised.value.what} {raised.value.why} {raised.value.try_this}"


def test_the_defaults_can_be_used() -> None:
    check_scan_settings(Settings())


def test_a_type_that_does_not_exist_names_the_near_one() -> None:
    said = problem(Antivirus(allowed_types=("isso",)))
    assert "antivirus.allowed_types" in said and "did you mean 'iso'?" in said


def test_rules_that_do_not_compile_are_told_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yar"
    file.write_text("rule broken { condition: nonsense }")
    assert "antivirus.rules" in problem(Antivirus(rules=(str(file),)))


def test_a_rule_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "absent.yar" in problem(Antivirus(rules=(str(tmp_path / "absent.yar"),)))


def test_a_list_of_digests_that_holds_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "digests"
    file.write_text("deadbeef too-short\n")
    assert "antivirus.digests" in problem(Antivirus(digests=str(file)))


def test_a_blocklist_with_impossible_answers_is_told() -> None:
    assert "antispam.blocklists" in problem(antispam=Antispam(blocklists=("zen.example=300.1",)))
