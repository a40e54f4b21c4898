"""R13: EHLO announces what we and every upstream that is up can do, and never what is none of a stranger's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.rig.gateway import GatewayProcess
from tests.rig.network import eventually
from tests.rig.sandbox import sandbox
from tests.rig.scene import Scene, scene
from tests.rig.sender import Wire
from tests.rig.upstream import OFFERS, FakeUpstream

pytestmark = pytest.mark.live
_ALWAYS = {"PIPELINING", "SIZE", "ENHANCEDSTATUSCODES", "STARTTLS", "LIMITS"}
_ONLY_WITH_THE_UPSTREAM = {"8BITMIME", "SMTPUTF8", "DSN"}
_NONE_OF_THEIR_BUSINESS = (
    "AUTH PLAIN LOGIN", "ETRN", "VRFY", "XFORWARD NAME", "CHUNKING", "BINARYMIME", "BURL", "TURN", "EXPN",
)  # fmt: skip


def _offered(gateway: GatewayProcess) -> dict[str, str]:
    with Wire(gateway.port) as wire:
        lines = [line[4:] for line in wire.greet().lines[1:]]
    return dict(line.split(" ", 1) if " " in line else (line, "") for line in lines)


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


def _learns(both: Scene, offers: Sequence[str]) -> None:
    """The upstream can do something else from now on, and the gateway meets it on a new connection."""
    both.upstream.offer(*offers)
    both.upstream.hang_up()
    with both.client() as wire:
        wire.ask("MAIL FROM:<a@sender.example>")
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250


def _becomes(both: Scene, wanted: set[str]) -> None:
    eventually(lambda: set(_offered(both.gateway)) == wanted, f"{sorted(wanted)} are announced", 5)


def test_r13_at_the_start_all_that_both_can_do_is_announced() -> None:
    with scene() as fresh:
        assert set(_offered(fresh.gateway)) == _ALWAYS | _ONLY_WITH_THE_UPSTREAM


@pytest.mark.parametrize("lacking", sorted(_ONLY_WITH_THE_UPSTREAM))
def test_r13_what_the_upstream_lacks_is_not_announced_from_its_next_connection_on(both: Scene, lacking: str) -> None:
    _learns(both, [offer for offer in OFFERS if offer != lacking])
    _becomes(both, (_ALWAYS | _ONLY_WITH_THE_UPSTREAM) - {lacking})


def test_r13_what_is_none_of_a_strangers_business_is_never_passed_through(both: Scene) -> None:
    _learns(both, [*OFFERS, *_NONE_OF_THEIR_BUSINESS])
    _becomes(both, _ALWAYS | _ONLY_WITH_THE_UPSTREAM)


@pytest.mark.parametrize(("theirs", "announced"), [(1_000_000, 1_000_000), (900_000_000_000, 25 * 1024 * 1024)])
def test_r13_size_is_the_smaller_of_the_two_limits(both: Scene, theirs: int, announced: int) -> None:
    _learns(both, [f"SIZE {theirs}"])
    eventually(lambda: _offered(both.gateway)["SIZE"] == str(announced), f"SIZE {announced} is announced", 5)


def test_r13_the_number_of_recipients_is_announced(both: Scene) -> None:
    assert "RCPTMAX=100" in _offered(both.gateway)["LIMITS"]


def test_r13_with_two_upstreams_only_what_both_can_do_is_announced() -> None:
    with (
        sandbox("ehlo") as box,
        FakeUpstream() as able,
        FakeUpstream(offers=["SMTPUTF8", "SIZE 5000000"]) as less,
        GatewayProcess(box, {}, upstream=[able.url, less.url]) as gateway,
    ):
        offered = _offered(gateway)
    assert set(offered) == _ALWAYS | {"SMTPUTF8"}
    assert offered["SIZE"] == "5000000"
