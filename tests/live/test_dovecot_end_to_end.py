"""A real Dovecot behind the gateway, by LMTP: an answer for each recipient there, one answer for the client here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.rig.dovecot import RealDovecot, why_dovecot_cannot_run
from tests.rig.gateway import GatewayProcess
from tests.rig.load import smtp_source, why_smtp_source_cannot_run
from tests.rig.messages import only_fields_were_put_before, plain_letter
from tests.rig.network import eventually
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.sender import Sender, Wire

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_dovecot_cannot_run()), reason=why_dovecot_cannot_run() or "Dovecot runs"),
]
Pair = tuple[GatewayProcess, RealDovecot]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with (
        sandbox("dovecot") as box,
        RealDovecot(box) as dovecot,
        GatewayProcess(box / "gate", {}, upstream=dovecot.url) as gateway,
    ):
        yield gateway, dovecot


def _arrived(dovecot: RealDovecot, ident: str, user: str = "bob") -> bytes:
    def found() -> list[bytes]:
        return [content for content in dovecot.delivered(user) if ident.encode() in content]

    (only,) = eventually(found, f"{ident} lies in the mailbox of {user}")
    return only


def test_a_letter_to_two_arrives_byte_exact_in_both_dovecot_mailboxes(pair: Pair) -> None:
    gateway, dovecot = pair
    letter = plain_letter()
    assert Sender(gateway.port).deliver(letter).accepted
    for user in ("bob", "carol"):
        assert only_fields_were_put_before(_arrived(dovecot, letter.id, user), letter.content)


def test_r5_an_unknown_user_is_refused_by_dovecot_at_rcpt(pair: Pair) -> None:
    gateway, _ = pair
    with Wire(gateway.port) as wire:
        wire.greet()
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        refused = wire.ask("RCPT TO:<nobody.of.that.name@example.org>")
        assert (refused.code, refused.enhanced) == (550, "5.1.1")
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250


def test_a_large_letter_arrives_byte_exact(pair: Pair) -> None:
    gateway, dovecot = pair
    letter = plain_letter(6_000_000)
    assert Sender(gateway.port).deliver(letter).accepted
    assert only_fields_were_put_before(_arrived(dovecot, letter.id), letter.content)


@pytest.mark.skipif(bool(why_smtp_source_cannot_run()), reason=why_smtp_source_cannot_run() or "it runs")
def test_nothing_is_lost_under_the_load_of_smtp_source(pair: Pair) -> None:
    gateway, dovecot = pair
    before = dovecot.count("carol")
    smtp_source(gateway.port, messages=200, sessions=8, length=3000, to="carol@example.org")
    eventually(lambda: dovecot.count("carol") - before >= 200, "all messages are delivered", 30)
    assert dovecot.count("carol") - before == 200


@pytest.mark.skipif(bool(why_smtp_source_cannot_run()), reason=why_smtp_source_cannot_run() or "it runs")
def test_the_load_generator_would_tell_of_a_refused_message(pair: Pair) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        smtp_source(pair[0].port, messages=1, sessions=1, to="nobody.of.that.name@example.org")


@pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run() or "Postfix runs")
def test_a_letter_passes_gateway_postfix_and_dovecot_unchanged() -> None:
    with sandbox("chain") as box:
        for name in ("dovecot", "postfix"):
            (box / name).mkdir()
        with (
            RealDovecot(box / "dovecot") as dovecot,
            RealPostfix(box / "postfix", deliver=f"lmtp:inet:127.0.0.1:{dovecot.port}") as postfix,
            GatewayProcess(box / "gate", {}, upstream=postfix.url) as gateway,
        ):
            letter = plain_letter()
            assert Sender(gateway.port).deliver(letter).accepted
            for user in ("bob", "carol"):
                assert only_fields_were_put_before(_arrived(dovecot, letter.id, user), letter.content)
