"""Counting a day's transactions from the log, each octet once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockdown.config import Log
from lockdown.console.today import TodayCounts
from lockdown.model.unknown import Unknown
from lockdown.state.transactions import Kind, LoggedClient, Transaction, TransactionLog

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _write(directory: Path, *kinds: Kind, helo: str = "mx") -> None:
    log = TransactionLog(directory, Log(), clock=NOW.timestamp)
    for kind in kinds:
        log.record(Transaction(type=kind, id="x", at=NOW, client=LoggedClient("203.0.113.7", helo)))
    log.close()


def test_a_day_without_a_log_is_a_day_without_mail(tmp_path: Path) -> None:
    assert TodayCounts(tmp_path / "log").read(NOW) == {}


def test_what_comes_later_is_added(tmp_path: Path) -> None:
    counts = TodayCounts(tmp_path / "log")
    _write(tmp_path, "accepted", "accepted", "rejected")
    assert counts.read(NOW) == {**dict.fromkeys(counts.read(NOW), 0), "accepted": 2, "rejected": 1}
    _write(tmp_path, "accepted")
    again = counts.read(NOW)
    assert not isinstance(again, Unknown)
    assert again["accepted"] == 3


def test_half_a_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    _write(tmp_path, "accepted")
    file = next((tmp_path / "log").glob("*.jsonl"))
    line = file.read_bytes()
    file.write_bytes(line + line[:30])
    counts = TodayCounts(tmp_path / "log")
    first = counts.read(NOW)
    file.write_bytes(line + line)
    second = counts.read(NOW)
    assert not isinstance(first, Unknown)
    assert not isinstance(second, Unknown)
    assert (first["accepted"], second["accepted"]) == (1, 2)


def test_a_new_day_begins_at_nothing(tmp_path: Path) -> None:
    counts = TodayCounts(tmp_path / "log")
    _write(tmp_path, "accepted")
    counts.read(NOW)
    assert counts.read(NOW + timedelta(days=1)) == {}


def test_what_a_stranger_writes_is_not_counted(tmp_path: Path) -> None:
    _write(tmp_path, "rejected", helo='","type":"accepted"')
    counted = TodayCounts(tmp_path / "log").read(NOW)
    assert not isinstance(counted, Unknown)
    assert (counted["accepted"], counted["rejected"]) == (0, 1)


def test_a_log_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "log" / f"gateway-{NOW:%Y%m%d}.jsonl").mkdir(parents=True)
    assert isinstance(TodayCounts(tmp_path / "log").read(NOW), Unknown)
