"""One line of a log: what it tells, whatever stands before it and whatever a stranger has put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.mail_log.events import (
    Delivered,
    Known,
    LoginFailed,
    Misbehaved,
    Queued,
    Received,
    Refused,
    Trouble,
    Unread,
)
from lockdown.facts.mail_log.prefix import when
from lockdown.facts.mail_log.reading import events, read

FILES = sorted((Path(__file__).parent / "mail_log_lines").glob("*.log"))
NOW = datetime(2026, 2, 13, 12, 0, tzinfo=UTC)
LINES = [
    line
    for file in FILES
    for line in file.read_text().splitlines()
    if line and not line.startswith(("#", "->"))
]  # fmt: skip


def told(line: str) -> str:
    reading = read(line)
    if reading is None:
        return "-> nothing of a mail server"
    event = reading.event
    fields = [
        f"{name}={value}" for name, value in zip(event._fields, event, strict=True) if value not in (None, "", ())
    ]
    return " ".join(["->", reading.line.daemon or reading.line.program, type(event).__name__, *fields])


def with_what_is_told(text: str) -> str:
    out = []
    for line in text.splitlines():
        if not line.startswith("->"):
            out.append(line)
            if line and not line.startswith("#"):
                out.append(told(line))
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_line_tells_what_stands_below_it(file: Path) -> None:
    now = with_what_is_told(file.read_text())
    if now != file.read_text():
        file.with_suffix(".got").write_text(now)
    assert now == file.read_text()


def test_the_lines_of_others_are_all_known() -> None:
    others = [file for file in FILES if not file.stem.startswith("own")]
    assert len(others) == 3
    for file in others:
        assert "Unread" not in file.read_text()


# ── a stranger's words ──

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=60)


def event_of(daemon: str, text: str) -> object:
    reading = read(f"Feb 13 08:00:00 mx postfix/{daemon}[1]: {text}")
    assert reading is not None
    return reading.event


@given(WORDS, WORDS, WORDS)
def test_nobody_but_the_client_is_ever_blamed_for_a_refusal(sender: str, to: str, helo: str) -> None:
    event = event_of(
        "smtpd",
        f"NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 554 5.7.1 <{to}>: Relay access denied; "
        f"from=<{sender}> to=<{to}> proto=ESMTP helo=<{helo}>",
    )
    assert isinstance(event, Refused)
    assert (event.address, event.code, event.dsn) == ("192.0.2.1", "554", "5.7.1")
    assert event.reason in ("relay access denied", "unclear")
    assert event.sender in (sender, None) and event.recipient in (to, None) and event.helo in (helo, None)


EVIL = "a>, relay=e[9.9.9.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)"


@given(st.one_of(WORDS, st.just(EVIL), st.builds("{}{}".format, st.just(EVIL), WORDS)))
def test_a_delivery_is_told_with_its_own_end_or_not_at_all(to: str) -> None:
    event = event_of(
        "smtp",
        f"B1C2D: to=<{to}>, relay=mx[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no)",
    )
    assert isinstance(event, Unread) or (
        isinstance(event, Delivered) and (event.status, event.relay) == ("bounced", "mx[192.0.2.9]:25")
    )


@given(WORDS)
def test_a_message_is_as_large_as_the_server_says(sender: str) -> None:
    event = event_of("qmgr", f"B1C2D: from=<{sender}>, size=99, nrcpt=2 (queue active)")
    assert event == Queued("B1C2D", sender, 99, 2)


@given(WORDS)
def test_whoever_guesses_a_password_cannot_name_another_address(user: str) -> None:
    event = event_of(
        "smtpd", f"warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username={user}"
    )
    assert isinstance(event, LoginFailed) and event.address == "192.0.2.1"
    line = (
        f"Feb 13 08:00:00 mx dovecot: imap-login: Disconnected (auth failed, 2 attempts): user=<{user}>, rip=192.0.2.1"
    )
    reading = read(line)
    assert reading is not None
    assert isinstance(reading.event, Unread | LoginFailed)
    if isinstance(reading.event, LoginFailed):
        assert (reading.event.address, reading.event.attempts) == ("192.0.2.1", 2)


HELO = st.one_of(WORDS, st.just("x) [9.9.9.9]: 535 Incorrect"), st.just("x) [9.9.9.9] F=<a> rejected RCPT <b>: no"))


@given(HELO)
def test_a_greeting_of_junk_cannot_name_another_address_to_exim(helo: str) -> None:
    for line in (
        f"2026-02-13 08:00:00 login authenticator failed for ({helo}) [192.0.2.1]: 535 Incorrect authentication data",
        f"2026-02-13 08:00:00 H=({helo}) [192.0.2.1]:25 F=<a@b.example> rejected RCPT <c@d.example>: Unknown user",
        f'2026-02-13 08:00:00 SMTP protocol error in "{helo}" H=(a) [192.0.2.1] AUTH command used when not advertised',
        f"2026-02-13 08:00:00 1tiX2y-0004Xz-1B <= a@b.example H=({helo}) [192.0.2.1] P=esmtp S=12",
    ):
        reading = read(line)
        assert reading is not None
        if isinstance(reading.event, LoginFailed | Refused | Misbehaved | Received):
            assert reading.event.address == "192.0.2.1", line


@pytest.mark.parametrize("field", [' X="a"', " X=a", ' SNI="a"', " K", " L"])
@pytest.mark.parametrize("end", [' S=1 id="', " rejected nothing", ""])
def test_a_line_of_many_fields_is_read_in_one_way_only(field: str, end: str) -> None:
    # In two ways for each field, this would never end: a client chooses what SNI holds.
    for begin in (
        "1tiX2y-0004Xz-1B <= a@b.example H=a [192.0.2.1]",
        "H=a [192.0.2.1]",
        "1tiX2y-0004Xz-1B H=a [192.0.2.1]",
    ):
        assert read(f"2026-02-13 08:00:00 {begin}{field * 400}{end}") is not None


# What strangers choose, as it would have to look to be taken for what a server says.
FORGED = (
    "x>, rip=9.9.9.9, lip=1.1.1.1",
    "x>, method=PLAIN, rip=9.9.9.9, lip=1.1.1.1, session=<a>",
    "x (auth failed, 99 attempts in 1 secs): user=<root>, method=PLAIN, rip=9.9.9.9, lip=1.1.1.1",
    "x[9.9.9.9]: SASL LOGIN authentication failed: x, sasl_username=root",
    "x) [9.9.9.9]: 535 Incorrect authentication data (set_id=root)",
    "x)<1><a>: Error: Quota exceeded",
    "x,9.9.9.9): unknown user",
    "x,9.9.9.9,<s>): unknown user",
    "x,9.9.9.9,sasl:plain)<s>: Info: sql: Password mismatch",
    "x): pam(root,9.9.9.9): unknown user",
    "x): sql(root,9.9.9.9,<s>): Password mismatch",
    "x ruser=root rhost=9.9.9.9",
    "x>, size=99, nrcpt=99 (queue active)",
    "x>, relay=e[9.9.9.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)",
    "x; from=<a> to=<b> proto=SMTP helo=<c>",
    "x> from=<a> to=<b> proto=SMTP helo=<c>",
    "x from e[9.9.9.9]: 550 5.1.1 <y>: User unknown; from=<a> to=<b> proto=SMTP helo=<c>",
    "x H=(y) [9.9.9.9] F=<a> rejected RCPT <b>: no",
    "x H=e.example [9.9.9.9] P=esmtpsa A=plain:root S=99",
    "x [9.9.9.9] ",
    "x\\n2026-02-13 08:00:00 H=e.example [9.9.9.9] F=<a> rejected RCPT <b>: no",
    "x#012Feb 13 08:00:00 mx postfix/qmgr[1]: E0001: from=<root>, size=99, nrcpt=99 (queue active)",
    "x\0\x1b[2J\udcff\u202e" + "y" * 3000,
    "(" * 300 + "<" * 300 + "[" * 300,
)
SAID = (
    "Feb 13 08:00:00 mx postfix/smtpd[1]: warning: a[192.0.2.1]: SASL LOGIN authentication failed: x, sasl_username={}",
    "Feb 13 08:00:00 mx postfix/smtpd[1]: B1C2D: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username={}",
    (
        "Feb 13 08:00:00 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 <{}>: no; from=<{}> "
        "to=<{}> proto=ESMTP helo=<{}>"
    ),
    "Feb 13 08:00:00 mx postfix/smtpd[1]: warning: non-SMTP command from a[192.0.2.1]: {}",
    "Feb 13 08:00:00 mx postfix/smtpd[1]: improper command pipelining after DATA from a[192.0.2.1]: {}",
    "Feb 13 08:00:00 mx postfix/cleanup[1]: B1C2D: message-id=<{}>",
    (
        "Feb 13 08:00:00 mx postfix/cleanup[1]: B1C2D: reject: header Subject: {} from a[192.0.2.1]; from=<{}> to=<{}> "
        "proto=ESMTP helo=<{}>: no"
    ),
    "Feb 13 08:00:00 mx postfix/qmgr[1]: B1C2D: from=<{}>, size=12, nrcpt=1 (queue active)",
    (
        "Feb 13 08:00:00 mx postfix/smtp[1]: B1C2D: to=<{}>, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, "
        "status=deferred (host x[192.0.2.9] said: 450 {})"
    ),
    "Feb 13 08:00:00 mx postfix/postscreen[1]: PREGREET 9 after 0 from [192.0.2.1]:99: {}",
    "Feb 13 08:00:00 mx dovecot: imap-login: Disconnected (auth failed, 2 attempts): user=<{}>, rip=192.0.2.1",
    "Feb 13 08:00:00 mx dovecot: imap-login: Login: user=<{}>, method=PLAIN, rip=192.0.2.1, lip=10.0.0.1",
    "Feb 13 08:00:00 mx dovecot: auth: sql({},192.0.2.1): unknown user",
    "Feb 13 08:00:00 mx dovecot: auth: sql(anna,192.0.2.1,<s>): Password mismatch (given password: {})",
    "Feb 13 08:00:00 mx dovecot: auth({},192.0.2.1,sasl:plain)<s>: Info: sql: Password mismatch (given password: {})",
    "Feb 13 08:00:00 mx auth: pam_unix(dovecot:auth): authentication failure; tty=dovecot ruser={} rhost=192.0.2.1",
    "2026-02-13 08:00:00 login authenticator failed for ({}) [192.0.2.1]: 535 Incorrect data (set_id={})",
    "2026-02-13 08:00:00 H=({}) [192.0.2.1] F=<{}> rejected RCPT <{}>: Unknown user",
    '2026-02-13 08:00:00 SMTP syntax error in "{}" H=({}) [192.0.2.1] unrecognized command',
    '2026-02-13 08:00:00 1tiX2y-0004Xz-1B <= "{}"@b.example H=({}) [192.0.2.1] P=esmtp S=12 id={} T="{}"',
    '2026-02-13 08:00:00 1tiX2y-0004Xz-1B => "{}"@b.example R=x T=y H=mx [192.0.2.9] C="250 {}"',
)


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.split(" ", 4)[4][:40])
def test_what_a_stranger_chose_is_never_taken_for_what_the_server_saw(said: str) -> None:
    plain = read(said.replace("{}", "x"))
    assert plain is not None
    for forged in FORGED:
        for place in range(said.count("{}")):
            pieces = said.split("{}")
            line = pieces[0] + "".join(
                (forged if number == place else "x") + piece for number, piece in enumerate(pieces[1:])
            )
            reading = read(line)
            if reading is None or isinstance(reading.event, Unread | Known | Trouble):
                continue
            assert type(reading.event) is type(plain.event), line
            for event, true in zip(events(reading), events(plain), strict=True):
                for field in ("address", "queue_id", "attempts", "size", "recipients", "status", "code", "relay"):
                    assert getattr(event, field, None) == getattr(true, field, None), line


def test_a_password_that_was_logged_is_kept_nowhere() -> None:
    for line in (
        "Feb 13 08:00:00 mx dovecot: auth-worker(7): sql(anna,192.0.2.1): unknown user (given password: tops3cret)",
        "Feb 13 08:00:00 mx dovecot: auth: Error: sql(anna,192.0.2.1): failed (given password: tops3cret)",
        "Feb 13 08:00:00 mx dovecot: auth: Warning: odd, given password: tops3cret",
    ):
        reading = read(line)
        assert reading is not None and "tops3cret" not in repr(reading.event)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_garbage_never_raises(garbage: str | bytes) -> None:
    read(garbage)
    if isinstance(garbage, str):
        when(garbage, NOW)


@given(st.sampled_from(LINES), st.data())
def test_a_line_that_is_cut_or_holds_a_foreign_sign_never_raises(line: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(line)))
    read(line[:place])
    read(line[:place] + data.draw(st.text(max_size=3)) + line[place:])


def test_a_line_longer_than_any_server_writes_is_counted_and_not_read() -> None:
    assert isinstance(event_of("smtpd", "warning: " + "a" * 7000), Trouble)
    assert isinstance(event_of("smtpd", "warning: " + "a" * 9000), Unread)


# ── when ──


@pytest.mark.parametrize(
    ("stamp", "then"),
    [
        ("Feb 13 08:00:00", datetime(2026, 2, 13, 8, tzinfo=UTC)),
        ("Feb  3 08:00:00.25", datetime(2026, 2, 3, 8, 0, 0, 250000, UTC)),
        ("Dec 31 23:59:59", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Feb 14 08:00:00", datetime(2026, 2, 14, 8, tzinfo=UTC)),  # a clock that is a little ahead
        ("Feb 15 08:00:00", datetime(2025, 2, 15, 8, tzinfo=UTC)),
        ("Feb 29 08:00:00", datetime(2024, 2, 29, 8, tzinfo=UTC)),
        ("2026-02-13T08:00:00.123456+01:00", datetime(2026, 2, 13, 7, 0, 0, 123456, UTC)),
        ("2026-02-13T08:00:00Z", datetime(2026, 2, 13, 8, tzinfo=UTC)),
        ("2026-02-13 08:00:00 +0530", datetime(2026, 2, 13, 2, 30, tzinfo=UTC)),
        ("2026-02-13 08:00:00", datetime(2026, 2, 13, 8, tzinfo=UTC)),
        ("Fri 2026-02-13 08:00:00 UTC", datetime(2026, 2, 13, 8, tzinfo=UTC)),
        ("1770969600.500", datetime(2026, 2, 13, 8, 0, 0, 500000, UTC)),
        ("@40000000698eda0a1dcd6500", datetime(2026, 2, 13, 8, 0, 0, 500000, UTC)),
        ("@4000000000000000ffffffff", None),
        ("[   17.123456]", None),
        ("Foo 13 08:00:00", None),
        ("Feb 30 08:00:00", None),
        ("2026-13-13T08:00:00Z", None),
    ],
)
def test_a_stamp_means_a_moment(stamp: str, then: datetime | None) -> None:
    assert when(stamp, NOW) == then


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("stamp", "now", "then"),
    [
        # Summer time is that of the day, not of now.
        ("Mar 28 12:00:00", datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 3, 28, 11, tzinfo=UTC)),
        ("Mar 29 12:00:00", datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 3, 29, 10, tzinfo=UTC)),
        # The hour that comes twice, as it is read the first time, the second, and afterwards.
        ("Oct 25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Oct 25 02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        # Across New Year, with the last minutes of the year read in the first of the next.
        (
            "Dec 31 23:59:59",
            datetime(2026, 12, 31, 23, 0, 5, tzinfo=UTC),
            datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC),
        ),
        ("Jan  1 00:00:01", datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), datetime(2026, 12, 31, 23, 0, 1, tzinfo=UTC)),
        ("Jan  1 00:00:01", datetime(2027, 1, 1, 8, tzinfo=UTC), datetime(2026, 12, 31, 23, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_stamp_means_what_the_clock_on_the_wall_showed(stamp: str, now: datetime, then: datetime) -> None:
    assert when(stamp, now.astimezone(BERLIN)) == then


def test_a_stamp_without_a_zone_is_in_that_of_the_machine() -> None:
    there = timezone(timedelta(hours=2))
    assert when("Feb 13 08:00:00", NOW.astimezone(there)) == datetime(2026, 2, 13, 6, tzinfo=UTC)
