"""Which log is read where nobody has named one."""

from __future__ import annotations

import pytest

from lockdown.facts.mail_log.place import JOURNAL, OF_SYSLOG, place

DEBIAN, REDHAT = OF_SYSLOG
NOW, DAY = 1_770_000_000.0, 86400.0


@pytest.mark.parametrize(
    ("files", "journal", "read"),
    [
        ({DEBIAN: NOW}, None, DEBIAN),
        ({DEBIAN: NOW}, NOW, DEBIAN),
        ({DEBIAN: NOW - 30 * DAY}, None, DEBIAN),
        ({DEBIAN: NOW - 30 * DAY}, NOW, JOURNAL),
        ({DEBIAN: NOW - DAY}, NOW, DEBIAN),
        ({DEBIAN: NOW - 9 * DAY, REDHAT: NOW}, None, REDHAT),
        ({}, NOW, JOURNAL),
        ({}, None, DEBIAN),
    ],
)
def test_syslogs_file_is_read_while_it_is_written_and_else_the_journal(
    files: dict[str, float], journal: float | None, read: str
) -> None:
    assert place(files, journal) == read
