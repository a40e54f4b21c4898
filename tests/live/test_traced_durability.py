"""A message is on disk before its 250: the order of system calls of a real worker, seen by strace.

kill -9 cannot prove this, since the page cache survives the process; only the order of the calls can.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.gateway import GatewayProcess
from tests.rig.messages import Letter, letter_of_many_parts, plain_letter
from tests.rig.network import eventually
from tests.rig.sandbox import sandbox
from tests.rig.sender import Sender
from tests.rig.trace import Call, Link, WrongOrder, assert_order, calls, traced, why_strace_cannot_run

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_strace_cannot_run()), reason=why_strace_cannot_run() or "strace runs"),
]

_SYNC = ("fsync", "fdatasync")
_RENAME = ("rename", "renameat", "renameat2")
_SAY = ("write", "writev", "sendto", "sendmsg")

SAID_250 = Link('the bytes "250" on the client\'s socket', _SAY, r'^\d+<(?:socket|TCP)\S*>.*"250[ -]')
HELD = (
    Link("fsync of the held message", _SYNC, r"/quarantine/tmp/[^/>]+>"),
    Link("rename to its final name", _RENAME, r'/quarantine/[^"]+\.eml"'),
    Link("fsync of its directory", _SYNC, r"/quarantine/(?!tmp>)[^/>.]+>"),
    Link("the row in the write-ahead log", ("pwrite64", "pwritev"), r"-wal>"),
    Link("fsync of the write-ahead log", _SYNC, r"-wal>"),
)
DELIVERED = (
    Link("fsync of the delivered message", _SYNC, r"/mail/(?:[^>]+/)?tmp/[^/>]+>"),
    Link("rename into new/", (*_RENAME, "link", "linkat"), r'/mail/(?:[^"]+/)?new/[^"]+"'),
    Link("fsync of new/", _SYNC, r"/mail/(?:[^>]+/)?new>"),
)
TRACES = Path(__file__).parent / "traces"


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    """Holds what has more than three parts; everything else goes into the embedded Maildir."""
    with (
        sandbox("trace") as box,
        GatewayProcess(box, {"attachments": {"max_parts": 3}}, upstream="maildir:mail") as running,
    ):
        yield running


def _calls_after_354(gateway: GatewayProcess, letter: Letter, record: Path) -> list[Call]:
    """What the worker does from its 354 on; MAIL and RCPT get a 250 too, and those promise nothing."""
    with traced(gateway.worker(), record) as trace:
        outcome = Sender(gateway.port, tries=1).deliver(letter)
        assert outcome.accepted, outcome.attempts
    seen = trace.calls()
    asked = next(call for call in seen if call.name in _SAY and '"354 ' in call.arguments)
    return [call for call in seen if call.began > asked.ended]


def test_a_held_message_is_on_disk_and_its_row_committed_before_the_250(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    seen = _calls_after_354(gateway, letter_of_many_parts(), tmp_path / "held.strace")
    assert_order(seen, HELD, SAID_250)
    eventually(gateway.held, "the quarantine holds the message")


def test_a_delivered_message_is_on_disk_in_its_directory_before_the_250(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    seen = _calls_after_354(gateway, plain_letter(), tmp_path / "delivered.strace")
    assert_order(seen, DELIVERED, SAID_250)
    assert gateway.delivered()


def test_a_large_message_is_on_disk_before_the_250_too(gateway: GatewayProcess, tmp_path: Path) -> None:
    seen = _calls_after_354(gateway, plain_letter(2_000_000), tmp_path / "large.strace")
    assert_order(seen, DELIVERED, SAID_250)


@pytest.mark.parametrize(
    "name",
    ["reply-before-commit", "row-before-file", "reply-too-early-and-again", "reply-during-commit", "failed-fsync"],
)
def test_a_record_with_the_wrong_order_is_found_out(name: str) -> None:
    with pytest.raises(WrongOrder):
        assert_order(_recorded(name), HELD, SAID_250)


def test_a_record_with_the_right_order_passes() -> None:
    assert_order(_recorded("right-order"), HELD, SAID_250)


def test_a_record_without_a_reply_proves_nothing() -> None:
    silent = [call for call in _recorded("right-order") if call.name != "sendto"]
    with pytest.raises(WrongOrder, match="never seen"):
        assert_order(silent, HELD, SAID_250)


def test_a_line_that_is_no_system_call_is_an_error_and_not_skipped() -> None:
    with pytest.raises(ValueError, match="line 1"):
        calls(["fsync? no idea"])


def _recorded(name: str) -> list[Call]:
    return calls((TRACES / f"{name}.strace").read_text().splitlines())
