"""`lockdown senders top`: who sends most, told by what, and how blind we are."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.cli import main
from lockdown.config import Log
from lockdown.engine import top_senders
from lockdown.engine.top_senders import Top, _of_gateway, _take_mail_log
from lockdown.host import log_files
from lockdown.state.transactions import LoggedClient, LoggedScan, Transaction, TransactionLog

NOW = datetime.now(UTC)
OLD = NOW - timedelta(hours=3)
Told = Callable[..., dict[str, Any]]


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def handed_in(user: str, number: int, *recipients: str, status: str = "sent", at: datetime = NOW) -> list[str]:
    """One message of a user, as Postfix tells of it."""
    queue_id = f"4ABC{number:06X}"
    begin = f"{stamp(at)} mail postfix/"
    return [
        (
            f"{begin}submission/smtpd[7]: {queue_id}: client=home.example[198.51.100.7], "
            f"sasl_method=PLAIN, sasl_username={user}"
        ),
        f"{begin}qmgr[8]: {queue_id}: from=<{user}>, size=2000, nrcpt={len(recipients)} (queue active)",
        *(
            f"{begin}smtp[9]: {queue_id}: to=<{one}>, relay=mx.example[192.0.2.9]:25, delay=1, delays=0/0/0.5/0.5, "
            f"dsn={'2.0.0' if status == 'sent' else '5.1.1'}, status={status} (250 ok)"
            for one in recipients
        ),
    ]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    monkeypatch.chdir(tmp_path)
    Path("lockdown.toml").write_text('[monitoring]\nmail_logs = ["mail.log"]\n')
    (tmp_path / "var" / "log").mkdir(parents=True, mode=0o700)

    def ask(*words: str, code: int = 0) -> dict[str, Any]:
        assert main(["senders", "top", *words, "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return ask


def gateway_log(*lines: dict[str, Any]) -> None:
    log = TransactionLog(Path("var"), Log())
    for number, line in enumerate(lines):
        fields: dict[str, Any] = {
            "type": "accepted",
            "at": NOW,
            "client": LoggedClient("203.0.113.9", "mx"),
            "size": 1000,
        } | line
        log.record(Transaction(id=f"ID{number}", **fields))
    log.close()


def test_a_user_is_told_by_messages_recipients_new_ones_and_bounces(told: Told) -> None:
    lines = handed_in("anna@example.org", 1, "old@a.example", at=OLD)
    lines += handed_in("anna@example.org", 2, "old@a.example", "new@a.example")
    lines += handed_in("bert@example.org", 3, *(f"x{n}@b.example" for n in range(8)), status="bounced")
    Path("mail.log").write_text("\n".join(lines) + "\n")
    found = told("--by", "user")

    bert, anna = found["senders"]
    assert (bert["value"], bert["recipients"], bert["bounced"], bert["tried"]) == ("bert@example.org", 8, 8, 8)
    assert (anna["messages"], anna["recipients"], anna["new_recipients"], anna["bounced"]) == (1, 2, 1, 0)
    assert found["knows_before"]


@pytest.mark.parametrize(
    ("by", "value", "messages"),
    [
        ("client", "203.0.113.9", 3),
        ("network", "203.0.113.0/24", 3),
        ("sender", "a@spam.example", 2),
        ("domain", "spam.example", 2),
    ],
)
def test_strangers_are_told_by_what_they_have_in_common(told: Told, by: str, value: str, messages: int) -> None:
    spam = LoggedScan(spam=30.0, antispam={"builtin": "30"})
    gateway_log(
        {"sender": "A@spam.example", "recipients": ["u@example.org"], "scan": spam},
        {"sender": "a@spam.example", "recipients": ["v@example.org"], "scan": spam, "type": "rejected"},
        {"sender": "b@good.example", "recipients": ["u@example.org"]},
        {"sender": "a@spam.example", "recipients": ["u@example.org"], "at": OLD},
        {"sender": "", "client": LoggedClient("192.0.2.1"), "type": "turned-away"},
    )
    first = told("--by", by)["senders"][0]
    assert (first["value"], first["messages"]) == (value, messages)
    assert (first["spam"], first["judged"], first["refused"]) == (2, 2, 1)


def test_only_what_came_since_then_is_counted(told: Told) -> None:
    gateway_log({"sender": "a@x.example", "recipients": ["u@example.org"], "at": OLD})
    assert told("--by", "sender", "--since", "1h")["senders"] == []
    assert len(told("--by", "sender", "--since", "4h")["senders"]) == 1


def test_the_whole_time_is_read_through_rotated_and_packed_files(told: Told) -> None:
    hours = {"mail.log": 1, "mail.log.1": 20, "mail.log.2.gz": 30, "mail.log.3.gz": 60, "mail.log.4.gz": 90}
    for number, (name, ago) in enumerate(hours.items()):
        at = NOW - timedelta(hours=ago)
        octets = "\n".join(handed_in("anna@example.org", number, f"x{number}@a.example", at=at)).encode() + b"\n"
        Path(name).write_bytes(gzip.compress(octets) if name.endswith("gz") else octets)
        os.utime(name, (at.timestamp(), at.timestamp()))
    found = told("--since", "2d")
    assert (found["senders"][0]["messages"], found["senders"][0]["new_recipients"]) == (3, 3)
    assert (found["knows_before"], found["unseen"]) == (True, [])
    assert told("--since", "2h")["senders"][0]["messages"] == 1


def test_of_a_log_of_any_length_all_of_the_time_is_read_and_little_before_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "BLOCK", 4096)
    monkeypatch.setattr(top_senders, "_BEFORE_BYTES", 4096)
    read: list[bytes] = []
    monkeypatch.setattr(top_senders, "_take_mail_log", lambda lines, *_: read.extend(lines))
    lines = []
    for number in range(2000):
        lines += handed_in("anna@example.org", number, "x@a.example", at=NOW - timedelta(minutes=2000 - number))
    Path("mail.log").write_text("\n".join(lines) + "\n")
    assert told("--since", "1h", code=0)["unseen"] == []
    since = stamp(NOW - timedelta(hours=1))
    assert [line for line in read if line] == [line.encode() for line in lines[-len([line for line in read if line]) :]]
    within = [line for line in lines if line[:32] >= since]
    assert len(within) < len(read) < len(within) + 150


def test_the_whole_log_is_shown_in_one_picture(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    lines = handed_in("anna@example.org", 1, "x@a.example") + handed_in("bert", 2, "y@b.example", status="bounced")
    Path("old.gz").write_bytes(gzip.compress("\n".join(lines[:4]).encode() + b"\n"))
    Path("mail.log").write_text("\n".join([*lines[4:], lines[0].partition("]: ")[0] + "]: of a later version"]) + "\n")
    assert main(["senders", "log", "old.gz", "mail.log", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["lines"], found["unread"]) == (7, {"smtpd": 1})
    assert found["parts"]["signed in and sent"][0] == {"value": "anna@example.org", "messages": 1, "octets": 2000}
    assert found["parts"]["bounced, from"][0]["value"] == "b.example"
    assert main(["senders", "log", "old.gz", "mail.log"]) == 0
    said = capsys.readouterr().out
    assert "not understood: 1 of them (smtpd 1)" in said
    assert "signed in and sent" in said and "half of all deliveries spent 0.5 s connecting" in said


def test_no_log_to_show_is_said(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["senders", "log"]) != 0
    assert "There is no log of a mail server." in "".join(capsys.readouterr())


def test_a_rotated_file_that_is_damaged_is_said(told: Told) -> None:
    octets = "\n".join(handed_in("anna@example.org", 1, "x@a.example")).encode()
    Path("mail.log").write_bytes(octets + b"\n")
    Path("mail.log.1.gz").write_bytes(gzip.compress(octets * 50)[:80])
    found = told("--since", "2h")
    assert found["senders"][0]["value"] == "anna@example.org"
    assert found["unseen"][0].startswith("mail.log.1.gz cannot be read to its end")


def test_a_user_of_exim_is_told_as_one_of_postfix(told: Told) -> None:
    at = f"{NOW:%Y-%m-%d %H:%M:%S} +0000"
    Path("mail.log").write_text(
        f"{at} 1tiX2y-0004Xz-1B <= anna@b.example H=a [192.0.2.1] P=esmtpsa A=plain:anna S=12\n"
        f"{at} 1tiX2y-0004Xz-1B => x@far.example R=dnslookup T=remote_smtp H=mx [192.0.2.9]\n"
        f"{at} 1tiX2y-0004Xz-1B ** y@far.example R=dnslookup T=remote_smtp H=mx [192.0.2.9]: 550 no\n"
    )
    anna = told()["senders"][0]
    assert (anna["value"], anna["messages"], anna["tried"], anna["bounced"]) == ("anna", 1, 2, 1)


def test_a_log_that_is_not_there_is_said_and_the_exit_is_3(told: Told) -> None:
    assert told(code=3)["unseen"] == ["mail.log is not there"]


def test_the_table_names_who_and_what_to_type(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mail.log").write_text("\n".join(handed_in("anna@example.org", 2, "new@a.example")) + "\n")
    assert main(["senders", "top"]) == 0
    said = capsys.readouterr().out
    assert "anna@example.org  1" in said
    assert "who is new cannot be told" in said
    assert said.splitlines()[-1].startswith("to hold one: lockdown user hold USER")


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_line_of_a_stranger_breaks_it(lines: list[bytes]) -> None:
    top = Top("user", OLD)
    _take_mail_log(lines, top, NOW)
    for message in _of_gateway(lines, 5.0):
        top._take(message)
    assert top.first(3) is not None
