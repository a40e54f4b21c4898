"""The client's side: every reply finds its command, whatever a server says and however it is cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.smtp import NEED_DATA, Answered, ClientSession, Limits, Nonsense, ServerSession
from lockdown.smtp.extensions import parse_extensions

from .talk import Host

EHLO_REPLY = (
    b"250-mx.example.com greets you\r\n250-PIPELINING\r\n250-size 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
    b"250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-XCLIENT NAME ADDR HELO\r\n250-AUTH PLAIN\r\n250-AUTH=LOGIN\r\n"
    b"250 LIMITS RCPTMAX=100 MAILMAX=x\r\n"
)


def greeted(*, lmtp: bool = False) -> ClientSession:
    session = ClientSession(lmtp=lmtp)
    assert answers(session, b"220 mx.example.com ESMTP\r\n") == [("CONNECT", 220)]
    return session


def answers(session: ClientSession, wire: bytes) -> list[tuple[str, int]]:
    """What comes of these bytes; nonsense as ("nonsense", 0)."""
    session.receive(wire)
    found = []
    while (event := session.next_event()) is not NEED_DATA:
        found.append((event.verb, event.reply.code) if isinstance(event, Answered) else ("nonsense", 0))
    return found


def why(session: ClientSession, wire: bytes) -> str:
    session.receive(wire)
    event = session.next_event()
    assert isinstance(event, Nonsense)
    assert session.next_event() is NEED_DATA
    assert session.broken
    return event.why


# ── commands ──


def test_commands_are_written_as_the_rfc_has_them() -> None:
    session = greeted()
    assert session.hello("gw.example") == b"EHLO gw.example\r\n"
    assert session.helo("gw.example") == b"HELO gw.example\r\n"
    assert (
        session.mail("a@b.example", ("SIZE=5", "BODY=8BITMIME")) == b"MAIL FROM:<a@b.example> SIZE=5 BODY=8BITMIME\r\n"
    )
    assert session.mail("", ()) == b"MAIL FROM:<>\r\n"
    assert (
        session.recipient("bücher@c.example", ("NOTIFY=NEVER",))
        == "RCPT TO:<bücher@c.example> NOTIFY=NEVER\r\n".encode()
    )
    assert session.command("VRFY bob") == b"VRFY bob\r\n"
    assert session.outstanding == 6


def test_the_end_of_a_body_fits_how_the_body_ended() -> None:
    assert greeted().end(True) == b".\r\n"
    assert greeted().end(False) == b"\r\n.\r\n"


@pytest.mark.parametrize("octet", ["\r", "\n", "\0", "\x7f", "\t"])
def test_no_line_with_a_control_character_is_built(octet: str) -> None:
    session = greeted()
    for build in (session.hello, session.helo, session.mail, session.recipient, session.command):
        with pytest.raises(ValueError, match="control character"):
            build(f"x{octet}RCPT TO:<y>")
    with pytest.raises(ValueError, match="control character"):
        session.mail("a@b.example", (f"SIZE=1{octet}",))
    assert session.outstanding == 0


def test_xclient_puts_name_and_address_last_and_encodes_values() -> None:
    session = greeted()
    wire = session.xclient({"NAME": "a+b=c ü", "ADDR": "2001:db8::1", "HELO": "x y", "PROTO": "ESMTP"})
    assert wire == b"XCLIENT HELO=x+20y PROTO=ESMTP ADDR=IPV6:2001:db8::1 NAME=a+2Bb+3Dc+20+C3+BC\r\n"


def test_xclient_keeps_its_lines_short_and_expects_a_reply_for_each() -> None:
    session = greeted()
    wire = session.xclient({"HELO": "h" * 255, "NAME": "n" * 255, "ADDR": "192.0.2.1", "LOGIN": "l" * 200})
    lines = wire.split(b"\r\n")[:-1]
    assert all(len(line) <= 510 and line.startswith(b"XCLIENT ") for line in lines)
    assert b" ".join(line[8:] for line in lines).split(b" ")[-1].startswith(b"NAME=")
    assert session.outstanding == len(lines) == 2


def test_xclient_without_attributes_is_nothing() -> None:
    session = greeted()
    assert session.xclient({}) == b""
    assert session.outstanding == 0


# ── replies ──


def test_pipelined_replies_find_their_commands() -> None:
    session = greeted()
    session.mail("a@b.example", ())
    session.recipient("c@d.example", ())
    session.recipient("e@f.example", ())
    session.data()
    assert answers(session, b"250 ok\r\n250 ok\r\n550-5.1.1 no\r\n550 5.1.1 user\r\n354 go\r\n") == [
        ("MAIL", 250),
        ("RCPT", 250),
        ("RCPT", 550),
        ("DATA", 354),
    ]
    session.end(True)
    assert answers(session, b"250 2.0.0 queued\r\n") == [("DATA-END", 250)]


def test_lmtp_has_one_answer_for_each_accepted_recipient() -> None:
    session = greeted(lmtp=True)
    assert session.hello("gw.example") == b"LHLO gw.example\r\n"
    answers(session, b"250 mx\r\n")
    session.mail("a@b.example", ())
    for name in ("one", "two", "three"):
        session.recipient(f"{name}@d.example", ())
    session.data()
    answers(session, b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n")
    session.end(True)
    assert answers(session, b"250 one\r\n452 three\r\n") == [("DATA-END", 250), ("DATA-END", 452)]
    assert answers(session, b"250 two?\r\n") == [("nonsense", 0)]


def test_lmtp_counts_the_recipients_of_this_transaction_only() -> None:
    session = greeted(lmtp=True)
    session.mail("a@b.example", ())
    session.recipient("c@d.example", ())
    session.reset()
    session.mail("a@b.example", ())
    session.recipient("c@d.example", ())
    session.data()
    answers(session, b"250 ok\r\n250 ok\r\n250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    session.end(True)
    assert session.outstanding == 1


def test_the_offers_are_understood() -> None:
    session = greeted()
    session.hello("gw.example")
    answers(session, EHLO_REPLY)
    offered = session.extensions
    assert offered.size == 1000
    assert offered.xclient == {"NAME", "ADDR", "HELO"}
    assert offered.auth == {"PLAIN", "LOGIN"}
    assert offered.limits == {"RCPTMAX": 100}
    assert offered.pipelining and offered.eightbitmime and offered.smtputf8
    assert offered.dsn and offered.starttls and offered.enhanced


def test_nothing_is_offered_before_hello_nor_after_a_plain_one() -> None:
    session = greeted()
    assert not session.extensions.pipelining
    assert session.extensions.size is None
    session.hello("gw.example")
    session.helo("gw.example")
    answers(session, EHLO_REPLY + b"250 mx\r\n")
    assert session.extensions.names == frozenset()


def test_a_plain_answer_to_hello_takes_back_what_was_offered() -> None:
    session = greeted()
    session.hello("gw.example")
    answers(session, EHLO_REPLY)
    session.helo("gw.example")
    assert answers(session, b"250 mx\r\n") == [("HELO", 250)]
    assert session.extensions.names == frozenset()


def test_a_size_without_a_number_is_offered_without_a_limit() -> None:
    assert parse_extensions(["SIZE"]).size == 0
    assert parse_extensions(["SIZE many"]).size == 0
    assert parse_extensions([""]).size is None


def test_421_may_come_at_any_time() -> None:
    assert answers(greeted(), b"421 4.3.2 closing\r\n") == [("", 421)]
    session = greeted()
    session.noop()
    assert answers(session, b"421 4.3.2 closing\r\n") == [("NOOP", 421)]


def test_a_server_may_end_its_lines_with_lf() -> None:
    session = greeted()
    session.noop()
    assert answers(session, b"250-a\n250 b\n") == [("NOOP", 250)]


@pytest.mark.parametrize(
    "wire",
    [
        b"250 to nothing\r\n",
        b"554 no\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"150 what\r\n",
        b"560 what\r\n",
        b"25 what\r\n",
        b"2500 what\r\n",
        b"250_what\r\n",
        b"250-one\r\n251 two\r\n",
        b"250-one\r\n25",
    ],
)
def test_these_are_nonsense(wire: bytes) -> None:
    session = greeted()
    if b"to nothing" not in wire and b"554" not in wire:
        session.noop()
    found = answers(session, wire)
    assert found == ([("nonsense", 0)] if wire.endswith(b"\n") else [])


@pytest.mark.parametrize(
    "wire",
    [
        b"250-" + b"x" * 3000 + b"\r\n",
        b"250 " + b"x" * 3000,
        b"250-x\r\n" * 600,
        (b"250-" + b"x" * 1000 + b"\r\n") * 70,
    ],
    ids=["long line", "endless line", "many lines", "many octets"],
)
def test_a_reply_without_bounds_is_nonsense(wire: bytes) -> None:
    session = greeted()
    session.noop()
    assert "reply" in why(session, wire)
    session.receive(b"250 ok\r\n")
    assert session.next_event() is NEED_DATA


def test_a_reply_within_bounds_is_taken() -> None:
    session = greeted()
    session.noop()
    assert answers(session, b"250-x\r\n" * 500 + b"250 " + b"x" * 2000 + b"\r\n") == [("NOOP", 250)]


def test_plain_text_behind_starttls_is_never_taken_as_encrypted() -> None:
    session = greeted()
    session.starttls()
    session.receive(b"220 ready\r\n250-forged\r\n250 AUTH PLAIN\r\n")
    event = session.next_event()
    assert isinstance(event, Answered)
    assert session.pending_input
    session.secured()
    session.hello("gw.example")
    assert why(session, b"") == "plain text behind STARTTLS"
    assert session.extensions.auth == frozenset()


def test_half_a_reply_behind_starttls_is_not_taken_either() -> None:
    session = greeted()
    session.starttls()
    assert answers(session, b"220 ready\r\n250-forged\r\n") == [("STARTTLS", 220)]
    assert session.pending_input
    session.secured()
    session.hello("gw.example")
    assert why(session, b"250 ok\r\n") == "plain text behind STARTTLS"


def test_plain_text_behind_starttls_is_not_taken_by_a_client_that_goes_on_without_hello() -> None:
    session = greeted()
    session.starttls()
    session.receive(b"220 ready\r\n250 forged\r\n")
    session.next_event()
    session.secured()
    session.mail("a@b.example")
    assert why(session, b"") == "plain text behind STARTTLS"


def test_offers_from_before_tls_are_forgotten() -> None:
    session = greeted()
    session.hello("gw.example")
    session.starttls()
    answers(session, EHLO_REPLY + b"220 ready\r\n")
    session.secured()
    assert not session.extensions.pipelining
    session.hello("gw.example")
    assert answers(session, b"250 mx\r\n") == [("EHLO", 250)]


REPLIES = st.lists(
    st.sampled_from(
        [b"250 ok\r\n", b"250-a\r\n", b"250 b\r\n", b"550 5.1.1 no\r\n", b"421 x\r\n", b"\r\n", b"250\r\n", b"9"]
    )
    | st.binary(max_size=8),
    max_size=8,
).map(b"".join)


@given(REPLIES, st.lists(st.integers(0, 60), max_size=6), st.booleans())
@settings(max_examples=800, deadline=None)
def test_any_replies_are_the_same_however_they_are_cut(wire: bytes, cuts: list[int], lmtp: bool) -> None:
    def heard(parts: list[bytes]) -> list[object]:
        session = greeted(lmtp=lmtp)
        session.mail("a@b.example")
        session.recipient("c@d.example")
        session.data()
        found: list[object] = []
        for part in parts:
            session.receive(part)
            while (event := session.next_event()) is not NEED_DATA:
                found.append(event)
        return found

    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    assert heard([wire[a:b] for a, b in pairwise(edges)]) == heard([wire])


def test_our_client_and_our_server_understand_each_other() -> None:
    server, client = Host(ServerSession(Limits(max_size=10000))), greeted()
    server.session.greeted()

    def turn(*wires: bytes) -> list[tuple[str, int]]:
        server.said = b""
        server.hears(b"".join(wires))
        return answers(client, server.said)

    assert turn(client.hello("gw.example")) == [("EHLO", 250)]
    assert client.extensions.size == 10000
    assert turn(client.mail("a@b.example", ("SIZE=9",)), client.recipient("bob@example.com", ()), client.data()) == [
        ("MAIL", 250),
        ("RCPT", 250),
        ("DATA", 354),
    ]
    assert turn(b"..hello\r\n", client.end(True), client.quit()) == [("DATA-END", 250), ("QUIT", 221)]
    assert server.session.over
