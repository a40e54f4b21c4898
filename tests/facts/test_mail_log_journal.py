"""The journal: an entry is read as a line of a log, and who is no mail server is not believed, whatever he says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.mail_log.events import Event, Gone, Received, Trouble, Unread
from lockdown.facts.mail_log.journal import Entry, argv, entry
from lockdown.facts.mail_log.prefix import when
from lockdown.facts.mail_log.reading import read

ENTRY = {
    "MESSAGE": "B1C2D: removed", "__REALTIME_TIMESTAMP": "1770969600500000", "__CURSOR": "s=1;i=2", "_PID": "7",
    "SYSLOG_PID": "1", "SYSLOG_IDENTIFIER": "postfix/qmgr", "_HOSTNAME": "mx", "_UID": "110", "_TRANSPORT": "syslog",
}  # fmt: skip
OURS = frozenset(("0", "110"))
SUPPRESSED = {
    "_TRANSPORT": "driver", "MESSAGE_ID": "a596d6fe7bfa4994828e72309e95d61e",
    "MESSAGE": "Suppressed 812 messages from postfix@-.service", "SYSLOG_IDENTIFIER": "systemd-journald", "_UID": "0",
}  # fmt: skip


def encoded(**changed: object) -> bytes:
    return json.dumps(ENTRY | changed).encode()


def told(**changed: object) -> Entry:
    found = entry(encoded(**changed), OURS)
    assert found is not None
    return found


def event(**changed: object) -> Event:
    reading = read(told(**changed).line)
    assert reading is not None
    return reading.event


def test_an_entry_tells_what_happened_when_and_where_to_go_on() -> None:
    found = told()
    assert (found.cursor, found.foreign, found.suppressed) == ("s=1;i=2", False, "")
    reading = read(found.line)
    assert reading is not None and reading.event == Gone("B1C2D", "removed")
    assert (reading.line.host, reading.line.pid) == ("mx", "7")
    at = datetime(2026, 2, 13, 8, 0, 0, 500000, UTC)
    assert when(reading.line.stamp, at.replace(year=2027)) == at


def test_a_message_of_octets_is_read() -> None:
    octets = list("B1C2D: client=caf\xe9[192.0.2.1]".encode("latin-1"))
    found = event(MESSAGE=octets, SYSLOG_IDENTIFIER="postfix/smtpd")
    assert isinstance(found, Received) and found.address == "192.0.2.1"


@pytest.mark.parametrize("uid", ["33", "1000", "", None, ["0", "33"], 0])
def test_a_user_who_calls_himself_postfix_is_not_believed_and_is_counted(uid: object) -> None:
    found = told(_UID=uid)
    # Of a field that is there twice the first counts; only the journal itself writes one that begins so.
    expected = ("", True) if uid != ["0", "33"] else (told().line, False)
    assert (found.line, found.foreign) == expected
    assert found.cursor == "s=1;i=2"


def test_who_is_no_mail_server_and_says_so_is_no_forger() -> None:
    found = told(_UID="33", SYSLOG_IDENTIFIER="php")
    assert (found.line, found.foreign) == ("", False)


def test_a_name_cannot_hold_a_whole_line() -> None:
    assert told(SYSLOG_IDENTIFIER="x\nMay  4 00:00:00 mx postfix/qmgr[1]: B1C2D: removed").line == ""
    assert " localhost postfix/qmgr[7]: " in told(_HOSTNAME="mx postfix/smtpd[1]:").line


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\x0b"])
def test_a_message_of_two_lines_cannot_begin_another_one(end: str) -> None:
    found = told(MESSAGE=f"x{end}May  4 00:00:00 mx postfix/qmgr[1]: B1C2D: removed")
    assert len(found.line.splitlines()) == 1
    assert isinstance(event(MESSAGE=f"x{end}B1C2D: removed"), Unread)
    assert event(MESSAGE=f"warning: one{end}two") == Trouble("warning", "one two")


def test_what_the_journal_did_not_take_of_a_mail_server_is_told() -> None:
    assert told(**SUPPRESSED).suppressed == SUPPRESSED["MESSAGE"]
    assert told(**SUPPRESSED | {"MESSAGE": "Suppressed 9 messages from php-fpm.service"}).suppressed == ""
    assert told(**SUPPRESSED | {"MESSAGE_ID": "ec387f577b844b8fa948f33cad9a75e6"}).suppressed == ""
    # A message like it, by somebody who is not the journal.
    assert told(**SUPPRESSED | {"_TRANSPORT": "syslog", "_UID": "33"}).suppressed == ""


@pytest.mark.parametrize("message", [None, 7, [], {}, [256], [True], "", ["B1C2D: removed", "second"]])
def test_a_message_that_is_too_long_or_none_is_an_empty_line_and_not_another_one(message: object) -> None:
    found = told(MESSAGE=message)
    text = found.line.partition("postfix/qmgr[7]: ")[2]
    assert text == ("B1C2D: removed" if message == ["B1C2D: removed", "second"] else "")


def test_an_entry_without_a_moment_or_with_one_beyond_all_years_is_none_of_a_mail_server() -> None:
    for moment in ("", "x", "9" * 30, None, "١٢"):
        assert told(__REALTIME_TIMESTAMP=moment).line == ""


@given(st.binary(max_size=200))
def test_garbage_never_raises(garbage: bytes) -> None:
    entry(garbage, OURS)


@given(
    st.dictionaries(
        st.sampled_from(sorted({*ENTRY, *SUPPRESSED})),
        st.none() | st.integers() | st.text() | st.lists(st.integers(-1, 300) | st.text()) | st.sampled_from(["0"]),
    )
)
def test_fields_of_any_form_are_one_line_or_none(fields: dict[str, object]) -> None:
    found = entry(encoded(**fields), OURS)
    assert found is not None and len(found.line.splitlines()) <= 1
    if "_UID" in fields and str(fields["_UID"]).strip("[]'") not in OURS:
        assert found.line == "" or fields["_UID"] in ([48], [49, 49, 48])


def test_the_journal_is_followed_from_where_we_were_with_no_more_of_each_entry_than_is_read() -> None:
    assert "--after-cursor=s=1;i=2" in argv("s=1;i=2", "-7d") and "--since=-7d" not in argv("s=1;i=2", "-7d")
    assert "--since=-1h" in argv(since="-1h") and "--no-tail" in argv()
    assert "--lines=50" in argv(last=50, follow=False) and "--follow" not in argv(last=50, follow=False)
    assert "--follow" in argv() and "--output=json" in argv() and "--all" not in argv()


def test_a_cursor_that_is_none_is_not_put_into_a_command() -> None:
    assert told(__CURSOR="--file=/etc/shadow x").cursor == ""
    assert not any("shadow" in word for word in argv("s=1;--file=/etc/shadow"))
