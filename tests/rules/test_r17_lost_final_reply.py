"""R17: when the final 250 does not reach the sender, its identical retry gets it, and no second copy is made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.rig.messages import Letter, letter_of_many_parts, plain_letter
from tests.rig.network import eventually
from tests.rig.scene import Scene, scene
from tests.rig.sender import Hook, Sender, Wire
from tests.rig.upstream import Call, Drop, Stall, Take

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene({"gateway": {"final_timeout": "5s"}, "attachments": {"max_parts": 3}}) as pair:
        yield pair


def _leaving(how: str) -> Hook:
    def hook(point: str, wire: Wire) -> None:
        if point == "dot sent":
            getattr(wire, how)()

    return hook


def _send_and_vanish(both: Scene, letter: Letter, how: str = "reset") -> None:
    with pytest.raises(OSError):
        Sender(both.gateway.port).attempt(letter, _leaving(how))


@pytest.mark.parametrize("how", ["close", "reset"])
def test_r17_a_retry_after_a_lost_reply_gets_250_and_is_not_delivered_again(both: Scene, how: str) -> None:
    letter = plain_letter()
    _send_and_vanish(both, letter, how)
    both.gateway.logged("the acceptance", type="accepted", sender=letter.sender)
    assert both.attempt(letter).code == 250
    both.gateway.logged("the replay", type="replayed", sender=letter.sender)
    assert both.copies(letter) == 1


def test_r17_the_upstreams_answer_is_waited_for_when_the_client_has_gone(both: Scene) -> None:
    letter = plain_letter()
    gone: list[str] = []
    both.upstream.on("dot", Call(lambda: eventually(lambda: gone, "the client has gone")))
    with pytest.raises(OSError):
        Sender(both.gateway.port).attempt(letter, _leaving("reset"))
    gone.append("yes")
    both.gateway.logged("the acceptance", type="accepted", sender=letter.sender)
    assert both.attempt(letter).code == 250
    assert both.copies(letter) == 1


def test_r17_the_memory_survives_the_death_of_the_worker(both: Scene) -> None:
    letter = plain_letter()
    _send_and_vanish(both, letter)
    both.gateway.logged("the acceptance", type="accepted", sender=letter.sender)
    both.gateway.wait_for_another_worker(both.gateway.kill_worker())
    assert both.deliver(letter).accepted
    assert both.copies(letter) == 1


def test_r17_a_lost_reply_of_the_quarantine_is_not_held_twice(both: Scene) -> None:
    letter = letter_of_many_parts()
    before = len(both.gateway.held())
    _send_and_vanish(both, letter)
    both.gateway.logged("the holding", type="quarantined", sender=letter.sender)
    assert both.attempt(letter).code == 250
    assert len(both.gateway.held()) - before == 1


@pytest.mark.parametrize("change", ["content", "sender", "recipients"])
def test_r17_a_message_that_differs_in_anything_is_another_message(both: Scene, change: str) -> None:
    letter = plain_letter()
    changes = {
        "content": {"content": letter.content + b"PS\r\n"},
        "sender": {"sender": f"b.{letter.sender}"},
        "recipients": {"recipients": ("bob@example.org",)},
    }
    other = replace(letter, **changes[change])  # type: ignore[arg-type]
    _send_and_vanish(both, letter)
    both.gateway.logged("the acceptance", type="accepted", sender=letter.sender)
    assert both.attempt(other).code == 250
    assert both.copies(letter) == 2


def test_r17_a_sender_that_has_heard_250_may_send_the_same_again(both: Scene) -> None:
    """Once the reply was heard, the same octets are a new message: a test, a script, an impatient person."""
    letter = plain_letter()
    assert both.attempt(letter).code == 250
    assert both.attempt(letter).code == 250
    assert both.copies(letter) == 2


def test_r17_an_unknown_outcome_is_451_and_is_written_down() -> None:
    letter = plain_letter()
    with scene({"gateway": {"final_timeout": "500ms"}}) as both:
        both.upstream.on("dot", Take(), Stall())
        assert both.attempt(letter).code == 451
        line = both.gateway.logged("an unknown outcome", type="unknown-outcome", sender=letter.sender)
        assert "outcome=unknown" in str(line)
        both.upstream.on("dot", Take(), Drop())
        assert both.attempt(letter).code == 451
        assert both.deliver(letter).accepted


def test_r17_the_same_message_on_many_connections_at_once_is_as_many_messages(both: Scene) -> None:
    """Nobody of them has left, so none is another's retry: a load of equal messages arrives whole."""
    letter = plain_letter()
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: both.attempt(letter).code, range(24)))
    assert answers == [250] * 24
    assert both.copies(letter) == 24


def test_r17_a_client_that_reads_250_and_closes_without_quit_has_heard_it(both: Scene) -> None:
    letter = plain_letter()
    for _ in range(2):
        with both.client() as wire:
            wire.ask(f"MAIL FROM:<{letter.sender}>")
            for recipient in letter.recipients:
                wire.ask(f"RCPT TO:<{recipient}>")
            wire.ask("DATA")
            wire.send(letter.wire)
            assert wire.answer().code == 250
            wire.close()
    assert both.copies(letter) == 2
