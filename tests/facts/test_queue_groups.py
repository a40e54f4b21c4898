"""A queue as a stream: read message by message, grouped by what its messages have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts import queue_groups
from lockdown.facts.queue_entries import Entry, exim_entries, postfix_entry
from lockdown.facts.queue_groups import By, Origin, chosen, grouped, origins_in

NOW = datetime(2026, 2, 13, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def said(number: int, sender: str = "flood@evil.example", to: str = "bob@corp.example", **more: object) -> bytes:
    return json.dumps(
        {
            "queue_name": "deferred", "queue_id": f"Q{number:06}", "arrival_time": int(NOW.timestamp()) - 60,
            "message_size": 1000, "forced_expire": False, "sender": sender,
            "recipients": [{"address": to, "delay_reason": "connect to mx[192.0.2.9]:25: Connection timed out"}],
        } | more
    ).encode()  # fmt: skip


def test_messages_are_grouped_by_all_that_they_have_in_common() -> None:
    origins = {f"Q{number:06}": Origin("192.0.2.7", "anna") for number in range(3)}
    lines = [*(said(number) for number in range(3)), said(9, "x@y.example", "Al@Other.Example", arrival_time=0)]
    groups = grouped((postfix_entry(line) for line in lines), NOW, origins)
    assert (groups.all.messages, groups.all.octets, groups.all.recipients) == (4, 4000, 4)
    counted = {by: {key: group.messages for key, group in groups.top(by)} for by in By}
    assert counted == {
        By.SENDER: {"flood@evil.example": 3, "x@y.example": 1},
        By.CLIENT: {"192.0.2.7": 3, "unknown": 1},
        By.USER: {"anna": 3},
        By.DOMAIN: {"corp.example": 3, "other.example": 1},
        By.REASON: {"connect to …[…]: Connection timed out": 4},
        By.AGE: {"under 5 minutes": 3, "over 3 days": 1},
        By.SIZE: {"under 10 kB": 4},
        By.QUEUE: {"deferred": 4},
    }
    flood = groups.by[By.SENDER]["flood@evil.example"]
    assert flood.sample == ["Q000000", "Q000001", "Q000002"]
    assert flood.newest == NOW - timedelta(minutes=1)


def test_a_group_is_chosen_from_the_queue_as_it_is_now() -> None:
    now_there = [postfix_entry(said(number, sender)) for number, sender in ((1, "a@x"), (2, "b@x"), (7, "a@x"))]
    assert [entry.queue_id for entry in chosen(now_there, By.SENDER, "a@x", NOW)] == ["Q000001", "Q000007"]
    assert [
        entry.queue_id for entry in chosen(now_there, By.CLIENT, "192.0.2.7", NOW, {"Q000002": Origin("192.0.2.7")})
    ] == ["Q000002"]


def test_a_million_forged_senders_are_counted_and_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_groups, "MOST_KEYS", 100)

    def flood() -> Iterator[Entry | None]:
        for number in range(5000):
            yield postfix_entry(said(number, "one@x" if number % 5 == 0 else f"forged{number}@x"))

    groups = grouped(flood(), NOW)
    assert len(groups.by[By.SENDER]) <= 100
    assert groups.top(By.SENDER, 1)[0][0] == "one@x"
    assert groups.top(By.SENDER, 1)[0][1].messages == 1000
    there = sum(group.messages for group in groups.by[By.SENDER].values()) + groups.rest[By.SENDER].messages
    assert there == groups.all.messages == 5000


def test_lines_that_are_no_message_are_counted() -> None:
    lines = (
        b"",
        b"postqueue: fatal: x",
        b"{}",
        b'{"queue_id": "../../x", "queue_name": "a", "arrival_time": 1}',
        said(1),
    )
    assert grouped(map(postfix_entry, lines), NOW).unread == 4


def test_an_address_that_is_no_utf8_is_still_a_message() -> None:
    entry = postfix_entry(said(1, "SENDER").replace(b"SENDER", b"caf\xe9@x"))
    assert entry is not None and entry.sender == "caf\ufffd@x"


@given(st.one_of(st.binary(max_size=200), st.builds(lambda value: json.dumps(value).encode(), JSON)))
def test_garbage_is_no_message_and_never_raises(garbage: bytes) -> None:
    postfix_entry(garbage)


@given(
    st.fixed_dictionaries(
        {"queue_id": JSON, "queue_name": JSON, "arrival_time": JSON, "message_size": JSON, "recipients": JSON}
    )
)
def test_fields_of_any_form_never_raise(fields: dict[str, object]) -> None:
    postfix_entry(json.dumps(fields).encode())
    postfix_entry(said(1, **fields))


EXIM = """\
 4h  1.2K 1tiX2y-0004Xz-1B <flood@evil.example>
          bob@corp.example
          al@other.example

 2d  3456 1tiX2y-00000004Xz1-1B2c <> *** frozen ***
          back@scatter.example

"""


def test_the_queue_of_exim_is_read_too() -> None:
    first, second = exim_entries(EXIM.splitlines(), NOW)
    assert first == Entry(
        "1tiX2y-0004Xz-1B", "deferred", NOW - timedelta(hours=4), 1228, "flood@evil.example",
        ("bob@corp.example", "al@other.example"), "",
    )  # fmt: skip
    assert (second.queue, second.sender, second.size) == ("frozen", "", 3456)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_garbage_in_the_list_of_exim_never_raises(garbage: list[str]) -> None:
    list(exim_entries(garbage, NOW))
    list(exim_entries([*EXIM.splitlines(), *garbage], NOW))


def test_who_handed_a_message_in_is_found_in_the_log_and_only_where_the_server_says_it() -> None:
    log = (
        "May  4 00:00:00 mx postfix/smtpd[1]: Q000001: client=a.example[192.0.2.1], sasl_method=PLAIN, "
        "sasl_username=anna\n"
        "May  4 00:00:00 mx postfix/smtpd[1]: Q000009: client=b.example[192.0.2.2]\n"
        "May  4 00:00:00 mx postfix/cleanup[1]: Q000002: message-id=<x Q000002: client=evil[9.9.9.9]>\n"
        "May  4 00:00:00 mx postfix/smtpd[1]: warning: x Q000002: client=evil[9.9.9.9]\n"
    )
    assert origins_in(log.encode(), {b"Q000001", b"Q000002"}) == {"Q000001": Origin("192.0.2.1", "anna")}
