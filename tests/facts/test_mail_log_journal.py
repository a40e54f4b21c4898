"""The journal: an entry is read as a line of a log, and whoever is no service is not believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.mail_log.events import Gone, Received, Trouble
from lockdown.facts.mail_log.journal import argv, entry

ENTRY = {
    "MESSAGE": "B1C2D: removed", "__REALTIME_TIMESTAMP": "1770969600500000", "__CURSOR": "s=1;i=2", "_PID": "7",
    "SYSLOG_IDENTIFIER": "postfix/qmgr", "_HOSTNAME": "mx", "_SYSTEMD_UNIT": "postfix@-.service", "_UID": "110",
}  # fmt: skip


def encoded(**changed: object) -> bytes:
    return json.dumps(ENTRY | changed).encode()


def test_an_entry_tells_what_happened_when_and_where_to_go_on() -> None:
    found = entry(encoded())
    assert found is not None and found.reading is not None
    assert found.reading.event == Gone("B1C2D", "removed")
    assert found.reading.line.host == "mx"
    assert (found.at, found.cursor) == (datetime(2026, 2, 13, 8, 0, 0, 500000, UTC), "s=1;i=2")


def test_a_message_of_octets_is_read() -> None:
    octets = list("B1C2D: client=caf\xe9[192.0.2.1]".encode("latin-1"))
    found = entry(encoded(MESSAGE=octets, SYSLOG_IDENTIFIER="postfix/smtpd"))
    assert found is not None and found.reading is not None
    assert isinstance(found.reading.event, Received) and found.reading.event.address == "192.0.2.1"


@pytest.mark.parametrize("unit", ["user@1000.service", "session-3.scope"])
def test_a_user_who_calls_himself_postfix_is_not_believed(unit: str) -> None:
    found = entry(encoded(_SYSTEMD_UNIT=unit))
    assert found is not None and found.reading is None


def test_a_message_of_two_lines_cannot_begin_another_one() -> None:
    found = entry(encoded(MESSAGE="x\nMay  4 00:00:00 mx postfix/qmgr[1]: B1C2D: removed"))
    assert found is not None and found.reading is not None
    assert not isinstance(found.reading.event, Gone)
    complaint = entry(encoded(MESSAGE="warning: one\ntwo\r\nthree"))
    assert complaint is not None and complaint.reading is not None
    assert complaint.reading.event == Trouble("warning", "one two  three")


@given(st.binary(max_size=200))
def test_garbage_never_raises(garbage: bytes) -> None:
    entry(garbage)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ENTRY)), st.none() | st.integers() | st.text() | st.lists(st.integers(-1, 300))
    )
)
def test_fields_of_any_form_never_raise(fields: dict[str, object]) -> None:
    entry(encoded(**fields))


def test_the_journal_is_followed_from_where_we_were() -> None:
    assert argv("s=1;i=2")[-1] == "--after-cursor=s=1;i=2"
    assert argv(since="-1h")[-1] == "--since=-1h"
    assert argv()[-1] == "--lines=0"
    assert "--follow" in argv() and "--output=json" in argv()
