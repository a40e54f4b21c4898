"""R23: stopping and reloading finish what is open, keep the listeners, and lose nobody."""

from __future__ import annotations

import signal

import pytest

from tests.rig.messages import plain_letter
from tests.rig.network import eventually
from tests.rig.scene import envelope, scene, transaction
from tests.rig.sender import Sender, Wire

pytestmark = pytest.mark.live


def test_r23_a_stop_lets_the_open_transaction_finish_and_then_ends() -> None:
    letter = plain_letter()
    with scene() as both:
        with both.client() as wire:
            assert envelope(wire, letter).code == 354
            wire.send(letter.wire[:500])
            both.gateway.signal(signal.SIGTERM)
            eventually(lambda: _refused(both.gateway.port), "new clients are no longer served", 10)
            wire.send(letter.wire[500:])
            assert wire.answer().code == 250
        assert both.gateway.wait() == 0
        assert both.copies(letter) == 1


def _refused(port: int) -> bool:
    try:
        with Wire(port, timeout=1) as late:
            return late.answer().code == 421
    except (OSError, TimeoutError):
        return True


def test_r23_an_idle_client_is_told_421_when_we_stop() -> None:
    with scene() as both, both.client() as wire:
        both.gateway.signal(signal.SIGTERM)
        assert wire.answer().code == 421
        assert both.gateway.wait() == 0


def test_r23_a_stop_does_not_wait_longer_than_the_drain_time() -> None:
    with scene({"gateway": {"drain": "1s"}}) as both, both.client() as wire:
        assert envelope(wire, plain_letter()).code == 354
        both.gateway.signal(signal.SIGTERM)
        assert both.gateway.wait() == 0


def test_r23_a_reload_lets_the_open_transaction_finish_and_new_clients_get_the_new_settings() -> None:
    old, new = plain_letter(), plain_letter()
    with scene() as both:
        before = both.gateway.worker()
        with both.client() as wire:
            assert envelope(wire, old).code == 354
            text = both.gateway.config.read_text()
            both.gateway.config.write_text(text.replace("[gateway]", '[gateway]\nmax_message = "77777"'))
            both.gateway.signal(signal.SIGHUP)
            both.gateway.wait_for_another_worker(before)
            eventually(lambda: "SIZE 77777" in _ehlo(both.gateway.port), "the new settings are announced", 10)
            wire.send(old.wire)
            assert wire.answer().code == 250
        with both.client() as wire:
            assert transaction(wire, new).code == 250
        assert (both.copies(old), both.copies(new)) == (1, 1)


def _ehlo(port: int) -> str:
    with Wire(port) as wire:
        return wire.greet().text


def test_r23_a_reload_with_a_mistake_keeps_the_last_good_settings() -> None:
    with scene() as both:
        text = both.gateway.config.read_text()
        both.gateway.config.write_text(text.replace("[gateway]", '[gateway]\nmax_massage = "1"'))
        both.gateway.signal(signal.SIGHUP)
        eventually(lambda: "max_massage" in both.gateway.said(), "the mistake is named", 10)
        letter = plain_letter()
        assert both.attempt(letter).code == 250
        assert both.gateway.running()


def test_r23_no_connection_is_refused_while_workers_are_replaced() -> None:
    with scene() as both:
        before = both.gateway.worker()
        both.gateway.signal(signal.SIGHUP)
        served = 0
        while both.gateway.worker() == before or served < 20:
            letter = plain_letter()
            outcome = Sender(both.gateway.port, tries=1).deliver(letter)
            assert outcome.accepted, outcome.attempts
            served += 1
