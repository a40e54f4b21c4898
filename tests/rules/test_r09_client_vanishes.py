"""R9: a client that vanishes before the dot leaves nothing behind: no dot and no message go upstream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, envelope, scene
from tests.rig.upstream import Call

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("left_out", [1, 2, 3, 5, 700])
def test_r9_a_client_that_vanishes_before_the_dot_delivers_nothing(both: Scene, left_out: int, leave: str) -> None:
    letter = plain_letter(300_000)
    wire = both.client()
    assert envelope(wire, letter).code == 354
    wire.send(letter.wire[:-left_out])
    getattr(wire, leave)()
    both.gateway.logged("that it left", type="aborted", sender=letter.sender)
    assert not both.body_seen(letter)
    assert both.copies(letter) == 0


def test_r9_an_upstream_lost_in_the_middle_of_the_body_saw_neither_dot_nor_quit() -> None:
    """Were the gateway to die while it sends: a server that gets no dot has no message (RFC 5321 4.1.1.4)."""
    letter = plain_letter(20_000_000)  # more than the buffers between the two can hold
    with scene() as both:
        both.upstream.on("body", Call(both.gateway.kill_worker), at_octets=500_000)
        assert both.deliver(letter).accepted
        broken = [talk for talk in both.upstream.conversations if talk.body and not talk.body.endswith(b"\r\n.\r\n")]
        assert broken
        assert all("QUIT" not in talk.commands for talk in broken)
        assert both.copies(letter) == 1
