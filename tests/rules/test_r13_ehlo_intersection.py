"""R13: EHLO announces what we and every upstream that is up can do, and never what is none of a stranger's business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rig.gateway import GatewayProcess
from tests.rig.network import eventually
from tests.rig.sandbox import sandbox
from tests.rig.sender import Wire
from tests.rig.upstream import OFFERS, FakeUpstream

pytestmark = pytest.mark.live


def _offered(gateway: GatewayProcess) -> dict[str, str]:
    with Wire(gateway.port) as wire:
        lines = [line[4:] for line in wire.greet().lines[1:]]
    return dict(line.split(" ", 1) if " " in line else (line, "") for line in lines)


@contextmanager
def _gateway(*upstreams: FakeUpstream) -> Iterator[GatewayProcess]:
    with sandbox("ehlo") as box, GatewayProcess(box, {}, upstream=[one.url for one in upstreams]) as gateway:
        yield gateway


def test_r13_all_that_both_can_do_is_announced() -> None:
    with FakeUpstream() as upstream, _gateway(upstream) as gateway:
        wanted = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "LIMITS"}
        assert set(_offered(gateway)) == wanted


@pytest.mark.parametrize("lacking", ["8BITMIME", "SMTPUTF8", "DSN"])
def test_r13_what_the_upstream_lacks_is_not_announced(lacking: str) -> None:
    offers = [offer for offer in OFFERS if offer != lacking]
    with FakeUpstream(offers=offers) as upstream, _gateway(upstream) as gateway:
        assert lacking not in _offered(gateway)


@pytest.mark.parametrize("lacking", ["8BITMIME", "SMTPUTF8", "DSN"])
def test_r13_with_two_upstreams_only_what_both_can_do_is_announced(lacking: str) -> None:
    offers = [offer for offer in OFFERS if offer != lacking]
    with FakeUpstream() as able, FakeUpstream(offers=offers) as less, _gateway(able, less) as gateway:
        assert lacking not in _offered(gateway)


def test_r13_size_is_the_smaller_of_the_two_limits() -> None:
    with FakeUpstream(offers=["SIZE 1000000"]) as upstream, _gateway(upstream) as gateway:
        assert _offered(gateway)["SIZE"] == "1000000"
    with FakeUpstream(offers=["SIZE 900000000000"]) as upstream, _gateway(upstream) as gateway:
        assert _offered(gateway)["SIZE"] == str(25 * 1024 * 1024)


def test_r13_what_is_none_of_a_strangers_business_is_never_passed_through() -> None:
    secret = [
        "AUTH PLAIN LOGIN",
        "ETRN",
        "VRFY",
        "XCLIENT NAME ADDR",
        "XFORWARD NAME",
        "CHUNKING",
        "BINARYMIME",
        "BURL",
    ]
    with FakeUpstream(offers=[*OFFERS, *secret]) as upstream, _gateway(upstream) as gateway:
        assert not {word.split()[0] for word in secret} & set(_offered(gateway))


def test_r13_the_number_of_recipients_is_announced() -> None:
    with FakeUpstream() as upstream, _gateway(upstream) as gateway:
        assert "RCPTMAX=100" in _offered(gateway)["LIMITS"]


def test_r13_a_change_of_the_upstream_is_learnt_with_the_next_connection() -> None:
    with FakeUpstream() as upstream, _gateway(upstream) as gateway:
        assert "SMTPUTF8" in _offered(gateway)
        upstream.offer("PIPELINING", "8BITMIME")
        upstream.hang_up()
        with Wire(gateway.port) as wire:
            wire.greet()
            wire.ask("MAIL FROM:<a@sender.example>")
            assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        eventually(lambda: "SMTPUTF8" not in _offered(gateway), "the change is announced", 5)
