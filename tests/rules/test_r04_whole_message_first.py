"""R4: the whole message is here before the upstream's DATA; large ones spill to disk; no room is said at MAIL."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.rig.messages import plain_letter
from tests.rig.network import wait_until_read
from tests.rig.scene import envelope, scene

pytestmark = pytest.mark.live


def test_r4_the_upstream_hears_data_only_after_our_client_has_sent_the_dot() -> None:
    letter = plain_letter(100_000)
    with scene() as both, both.client() as wire:
        assert envelope(wire, letter).code == 354
        wire.send(letter.wire[:-3])
        wait_until_read(wire.socket)
        wire.send(letter.wire[-3:-1])
        wait_until_read(wire.socket)
        assert "DATA" not in both.commands()
        wire.send(letter.wire[-1:])
        assert wire.answer().code == 250
        assert both.commands().count("DATA") == 1


def test_r4_a_large_message_is_kept_in_a_file_and_not_in_memory() -> None:
    letter = plain_letter(100_000_000)
    with scene({"gateway": {"max_message": "200 MiB"}}) as both:
        assert both.attempt(plain_letter()).code == 250
        before = _peak_kib(both.gateway.worker())
        with both.client(timeout=60) as wire:
            assert envelope(wire, letter).code == 354
            wire.send(letter.wire)
            assert wire.answer().code == 250
        assert _peak_kib(both.gateway.worker()) - before < 40 * 1024
        assert both.copies(letter) == 1


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_r4_without_disk_room_for_one_and_a_half_messages_mail_is_refused_for_now() -> None:
    with scene({"gateway": {"max_message": "900 TiB"}}) as both, both.client() as wire:
        # The room is looked at once a second; the first answer may come before the first look.
        for _ in range(40):
            answer = wire.ask("MAIL FROM:<a@sender.example>")
            if answer.code != 250:
                break
            wire.ask("RSET")
            time.sleep(0.1)
        assert (answer.code, answer.enhanced) == (452, "4.3.1")
