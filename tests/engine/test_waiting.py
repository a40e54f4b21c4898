"""What waits in the queue, as the log tells it: each message once, by its sender, and no longer than it is heard of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from lockdown.engine.waiting import CLOGS_AFTER, Waiting
from lockdown.facts.mail_log.events import Received
from lockdown.model.traffic import Dimension
from tests.engine.test_traffic_log import Server

BAD = "x@forged.example"


def nothing_good(sender: str) -> int:
    return 0


def filled(number: int = 30, sender: str = BAD, client: str = "203.0.113.9") -> Waiting:
    waiting = Waiting()
    for index in range(number):
        waiting.received(Received(f"Q{index}", "host", client))
        waiting.queued(f"Q{index}", sender, 0.0)
    return waiting


def test_what_has_not_gone_after_a_minute_waits(tmp_path: Path) -> None:
    waiting = filled()
    assert waiting.look(CLOGS_AFTER - 1, nothing_good) == (0, ())
    waiting.gone("Q0")
    number, (of_it,) = waiting.look(CLOGS_AFTER, lambda sender: 7)
    assert (number, of_it.sender, of_it.messages, of_it.client, of_it.good) == (29, BAD, 29, "203.0.113.9", 7)


def test_a_further_try_makes_a_message_neither_two_nor_young() -> None:
    waiting = filled()
    for index in range(30):
        waiting.queued(f"Q{index}", BAD, 50.0)
    assert waiting.look(CLOGS_AFTER, nothing_good)[0] == 30


def test_an_id_that_is_used_again_is_another_message() -> None:
    waiting = filled()
    waiting.received(Received("Q0", "host", "192.0.2.1"))
    assert waiting.look(CLOGS_AFTER, nothing_good)[0] == 29


def test_what_is_not_heard_of_for_longer_than_between_two_tries_is_let_go_of() -> None:
    waiting = filled()
    waiting.queued("Q0", BAD, 7000.0)
    assert waiting.look(7201.0, nothing_good)[0] == 1


def test_what_is_held_waits_for_nothing() -> None:
    waiting = filled()
    waiting.queued("other", "b@good.example", 0.0)
    waiting.forget(((Dimension.SENDER, BAD.upper()),))
    assert waiting.look(CLOGS_AFTER, nothing_good)[0] == 1
    waiting.forget(())
    waiting.forget(((Dimension.SUBJECT, "anything"),))
    assert waiting.look(CLOGS_AFTER, nothing_good)[0] == 1


def test_more_than_is_kept_is_forgotten_and_never_refused() -> None:
    waiting = Waiting()
    for index in range(21_000):
        waiting.queued(f"Q{index}", BAD, 0.0)
    assert waiting.look(CLOGS_AFTER, nothing_good)[0] == 20_000


def test_the_log_of_a_server_says_what_waits_there_and_who_handed_it_in(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(25):
        server.submits(number, login="")
    server.says("qmgr", "4X00003BCDFG: removed")
    server.reads.read(server.now)
    server.pass_time(timedelta(minutes=1))
    (waits,) = server.traffic().waits
    assert (waits.sender, waits.messages, waits.client, waits.user) == ("ben@example.org", 24, "203.0.113.50", "")
