"""What the logs have told since the last look: in order, once, with its moment, and with what was not seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.engine.log_reader import LogReader
from lockdown.facts.mail_log.events import Gone, Queued, Received

NOW = datetime(2026, 2, 13, 12, tzinfo=UTC)


def line(queue_id: str, stamp: str = "Feb 13 11:59:58") -> str:
    return f"{stamp} mx postfix/qmgr[1]: {queue_id}: removed\n"


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_each_look_tells_what_is_new_and_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    log, kept = tmp_path / "mail.log", tmp_path / "positions.json"
    add(log, line("B0001"))
    reader = LogReader([log], kept)
    told = reader.look(NOW)
    assert [(it.at, it.daemon, it.event) for it in told.events] == [
        (NOW - timedelta(seconds=2), "qmgr", Gone("B0001", "removed"))
    ]
    reader.keep()
    reader.close()
    add(log, line("B0002"))
    again = LogReader([log], kept).look(NOW)
    assert [it.event for it in again.events] == [Gone("B0002", "removed")]


def test_what_was_not_kept_is_told_again_rather_than_lost(tmp_path: Path) -> None:
    log, kept = tmp_path / "mail.log", tmp_path / "positions.json"
    kept.write_text("damaged")
    add(log, line("B0001"))
    LogReader([log], kept).look(NOW)
    assert len(LogReader([log], kept).look(NOW).events) == 1


def test_what_cannot_be_read_is_counted_and_a_missing_log_is_said(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    add(log, "Feb 13 11:59:58 mx postfix/smtpd[1]: a sentence of a later version\nFeb 13 11:59:58 mx cron[1]: x\n")
    told = LogReader([log, tmp_path / "none.log"], tmp_path / "positions.json").look(NOW)
    assert (told.lines, told.unread, told.events) == (1, {"smtpd": 1}, [])
    assert told.missed == (f"{tmp_path / 'none.log'} is not there",)


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_a_line_without_a_zone_is_of_now_wherever_the_machine_stands(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    add(log, line("B0001", "Feb 13 06:59:58") + line("B0002", "2026-02-13 06:59:59") + line("B0003", "Jul 14 06:00:00"))
    told = LogReader([log], tmp_path / "positions.json").look(NOW)
    assert [it.at for it in told.events] == [
        NOW - timedelta(seconds=2),
        NOW - timedelta(seconds=1),
        datetime(2025, 7, 14, 10, tzinfo=UTC),
    ]
    assert told.misdated == 0


def test_what_exim_says_in_one_line_is_two_events(tmp_path: Path) -> None:
    log = tmp_path / "mainlog"
    add(log, "2026-02-13 11:59:58 1tiX2y-0004Xz-1B <= anna@b.example H=a [192.0.2.1] P=esmtpsa A=plain:anna S=12\n")
    told = LogReader([log], tmp_path / "positions.json").look(NOW)
    assert [it.event for it in told.events] == [
        Received("1tiX2y-0004Xz-1B", "a", "192.0.2.1", "plain", "anna"),
        Queued("1tiX2y-0004Xz-1B", "anna@b.example", 12, 1),
    ]


HALVES = (
    "Feb 13 11:59:58 mx postfix/qmgr[1]: B0001: fro",
    "Feb 13 11:59:58 mx postfix/smtpd[1]: warning: x\nFeb 13 11:59:58 mx postfix/qmgr[1]: B0002: removed",
)


def test_lines_of_two_writers_that_run_into_each_other_are_unread_and_no_message_of_anybody(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    add(log, "".join(HALVES) + "m=<a@b.example>, size=3, nrcpt=1 (queue active)\n\0\0\0\0" + line("B0003"))
    told = LogReader([log], tmp_path / "positions.json").look(NOW)
    assert [it.event for it in told.events] == [Gone("B0003", "removed")]
    assert told.unread == {"qmgr": 2}


def test_a_clock_that_is_ahead_puts_nothing_into_the_future(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    add(log, line("B0001", "2031-01-01T00:00:00Z") + line("B0002", "2026-02-13T11:00:00Z"))
    told = LogReader([log], tmp_path / "positions.json").look(NOW)
    assert [it.at for it in told.events] == [NOW, NOW - timedelta(hours=1)]
    assert told.misdated == 1
