"""R8: when the upstream refuses DATA, that is the reply, and not an octet of the message is sent to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene
from tests.rig.upstream import Say

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


@pytest.mark.parametrize("reply", ["451 4.7.1", "503 5.5.1", "550 5.7.1", "554 5.5.0"])
def test_r8_a_refused_data_is_the_reply_and_no_body_follows(both: Scene, reply: str) -> None:
    letter = plain_letter()
    both.upstream.on("DATA", Say(f"{reply} no\r\n".encode()))
    answer = both.attempt(letter)
    assert (answer.code, answer.enhanced) == (int(reply[:3]), reply[4:])
    assert not both.body_seen(letter)
    assert not any(letter.id in command for command in both.commands() if not command.startswith("MAIL"))


def test_r8_after_a_refused_data_the_next_message_is_a_new_transaction(both: Scene) -> None:
    both.upstream.on("DATA", Say(b"550 5.7.1 no\r\n"))
    refused, next_one = plain_letter(), plain_letter()
    assert both.attempt(refused).code == 550
    assert both.attempt(next_one).code == 250
    assert both.arrived(next_one).recipients == next_one.recipients
    assert both.copies(refused) == 0
