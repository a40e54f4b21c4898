"""R3: from the final dot to the reply there is a budget; at its end comes an answer, not silence. It is measured."""

from __future__ import annotations

import socket
import time

import pytest

from tests.rig.messages import letter_of_many_parts, plain_letter
from tests.rig.network import LOOPBACK
from tests.rig.scene import scene
from tests.rig.upstream import Stall

pytestmark = pytest.mark.live


def test_r3_a_silent_upstream_after_the_dot_is_answered_with_451_when_its_time_is_over() -> None:
    with scene({"gateway": {"final_timeout": "1s"}}) as both:
        both.upstream.on("dot", Stall())
        began = time.monotonic()
        assert both.attempt(plain_letter()).code == 451
        assert time.monotonic() - began >= 1


def test_r3_a_message_that_is_costly_to_read_is_answered_within_the_budget() -> None:
    with scene({"gateway": {"max_message": "60 MiB"}}) as both:
        began = time.monotonic()
        assert both.attempt(letter_of_many_parts(200_000)).code == 250
        assert time.monotonic() - began < 45


@pytest.mark.parametrize(("unavailable", "code"), [("defer", 451), ("accept-and-mark", 250)])
def test_r3_a_scanner_that_never_answers_is_unavailable_when_the_budget_is_over(unavailable: str, code: int) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        engine = f"clamd://{LOOPBACK}:{silent.getsockname()[1]}"
        settings = {
            "gateway": {"scan_deadline": "1s"},
            "antivirus": {"engines": [engine], "unavailable": unavailable},
        }
        with scene(settings) as both:
            began = time.monotonic()
            assert both.attempt(plain_letter()).code == code
            assert time.monotonic() - began < 20
