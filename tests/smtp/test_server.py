"""The server's side: what its events hold, what it is promised, and that no bytes upset it."""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.smtp import (
    NEED_DATA,
    PAUSED,
    DataChunk,
    DataEnd,
    DataRequested,
    Event,
    Fault,
    FaultKind,
    Hello,
    Limits,
    Mail,
    Recipient,
    Reply,
    ServerSession,
    StartTls,
    Verify,
)
from lockdown.smtp.events import Signal
from lockdown.smtp.server import TABLE, State

from .talk import OFFERS, Host, every_byte, new_host, whole

OK = Reply(250, "0.0", "Ok")
GO_AHEAD = Reply(354, "", "Go ahead")


def greeted() -> ServerSession:
    session = ServerSession(Limits(max_size=10000))
    session.greeted()
    return session


def says(session: ServerSession, line: bytes) -> object:
    session.receive(line + b"\r\n")
    return session.next_event()


def ready() -> ServerSession:
    session = greeted()
    says(session, b"EHLO client.example")
    session.answer_hello("mx.example.com", OFFERS)
    return session


def accept(session: ServerSession, *lines: bytes) -> ServerSession:
    for line in lines:
        says(session, line)
        session.answer(OK)
    return session


def with_recipient() -> ServerSession:
    return accept(ready(), b"MAIL FROM:<a@b.example>", b"RCPT TO:<bob@example.com>")


def in_data() -> ServerSession:
    session = with_recipient()
    says(session, b"DATA")
    session.answer(GO_AHEAD)
    return session


# ── what the events hold ──


def test_the_name_of_the_client_is_told() -> None:
    assert says(greeted(), b"EHLO Client.Example ") == Hello("Client.Example", esmtp=True)
    assert says(greeted(), b"HELO client") == Hello("client", esmtp=False)


def test_the_parameters_of_mail_are_told_apart() -> None:
    event = says(ready(), b"MAIL FROM:<a@b.example> ret=HDRS SIZE=77 BODY=8bitmime ENVID=x+2B SMTPUTF8")
    assert isinstance(event, Mail)
    assert (event.size, event.body, event.smtputf8) == (77, "8BITMIME", True)
    assert event.params == (("RET", "HDRS"), ("ENVID", "x+2B"))


def test_the_usual_parameters_take_the_short_way_to_the_same_event() -> None:
    short = says(ready(), b"MAIL FROM:<a@b.example> SIZE=77 BODY=8BITMIME")
    long = says(ready(), b"MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=77")
    assert short == long == Mail(short.sender, 77, "8BITMIME", False, ())  # type: ignore[attr-defined]


def test_auth_is_passed_on_where_it_was_offered() -> None:
    session = greeted()
    says(session, b"EHLO client.example")
    session.answer_hello("mx.example.com", ("AUTH PLAIN",))
    event = says(session, b"MAIL FROM:<a@b.example> AUTH=<>")
    assert isinstance(event, Mail)
    assert event.params == (("AUTH", "<>"),)


def test_the_parameters_of_a_recipient_are_passed_on() -> None:
    session = accept(ready(), b"MAIL FROM:<a@b.example>")
    event = says(session, b"RCPT TO:<bob@example.com> NOTIFY=NEVER ORCPT=rfc822;bob+40example.com")
    assert isinstance(event, Recipient)
    assert event.params == (("NOTIFY", "NEVER"), ("ORCPT", "rfc822;bob+40example.com"))


def test_the_argument_of_vrfy_is_told() -> None:
    assert says(ready(), b"VRFY bob \xff") == Verify("bob �")


def test_a_chunk_of_the_body_is_the_object_that_was_received() -> None:
    session = in_data()
    session.receive(b"first\r\nhalf")
    session.next_event()
    chunk = b" a line\r\n..dotted\r\nand so on"
    session.receive(chunk)
    event = session.next_event()
    assert isinstance(event, DataChunk)
    assert event.data is chunk


def test_the_end_of_the_body_waits_for_its_answer() -> None:
    session = in_data()
    session.receive(b"text\r\n.\r\nNOOP\r\n")
    assert session.next_event() == DataChunk(b"text\r\n")
    assert session.next_event() == DataEnd(6, 6, None)
    assert session.next_event() is PAUSED
    assert session.answer(OK) == OK.wire
    assert session.buffered == 6


def test_hello_is_answered_with_the_offers() -> None:
    session = greeted()
    says(session, b"EHLO client.example")
    assert session.answer_hello("mx.example.com", ("PIPELINING", "SIZE 5")) == (
        b"250-mx.example.com\r\n250-PIPELINING\r\n250 SIZE 5\r\n"
    )
    says(session, b"HELO client.example")
    assert session.answer_hello("mx.example.com", ("PIPELINING",)) == b"250 mx.example.com\r\n"


def test_smtputf8_is_not_announced_where_it_is_not_meant() -> None:
    session = ServerSession(Limits(), smtputf8=False)
    session.greeted()
    says(session, b"EHLO client.example")
    assert b"SMTPUTF8" not in session.answer_hello("mx.example.com", OFFERS)


# ── the table of states ──

REACH: dict[State, Callable[[], ServerSession]] = {
    State.GREETED: greeted,
    State.READY: ready,
    State.SENDER: lambda: accept(ready(), b"MAIL FROM:<a@b.example>"),
    State.RECIPIENTS: with_recipient,
}
COMMANDS = {
    b"EHLO": b"EHLO client.example",
    b"HELO": b"HELO client.example",
    b"MAIL": b"MAIL FROM:<a@b.example>",
    b"RCPT": b"RCPT TO:<bob@example.com>",
    b"DATA": b"DATA",
    b"STARTTLS": b"STARTTLS",
    b"RSET": b"RSET",
    b"NOOP": b"NOOP",
    b"VRFY": b"VRFY bob",
    b"HELP": b"HELP",
    b"QUIT": b"QUIT",
}


@pytest.mark.parametrize("verb", COMMANDS)
@pytest.mark.parametrize("state", REACH)
def test_the_table_is_what_the_session_does(state: State, verb: bytes) -> None:
    session = REACH[state]()
    event = says(session, COMMANDS[verb])
    following = TABLE[state].get(verb)
    if following is None:
        assert isinstance(event, Fault)
        assert event.kind is FaultKind.BAD_SEQUENCE
        assert event.reply.code == 503
        return
    assert not isinstance(event, Fault)
    session.answer(GO_AHEAD if verb == b"DATA" else OK)
    assert session._state is following


@pytest.mark.parametrize("verb", [verb for verb in COMMANDS if verb not in (b"RSET", b"QUIT")])
@pytest.mark.parametrize("state", REACH)
def test_a_refused_command_changes_nothing(state: State, verb: bytes) -> None:
    session = REACH[state]()
    says(session, COMMANDS[verb])
    session.answer(Reply(550, "7.1", "No"))
    assert session._state is state


@pytest.mark.parametrize("code", [250, 251, 334, 451])
def test_only_354_makes_data_begin(code: int) -> None:
    session = with_recipient()
    assert says(session, b"DATA") == DataRequested()
    session.answer(Reply(code, "", "odd"))
    assert not session.is_receiving_body


@pytest.mark.parametrize("code", [250, 451, 550])
def test_any_answer_to_the_dot_ends_the_transaction(code: int) -> None:
    session = in_data()
    session.receive(b".\r\n")
    session.next_event()
    session.answer(Reply(code, "", "whatever"))
    assert session._state is State.READY


@pytest.mark.parametrize("code", [421, 521])
def test_these_codes_close(code: int) -> None:
    session = ready()
    says(session, b"NOOP")
    assert not session.over
    session.answer(Reply(code, "3.2", "Bye"))
    assert session.over
    session.receive(b"NOOP\r\n")
    assert session.next_event() is NEED_DATA


# ── speaking out of turn ──


@pytest.mark.parametrize(
    ("state", "line"),
    [(State.GREETED, b"EHLO x"), (State.READY, b"STARTTLS"), (State.RECIPIENTS, b"DATA"), (State.SENDER, b"DATA")],
)
def test_what_comes_in_one_piece_with_more_behind_it_is_never_told_at_all(state: State, line: bytes) -> None:
    event = says(REACH[state](), line + b"\r\nmore")
    assert isinstance(event, Fault)
    assert event.kind is FaultKind.SYNC


def test_a_body_that_comes_before_354_is_said_is_refused() -> None:
    session = with_recipient()
    assert says(session, b"DATA") == DataRequested()
    session.receive(b"Subject: too early\r\n")
    assert session.pending_input
    assert session.answer(GO_AHEAD) == b""
    event = session.next_event()
    assert isinstance(event, Fault)
    assert event.kind is FaultKind.SYNC
    assert session.answer(event.reply).startswith(b"554 5.5.1")
    assert session.over


def test_plain_text_that_comes_before_220_to_starttls_is_refused() -> None:
    session = ready()
    assert says(session, b"STARTTLS") == StartTls()
    session.receive(b"MAIL FROM:<forged@example.com>\r\n")
    assert session.answer(Reply(220, "0.0", "Ready")) == b""
    assert not session.awaits_handshake
    assert isinstance(session.next_event(), Fault)


def test_a_client_that_spoke_before_the_greeting_is_refused_once() -> None:
    session = ServerSession(Limits())
    session.receive(b"EHLO x\r\n")
    session.greeted()
    event = session.next_event()
    assert isinstance(event, Fault)
    assert event.kind.closes
    session.answer(event.reply)
    assert session.over
    assert session.next_event() is NEED_DATA


# ── what the driver may not do ──


def test_answering_what_was_not_asked_is_a_bug_of_the_driver() -> None:
    with pytest.raises(RuntimeError):
        greeted().answer(OK)


def test_a_handshake_that_nobody_asked_for_is_a_bug_of_the_driver() -> None:
    with pytest.raises(RuntimeError):
        ready().secured()


def test_tls_is_remembered() -> None:
    session = ready()
    says(session, b"STARTTLS")
    session.answer(Reply(220, "0.0", "Ready"))
    assert not session.is_secure
    session.secured()
    assert session.is_secure
    assert session._offers == frozenset()


# ── what is promised of faults ──


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_that_closes_is_an_error_too(kind: FaultKind) -> None:
    assert kind.counts or not kind.closes


def test_reaching_a_limit_is_no_error() -> None:
    event = says(ready(), b"MAIL FROM:<a@b.example> SIZE=10001")
    assert isinstance(event, Fault)
    assert not event.kind.counts


# ── size and bounds ──


def test_an_idle_session_is_small() -> None:
    session = ready()
    owned = [session.pending_input, session._at, session._recipients, session._reader]
    assert sys.getsizeof(session) + sum(map(sys.getsizeof, owned)) < 600
    assert not session.pending_input


def test_an_endless_line_is_not_kept() -> None:
    session = ready()
    for _ in range(100):
        session.receive(b"x" * 1000)
        if isinstance(event := session.next_event(), Fault):
            session.answer(event.reply)
    assert session.buffered < 1000


def test_a_great_many_pipelined_commands_do_not_copy_the_buffer_each_time() -> None:
    session = ready()
    session.receive(b"NOOP\r\n" * 20000)
    buffer = session.pending_input
    session.next_event()
    assert session.pending_input is buffer


# ── the usual form of a command, and any other ──

PATHS = st.sampled_from(
    [
        b"<a@b.example>",
        b" <A.b+c=d@B-c--d.Example>",
        b"  <a@b>",
        b"<a@b_c>",
        b"<a@" + b"x" * 61 + b">",
        b"<a@" + b"x" * 62 + b">",
        b"<" + b"x" * 65 + b"@b>",
        b"<a@-b>",
        b"<a@b-.c>",
        b"<a@b..c>",
        b"<a@b.>",
        b"<a@b",
        b"<a@b@c>",
        b"<\xc3\xa9@b>",
        b"<@a:b@c>",
        b"<a@[192.0.2.1]>",
        b"<postmaster>",
        b"<>",
    ]
)
REST = st.sampled_from(
    [
        b"",
        b" ",
        b"x",
        b"\0",
        b"\r",
        b" SIZE=5",
        b" SIZE=10000",
        b" SIZE=10001",
        b" SIZE=5 BODY=8BITMIME",
        b" SIZE=5 BODY=BINARYMIME",
        b" BODY=7BIT",
        b" SIZE=",
        b"\r\nNOOP",
        b"\r\nDATA\r\nNOOP",
        b" " + b"x" * 500,
        b" " + b"x" * 4096,
    ]
)
ARGUMENTS = {
    b"EHLO": st.sampled_from([b" ", b" client.example", b" " + b"x" * 255, b" " + b"x" * 256, b" a b", b" \xc3\xa9"]),
    b"MAIL": PATHS.map(lambda path: b" FROM:" + path),
    b"RCPT": PATHS.map(lambda path: b" TO:" + path),
    b"DATA": st.just(b""),
    b"QUIT": st.just(b""),
}
ARGUMENTS[b"HELO"] = ARGUMENTS[b"EHLO"]


@pytest.mark.parametrize("verb", ARGUMENTS)
@pytest.mark.parametrize("state", REACH)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_usual_form_of_a_command_is_told_as_any_other_form_is(
    state: State, verb: bytes, data: st.DataObject
) -> None:
    line = verb + data.draw(ARGUMENTS[verb]) + data.draw(REST)
    assert _told(REACH[state](), line) == _told(REACH[state](), verb.lower() + line[4:])


def _told(session: ServerSession, line: bytes) -> list[object]:
    """Everything that comes of a line whose answer is yes, and what the session is like behind it."""
    found: list[object] = []
    session.receive(line + b"\r\n")
    while not isinstance(event := session.next_event(), Signal):
        reply = GO_AHEAD if event == DataRequested() else OK
        found += [event, session.answer(event.reply if isinstance(event, Fault) else reply), session._recipients]
    return [*found, event, session._state, session.buffered, session.over]


def test_a_refused_recipient_takes_no_place() -> None:
    session = ServerSession(Limits(recipients=1))
    session.greeted()
    accept(session, b"HELO client.example", b"MAIL FROM:<a@b.example>")
    for verb in (b"RCPT", b"rcpt"):
        says(session, verb + b" TO:<bob@example.com>")
        session.answer(Reply(550, "1.1", "No such user"))
    accept(session, b"RCPT TO:<alice@example.com>")
    event = says(session, b"RCPT TO:<carol@example.com>")
    assert isinstance(event, Fault)
    assert event.kind is FaultKind.TOO_MANY_RECIPIENTS


# ── any bytes, cut anywhere ──

LINES = st.sampled_from(
    [
        b"EHLO client.example\r\n",
        b"HELO x\r\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME\r\n",
        b"MAIL FROM:<\xc3\xa9@b.example> SMTPUTF8\r\n",
        b"RCPT TO:<bob@example.com>\r\n",
        b"RCPT TO:<@a:bob@example.com> NOTIFY=NEVER\r\n",
        b"DATA\r\n",
        b"STARTTLS\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"QUIT\r\n",
        b"BDAT 5 LAST\r\n",
        b"text\r\n",
        b"..\r\n",
        b".\r\n",
        b".\n",
        b"\n.\r\n",
        b"\r",
        b"\r\n",
        b"\0\r\n",
        b"x" * 600,
        b"y" * 5000,
        b"MAIL FROM:<a@b.example>",
    ]
)
GROUPS = st.lists(st.lists(LINES | st.binary(max_size=12), max_size=6).map(b"".join), max_size=8)
GREETED_AND_READY = [b"EHLO client.example\r\n"]
WITH_A_BODY = [*GREETED_AND_READY, b"MAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"]


def conversation(groups: list[bytes], cuts: list[int] | None = None, data_line: int = 100) -> Host:
    host = new_host({"max_size": "400", "data_line": str(data_line)})
    host.session.greeted()
    for group in groups:
        host.hears(group, whole if cuts is None else lambda octets: _cut(octets, cuts))
        if host.session.awaits_handshake:
            host.session.secured()
    return host


def _cut(octets: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    return (octets[a:b] for a, b in pairwise(edges))


@given(st.sampled_from([[], GREETED_AND_READY, WITH_A_BODY]), GROUPS, st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=500, deadline=None)
def test_any_conversation_has_the_same_events_and_answers_however_it_is_cut(
    beginning: list[bytes], groups: list[bytes], cuts: list[int]
) -> None:
    one, other = conversation(beginning + groups), conversation(beginning + groups, cuts)
    assert other.settled == one.settled
    assert other.said == one.said


@given(st.sampled_from([[], GREETED_AND_READY, WITH_A_BODY]), st.lists(st.binary(max_size=200), max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise(beginning: list[bytes], groups: list[bytes]) -> None:
    host = conversation(beginning + groups)
    assert host.session.next_event() in (NEED_DATA, PAUSED)


def _kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_real_transaction_byte_by_byte() -> None:
    host = new_host({})
    host.session.greeted()
    host.hears(b"EHLO client.example\r\n", every_byte)
    host.hears(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n", every_byte)
    host.hears(b"Subject: x\r\n\r\n..\r\n.\r\n", every_byte)
    assert _kinds(host.events) == [Hello, Mail, Recipient, DataRequested, DataChunk, DataEnd]
