"""R1: a client has the time that RFC 5321 4.5.3.2 grants, and no more by dripping: one deadline for a whole request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from lockdown.config import Settings
from tests.rig.messages import plain_letter
from tests.rig.scene import Scene, envelope, scene
from tests.rig.sender import Gone, Wire

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def impatient() -> Iterator[Scene]:
    limits = {"idle_timeout": "2s", "request_deadline": "2s", "data_rate": "1 MiB"}
    with scene({"monitoring": limits}) as both:
        yield both


def test_r1_the_defaults_grant_what_the_rfc_asks_for() -> None:
    monitoring = Settings().monitoring
    assert monitoring.idle_timeout >= timedelta(minutes=5)
    assert monitoring.request_deadline >= timedelta(minutes=2)
    assert monitoring.data_rate == 500


def test_r1_a_client_that_says_nothing_is_told_421_and_closed(impatient: Scene) -> None:
    with impatient.client() as wire:
        assert wire.answer().code == 421
        assert wire.rest() == b""


def test_r1_dripping_the_octets_of_one_command_does_not_prolong_it(impatient: Scene) -> None:
    with impatient.client() as wire:
        assert _drip(wire, b"NOOP " + b"x" * 400) < 60, "two seconds are ten octets at this pace"


def test_r1_dripping_a_message_below_the_least_rate_does_not_prolong_it(impatient: Scene) -> None:
    letter = plain_letter()
    with impatient.client() as wire:
        assert envelope(wire, letter).code == 354
        assert _drip(wire, letter.wire[:400]) < 60
    assert impatient.copies(letter) == 0


def _drip(wire: Wire, octets: bytes) -> int:
    """Send octet by octet until the peer has closed; how many could be sent."""
    wire.socket.settimeout(0.2)
    for number in range(len(octets)):
        try:
            wire.send(octets[number : number + 1])
            assert wire.answer().code == 421
            wire.socket.settimeout(5)
            assert wire.rest() == b""
        except TimeoutError:
            continue
        except Gone:
            return number
        return number
    raise AssertionError("never closed")


def test_r1_a_steady_upload_may_last_longer_than_one_request(impatient: Scene) -> None:
    """It keeps the least rate, so the deadline moves with it."""
    letter = plain_letter(6_000_000)
    with impatient.client() as wire:
        assert envelope(wire, letter).code == 354
        began = time.monotonic()
        for at in range(0, len(letter.wire), 500_000):
            wire.send(letter.wire[at : at + 500_000])
            time.sleep(0.25)
        assert wire.answer().code == 250
        assert time.monotonic() - began > 2.5
    assert impatient.copies(letter) == 1
