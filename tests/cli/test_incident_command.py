"""`lockdown incident` as it is read at three in the morning: the first line what is wrong, the last what to type."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.engine.looked import FILE, note
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Evidence, Severity
from lockdown.state.store import open_store

NOW = datetime.now(UTC)
DOWN = Incident(
    "antivirus.engine-down clamd", "antivirus.engine-down", "clamd:///run/clamd.ctl", "antivirus.unavailable",
    Severity.HIGH, "clamd:///run/clamd.ctl gives no answer since 02:57 UTC.",
    NOW - timedelta(minutes=9), NOW - timedelta(seconds=20),
    "each message is put off (451)", (Evidence("clamd", "connection refused"),),
    "systemctl restart clamav-daemon     (where it runs)", count=14,
)  # fmt: skip
BLOCK = Answer(
    NOW, "203.0.113.0/24 is blocked for 1h", True, NOW + timedelta(hours=1), "lockdown block remove 203.0.113.0/24"
)
WAVE = replace(
    DOWN, key="wave", name="antispam.spam-wave", object="203.0.113.0/24", severity=Severity.MEDIUM,
    says="203.0.113.0/24 has sent 40 messages that were refused as spam.", answers=(BLOCK,),
)  # fmt: skip


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(*incidents: Incident, looked: datetime | None = None) -> None:
    Path("var").mkdir(mode=0o700, exist_ok=True)
    Path("var", FILE).touch()
    note(Path("var"), looked or datetime.now(UTC))
    with closing(open_store(Path("var"))) as store:
        for incident in incidents:
            store.raise_incident(incident.key, lambda before, one=incident: one).result()


def test_the_first_line_says_what_is_wrong_and_the_last_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    given(WAVE, DOWN)
    assert main(["incident", "list"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{DOWN.says}     (and 1 more)"
    assert lines[1] == "meanwhile each message is put off (451)"
    assert lines[-1] == "type: systemctl restart clamav-daemon     (where it runs)"
    assert any(line.startswith("1 ") and "203.0.113.0/24 has sent 40" in line for line in lines)


def test_when_nothing_is_open_it_says_so_and_the_exit_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    given()
    assert main(["incident", "list"]) == 0
    assert capsys.readouterr().out == "no incident is open\n"


def test_when_nobody_watches_silence_is_not_told_as_health(capsys: pytest.CaptureFixture[str]) -> None:
    given(looked=NOW - timedelta(minutes=3))
    assert main(["incident", "list"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no incident is open, but nobody has looked since")
    assert lines[-1] == "type: lockdown doctor"
    Path("var", FILE).unlink()
    assert main(["incident", "list", "--json"]) == 3
    assert "nobody has looked yet" in json.loads(capsys.readouterr().out)["not_watched"]


def test_what_was_open_when_nobody_looks_any_more_is_told_as_of_then(capsys: pytest.CaptureFixture[str]) -> None:
    given(DOWN, looked=NOW - timedelta(hours=2))
    assert main(["incident", "list"]) == 1
    assert "this is how it was: nobody has looked since" in capsys.readouterr().out


def test_what_is_over_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    given(replace(DOWN, closed_at=NOW, closed_by="anna"))
    assert main(["incident", "list", "--all"]) == 0
    assert "anna" in capsys.readouterr().out
    main(["incident", "list"])
    assert capsys.readouterr().out == "no incident is open\n"


def test_the_whole_story_has_what_was_done_and_how_to_undo_it(capsys: pytest.CaptureFixture[str]) -> None:
    given(WAVE)
    assert main(["incident", "show", "1"]) == 1
    text = capsys.readouterr().out
    for part in ("203.0.113.0/24 is blocked for 1h", "undo: lockdown block remove", "connection refused", "14 times"):
        assert part in text
    assert text.splitlines()[-1].startswith("type: ")


def test_json_has_a_schema_and_everything(capsys: pytest.CaptureFixture[str]) -> None:
    given(WAVE)
    assert main(["incident", "list", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "lockdown.incident-list/1"
    (incident,) = told["incidents"]
    assert incident["id"] == 1
    assert incident["open"] is True
    assert incident["answers"][0]["undo"] == "lockdown block remove 203.0.113.0/24"
    assert incident["evidence"] == [{"source": "clamd", "text": "connection refused", "line": None}]


def test_closing_takes_note_and_twice_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    given(DOWN)
    assert main(["incident", "close", "1"]) == 0
    assert main(["incident", "close", "1"]) == 0
    assert main(["incident", "show", "1"]) == 0
    assert main(["incident", "list"]) == 0
    assert "1 is closed by" in capsys.readouterr().out


def test_one_that_is_not_there_is_exit_1_and_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    given()
    for verb in ("show", "close"):
        assert main(["incident", verb, "7"]) == 1
        assert "lockdown incident list" in capsys.readouterr().err


def test_the_command_to_accept_a_setting_names_the_incident(capsys: pytest.CaptureFixture[str]) -> None:
    given(replace(DOWN, next_command="lockdown incident close ID     (if you meant it)"))
    main(["incident", "list"])
    assert capsys.readouterr().out.splitlines()[-1] == "type: lockdown incident close 1     (if you meant it)"


def test_without_a_store_it_is_an_error_and_not_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incident", "list"]) == 2
    assert "no store" in capsys.readouterr().err


def test_a_strangers_escape_sequences_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    given(replace(DOWN, says="virus \x1b[2J\nall is well"))
    main(["incident", "list"])
    main(["incident", "show", "1"])
    main(["incident", "close", "1"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\nall is well" not in out
