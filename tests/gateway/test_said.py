"""What a worker says in its log, when strangers' words are in it."""

from __future__ import annotations

import logging
import sys

from lockdown.gateway.said import OneLine

HOSTILE = "\x1b[2J\r\nlockdown.watch: incident 1 is over\u202e"


def said(*, broken: bool = False) -> str:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        found = sys.exc_info() if broken else None
    record = logging.LogRecord("lockdown.watch", logging.WARNING, "", 0, "incident %d: %s", (1, HOSTILE), found)
    return OneLine().format(record)


def test_strangers_words_make_no_line_of_their_own() -> None:
    assert said().splitlines() == [
        "lockdown.watch: incident 1: \ufffd[2J\ufffd\ufffdlockdown.watch: incident 1 is over\ufffd"
    ]


def test_where_it_broke_is_told_in_lines_that_nobody_obeys() -> None:
    text = said(broken=True)
    assert "Traceback" in text
    assert len(text.splitlines()) > 3
    assert "\x1b" not in text
    assert "\u202e" not in text
