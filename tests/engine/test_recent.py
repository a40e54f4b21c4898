"""The log, followed: whatever way it grows, each message is seen once, and what is not seen is said."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.config import Settings
from lockdown.engine.recent import Recent, network_of
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from lockdown.state.transactions import LoggedClient, LoggedScan, Transaction
from tests.engine.watched import START

MINUTE = timedelta(minutes=1)


def line(number: int, at: datetime = START, *, padding: int = 0) -> bytes:
    scan = LoggedScan(antispam={"builtin": "9/5"}, spam=9.0 if number % 2 else 0.0)
    one = Transaction(
        type="accepted", id=f"ID{number}", at=at, client=LoggedClient("192.0.2.1", "x" * padding), scan=scan
    )
    return msgspec.json.encode(one) + b"\n"


def followed(folder: Path, **bounds: int) -> tuple[Recent, Path]:
    directory = StateDirectory(folder).prepare()
    return Recent(Settings(), directory, **bounds), directory.log / "gateway-20260301.jsonl"


def ids(follower: Recent, now: datetime = START) -> list[str]:
    events = follower.look(now)
    assert not isinstance(events, Unknown)
    return [event.id for event in events]


def test_where_no_log_is_nothing_has_happened(tmp_path: Path) -> None:
    follower, _ = followed(tmp_path)
    assert (ids(follower), follower.unseen, follower.usual()) == ([], "", None)


def test_a_log_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    follower, file = followed(tmp_path)
    file.mkdir()
    assert isinstance(follower.look(START), Unknown)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=6), st.integers(1, 12))
def test_however_the_writes_are_cut_each_message_is_seen_once(cuts: list[int], count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        follower, file = followed(Path(folder))
        octets = b"".join(line(number) for number in range(count))
        places = sorted({min(cut * 7, len(octets)) for cut in cuts} | {len(octets)})
        start = 0
        for place in places:
            with file.open("ab") as log:
                log.write(octets[start:place])
            start = place
            seen = ids(follower)
        assert seen == [f"ID{number}" for number in range(count)]
        assert follower.unseen == ""


def test_lines_longer_than_a_piece_are_whole(tmp_path: Path) -> None:
    follower, file = followed(tmp_path)
    file.write_bytes(line(1) + line(2, padding=700_000) + line(3))
    assert ids(follower) == ["ID1", "ID2", "ID3"]


def test_a_line_without_end_is_let_go_and_said(tmp_path: Path) -> None:
    follower, file = followed(tmp_path)
    file.write_bytes(line(1) + b"x" * (10 << 20) + b"\n" + line(2))
    assert ids(follower) == ["ID1", "ID2"]


def test_more_than_can_be_read_at_once_is_said_and_the_latest_is_read(tmp_path: Path) -> None:
    follower, file = followed(tmp_path, most_bytes=10_000)
    file.write_bytes(line(1))
    assert ids(follower) == ["ID1"]
    with file.open("ab") as log:
        log.write(line(2) * 500 + line(3))
    seen = ids(follower)
    assert (seen[0], seen[-1]) == ("ID1", "ID3")
    assert len(seen) < 100
    assert not follower._unreadable, "the line that is cut in two is no damage"
    assert "KiB more than can be read at once" in follower.unseen
    follower.look(START + 16 * MINUTE)
    assert follower.unseen == ""


def test_at_the_first_look_what_is_older_than_the_window_need_not_be_read(tmp_path: Path) -> None:
    follower, file = followed(tmp_path, most_bytes=10_000)
    file.write_bytes(line(2, START - timedelta(hours=1)) * 500 + line(3))
    assert ids(follower) == ["ID3"]
    assert follower.unseen == ""


def test_of_too_many_messages_the_latest_are_kept_and_the_window_is_the_shorter(tmp_path: Path) -> None:
    follower, file = followed(tmp_path, most_events=50)
    file.write_bytes(line(1, START - MINUTE) * 10 + line(2) * 45)
    assert ids(follower) == ["ID1"] * 5 + ["ID2"] * 45
    assert follower.since == START - MINUTE
    assert follower.unseen == ""


def test_a_file_that_was_cut_is_read_from_its_start(tmp_path: Path) -> None:
    follower, file = followed(tmp_path)
    file.write_bytes(line(1) + line(2))
    ids(follower)
    file.write_bytes(line(3))
    assert ids(follower) == ["ID1", "ID2", "ID3"]


def test_what_was_before_the_window_is_counted_for_a_day(tmp_path: Path) -> None:
    follower, file = followed(tmp_path)
    file.write_bytes(b"".join(line(number, START - timedelta(hours=1)) for number in range(10)) + line(99))
    assert ids(follower) == ["ID99"]
    assert follower.usual() == (5, 10)
    follower.look(START + MINUTE * 20)
    assert follower.usual() == (6, 11)
    follower.look(START + timedelta(days=2))
    assert follower.usual() is None


def test_networks_are_what_one_owner_has() -> None:
    assert network_of("192.0.2.77") == "192.0.2.0/24"
    assert network_of("::ffff:192.0.2.77") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("") == network_of("nonsense") == ""
