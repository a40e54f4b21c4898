"""The account log follows a file, keeps its counts over a restart, and says what it cannot see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lockdown.config import Settings, read_settings
from lockdown.engine.accounts import COUNTS, AccountLog, kept_facts
from lockdown.host.grips import held, released
from lockdown.model.accounts import Accounts
from lockdown.model.unknown import Unknown
from lockdown.state.remembered import Remembered

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
LINES = """\
2026-03-02T12:00:01.0+00:00 mx dovecot: imap-login: Login: user=<anna@example.org>, method=PLAIN, rip=192.0.2.10, \
lip=192.0.2.1, mpid=1, TLS, session=<a>
2026-03-02T12:00:02.0+00:00 mx postfix/submission/smtpd[7]: 4A0001: client=pc[192.0.2.10], sasl_method=PLAIN, \
sasl_username=anna@example.org
2026-03-02T12:00:03.0+00:00 mx postfix/qmgr[8]: 4A0001: from=<anna@example.org>, size=900, nrcpt=2 (queue active)
2026-03-02T12:00:04.0+00:00 mx postfix/smtp[9]: 4A0001: to=<x@example.net>, relay=mx[198.51.100.1]:25, delay=1, \
delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
2026-03-02T12:00:04.0+00:00 mx postfix/smtp[9]: 4A0001: to=<y@example.net>, relay=mx[198.51.100.1]:25, delay=1, \
delays=0/0/1/0, dsn=5.1.1, status=bounced (550 no such user)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    log = tmp_path / "mail.log"
    log.write_text(LINES)
    text = f'[site]\nrole = "all-in-one"\n[monitoring]\nmail_logs = ["{log}"]\n'
    return read_settings([("lockdown.toml", text)]).settings


def looked(log: AccountLog) -> Accounts:
    found = log.look(NOW)
    assert isinstance(found, Accounts)
    return found


def test_lines_of_a_log_become_what_an_account_has_sent(settings: Settings, tmp_path: Path) -> None:
    account = looked(AccountLog(settings, tmp_path)).accounts[0]
    assert (account.user, account.day.external, account.day.unknown) == ("anna@example.org", 2, 1)
    assert [one.recipient for one in account.left] == ["x@example.net", "y@example.net"]
    assert [one.network for one in account.sign_ins] == ["192.0.2.0/24"]


def test_what_left_has_its_subject_where_the_server_writes_it_down(settings: Settings, tmp_path: Path) -> None:
    subject = (
        "2026-03-02T12:00:02.5+00:00 mx postfix/cleanup[8]: 4A0001: info: header Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= "
        "from pc[192.0.2.10]; from=<anna@example.org> to=<x@example.net> proto=ESMTP helo=<pc>\n"
    )
    lines = LINES.splitlines(keepends=True)
    (tmp_path / "mail.log").write_text("".join([*lines[:2], subject, *lines[2:]]))
    log = AccountLog(settings, tmp_path)
    assert {one.subject for one in looked(log).accounts[0].left} == {"Gr\u00fc\u00dfe"}
    log.keep()
    again = kept_facts(settings, tmp_path, NOW)
    assert isinstance(again, Accounts)
    assert again.accounts[0].left[0].subject == "Gr\u00fc\u00dfe"


def test_a_restart_neither_forgets_nor_counts_twice(settings: Settings, tmp_path: Path) -> None:
    first = AccountLog(settings, tmp_path)
    before = looked(first)
    first.keep()
    again = AccountLog(settings, tmp_path)
    assert looked(again) == before
    with (tmp_path / "mail.log").open("a") as log:
        log.write(LINES.replace("4A0001", "4A0002"))
    account = looked(again).accounts[0]
    assert (account.day.external, account.day.first_time) == (4, 2)
    assert kept_facts(settings, tmp_path, NOW) == before


def test_what_was_kept_and_is_damaged_is_said_and_begun_anew(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / COUNTS).write_text('{"sending": 7}')
    found = looked(AccountLog(settings, tmp_path))
    assert "was damaged" in found.unseen
    assert found.accounts


LETTER = """\
2026-03-02T12:29:01.0+00:00 mx postfix/submission/smtpd[7]: 4B{number:04X}: client=pc[192.0.2.10], sasl_method=PLAIN, \
sasl_username=anna@example.org
2026-03-02T12:29:02.0+00:00 mx postfix/qmgr[8]: 4B{number:04X}: from=<anna@example.org>, size=9{number:03}, nrcpt=1 \
(queue active)
2026-03-02T12:29:03.0+00:00 mx postfix/smtp[9]: 4B{number:04X}: to=<v{number}@example.net>, \
relay=mx[198.51.100.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
"""


def test_a_glance_says_when_an_account_is_to_be_held_and_says_it_once(settings: Settings, tmp_path: Path) -> None:
    log = AccountLog(settings, tmp_path)
    written = tmp_path / "mail.log"
    # So it is no account of yesterday, of which everybody is new.
    written.write_text(LINES.replace("2026-03-02", "2026-02-02") + LINES)
    assert log.glance(NOW) is False
    told = []
    for begin in range(0, 60, 4):
        with written.open("a") as file:
            file.write("".join(LETTER.format(number=number) for number in range(begin, begin + 4)))
        told.append(log.glance(NOW))
    assert told.count(True) == 1
    assert 4 * (told.index(True) + 1) < 50
    assert looked(log).accounts[0].day.external == 2 + 60  # what a glance has counted, the look need not count again


def test_what_a_glance_could_not_read_the_next_look_tells_once(settings: Settings, tmp_path: Path) -> None:
    log = AccountLog(settings, tmp_path)
    assert looked(log).unseen == ""
    (tmp_path / "mail.log").write_text("")  # emptied: what stood there between is not known
    log.glance(NOW)
    assert "the log was emptied" in looked(log).unseen
    assert looked(log).unseen == ""


def test_failures_that_only_the_end_of_a_connection_tells_are_counted(settings: Settings, tmp_path: Path) -> None:
    line = (
        "2026-03-02T12:2{}:00.0+00:00 mx postfix/submission/smtpd[3]: disconnect from unknown[203.0.113.9] ehlo=1 "
        "auth=0/5 quit=1 commands=2/7\n"
    )
    (tmp_path / "mail.log").write_text("".join(line.format(minute) for minute in range(3)))
    guesser = looked(AccountLog(settings, tmp_path)).guessers[0]
    assert (guesser.network, guesser.within[-1].failures) == ("203.0.113.0/24", 15)


def test_a_log_that_is_not_there_is_unknown_but_before_another_server(tmp_path: Path) -> None:
    absent = f'[monitoring]\nmail_logs = ["{tmp_path}/none"]\n'
    server = read_settings([("lockdown.toml", f'[site]\nrole = "all-in-one"\n{absent}')]).settings
    assert isinstance(AccountLog(server, tmp_path).look(NOW), Unknown)
    gateway = read_settings([("lockdown.toml", f'[site]\nrole = "gateway"\n{absent}')]).settings
    assert AccountLog(gateway, tmp_path).look(NOW) is None


@hypothesis_settings(max_examples=30)  # each begins with memories of some megabytes
@given(st.lists(st.text(max_size=60) | st.sampled_from(LINES.splitlines()), max_size=20))
def test_no_line_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    folder = tmp_path_factory.mktemp("log")
    (folder / "mail.log").write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
    text = f'[site]\nrole = "all-in-one"\n[monitoring]\nmail_logs = ["{folder}/mail.log"]\n'
    log = AccountLog(read_settings([("lockdown.toml", text)]).settings, folder)
    for moment in (NOW, NOW - timedelta(days=400), NOW + timedelta(days=400)):
        assert isinstance(log.look(moment), Accounts)


@given(st.binary(max_size=400))
def test_a_record_of_grips_that_cannot_be_read_is_none(octets: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(octets)
        assert isinstance(held(Path(file.name)), dict)
        assert isinstance(released(Path(file.name)), tuple)


def test_what_was_seen_lately_is_never_forgotten_and_strangers_are_rarely_known() -> None:
    memory = Remembered(1000)
    for number in range(2500):
        memory.add(f"a{number}")
    assert all(f"a{number}" in memory for number in range(1500, 2500))
    assert sum(f"b{number}" in memory for number in range(10_000)) < 200
    copy = Remembered(1000)
    copy.restore(memory.octets())
    assert "a2499" in copy
    copy.restore(b"damaged")
    assert "a2499" in copy
