"""One message over SMTP or LMTP, against a server that can be told to do anything."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import (
    Accepted,
    Caller,
    Deadlines,
    Greeted,
    Letter,
    NotSent,
    Refused,
    Target,
    deliver,
    look,
    stuffed,
)
from lockdown.smtp.data import stuff
from tests.rig.upstream import Drop, FakeUpstream, Say, Stall

CONTENT = b"Subject: a\r\n\r\n.\r\n..two dots\r\nend\r\n"
QUICK = Caller(deadlines=Deadlines(connect=2.0, command=2.0, piece=2.0, final=2.0))
IMPATIENT = Caller(deadlines=Deadlines(connect=0.2, command=0.2, piece=0.2, final=0.2))


def _letter(*recipients: str, content: bytes = CONTENT, parameters: tuple[str, ...] = ()) -> Letter:
    return Letter("a@sender.example", recipients or ("bob@example.org",), lambda: [content], len(content), parameters)


def _target(server: FakeUpstream, *, lmtp: bool = False, tls: bool = False, proxy: bool = False) -> Target:
    return Target("127.0.0.1", server.port, lmtp=lmtp, tls=tls, proxy=proxy)


def test_a_message_arrives_byte_for_byte_dots_and_all() -> None:
    with FakeUpstream() as server:
        assert isinstance(deliver(_target(server), _letter(), QUICK), Accepted)
        server.settle()
        assert [message.content for message in server.accepted] == [CONTENT]
        assert server.conversations[0].ended == "quit"


def test_a_message_without_a_last_line_end_is_ended_properly() -> None:
    with FakeUpstream() as server:
        deliver(_target(server), _letter(content=b"Subject: a\r\n\r\nno end"), QUICK)
        assert server.accepted[0].content == b"Subject: a\r\n\r\nno end\r\n"


def test_the_dialogue_can_be_overheard() -> None:
    heard: list[str] = []
    caller = Caller(deadlines=QUICK.deadlines, overhear=lambda who, line: heard.append(f"{who}: {line}"))
    with FakeUpstream() as server:
        deliver(_target(server), _letter(), caller)
    assert heard[0] == "S: 220 upstream.example ESMTP"
    assert f"C: MAIL FROM:<a@sender.example> SIZE={len(CONTENT)}" in heard
    assert heard[-2:] == ["C: QUIT", "S: 221 2.0.0 Bye"]


@pytest.mark.parametrize("verb", ["banner", "MAIL", "RCPT", "DATA", "dot"])
def test_a_refusal_is_told_with_its_verb_and_words_and_the_server_is_left_politely(verb: str) -> None:
    named = {"banner": "CONNECT", "dot": "DATA-END"}.get(verb, verb)
    with FakeUpstream() as server:
        server.on(verb, Say(b"554 5.7.1 not you\r\n"))
        refused = deliver(_target(server), _letter(), QUICK)
        server.settle()
        assert isinstance(refused, Refused)
        assert (refused.verb, refused.reply.code, refused.reply.lines) == (named, 554, ("not you",))
        assert not server.accepted
        assert server.conversations[0].ended == "quit"


@pytest.mark.parametrize("verb", ["connect", "banner", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_lost_before_the_dot_has_not_got_it(verb: str) -> None:
    with FakeUpstream() as server:
        server.on(verb, Drop())
        assert isinstance(deliver(_target(server), _letter(), QUICK), NotSent)
        assert not server.accepted


@pytest.mark.parametrize("moment", ["dot", "taken"])
def test_a_server_lost_after_the_dot_leaves_what_nobody_can_know(moment: str) -> None:
    with FakeUpstream() as server:
        server.on(moment, Drop())
        assert isinstance(deliver(_target(server), _letter(), QUICK), Unknown)


@pytest.mark.parametrize(("verb", "kind"), [("EHLO", NotSent), ("DATA", NotSent), ("dot", Unknown)])
def test_a_server_that_says_nothing_is_given_up(verb: str, kind: type[object]) -> None:
    with FakeUpstream() as server:
        server.on(verb, Stall())
        assert isinstance(deliver(_target(server), _letter(), IMPATIENT), kind)


def test_nonsense_is_not_an_answer() -> None:
    with FakeUpstream() as server:
        server.on("MAIL", Say(b"HTTP/1.1 200 OK\r\n"))
        outcome = deliver(_target(server), _letter(), QUICK)
    assert isinstance(outcome, NotSent)
    assert "does not speak SMTP" in outcome.why


def test_recipients_that_are_refused_are_named_and_the_others_get_it() -> None:
    with FakeUpstream() as server:
        server.on("RCPT", Say(b"550 5.1.1 unknown\r\n"))
        outcome = deliver(_target(server), _letter("no@example.org", "yes@example.org"), QUICK)
        assert isinstance(outcome, Accepted)
        assert [(name, reply.code) for name, reply in outcome.refused] == [("no@example.org", 550)]
        assert server.accepted[0].recipients == ("yes@example.org",)


def test_lmtp_answers_for_each_recipient() -> None:
    with FakeUpstream(lmtp=True) as server:
        server.on("dot", Say(b"250 2.0.0 taken\r\n452 4.2.2 over quota\r\n"))
        outcome = deliver(_target(server, lmtp=True), _letter("a@example.org", "b@example.org"), QUICK)
        assert isinstance(outcome, Accepted)
        assert [(name, reply.code) for name, reply in outcome.refused] == [("b@example.org", 452)]
        assert server.conversations[0].commands[0].startswith("LHLO")


def test_lmtp_that_fails_for_all_is_a_refusal() -> None:
    with FakeUpstream(lmtp=True) as server:
        server.on("dot", Say(b"552 5.2.2 full\r\n552 5.2.2 full\r\n"))
        outcome = deliver(_target(server, lmtp=True), _letter("a@example.org", "b@example.org"), QUICK)
    assert isinstance(outcome, Refused)


def test_helo_is_tried_where_ehlo_is_refused() -> None:
    with FakeUpstream() as server:
        server.on("EHLO", Say(b"502 5.5.1 what?\r\n"))
        assert isinstance(deliver(_target(server), _letter(), QUICK), Accepted)
        assert [line.split()[0] for line in server.conversations[0].commands][:2] == ["EHLO", "HELO"]


def test_tls_that_is_demanded_and_not_offered_sends_nothing() -> None:
    with FakeUpstream() as server:
        outcome = deliver(_target(server, tls=True), _letter(), QUICK)
        assert isinstance(outcome, NotSent)
        assert "STARTTLS" in outcome.why
        assert not any(line.startswith("MAIL") for line in server.conversations[0].commands)


def test_an_internationalised_address_is_not_sent_where_it_is_not_understood() -> None:
    with FakeUpstream(offers=("PIPELINING",)) as server:
        outcome = deliver(_target(server), _letter("bünyamin@example.org", parameters=("SMTPUTF8",)), QUICK)
    assert isinstance(outcome, NotSent)
    assert "SMTPUTF8" in outcome.why


def test_parameters_go_only_where_they_were_offered() -> None:
    parameters = ("BODY=8BITMIME", "RET=HDRS", "AUTH=<>")
    with FakeUpstream(offers=("8BITMIME",)) as server:
        deliver(_target(server), _letter(parameters=parameters), QUICK)
        assert "MAIL FROM:<a@sender.example> BODY=8BITMIME" in server.conversations[0].commands


def test_a_proxy_header_comes_first_where_it_is_expected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                first.append(connection.recv(16))

        thread = threading.Thread(target=serve)
        thread.start()
        deliver(Target("127.0.0.1", listener.getsockname()[1], proxy=True), _letter(), QUICK)
        thread.join()
    # PROXY protocol 2.2: signature, version 2 command LOCAL, family UNSPEC, length 0.
    assert first == [b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"]


def test_nobody_there_is_not_sent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(deliver(Target("127.0.0.1", port), _letter(), QUICK), NotSent)
    assert isinstance(deliver(Target("", path=str(tmp_path / "none"), lmtp=True), _letter(), QUICK), NotSent)


def test_looking_at_a_server_tells_its_offers_and_leaves() -> None:
    with FakeUpstream(offers=("PIPELINING", "XCLIENT NAME ADDR")) as server:
        seen = look(_target(server), QUICK)
        server.settle()
        assert isinstance(seen, Greeted)
        assert seen.extensions.xclient == {"NAME", "ADDR"}
        assert server.conversations[0].ended == "quit"


def _cut(content: bytes, places: Iterable[int]) -> list[bytes]:
    cuts = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(cuts)]


@settings(max_examples=100, deadline=None)
@given(content=st.text("\r\n.a", max_size=40).map(str.encode), places=st.lists(st.integers(0, 40), max_size=6))
def test_stuffing_does_not_depend_on_where_the_content_is_cut(content: bytes, places: list[int]) -> None:
    assert b"".join(stuffed(_cut(content, places))) == stuff(content)
