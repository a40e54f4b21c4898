"""R2: the upstream's time limits are never shorter than what we let our clients expect, and they are kept."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from lockdown.config import Settings
from tests.rig.messages import plain_letter
from tests.rig.scene import scene
from tests.rig.upstream import Call, Stall

pytestmark = pytest.mark.live


def test_r2_the_defaults_are_those_of_postfix() -> None:
    gateway = Settings().gateway
    assert gateway.connect_timeout >= timedelta(seconds=30)
    assert gateway.command_timeout >= timedelta(seconds=300)
    assert gateway.data_timeout >= timedelta(seconds=120)
    assert gateway.block_timeout >= timedelta(seconds=180)
    assert gateway.final_timeout >= timedelta(seconds=600)


@pytest.mark.parametrize("moment", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
def test_r2_a_slow_answer_within_the_limit_is_waited_for(moment: str) -> None:
    slow = {"gateway": dict.fromkeys(("command_timeout", "data_timeout", "final_timeout"), "10s")}
    with scene(slow) as both:
        both.upstream.hang_up()
        both.upstream.on(moment, Call(lambda: time.sleep(1.5)))
        letter = plain_letter()
        assert both.attempt(letter).code == 250
        assert both.copies(letter) == 1


@pytest.mark.parametrize("moment", ["EHLO", "RCPT", "DATA", "dot"])
def test_r2_an_answer_that_does_not_come_is_a_try_again(moment: str) -> None:
    short = {"gateway": dict.fromkeys(("command_timeout", "data_timeout", "final_timeout"), "500ms")}
    with scene(short) as both:
        both.upstream.hang_up()
        both.upstream.on(moment, Stall(), times=2)
        assert both.attempt(plain_letter()).code in (450, 451)
