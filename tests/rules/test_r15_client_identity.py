"""R15: the upstream learns who the client is (XCLIENT or PROXY), and the gateway itself relays for nobody."""

from __future__ import annotations

import pytest

from tests.rig.gateway import GatewayProcess
from tests.rig.messages import plain_letter
from tests.rig.sandbox import sandbox
from tests.rig.scene import Scene, scene, transaction
from tests.rig.sender import Wire
from tests.rig.upstream import OFFERS, FakeUpstream, Say

pytestmark = pytest.mark.live
_XCLIENT = (*OFFERS, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN")


def _told(both: Scene) -> list[str]:
    return [command for command in both.commands() if command.startswith("XCLIENT")]


def _send(both: Scene, source: str, helo: str = "client.example") -> int:
    with Wire(both.gateway.port, source=source) as wire:
        wire.greet(helo)
        return transaction(wire, plain_letter()).code


def test_r15_xclient_tells_address_and_name_before_mail() -> None:
    with scene(offers=_XCLIENT) as both:
        assert _send(both, "127.0.0.5", "stranger.example") == 250
        said = [command for command in both.commands() if command.split()[0] in ("XCLIENT", "MAIL")]
        assert said[-1].startswith("MAIL")
        joined = " ".join(command for command in said if command.startswith("XCLIENT"))
        assert "ADDR=127.0.0.5" in joined
        assert "HELO=stranger.example" in joined


def test_r15_xclient_lines_are_short_and_the_name_and_address_come_last() -> None:
    with scene(offers=_XCLIENT) as both:
        assert _send(both, "127.0.0.5", "x" * 60 + "." + "y" * 60 + ".example") == 250
        lines = _told(both)
        assert all(len(line) + 2 <= 512 for line in lines)
        names = [word.split("=")[0] for line in lines for word in line.split()[1:]]
        assert set(names[-2:]) == {"NAME", "ADDR"} or names[-1] in ("ADDR", "NAME", "PORT")
        assert names.index("HELO") < names.index("ADDR")


def test_r15_greets_again_after_xclient() -> None:
    with scene(offers=_XCLIENT) as both:
        assert _send(both, "127.0.0.5") == 250
        talk = next(talk for talk in both.upstream.conversations if any("XCLIENT" in one for one in talk.commands))
        verbs = [command.split()[0] for command in talk.commands]
        last = max(number for number, verb in enumerate(verbs) if verb == "XCLIENT")
        assert verbs[last + 1] == "EHLO"


def test_r15_an_odd_helo_name_travels_as_xtext() -> None:
    with scene(offers=_XCLIENT) as both:
        assert _send(both, "127.0.0.5", "a+b=c.example") in (250, 501)
        assert not any("a+b=c" in line for line in _told(both))


def test_r15_on_a_kept_connection_every_client_is_told_of() -> None:
    with scene(offers=_XCLIENT) as both:
        for source in ("127.0.0.5", "127.0.0.6", "127.0.0.5"):
            assert _send(both, source) == 250
        current, for_mail = "", []
        for command in both.upstream.conversations[-1].commands:
            if "ADDR=" in command:
                current = command.split("ADDR=")[1].split()[0]
            if command.startswith("MAIL"):
                for_mail.append(current)
        assert for_mail[-3:] == ["127.0.0.5", "127.0.0.6", "127.0.0.5"]


def test_r15_an_upstream_that_refuses_xclient_gets_no_mail_under_a_false_name() -> None:
    with scene(offers=_XCLIENT) as both:
        both.upstream.on("XCLIENT", Say(b"550 5.7.0 not you\r\n"), times=9)
        assert both.attempt(plain_letter()).code in (450, 451)
        assert not both.upstream.accepted


def test_r15_a_proxy_header_tells_the_client_and_each_client_has_its_own_connection() -> None:
    with scene(proxy=True) as both:
        for source in ("127.0.0.5", "127.0.0.6"):
            assert _send(both, source) == 250
        served = {message.connection for message in both.upstream.accepted}
        told = {both.upstream.conversations[number].proxied[0] for number in served}  # type: ignore[index]
        assert told == {"127.0.0.5", "127.0.0.6"}


def test_r15_loopback_and_the_gateways_own_address_may_not_relay() -> None:
    with scene() as both:
        for source in ("127.0.0.1", "127.0.0.200"):
            with Wire(both.gateway.port, source=source) as wire:
                wire.greet()
                assert wire.ask("MAIL FROM:<bob@example.org>").code == 250
                refused = wire.ask("RCPT TO:<victim@elsewhere.example>")
                assert (refused.code, refused.enhanced) == (550, "5.7.1")
        assert not any("victim" in command for command in both.commands())


def test_r15_a_trusted_network_may_relay_only_where_outbound_is_set() -> None:
    with sandbox("trusted") as box, FakeUpstream() as inside:
        trusts = {"gateway": {"trusted_networks": ["127.0.0.9/32"]}}
        with (
            GatewayProcess(box, trusts, upstream=inside.url) as gateway,
            Wire(gateway.port, source="127.0.0.9") as wire,
        ):
            wire.greet()
            assert wire.ask("MAIL FROM:<bob@example.org>").code == 250
            assert wire.ask("RCPT TO:<you@elsewhere.example>").code == 550
