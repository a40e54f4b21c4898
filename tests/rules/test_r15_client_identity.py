"""R15: the upstream learns who the client is (XCLIENT or PROXY), and the gateway itself relays for nobody."""

from __future__ import annotations

from collections.abc import Iterator

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


def _send(both: Scene, source: str, helo: str = "client.example") -> int | None:
    """The final code; None when the name itself was refused."""
    with Wire(both.gateway.port, source=source) as wire:
        if wire.greet(helo).code != 250:
            return None
        return transaction(wire, plain_letter()).code


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    """The server behind offers XCLIENT to us, and no longer once it has heard of a stranger, as Postfix does."""
    with scene(offers=_XCLIENT) as pair:
        yield pair


@pytest.fixture(autouse=True)
def _from_the_start(both: Scene) -> None:
    both.make_peace()
    both.upstream.conversations.clear()


def test_r15_xclient_tells_address_and_name_before_mail(both: Scene) -> None:
    assert _send(both, "127.0.0.5", "stranger.example") == 250
    said = [command for command in both.commands() if command.split()[0] in ("XCLIENT", "MAIL")]
    assert said[-1].startswith("MAIL")
    joined = " ".join(command for command in said if command.startswith("XCLIENT"))
    assert "ADDR=127.0.0.5" in joined
    assert "HELO=stranger.example" in joined


def test_r15_xclient_lines_are_short_and_the_address_comes_after_the_name_given_in_helo(both: Scene) -> None:
    assert _send(both, "127.0.0.5", "x" * 60 + "." + "y" * 60 + ".example") == 250
    lines = _told(both)
    assert all(len(line) + 2 <= 512 for line in lines)
    names = [word.split("=")[0] for line in lines for word in line.split()[1:]]
    assert names.index("HELO") < names.index("ADDR")


def test_r15_after_xclient_the_server_is_greeted_again_with_the_clients_name(both: Scene) -> None:
    """Postfix takes the name of the last EHLO, so ours would hide what the client said."""
    assert _send(both, "127.0.0.5", "stranger.example") == 250
    (commands,) = [
        talk.commands for talk in both.upstream.conversations if any("XCLIENT" in one for one in talk.commands)
    ]
    last = max(number for number, command in enumerate(commands) if command.startswith("XCLIENT"))
    assert commands[last + 1] == "EHLO stranger.example"


def test_r15_what_is_no_name_reaches_xclient_only_as_xtext(both: Scene) -> None:
    assert _send(both, "127.0.0.5", "a+b=c.example") in (250, None)
    assert not any("a+b=c" in line for line in _told(both))


def test_r15_every_message_goes_out_under_the_identity_of_its_own_client(both: Scene) -> None:
    sources = ["127.0.0.5", "127.0.0.6", "127.0.0.5", "127.0.0.6", "127.0.0.6"]
    for source in sources:
        assert _send(both, source) == 250
    assert sorted(_identities(both)) == sorted(sources)


def _identities(both: Scene) -> list[str]:
    """For each MAIL, the address that its connection had been told last."""
    found = []
    for talk in both.upstream.conversations:
        current = ""
        for command in talk.commands:
            if "ADDR=" in command:
                current = command.split("ADDR=")[1].split()[0]
            if command.startswith("MAIL"):
                found.append(current)
    return found


def test_r15_an_upstream_that_refuses_xclient_gets_no_mail_under_a_false_name(both: Scene) -> None:
    both.upstream.on("XCLIENT", Say(b"550 5.7.0 not you\r\n"), times=9)
    letter = plain_letter()
    assert both.attempt(letter).code in (450, 451)
    assert both.copies(letter) == 0
    both.make_peace()


def test_r15_a_proxy_header_tells_the_client_and_each_client_has_its_own_connection() -> None:
    with scene(proxy=True) as both:
        for source in ("127.0.0.5", "127.0.0.6"):
            assert _send(both, source) == 250
        served = {message.connection for message in both.upstream.accepted}
        told = {both.upstream.conversations[number].proxied[0] for number in served}  # type: ignore[index]
        assert told == {"127.0.0.5", "127.0.0.6"}


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.200"])
def test_r15_loopback_and_the_gateways_own_address_may_not_relay(both: Scene, source: str) -> None:
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
