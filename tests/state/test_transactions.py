"""The transaction log: whole lines from many workers, found again, and never a reason to stop mail."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lockdown.config import Log
from lockdown.state.transactions import (
    LoggedClient,
    LoggedReply,
    LoggedScan,
    LoggedVerdict,
    Refused,
    Transaction,
    TransactionLog,
    for_people,
    read_transactions,
)

DAY = 86400


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock(now) -> Clock:
    return Clock(now)


def log(directory: Path, clock: Clock, addresses: str = "full", keep: timedelta = timedelta(days=30)) -> TransactionLog:
    return TransactionLog(directory, Log(addresses=addresses, keep=keep), clock)


@pytest.fixture
def transaction(now) -> Transaction:
    return Transaction(
        type="rejected",
        id="0K3ABCDEFGHJ2345",
        at=now,
        ms=1234.5,
        worker=1,
        client=LoggedClient("192.0.2.7", "mx.example.net", True),
        sender="Søren@example.net",
        recipients=["anna@example.org", "bert@example.org"],
        refused=[Refused("carl@example.org", 550, "<carl@example.org>: unknown user")],
        size=5000,
        verdict=LoggedVerdict("REJECT", "attachments.size", "too large for anna@example.org"),
        scan=LoggedScan(antivirus={"builtin": "1 files read"}, reasons=["words of anna@example.org +2.1"], spam=2.1),
        response=LoggedReply(552, "5.3.4", "Message for <anna@example.org> too large"),
        upstream="smtp://127.0.0.1:25",
        digest="ab12",
    )


def another(transaction: Transaction, **changes: object) -> Transaction:
    return msgspec.structs.replace(transaction, **changes)


def written(directory: Path, day: str = "20260301") -> bytes:
    return (directory / "log" / f"gateway-{day}.jsonl").read_bytes()


def test_a_transaction_is_one_line_of_json(tmp_path, clock, transaction):
    lines = log(tmp_path, clock)
    lines.record(transaction)
    lines.flush()
    assert json.loads(written(tmp_path)) == {
        "v": 1,
        "type": "rejected",
        "id": "0K3ABCDEFGHJ2345",
        "at": "2026-03-01T12:00:00Z",
        "ms": 1234.5,
        "worker": 1,
        "client": {"address": "192.0.2.7", "helo": "mx.example.net", "tls": True},
        "sender": "Søren@example.net",
        "recipients": ["anna@example.org", "bert@example.org"],
        "refused": [{"address": "carl@example.org", "code": 550, "text": "<carl@example.org>: unknown user"}],
        "size": 5000,
        "verdict": {"kind": "REJECT", "control": "attachments.size", "says": "too large for anna@example.org"},
        "scan": {
            "antivirus": {"builtin": "1 files read"},
            "spam": 2.1,
            "reasons": ["words of anna@example.org +2.1"],
        },
        "response": {"code": 552, "enhanced": "5.3.4", "text": "Message for <anna@example.org> too large"},
        "upstream": "smtp://127.0.0.1:25",
        "digest": "ab12",
        "like": {},
    }
    assert written(tmp_path).count(b"\n") == 1


def test_nothing_is_written_before_the_flush(tmp_path, clock, transaction):
    lines = log(tmp_path, clock)
    lines.record(transaction)
    assert not list((tmp_path / "log").glob("*.jsonl"))


@pytest.mark.parametrize(
    "needle",
    [
        "0K3ABCDEFGHJ2345",
        "0k3abcdefghj2345",
        "192.0.2.7",
        "søren@EXAMPLE.net",
        "<bert@example.org>",
        "carl@example.org",
    ],
)
def test_it_is_found_by_its_id_its_client_and_its_addresses(tmp_path, clock, transaction, needle):
    lines = log(tmp_path, clock)
    lines.record(
        another(transaction, id="other", client=LoggedClient("192.0.2.77"), sender="", recipients=[], refused=[])
    )
    lines.record(transaction)
    lines.flush()
    assert read_transactions(tmp_path, needle) == [transaction]


@pytest.mark.parametrize("needle", ["192.0.2", "example.org", "0K3", "attachments.size", "ert@example.org"])
def test_a_part_of_a_name_and_a_word_in_a_text_find_nothing(tmp_path, clock, transaction, needle):
    lines = log(tmp_path, clock)
    lines.record(transaction)
    lines.flush()
    assert read_transactions(tmp_path, needle) == []


def test_days_are_files_and_the_newest_comes_first(tmp_path, clock, transaction, now):
    lines = log(tmp_path, clock)
    for later in range(3):
        clock.now = now + timedelta(days=later)
        for number in range(2):
            lines.record(another(transaction, id=f"{later}{number}", at=clock.now))
        lines.flush()
    assert [path.name for path in sorted((tmp_path / "log").iterdir())] == [
        "gateway-20260301.jsonl", "gateway-20260302.jsonl", "gateway-20260303.jsonl",
    ]  # fmt: skip
    assert [one.id for one in read_transactions(tmp_path, "192.0.2.7")] == ["21", "20", "11", "10", "01", "00"]
    assert [one.id for one in read_transactions(tmp_path, newest_first=False)] == ["00", "01", "10", "11", "20", "21"]
    assert [one.id for one in read_transactions(tmp_path, limit=3)] == ["21", "20", "11"]
    since = now + timedelta(days=1)
    assert [one.id for one in read_transactions(tmp_path, since=since)] == ["21", "20", "11", "10"]
    assert [one.id for one in read_transactions(tmp_path, since=since + timedelta(seconds=1))] == ["21", "20"]


def test_no_log_is_no_transactions(tmp_path):
    assert read_transactions(tmp_path, "192.0.2.7") == []


def test_a_line_that_cannot_be_read_is_seen(tmp_path, clock, transaction):
    lines = log(tmp_path, clock)
    lines.write(b'{"v":1,"type":"accepted","id":"0K3ABCDEFGHJ2345","at":"2026-03')
    lines.record(transaction)
    lines.flush()
    told = read_transactions(tmp_path, "0K3ABCDEFGHJ2345", newest_first=False)
    assert [one.type for one in told] == ["unreadable", "rejected"]
    assert "2026-03" in told[0].verdict.says


def test_a_line_of_a_later_version_with_more_in_it_can_still_be_read(tmp_path, clock, transaction):
    lines = log(tmp_path, clock)
    line = json.loads(msgspec.json.encode(transaction)) | {"v": 2, "mood": "good"}
    lines.write(json.dumps(line).encode())
    lines.flush()
    assert read_transactions(tmp_path, transaction.id)[0].sender == "Søren@example.net"


def test_hashed_addresses_stand_nowhere_in_the_log_and_are_still_found(tmp_path, clock, transaction):
    lines = log(tmp_path, clock, "hashed")
    lines.record(transaction)
    lines.flush()
    assert b"@" not in written(tmp_path)
    assert b"anna" not in written(tmp_path)
    for needle in ("søren@example.net", "BERT@example.org", "carl@example.org", "192.0.2.7"):
        assert [one.id for one in read_transactions(tmp_path, needle)] == [transaction.id]
    assert read_transactions(tmp_path, "dora@example.org") == []
    assert (tmp_path / "log" / "address.key").stat().st_mode & 0o777 == 0o600


def test_the_empty_sender_stays_empty_when_hashed(tmp_path, clock, transaction):
    lines = log(tmp_path, clock, "hashed")
    lines.record(another(transaction, sender=""))
    lines.flush()
    assert read_transactions(tmp_path)[0].sender == ""


def test_old_days_are_removed_and_nothing_else(tmp_path, clock, transaction, now):
    lines = log(tmp_path, clock, keep=timedelta(days=2))
    for ago in (4, 3, 2, 1, 0):
        clock.now = now - timedelta(days=ago)
        lines.record(transaction)
        lines.flush()
    (tmp_path / "log" / "notes.txt").write_text("mine")
    assert lines.remove_old(now) == 2
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == [
        "gateway-20260227.jsonl", "gateway-20260228.jsonl", "gateway-20260301.jsonl", "notes.txt",
    ]  # fmt: skip


def test_a_full_disk_loses_lines_says_so_once_and_stops_nothing(tmp_path, clock, transaction, caplog, now):
    lines = log(tmp_path, clock)
    (tmp_path / "log" / "gateway-20260301.jsonl").symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING, "lockdown.log"):
        for _ in range(3):
            lines.record(transaction)
            lines.record(transaction)
            lines.flush()
        assert lines.lost == 6
        assert [record.message.count("cannot be written") for record in caplog.records] == [1]
        clock.now = now + timedelta(days=1)
        lines.record(transaction)
        lines.flush()
    assert caplog.records[-1].message == "the transaction log is written again; 6 lines were lost"
    assert written(tmp_path, "20260302").count(b"\n") == 1
    assert lines.lost == 6


def test_lines_that_nobody_flushes_do_not_fill_the_memory(tmp_path, clock):
    lines = log(tmp_path, clock)
    for _ in range(12):
        lines.write(b"x" * (1 << 20))
    assert lines.lost == 4
    lines.flush()
    assert len(written(tmp_path)) == 8 * ((1 << 20) + 1)


CUT_SHORT = """
import resource, signal, sys
from pathlib import Path
from lockdown.config import Log
from lockdown.state.transactions import TransactionLog
lines = TransactionLog(Path(sys.argv[1]), Log(), lambda: 1772366400.0)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (250, hard))
for number in range(5):
    lines.write(b"%d" % number * 100)
lines.flush()
lines.write(b"5" * 100)
lines.flush()
print(lines.lost)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
lines.write(b"6" * 100)
lines.flush()
print(lines.lost)
"""


def test_behind_a_line_that_the_disk_cut_short_the_next_stands_alone(tmp_path, child):
    assert child(CUT_SHORT, tmp_path).ends().split() == ["4", "4"]
    lines = written(tmp_path).split(b"\n")
    assert lines == [b"0" * 100, b"1" * 100, b"2" * 48, b"6" * 100, b""]


WRITES = """
import sys
from pathlib import Path
from lockdown.config import Log
from lockdown.state.transactions import TransactionLog
lines = TransactionLog(Path(sys.argv[1]), Log(), lambda: 1772366400.0)
print("open", flush=True)
input()
for turn in range(200):
    for number in range(turn % 60):
        lines.write(sys.argv[2].encode() * (1 + 97 * number))
    lines.flush()
"""


def test_lines_of_workers_that_write_at_once_never_mix(tmp_path, child):
    workers = [child(WRITES, tmp_path, letter) for letter in "AB"]
    assert [worker.says() for worker in workers] == ["open", "open"]
    for worker in workers:
        worker.tell("go")
    for worker in workers:
        worker.ends()
    lines = written(tmp_path).split(b"\n")
    assert lines.pop() == b""
    expected = sorted(1 + 97 * number for turn in range(200) for number in range(turn % 60))
    for letter in (b"A", b"B"):
        assert sorted(len(line) for line in lines if line.strip(letter) == b"") == expected


def test_the_line_for_people_reads_like_a_mail_log(transaction):
    assert for_people(transaction) == (
        "2026-03-01 12:00:00Z 0K3ABCDEFGHJ2345: client=192.0.2.7 (TLS), helo=<mx.example.net>, "
        "from=<Søren@example.net>, to=<anna@example.org>,<bert@example.org>, "
        "refused=<carl@example.org> (550 <carl@example.org>: unknown user), "
        "size=5000, delay=1.23, relay=smtp://127.0.0.1:25, control=attachments.size, "
        "status=rejected (552 5.3.4 Message for <anna@example.org> too large), why: too large for anna@example.org, "
        "antivirus: builtin=1 files read"
    )
    short = Transaction(type="turned-away", id="", at=transaction.at, client=LoggedClient("192.0.2.7"))
    assert for_people(short) == "2026-03-01 12:00:00Z -: client=192.0.2.7, from=<>, delay=0, status=turned-away"


def test_the_line_for_people_has_one_line_and_no_control_characters(transaction):
    nasty = another(transaction, sender="a\r\nb\x1b[31m@x", response=LoggedReply(550, "", "one\ntwo"))
    assert all(character.isprintable() for character in for_people(nasty))
