"""The full picture: what reading in blocks comes to is what reading each line with care comes to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.log_lines import lines as made_lines
from lockdown.facts.mail_log import picture as picture_module
from lockdown.facts.mail_log.blocks import BlockReader
from lockdown.facts.mail_log.exim import arrival
from lockdown.facts.mail_log.picture import Picture, Share, Tally, joined
from lockdown.facts.mail_log.reading import read

REAL = [
    line
    for file in sorted((Path(__file__).parent / "mail_log_lines").glob("*.log"))
    for line in file.read_text().splitlines()
    if line and not line.startswith(("#", "->"))
]
MADE = {style: [line.rstrip("\n") for line in made_lines(3000, style=style)] for style in ("rfc3339", "rfc3164")}
PREFIX = "May  4 00:00:00 mx postfix/"
DEFERRED = "delays=1/2/27/0, dsn=4.4.1, status=deferred (connect to mx.y.example[192.0.2.9]:25: Connection timed out)"
SENT = "delays=1/1/0.5/0.5, dsn=2.0.0, status=sent (250 ok)"


def in_blocks(*blocks: bytes) -> Picture:
    reader = BlockReader()
    for block in blocks:
        reader.read(block)
    return reader.picture.finished()


def with_care(text: bytes) -> Picture:
    picture = Picture()
    for line in text.split(b"\n"):
        if not line:
            continue
        reading = read(line)
        if reading is None:
            picture.others += bool(line.strip())
            continue
        picture.take(reading.line.daemon, reading.line.stamp, reading.event)
        if reading.line.program == "exim" and (both := arrival(reading.line.text)):
            picture.queued(both[1].queue_id, both[1].sender, both[1].size)
    return picture.finished()


def counted(picture: Picture) -> dict[str, object]:
    """All that it shows, in a form that can be compared."""
    whole = {name: getattr(picture, name) for name in Picture.__slots__ if name not in ("stages", "origins")}
    return {
        **{name: value.pairs if isinstance(value, Tally) else value for name, value in whole.items()},
        "stages": [Counter(float(key) for key in stage.elements()) for stage in picture.stages],
    }


def same(text: bytes) -> None:
    assert counted(in_blocks(text)) == counted(with_care(text))


@pytest.mark.parametrize("style", ["rfc3339", "rfc3164"])
def test_blocks_and_lines_come_to_the_same_picture(style: str) -> None:
    same("\n".join(MADE[style]).encode() + b"\n")


def test_so_they_do_for_real_lines() -> None:
    same("\n".join(REAL).encode() + b"\n")
    for line in REAL:
        same(line.encode())


@settings(max_examples=300)
@given(st.sampled_from([*MADE["rfc3339"][:300], *MADE["rfc3164"][:300], *REAL]), st.data())
def test_so_they_do_for_a_line_that_was_changed_anywhere(line: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(line)))
    length = data.draw(st.integers(0, 3))
    new = data.draw(st.text(st.sampled_from(' \t\r:<>[]"=,/0a\x00é'), max_size=3))
    same((line[:place] + new + line[place + length :]).encode())


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_garbage_never_raises(garbage: list[bytes]) -> None:
    in_blocks(b"\n".join(garbage))


def test_a_message_that_is_tried_again_is_counted_once_with_who_sent_it_and_to_whom() -> None:
    text = "\n".join(
        [
            f"{PREFIX}smtpd[1]: 4TX1k: client=a.example[192.0.2.1], sasl_method=PLAIN, sasl_username=anna",
            f"{PREFIX}cleanup[1]: 4TX1k: message-id=<1@a.example>",
            f"{PREFIX}qmgr[1]: 4TX1k: from=<anna@corp.example>, size=1000, nrcpt=1 (queue active)",
            f"{PREFIX}smtp[1]: 4TX1k: to=<x@Y.example>, relay=none, delay=30, {DEFERRED}",
            f"{PREFIX}qmgr[1]: 4TX1k: from=<anna@corp.example>, size=1000, nrcpt=1 (queue active)",
            f"{PREFIX}smtp[1]: 4TX1k: to=<x@Y.example>, relay=mx[192.0.2.9]:25, delay=3, {SENT}",
            f"{PREFIX}qmgr[1]: 4TX1k: removed",
        ]
    )
    picture = in_blocks(text.encode())
    once = Share(1, 1000)
    assert picture.senders.top() == [("anna@corp.example", once)]
    assert picture.clients.top() == [("192.0.2.1", once)]
    assert picture.users.top() == [("anna", once)]
    assert picture.sent.top() == [("y.example", once)]
    assert picture.deferred.top() == [("y.example", Share(1, 0))]
    assert picture.deferrals.top() == [("connect to …[…]: Connection timed out", Share(1, 0))]
    assert picture.latency()["connecting"] == 0.5
    assert (picture.lines, picture.first, picture.open, picture.unread) == (7, "May  4 00:00:00", {}, Counter())


def test_a_queue_id_that_is_used_again_is_a_new_message() -> None:
    text = "\n".join(
        line
        for size in (1000, 5)
        for line in (
            f"{PREFIX}smtpd[1]: B1C2D: client=a.example[192.0.2.{size % 9}]",
            f"{PREFIX}qmgr[1]: B1C2D: from=<a@b.example>, size={size}, nrcpt=1 (queue active)",
            f"{PREFIX}qmgr[1]: B1C2D: removed",
        )
    )
    picture = in_blocks(text.encode())
    assert picture.senders.all == Share(2, 1005)
    assert len(picture.clients.pairs) == 2


@pytest.mark.parametrize("style", ["rfc3339", "rfc3164"])
def test_pieces_of_a_log_join_to_the_picture_of_the_whole_wherever_it_is_cut(style: str) -> None:
    lines = [line.encode() + b"\n" for line in MADE[style][:400]]
    whole = counted(in_blocks(b"".join(lines)))
    for cut in range(1, len(lines), 7):
        parts = []
        for piece in (lines[:cut], lines[cut:]):
            reader = BlockReader()
            reader.read(b"".join(piece))
            parts.append(reader.picture)
        assert counted(joined(parts).finished()) == whole, cut


def test_what_asks_for_a_recipient_is_no_bounce_and_a_rule_that_lets_go_on_no_refusal() -> None:
    lines = (
        f"{PREFIX}smtp[1]: 4TX1k: to=<x@y.example>, relay=mx[192.0.2.9]:25, delay=3, status=undeliverable (x)",
        f"{PREFIX}smtp[1]: 4TX1k: to=<x@y.example>, relay=mx[192.0.2.9]:25, delay=3, dsn=5.1.1, status=bounced (x)",
        f"{PREFIX}local[1]: 4TX1k: to=<root>, relay=local, delay=3, dsn=2.0.0, status=sent (delivered to mailbox)",
        f"{PREFIX}smtpd[1]: NOQUEUE: permit: RCPT from a[192.0.2.1]: action=permit; from=<a@b> to=<c@d> proto=SMTP",
        f"{PREFIX}smtpd[1]: NOQUEUE: reject_warning: RCPT from a[192.0.2.1]: 450 4.7.1 <a>: Helo command rejected: no",
        f"{PREFIX}smtpd[1]: NOQUEUE: client=a[192.0.2.1]",
    )
    picture = in_blocks("\n".join(lines).encode())
    assert picture.bounced.top() == [("y.example", Share(1, 0))]
    assert picture.sent.top() == [("", Share(1, 0))]
    assert picture.refused.top() == [("reject_warning: helo refused", Share(1, 0))]
    assert (picture.refused_clients.pairs, picture.open, picture.unread) == ({}, {}, Counter())


def test_what_cannot_be_read_is_counted_by_daemon() -> None:
    lines = (
        f"{PREFIX}smtpd[1]: a sentence of a later version",
        f"{PREFIX}qmgr[1]: B1C2D: from=<a>, si",
        "May  4 x cron[1]: x",
    )
    picture = in_blocks("\n".join(lines).encode())
    assert picture.unread == {"smtpd": 1, "qmgr": 1}
    assert (picture.lines, picture.others) == (2, 1)


def test_a_login_that_fails_is_counted_once_though_two_lines_tell_of_it() -> None:
    picture = in_blocks(
        f"{PREFIX}smtpd[1]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x, sasl_username=anna\n"
        f"{PREFIX}smtpd[1]: disconnect from unknown[192.0.2.1] ehlo=1 auth=0/1 quit=1 commands=2/3\n"
        f"{PREFIX}smtpd[1]: disconnect from unknown[198.51.100.1] ehlo=1 auth=0/5 quit=1 commands=2/7\n".encode()
    )
    assert picture.failed_logins.top() == [("anna 192.0.2.0/24", Share(1, 0))]
    assert picture.failures_by_network() == {"192.0.2.0/24": 1, "198.51.100.0/24": 5}


def test_a_flood_of_forged_senders_does_not_push_out_the_largest_and_stays_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_module, "_MOST_OPEN", 400)
    reader = BlockReader()
    reader.picture.senders.most = 200
    for round_ in range(20):
        block = []
        for number in range(200):
            queue_id = f"Q{round_:04}{number:05}"
            is_flood = number % 10 == 5 and round_ >= 3
            sender = "flood@evil.example" if is_flood else f"forged{round_}-{number}@x.example"
            block += [
                f"{PREFIX}smtpd[1]: {queue_id}: client=a.example[192.0.2.1]",
                f"{PREFIX}qmgr[1]: {queue_id}: from=<{sender}>, size=10, nrcpt=1 (queue active)",
            ]
        reader.read("\n".join(block).encode() + b"\n")
        assert len(reader.picture.senders.pairs) <= 200
        assert len(reader.picture.open) <= 400
    picture = reader.picture.finished()
    assert picture.senders.top(1) == [("flood@evil.example", Share(340, 3400))]
    assert picture.senders.all == Share(4000, 40000)
    assert picture.forgotten > 0


def a_line_of_each_kind(number: int) -> list[str]:
    """Each with a sender, client, user, domain, reason and delay that nobody had before."""
    long, address = "z" * 150, f"{number % 223 + 1}.{number >> 8 & 255}.{number & 255}.{number % 251}"
    delivery = f"relay=none, delay=3, delays=1.{number}/2.{number}/3.{number}/4.{number}"
    word = "".join(chr(ord("a") + int(digit)) for digit in f"{number:07}")
    return [
        f"{PREFIX}smtpd[{number}]: A{number:06}: client=h[{address}], sasl_method=PLAIN, sasl_username=u{number}{long}",
        f"{PREFIX}qmgr[1]: A{number:06}: from=<{long}{number}@x.example>, size=10, nrcpt=1 (queue active)",
        f"{PREFIX}qmgr[1]: B{number:06}: from=<{number}@x.example>, size=10, nrcpt=1 (queue active)",
        f"{PREFIX}qmgr[1]: C{number:06}: removed",
        f"{PREFIX}smtp[1]: D{number:06}: to=<a@{long}{number}.example>, {delivery}, dsn=2.0.0, status=sent (ok)",
        f"{PREFIX}smtp[1]: D{number:06}: to=<a@{number}.example>, {delivery}, dsn=4.0.0, status=deferred ({word})",
        f"{PREFIX}smtp[1]: D{number:06}: to=<a@{number}.example>, {delivery}, dsn=5.0.0, status=bounced (no)",
        f"{PREFIX}smtpd[1]: warning: h[{address}]: SASL PLAIN authentication failed: x, sasl_username=u{number}{long}",
        f"{PREFIX}smtpd[1]: lost connection after DATA from h[{address}]",
        f"{PREFIX}smtpd[1]: disconnect from h{number}{long}[{address}] ehlo=1 auth=0/{number} commands=1/{number}",
        f"{PREFIX}smtpd[1]: NOQUEUE: reject: RCPT from h[{address}]: 554 5.7.1 <{long}@x>: Relay access denied",
        f"{PREFIX}smtpd[1]: warning: {word} {long}",
        f"May  4 00:00:00 mx{number} dovecot: imap-login: Login: user=<u{number}>, method=PLAIN, rip={address}",
        f"May  4 00:00:00 mx{number} dovecot: lmtp(u{number}{long})<1><2>: Error: Quota exceeded",
    ]


def test_a_log_in_which_nothing_is_said_twice_takes_no_more_than_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "_MOST_OPEN", 400)
    monkeypatch.setattr(picture_module, "_MOST_DELAYS", 400)
    room = 600_000
    reader = BlockReader(room)
    for start in range(0, 6000, 300):
        block = "\n".join(line for number in range(start, start + 300) for line in a_line_of_each_kind(number))
        picture = reader.read(block.encode() + b"\n")
        tallies = [getattr(picture, name) for name in Picture.__slots__ if isinstance(getattr(picture, name), Tally)]
        assert sum(tally.weight for tally in tallies) < room * 1.5
        assert max(len(key) for tally in tallies for key in tally.pairs) <= 300
        assert max(len(picture.open), len(picture.orphans), len(picture.unsized), len(picture.ended)) <= 400
        assert max(map(len, picture.stages)) <= 1000
    assert picture.unread == {}
    assert picture.senders.all.messages + len(picture.orphans) + picture.forgotten >= 12_000
    assert picture.failed_logins.all.messages == picture.troubles.all.messages == 6000


def test_two_long_names_that_begin_alike_stay_two_and_keep_their_network() -> None:
    long = "z" * 300
    picture = in_blocks(
        "\n".join(
            f"{PREFIX}smtpd[1]: warning: h[192.0.2.1]: SASL PLAIN authentication failed: x, sasl_username={long}{one}"
            for one in "aab"
        ).encode()
    )
    assert sorted(share.messages for _, share in picture.failed_logins.top()) == [1, 2]
    assert picture.failures_by_network() == {"192.0.2.0/24": 3}
