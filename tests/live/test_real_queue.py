"""The queue of a real Postfix, read as an audit reads it: what waits is counted, and whose it is."""

from __future__ import annotations

import smtplib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lockdown.facts.queue import POSTFIX, Queue, queue, reduce_postqueue
from lockdown.host.commands import run
from lockdown.host.queue import sources
from lockdown.model.unknown import Unknown
from tests.recordings.upkeep import kept
from tests.rig.network import eventually
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox

pytestmark = pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run())


def read(etc: str) -> Queue:
    script = getattr(sources()[POSTFIX], "text", "").replace("postqueue -j", f"postqueue -c {etc} -j")
    said = run(["/bin/sh", "-c", script])
    assert isinstance(said, str), said
    whole = kept({POSTFIX: reduce_postqueue(said)})
    found = queue(replace(whole, taken_at=datetime.now(UTC)))
    assert isinstance(found, Queue), found
    return found


def test_mail_that_waits_in_a_real_queue_is_counted_by_its_sender() -> None:
    with sandbox("real-queue") as box, RealPostfix(box, settings={"defer_transports": "virtual"}) as postfix:
        assert read(f"{box}/etc").count == 0
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as client:
            for _ in range(3):
                client.sendmail("flood@example.net", ["bob@example.org"], b"Subject: x\r\n\r\nx\r\n")
        eventually(lambda: [it.queue for it in read(f"{box}/etc").messages] == ["deferred"] * 3, "the queue")
        found = read(f"{box}/etc")
        assert found.senders() == (("flood@example.net", 3),)
        assert not found.cut_short
        assert all(it.reason and it.recipients == 1 for it in found.messages)
        text = subprocess.run(
            ["postqueue", "-c", f"{box}/etc", "-p"], capture_output=True, text=True, check=False
        ).stdout
        assert "3 Requests" in text


def test_a_postfix_that_does_not_answer_is_no_empty_queue() -> None:
    reduced = reduce_postqueue("postqueue: fatal\n# ended 69\n")
    assert isinstance(queue(kept({POSTFIX: reduced})), Unknown)
