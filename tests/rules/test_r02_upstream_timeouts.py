"""R2: the upstream's time limits are never shorter than what we let our clients expect, and they are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from lockdown.config import Settings
from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, scene
from tests.rig.upstream import Call, Stall

pytestmark = pytest.mark.live


def test_r2_the_defaults_are_those_of_postfix() -> None:
    gateway = Settings().gateway
    assert gateway.connect_timeout >= timedelta(seconds=30)
    assert gateway.command_timeout >= timedelta(seconds=300)
    assert gateway.data_timeout >= timedelta(seconds=120)
    assert gateway.block_timeout >= timedelta(seconds=180)
    assert gateway.final_timeout >= timedelta(seconds=600)


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    limits = dict.fromkeys(("command_timeout", "data_timeout", "final_timeout"), "2500ms")
    with scene({"gateway": limits}) as pair:
        yield pair


@pytest.mark.parametrize("moment", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
def test_r2_a_slow_answer_within_the_limit_is_waited_for(both: Scene, moment: str) -> None:
    both.make_peace()
    both.upstream.on(moment, Call(lambda: time.sleep(0.8)))
    letter = plain_letter()
    assert both.attempt(letter).code == 250
    assert both.copies(letter) == 1


@pytest.mark.parametrize("moment", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
def test_r2_an_answer_that_does_not_come_is_a_try_again(both: Scene, moment: str) -> None:
    both.make_peace()
    both.upstream.on(moment, Stall(), times=2)
    began = time.monotonic()
    assert both.attempt(plain_letter()).code in (450, 451)
    assert time.monotonic() - began > 2, "it was given its time"
    both.make_peace()
