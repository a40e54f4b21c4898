"""`lockdown drill` on the screen: a table, each failure in a sentence with what to type, and what exit codes mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockdown.cli import main
from tests.engine.gate import REFUSE, TAKE, VANISH, Gate, Judge

_IDS = b"X-Lockdown-Id: 1A20BB3073B00004\r\n"


def _drilled(tmp_path: Path, judge: Judge, *arguments: str) -> int:
    with Gate(tmp_path / "mail", judge, top=lambda letter: _IDS) as gate:
        return main(
            ["drill", "antispam", "--only", "letters", "--server", f"127.0.0.1:{gate.port}", "--wait", "1s",
             "--mailbox", f"maildir:{gate.mailbox}", *arguments]
        )  # fmt: skip


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # The largest letter of a drill is half of what the site takes.
    Path("lockdown.toml").write_text('[gateway]\nmax_message = "256 KiB"\n')


def test_what_got_through_is_told_in_a_sentence_with_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _drilled(tmp_path, lambda letter: TAKE) == 1
    shown = capsys.readouterr().out
    assert "the test spam" in shown
    assert "FAIL  antispam: the test spam: in the text" in shown
    assert "arrived; it should be refused, held or marked" in shown
    assert "type: lockdown trace 1A20BB3073B00004" in shown
    assert "not as expected" in shown


def test_a_server_that_loses_all_mail_proves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _drilled(tmp_path, lambda letter: VANISH) == 3
    shown = capsys.readouterr().out
    assert "could not be told" in shown
    assert "FAIL" not in shown


def test_the_report_is_also_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = _drilled(tmp_path, lambda letter: REFUSE if b"GTUBE" in letter else TAKE, "--json")
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["schema"], report["exit_code"], code) == ("lockdown.drill/1", 1, 1)
    assert report["plain"]["sent"] == report["plain"]["arrived"]
    first = report["results"][0]
    assert (first["item"], first["control"], first["state"], first["fate"]) == (
        "antispam", "antispam.test-message", "pass", "refused",
    )  # fmt: skip
    assert printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["drill", "education"], "there is no drill for 'education'"),
        (["drill", "antispam", "--server", "nowhere"], "is not HOST:PORT"),
        (["drill", "antispam", "--mailbox", "pop3://x"], "is not a mailbox"),
        (["drill", "antispam", "--password-file", "none"], "does not exist"),
    ],
)
def test_what_cannot_be_drilled_is_said_at_once(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
