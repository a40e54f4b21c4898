"""`lockdown config`: what is set, where, and what it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.config import documented, read_settings


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_show_prints_every_setting_as_toml_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    text = capsys.readouterr().out
    settings = read_settings([("shown", text)]).settings
    assert settings.gateway.listen == ("127.0.0.1:2525",)
    assert text.count(" = ") == len(list(documented()))


def test_show_origin_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lockdown.toml").write_text('[site]\nrole = "mx"\n')
    assert main(["config", "show", "--origin"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("site.role")).split()[-1] == "lockdown.toml:2"
    assert next(line for line in lines if line.startswith("site.domains")).split()[-1] == "default"


def test_show_as_json_carries_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "lockdown.config/1"
    assert {"key": "site.role", "value": '"gateway"', "origin": "default"} in told["settings"]


def test_check_says_that_a_file_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.toml").write_text('[site]\nrole = "mx"\n')
    assert main(["config", "check", "x.toml"]) == 0
    assert "1 of" in capsys.readouterr().out


def test_check_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.toml").write_text("[site]\nrule = 1\n")
    assert main(["config", "check", "x.toml"]) == 2
    assert "x.toml:2: unknown setting `site.rule`" in capsys.readouterr().err


def test_explain_gives_reason_default_and_where_to_write_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "gateway.max_message"]) == 0
    text = capsys.readouterr().out
    assert 'gateway.max_message = "25 MiB"' in text
    assert "below [gateway]" in text
    assert "the repetition, not the size" in " ".join(text.split())


def test_explain_works_while_the_settings_file_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is what the message about the broken file says to type."""
    (tmp_path / "lockdown.toml").write_text("[site]\nrole = 5\n")
    assert main(["config", "explain", "site.role"]) == 0
    assert "starter" not in capsys.readouterr().out


def test_explain_of_a_section_explains_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "relaying"]) == 0
    text = capsys.readouterr().out
    assert "relaying.srs" in text
    assert "relaying.verp" in text


def test_explain_names_the_near_miss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "gateway.max_mesage"]) == 2
    assert "did you mean `gateway.max_message`?" in capsys.readouterr().err
