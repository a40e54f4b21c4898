"""Many messages over few connections: each is sent once, whatever becomes of the connection."""

from __future__ import annotations

import pytest

from lockdown.model.unknown import Unknown
from lockdown.probe.series import Series
from lockdown.probe.smtp import Accepted, Caller, Deadlines, Delivered, Letter, NotSent, Refused, Target
from tests.rig.upstream import Deed, Drop, FakeUpstream, Say

CALLER = Caller(deadlines=Deadlines(connect=2.0, command=2.0, piece=2.0, final=2.0))


def _letter(number: int) -> Letter:
    content = f"Subject: {number}\r\n\r\nHello.\r\n".encode()
    return Letter("a@sender.example", ("bob@example.org",), lambda: [content], len(content))


def _send(server: FakeUpstream, count: int) -> list[Delivered]:
    with Series(Target("127.0.0.1", server.port), CALLER) as series:
        outcomes = [series.send(_letter(number)) for number in range(count)]
    server.settle()
    return outcomes


def _subjects(server: FakeUpstream) -> list[int]:
    return [int(message.content.split(b"\r\n")[0].removeprefix(b"Subject: ")) for message in server.accepted]


def test_letters_share_a_connection_and_leave_politely() -> None:
    with FakeUpstream() as server:
        assert all(isinstance(outcome, Accepted) for outcome in _send(server, 10))
        assert [talk.ended for talk in server.conversations] == ["quit"]
        assert _subjects(server) == list(range(10))


def test_after_so_many_letters_a_new_connection_is_made() -> None:
    with FakeUpstream() as server:
        _send(server, 51)
        assert len(server.conversations) == 2
        assert _subjects(server) == list(range(51))


def test_a_letter_that_is_refused_at_its_end_leaves_the_connection_in_use() -> None:
    with FakeUpstream() as server:
        server.on("dot", Say(b"550 5.7.1 no\r\n"))
        outcomes = _send(server, 2)
        assert [type(outcome) for outcome in outcomes] == [Refused, Accepted]
        assert len(server.conversations) == 1


def test_a_letter_that_is_refused_before_its_end_leaves_nothing_behind_for_the_next() -> None:
    with FakeUpstream() as server:
        server.on("RCPT", Say(b"550 5.1.1 unknown\r\n"))
        outcomes = _send(server, 2)
        assert [type(outcome) for outcome in outcomes] == [Refused, Accepted]
        assert len(server.conversations) == 2


def test_a_server_that_has_left_after_the_letter_before_gets_the_next_one_anew() -> None:
    with FakeUpstream() as server:
        server.on("replied", Drop())
        assert [type(outcome) for outcome in _send(server, 2)] == [Accepted, Accepted]
        assert _subjects(server) == [0, 1]


@pytest.mark.parametrize(
    ("moment", "deed", "outcome"), [("taken", Drop(), Unknown), ("dot", Say(b"550 5.7.1 no\r\n"), Refused)]
)
def test_a_letter_that_is_lost_or_refused_is_never_sent_again(moment: str, deed: Deed, outcome: type[object]) -> None:
    with FakeUpstream() as server, Series(Target("127.0.0.1", server.port), CALLER) as series:
        series.send(_letter(0))
        server.on(moment, deed)
        assert isinstance(series.send(_letter(1)), outcome)
        assert isinstance(series.send(_letter(2)), Accepted)
        assert _subjects(server) == ([0, 1, 2] if outcome is Unknown else [0, 2])


def test_a_server_that_takes_leave_is_not_asked_again_on_that_connection() -> None:
    with FakeUpstream() as server:
        server.on("dot", Say(b"421 4.3.0 closing\r\n"))
        outcomes = _send(server, 2)
        assert [type(outcome) for outcome in outcomes] == [Refused, Accepted]
        assert len(server.conversations) == 2


def test_nobody_there_is_not_sent() -> None:
    with FakeUpstream() as server:
        port = server.port
    with Series(Target("127.0.0.1", port), CALLER) as series:
        assert isinstance(series.send(_letter(0)), NotSent)
