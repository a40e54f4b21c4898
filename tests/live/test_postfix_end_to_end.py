"""A real Postfix behind the gateway: who Postfix believes to talk to, whom it refuses, and that no load loses mail."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rig.certificate import make_certificate
from tests.rig.gateway import GatewayProcess
from tests.rig.load import smtp_source, why_smtp_source_cannot_run
from tests.rig.messages import letter_of_many_parts, only_fields_were_put_before, plain_letter
from tests.rig.network import eventually
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.sender import Sender, Wire

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run() or "Postfix runs"),
]
STRANGER = "127.0.0.77"
"""The address of the client; neither the gateway nor Postfix has it."""

Pair = tuple[GatewayProcess, RealPostfix]


@contextmanager
def _pair(name: str, *, workers: int = 1, scheme: str = "smtp", query: str = "", **postfix: object) -> Iterator[Pair]:
    with sandbox(name) as box:
        if postfix.pop("tls", False):
            postfix["certificate"] = make_certificate(box / "mx.pem", "mx.example.org")
        with RealPostfix(box, **postfix) as behind:  # type: ignore[arg-type]
            url = f"{scheme}://127.0.0.1:{behind.port}{query}"
            with GatewayProcess(box / "gate", {}, upstream=url, workers=workers) as gateway:
                yield gateway, behind


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A gateway with two workers in front of a Postfix that lets it use XCLIENT and does not trust it."""
    with _pair("postfix", workers=2) as both:
        yield both


def _arrived(postfix: RealPostfix, ident: str, user: str = "bob") -> bytes:
    def found() -> list[bytes]:
        return [content for content in postfix.delivered(user) if ident.encode() in content]

    (only,) = eventually(found, f"{ident} lies in the mailbox of {user}")
    return only


def test_a_letter_arrives_byte_exact_in_a_postfix_mailbox(pair: Pair) -> None:
    gateway, postfix = pair
    letter = plain_letter()
    outcome = Sender(gateway.port).deliver(letter)
    assert outcome.accepted
    assert "queued as" in outcome.final.text, "the 250 is Postfix's own"  # type: ignore[union-attr]
    for user in ("bob", "carol"):
        assert only_fields_were_put_before(_arrived(postfix, letter.id, user), letter.content)


def test_r15_postfix_logs_and_writes_the_real_client(pair: Pair) -> None:
    gateway, postfix = pair
    letter = plain_letter()
    with Wire(gateway.port, source=STRANGER) as wire:
        wire.greet("stranger.example")
        _send(wire, letter.sender, "bob@example.org", letter.wire)
    content = _arrived(postfix, letter.id)
    own = re.search(rb"Received: from (.*?)\r\n\tby mx\.example\.org", content)
    assert own is not None, content[:500]
    assert own[1].startswith(b"stranger.example (unknown [127.0.0.77])"), own[1]
    postfix.wait_for_log(r"client=unknown\[127\.0\.0\.77\]")


def _send(wire: Wire, sender: str, recipient: str, octets: bytes) -> None:
    assert wire.ask(f"MAIL FROM:<{sender}>").code == 250
    assert wire.ask(f"RCPT TO:<{recipient}>").code == 250
    assert wire.ask("DATA").code == 354
    wire.send(octets)
    assert wire.answer().code == 250


def test_r15_each_client_is_told_of_over_a_kept_connection(pair: Pair) -> None:
    gateway, postfix = pair
    letters = {f"127.0.0.{number}": plain_letter() for number in (31, 32, 33)}
    for address, letter in letters.items():
        with Wire(gateway.port, source=address) as wire:
            wire.greet()
            _send(wire, letter.sender, "bob@example.org", letter.wire)
            wire.ask("QUIT")
    for address, letter in letters.items():
        assert f"[{address}]".encode() in _arrived(postfix, letter.id).split(b"by mx.example.org")[0]


def test_r5_an_unknown_user_is_refused_by_postfix_at_rcpt(pair: Pair) -> None:
    gateway, postfix = pair
    with Wire(gateway.port) as wire:
        wire.greet()
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        refused = wire.ask("RCPT TO:<nobody.of.that.name@example.org>")
        assert (refused.code, refused.enhanced) == (550, "5.1.1")
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
    postfix.wait_for_log("reject: RCPT from .*nobody.of.that.name@example.org.*User unknown")


def test_postfix_itself_refuses_to_relay_for_the_gateway() -> None:
    """It must not trust us, should our own gate ever be broken; so it is asked for a domain that is only ours."""
    with sandbox("relay") as box, RealPostfix(box) as postfix:
        domains = {"site": {"domains": ["example.org", "foreign.example"]}}
        with (
            GatewayProcess(box / "gate", domains, upstream=postfix.url) as gateway,
            Wire(gateway.port, source=STRANGER) as wire,
        ):
            wire.greet()
            assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
            refused = wire.ask("RCPT TO:<someone@foreign.example>")
            assert (refused.code, refused.enhanced) == (554, "5.7.1")
            postfix.wait_for_log(r"reject: RCPT from \S*\[127\.0\.0\.77\].*Relay access denied")


def test_a_foreign_recipient_is_refused_by_the_gateway_and_never_reaches_postfix(pair: Pair) -> None:
    gateway, postfix = pair
    with Wire(gateway.port) as wire:
        wire.greet()
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        refused = wire.ask("RCPT TO:<victim@elsewhere.example>")
        assert (refused.code, refused.enhanced) == (550, "5.7.1")
    assert "victim@elsewhere.example" not in postfix.log()


@pytest.mark.skipif(bool(why_smtp_source_cannot_run()), reason=why_smtp_source_cannot_run() or "it runs")
@pytest.mark.parametrize(("messages", "sessions", "length"), [(500, 10, 2_000), (200, 20, 20_000), (8, 4, 5_000_000)])
def test_nothing_is_lost_under_the_load_of_smtp_source(pair: Pair, messages: int, sessions: int, length: int) -> None:
    gateway, postfix = pair
    before = postfix.count()
    smtp_source(gateway.port, messages=messages, sessions=sessions, length=length)
    eventually(lambda: postfix.count() - before >= messages, f"all {messages} messages are delivered", 60)
    eventually(lambda: not postfix.queued(), "Postfix has delivered everything", 60)
    assert postfix.count() - before == messages


@pytest.mark.skipif(bool(why_smtp_source_cannot_run()), reason=why_smtp_source_cannot_run() or "it runs")
def test_the_load_generator_would_tell_of_a_refused_message(pair: Pair) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        smtp_source(pair[0].port, messages=1, sessions=1, to="nobody.of.that.name@example.org")


def test_starttls_is_spoken_on_both_sides() -> None:
    with _pair("tls", tls=True) as (gateway, postfix):
        letter = plain_letter()
        with Wire(gateway.port) as wire:
            assert "STARTTLS" in wire.greet().text
            wire.starttls()
            hello = wire.ask("EHLO client.example")
            assert "STARTTLS" not in hello.text
            _send(wire, letter.sender, "bob@example.org", letter.wire)
        content = _arrived(postfix, letter.id)
        assert b"(Lockdown) with ESMTPS" in content
        assert b"(using TLS" in content.split(b"by mx.example.org")[0], "Postfix's own Received names the TLS session"
        assert only_fields_were_put_before(content, letter.content)


def test_tls_or_nothing_takes_nothing_when_the_server_behind_has_no_tls() -> None:
    with _pair("notls", scheme="smtp+starttls") as (gateway, postfix):
        letter = plain_letter()
        assert Sender(gateway.port).attempt(letter).code in (450, 451)
        assert not postfix.delivered()


def test_r15_postfix_learns_the_client_from_a_proxy_header() -> None:
    options = {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_authorized_xclient_hosts": ""}
    with _pair("proxy", query="?proxy=v2", smtpd_options=options) as (gateway, postfix):
        letters = {STRANGER: plain_letter(), "127.0.0.78": plain_letter()}
        for address, letter in letters.items():
            with Wire(gateway.port, source=address) as wire:
                wire.greet("stranger.example")
                _send(wire, letter.sender, "bob@example.org", letter.wire)
        for address, letter in letters.items():
            content = _arrived(postfix, letter.id)
            assert f"[{address}]".encode() in content.split(b"by mx.example.org")[0]
            assert only_fields_were_put_before(content, letter.content)


def test_a_letter_that_is_held_never_reaches_postfix() -> None:
    with sandbox("held") as box, RealPostfix(box) as postfix:
        few = {"attachments": {"max_parts": 3}}
        with GatewayProcess(box / "gate", few, upstream=postfix.url) as gateway:
            held, plain = letter_of_many_parts(), plain_letter()
            assert Sender(gateway.port).deliver(held).accepted
            assert Sender(gateway.port).deliver(plain).accepted
            _arrived(postfix, plain.id)
            assert held.id not in postfix.log()
            assert len(gateway.held()) == 1


def test_r13_the_ehlo_is_what_postfix_and_the_gateway_can_both_do(pair: Pair) -> None:
    """Never passed through: what only the server behind can do, or what is none of a stranger's business."""
    gateway, _ = pair

    def offered() -> set[str]:
        with Wire(gateway.port) as wire:
            return {line[4:].split(" ")[0] for line in wire.greet().lines[1:]}

    wanted = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS"}
    eventually(lambda: wanted <= offered(), "everything that both can do is offered")
    assert not {"CHUNKING", "XCLIENT", "XFORWARD", "ETRN", "VRFY", "AUTH"} & offered()


def test_an_idle_close_by_postfix_costs_nobody_a_letter() -> None:
    """Postfix ends a connection that is silent for smtpd_timeout, while the gateway keeps it for the next letter."""
    with _pair("idle", settings={"smtpd_timeout": "1s"}) as (gateway, postfix):
        for _ in range(2):
            letter = plain_letter()
            assert Sender(gateway.port).attempt(letter).code == 250
            _arrived(postfix, letter.id)
            ends = postfix.log().count("disconnect from")
            eventually(lambda ends=ends: postfix.log().count("disconnect from") > ends, "Postfix closes")
