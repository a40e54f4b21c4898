"""Readings of scanners: what is there, what is not, and what of amavis may be kept."""

from __future__ import annotations

import os
from pathlib import Path

from lockdown.facts.scanner_files import NOT_THERE, PLACES
from lockdown.host import scanners
from lockdown.host.asked import File, Native
from lockdown.host.local import read_here
from lockdown.model.unknown import Unknown


def test_every_place_has_a_reading_and_none_raises() -> None:
    taken = read_here(scanners.sources())
    assert set(PLACES) < set(taken)
    assert all(isinstance(reading, str | Unknown) for reading in taken.values())


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    asked = {
        "file": File(gone),
        "log": File(gone, tail=True),
        "rules": Native(lambda: scanners._newest_rules(Path(gone))),
    }
    for reading in read_here(asked).values():
        assert isinstance(reading, str)
        assert reading.startswith(NOT_THERE)


def test_of_a_long_log_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "freshclam.log"
    log.write_text("old line\n" * 20_000 + "the last line\n")
    reading = read_here({"log": File(str(log), scanners.TAIL, tail=True)})["log"]
    assert isinstance(reading, str)
    assert len(reading) <= scanners.TAIL
    assert reading.endswith("the last line\n")


def test_the_rules_of_spamassassin_come_with_their_dates(tmp_path: Path) -> None:
    (tmp_path / "4.000001").mkdir()
    rules = tmp_path / "4.000001" / "updates_spamassassin_org.cf"
    rules.write_text("")
    os.utime(rules, (1_700_000_000, 1_700_000_000))
    assert scanners._newest_rules(tmp_path) == f"2023-11-14T22:13:20+00:00 {rules}\n"


def test_of_amavis_only_the_deciding_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "50-user").write_text(
        "@lookup_sql_dsn = (['DBI:mysql:database=mail', 'user', 'hunter2']);\n"
        "@bypass_virus_checks_maps = (\n   \\%bypass_virus_checks, \\@bypass_virus_checks_acl);\n"
        "$final_virus_destiny = D_DISCARD;\n# $warnvirussender = 1;\n"
    )
    reading = scanners._amavis((tmp_path,))
    assert isinstance(reading, str)
    assert "hunter2" not in reading
    assert "warnvirussender" not in reading
    assert [line.split("    #")[0] for line in reading.splitlines()] == [
        "@bypass_virus_checks_maps = (",
        "\\%bypass_virus_checks, \\@bypass_virus_checks_acl);",
        "$final_virus_destiny = D_DISCARD;",
    ]
