"""The memory of upstream's answers: what is settled is kept, and a dead worker's silence is not a living one's."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from lockdown.state.outcomes import MOST_TEXT_BYTES, InFlight, Lost, Outcomes, Settled

NOW = 1_700_000_000.0
KEY = bytes(range(16))


def outcomes(directory: Path, slots: int = 1024) -> Outcomes:
    return Outcomes(directory, keep=timedelta(days=5), slots=slots)


def test_of_a_message_never_seen_nothing_is_known(tmp_path):
    assert outcomes(tmp_path).recall(KEY, NOW) is None


def test_a_settled_outcome_is_recalled_by_every_worker(tmp_path):
    one, other = outcomes(tmp_path), outcomes(tmp_path)
    one.begin(KEY, NOW)
    one.settle(KEY, 250, "2.0.0 Ok: queued as 1234", NOW + 1)
    assert other.recall(KEY, NOW + 2) == Settled(250, "2.0.0 Ok: queued as 1234")


def test_what_is_begun_is_in_flight_while_its_process_lives(tmp_path):
    one = outcomes(tmp_path)
    one.begin(KEY, NOW)
    assert one.recall(KEY, NOW) == InFlight(NOW)


def test_a_doubtful_outcome_is_lost_though_we_live(tmp_path):
    one = outcomes(tmp_path)
    one.begin(KEY, NOW)
    one.doubt(KEY, NOW + 1)
    assert one.recall(KEY, NOW + 2) == Lost(NOW + 1)


def test_after_a_loss_the_retry_can_be_settled(tmp_path):
    one = outcomes(tmp_path)
    one.doubt(KEY, NOW)
    one.begin(KEY, NOW + 1)
    assert one.recall(KEY, NOW + 1) == InFlight(NOW + 1)
    one.settle(KEY, 250, "ok", NOW + 2)
    assert one.recall(KEY, NOW + 2) == Settled(250, "ok")


def test_while_its_client_is_attended_a_message_is_nobody_elses_retry(tmp_path):
    one, other = outcomes(tmp_path), outcomes(tmp_path)
    one.begin(KEY, NOW, attended=True)
    assert other.recall(KEY, NOW) is None
    one.settle(KEY, 250, "ok", NOW, attended=True)
    assert other.recall(KEY, NOW) is None


def test_once_its_client_has_left_a_retry_finds_what_became_of_it(tmp_path):
    one, other = outcomes(tmp_path), outcomes(tmp_path)
    one.begin(KEY, NOW, attended=True)
    one.left(KEY)
    assert other.recall(KEY, NOW) == InFlight(NOW)
    one.settle(KEY, 250, "ok", NOW, attended=True)
    one.left(KEY)
    assert other.recall(KEY, NOW) == Settled(250, "ok")
    one.left(bytes(16))


@pytest.mark.parametrize(("settled", "found"), [(False, Lost(NOW)), (True, Settled(250, "ok"))])
def test_a_worker_that_dies_leaves_its_attended_clients_to_their_retries(tmp_path, settled, found):
    if (child := os.fork()) == 0:
        dying = outcomes(tmp_path)
        dying.begin(KEY, NOW, attended=True)
        if settled:
            dying.settle(KEY, 250, "ok", NOW, attended=True)
        os._exit(0)
    os.waitpid(child, 0)
    assert outcomes(tmp_path).recall(KEY, NOW) == found


def test_forgotten_is_forgotten(tmp_path):
    one = outcomes(tmp_path)
    one.settle(KEY, 250, "ok", NOW)
    one.forget(KEY)
    assert one.recall(KEY, NOW) is None
    one.forget(KEY)


def test_after_its_time_nothing_is_known_any_more(tmp_path):
    one = outcomes(tmp_path)
    one.settle(KEY, 250, "ok", NOW)
    assert one.recall(KEY, NOW + 5 * 86400) == Settled(250, "ok")
    assert one.recall(KEY, NOW + 5 * 86400 + 1) is None


@pytest.mark.parametrize("text", ["x" * 1000, "ä" * 1000, "", "€" * 70])
def test_a_long_text_is_cut_between_characters(tmp_path, text):
    one = outcomes(tmp_path)
    one.settle(KEY, 250, text, NOW)
    told = one.recall(KEY, NOW)
    assert isinstance(told, Settled)
    assert text.startswith(told.text)
    assert len(text.encode()) - len(told.text.encode()) < max(4, len(text.encode()) - MOST_TEXT_BYTES + 4)


def test_the_key_is_of_envelope_client_and_content_alone(tmp_path):
    one = outcomes(tmp_path)
    key = one.key("192.0.2.0/24", "a@x.example", ["b@y.example", "c@y.example"], b"d" * 32)
    assert len(key) == 16
    assert key == one.key("192.0.2.0/24", "a@x.example", ["c@y.example", "b@y.example"], b"d" * 32)
    assert key == outcomes(tmp_path).key("192.0.2.0/24", "a@x.example", ["b@y.example", "c@y.example"], b"d" * 32)
    others = {
        one.key("192.0.3.0/24", "a@x.example", ["b@y.example", "c@y.example"], b"d" * 32),
        one.key("192.0.2.0/24", "", ["b@y.example", "c@y.example"], b"d" * 32),
        one.key("192.0.2.0/24", "a@x.example", ["b@y.example"], b"d" * 32),
        one.key("192.0.2.0/24", "a@x.example", ["b@y.examplec@y.example"], b"d" * 32),
        one.key("192.0.2.0/24", "a@x.example", ["b@y.example", "c@y.example"], b"e" * 32),
        key,
    }
    assert len(others) == 6


def test_another_machine_has_other_keys(tmp_path):
    one, other = outcomes(tmp_path / "one"), outcomes(tmp_path / "other")
    assert one.key("", "a", ["b"], b"d") != other.key("", "a", ["b"], b"d")


def test_a_torn_record_is_absent(tmp_path):
    one = outcomes(tmp_path)
    one.settle(KEY, 250, "2.0.0 Ok: queued", NOW)
    content = (tmp_path / "outcomes").read_bytes()
    at = content.index(b"queued")
    with (tmp_path / "outcomes").open("r+b") as file:
        file.seek(at)
        file.write(b"Q")
    assert one.recall(KEY, NOW) is None
    one.settle(KEY, 250, "again", NOW)
    assert one.recall(KEY, NOW) == Settled(250, "again")


def test_from_a_full_table_the_oldest_leaves(tmp_path):
    one = outcomes(tmp_path, slots=8)
    keys = [bytes([number]) * 16 for number in range(1, 10)]
    for later, key in enumerate(keys):
        one.settle(key, 250, "ok", NOW + later)
    assert one.recall(keys[0], NOW + 10) is None
    assert all(one.recall(key, NOW + 10) == Settled(250, "ok") for key in keys[1:])


WORKER = """
import sys
from datetime import timedelta
from pathlib import Path
from lockdown.state.outcomes import Outcomes
memory = Outcomes(Path(sys.argv[1]), keep=timedelta(days=5), slots=1024)
memory.begin(bytes(range(16)), 1_700_000_000.0)
memory.begin(b"B" * 16, 1_700_000_000.0)
memory.settle(b"B" * 16, 250, "2.0.0 Ok", 1_700_000_000.0)
print("ready", flush=True)
input()
"""


def test_after_kill_9_what_was_settled_is_known_and_what_was_begun_is_lost(tmp_path, child):
    worker = child(WORKER, tmp_path)
    assert worker.says() == "ready"
    memory = outcomes(tmp_path)
    assert memory.recall(KEY, NOW) == InFlight(NOW)
    worker.kill()
    assert memory.recall(KEY, NOW) == Lost(NOW)
    assert memory.recall(b"B" * 16, NOW) == Settled(250, "2.0.0 Ok")


def test_a_worker_that_ended_and_was_not_yet_buried_is_dead(tmp_path, child):
    worker = child(WORKER, tmp_path)
    assert worker.says() == "ready"
    worker.process.kill()
    os.waitid(os.P_PID, worker.process.pid, os.WEXITED | os.WNOWAIT)
    assert outcomes(tmp_path).recall(KEY, NOW) == Lost(NOW)


def test_another_process_with_the_dead_ones_number_does_not_make_it_live(tmp_path, child):
    worker = child(WORKER, tmp_path)
    assert worker.says() == "ready"
    worker.kill()
    if not _process_with_number(worker.process.pid, child):
        pytest.skip("this user, or this system, does not let one choose a process number")
    assert outcomes(tmp_path).recall(KEY, NOW) == Lost(NOW)


FORKS = """
import os, sys
from datetime import timedelta
from pathlib import Path
from lockdown.state.outcomes import Outcomes
memory = Outcomes(Path(sys.argv[1]), keep=timedelta(days=5), slots=1024)
if os.fork() == 0:
    memory.begin(bytes(range(16)), 1_700_000_000.0)
    os._exit(0)
os.wait()
print(type(memory.recall(bytes(range(16)), 1_700_000_000.0)).__name__, flush=True)
input()
"""


def test_what_a_forked_child_began_is_lost_with_the_child_and_not_kept_by_its_parent(tmp_path, child):
    assert child(FORKS, tmp_path).says() == "Lost"


def _process_with_number(wanted: int, child) -> bool:
    for _ in range(20):
        try:
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(wanted - 1))
        except OSError:
            return False
        if child("input()").process.pid == wanted:
            return True
    return False


WRITES = """
import sys
from datetime import timedelta
from pathlib import Path
from lockdown.state.outcomes import Outcomes
memory = Outcomes(Path(sys.argv[1]), keep=timedelta(days=5), slots=64)
print("open", flush=True)
input()
for number in range(4000):
    key = bytes([int(sys.argv[2]), number % 97]) * 8
    memory.begin(key, 1_700_000_000.0 + number)
    memory.settle(key, 250, f"{key.hex()} " * (1 + number % 6), 1_700_000_000.0 + number)
print("done", flush=True)
"""


def test_two_workers_that_write_at_once_never_give_one_message_the_answer_of_another(tmp_path, child):
    """The table is far too small, so both push each other's records out all the time."""
    workers = [child(WRITES, tmp_path, number) for number in (1, 2)]
    memory = outcomes(tmp_path, slots=64)
    assert [worker.says() for worker in workers] == ["open", "open"]
    for worker in workers:
        worker.tell("go")
    known = 0
    while any(worker.process.poll() is None for worker in workers):
        for number in range(97):
            key = bytes([1 + number % 2, number]) * 8
            told = memory.recall(key, NOW)
            if isinstance(told, Settled):
                known += 1
                assert set(told.text.split()) == {key.hex()}
    assert [worker.ends().strip() for worker in workers] == ["done", "done"]
    assert known > 0
