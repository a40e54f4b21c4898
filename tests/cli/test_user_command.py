"""`lockdown user`: what is known of accounts, and what is said where nothing is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from lockdown.cli.user import command
from lockdown.config import read_settings
from lockdown.engine.accounts import AccountLog

LINES = """\
{stamp} mx postfix/submission/smtpd[7]: 4A{n:04d}: client=pc[192.0.2.10], sasl_method=PLAIN, sasl_username=anna
{stamp} mx postfix/qmgr[8]: 4A{n:04d}: from=<anna@example.org>, size=900, nrcpt=1 (queue active)
{stamp} mx postfix/smtp[9]: 4A{n:04d}: to=<x{n}@example.net>, relay=mx[198.51.100.1]:25, delay=1, delays=0/0/1/0, \
dsn=5.1.1, status=bounced (550 no)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    now = datetime.now(UTC)
    log, state = tmp_path / "mail.log", tmp_path / "state"
    state.mkdir()
    log.write_text("".join(LINES.format(stamp=now.isoformat(), n=number) for number in range(30)))
    file = tmp_path / "lockdown.toml"
    file.write_text(
        f'[site]\nrole = "all-in-one"\n[state]\ndirectory = "{state}"\n[monitoring]\nmail_logs = ["{log}"]\n'
    )
    return file


def counted(config: Path) -> None:
    settings = read_settings([(str(config), config.read_text())]).settings
    ledger = AccountLog(settings, Path(settings.state.directory))
    ledger.look(datetime.now(UTC))
    ledger.keep()


def ran(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value or 0, done.output


def test_before_anybody_has_counted_nothing_is_known_and_that_is_said(config: Path) -> None:
    code, said = ran("list", "--config", str(config))
    assert code == 3
    assert "nobody has counted yet" in said


def test_an_account_is_shown_with_its_score_its_reasons_and_what_left(config: Path) -> None:
    counted(config)
    assert "anna" in ran("list", "--config", str(config))[1]
    shown = ran("show", "anna", "--config", str(config))[1]
    assert "30 of 30 recipients do not exist (100%)" in shown
    assert "x29@example.net" in shown
    told = json.loads(ran("show", "anna", "--config", str(config), "--json")[1])
    assert told["schema"] == "lockdown.user-show/1"
    assert told["score"] == pytest.approx(sum(one["points"] for one in told["reasons"]), abs=0.01)
    assert told["held"] is None
