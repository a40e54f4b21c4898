"""Metrics over several workers. Each world is a process of its own: the library decides at import where it writes."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta

import pytest

from lockdown.model.held import HeldMessage
from lockdown.state.metrics import forget_worker, prepare_metrics, render
from lockdown.state.store import open_store

COUNTS = """
import sys
from pathlib import Path
from lockdown.state.metrics import GatewayMetrics, prepare_metrics
prepare_metrics(Path(sys.argv[1]))
metrics = GatewayMetrics()
metrics.command("Mail", 250)
metrics.command("Mail", 250)
metrics.command("Recipient", 550)
metrics.connection("greeted")
metrics.message("accepted", "", 5000)
metrics.message("rejected", "attachments.size", 70000)
metrics.dot_to_reply(0.003)
metrics.outcome_unknown()
metrics.duplicate_suppressed()
metrics.log_lines_lost(7)
metrics.gauges(3, {"smtp://a:25": True, "smtp://b:25": sys.argv[2] == "up"})
metrics.flush()
metrics.flush()
print("counted", flush=True)
input()
"""


@pytest.fixture
def samples(tmp_path):
    """What Prometheus would read now."""

    def read() -> dict[str, float]:
        found = re.findall(r"^(lockdown_\S+) (\S+)$", render(tmp_path / "metrics").decode(), re.MULTILINE)
        return {name: float(value) for name, value in found}

    return read


@pytest.fixture
def two_workers(tmp_path, child):
    workers = [child(COUNTS, tmp_path / "metrics", state) for state in ("up", "down")]
    assert [worker.says() for worker in workers] == ["counted", "counted"]
    return workers


def test_counts_are_added_up_over_the_workers(two_workers, samples):
    found = samples()
    assert found['lockdown_smtp_commands_total{code="250",verb="MAIL"}'] == 4
    assert found['lockdown_smtp_commands_total{code="550",verb="RCPT"}'] == 2
    assert found['lockdown_smtp_connects_total{state="greeted"}'] == 2
    assert found['lockdown_messages_total{direction="in",reason="attachments.size",verdict="rejected"}'] == 2
    assert found["lockdown_outcome_unknown_total"] == 2
    assert found["lockdown_duplicates_suppressed_total"] == 2
    assert found["lockdown_log_lines_lost_total"] == 14
    assert found['lockdown_smtp_connections{state="open"}'] == 6
    assert found['lockdown_message_bytes_bucket{le="16384.0"}'] == 2
    assert found["lockdown_message_bytes_sum"] == 150000


def test_an_upstream_is_up_when_all_workers_reach_it(two_workers, samples):
    assert samples()['lockdown_backend_up{upstream="smtp://a:25"}'] == 1
    assert samples()['lockdown_backend_up{upstream="smtp://b:25"}'] == 0


def test_a_dead_workers_counts_stay_and_its_connections_do_not(two_workers, samples, tmp_path):
    before = samples()
    two_workers[0].kill()
    forget_worker(tmp_path / "metrics", two_workers[0].process.pid)
    after = samples()
    assert after.pop('lockdown_smtp_connections{state="open"}') == 3
    assert after == {name: value for name, value in before.items() if not name.startswith("lockdown_smtp_connections{")}
    assert not list((tmp_path / "metrics").glob(f"*_{two_workers[0].process.pid}.db"))
    two_workers[1].kill()
    forget_worker(tmp_path / "metrics", two_workers[1].process.pid)
    assert samples() == {name: value for name, value in after.items() if "backend_up" not in name}


def test_a_new_worker_buries_the_dead_and_leaves_the_living(two_workers, samples, tmp_path):
    before = samples()
    two_workers[0].kill()
    subprocess.run([sys.executable, "-c", PREPARES, tmp_path / "metrics"], check=True)
    assert {path.name.rpartition("_")[2] for path in (tmp_path / "metrics").glob("counter_*")} == {
        "dead.db",
        f"{two_workers[1].process.pid}.db",
    }
    assert samples()["lockdown_message_bytes_sum"] == before["lockdown_message_bytes_sum"]


PREPARES = """
import sys
from pathlib import Path
from lockdown.state.metrics import prepare_metrics
prepare_metrics(Path(sys.argv[1]))
"""

SAME_AS_THE_LIBRARY = """
import sys
from pathlib import Path
from lockdown.state.metrics import GatewayMetrics, prepare_metrics, render
prepare_metrics(Path(sys.argv[1]))
from prometheus_client import Histogram
from lockdown.state.metrics import _SIZES
metrics = GatewayMetrics()
theirs = Histogram("theirs", "x", buckets=_SIZES)
for size in (1, 1023, 1024, 1025, 5000, 65536, 10**6, 10**9):
    metrics.message("accepted", "", size)
    theirs.observe(size)
metrics.flush()
text = render(Path(sys.argv[1])).decode()
lines = lambda name: sorted(line.replace(name, "x") for line in text.splitlines() if line.startswith(name))
print(lines("theirs") == lines("lockdown_message_bytes"), len(lines("theirs")))
"""


def test_what_is_poured_in_together_is_what_the_library_would_have_observed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SAME_AS_THE_LIBRARY, tmp_path / "metrics"], capture_output=True, text=True
    )
    assert done.stdout == "True 12\n", done.stderr


def test_the_room_of_the_files_is_taken_at_once(two_workers, tmp_path):
    for path in (tmp_path / "metrics").glob("*.db"):
        assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_without_workers_there_is_nothing_and_no_error(tmp_path):
    assert render(tmp_path / "metrics") == b""


def test_the_stores_own_numbers_are_told_with_the_workers(tmp_path, now):
    store = open_store(tmp_path)
    held = HeldMessage("0K3ABCDEFGHJ2345", now, "192.0.2.7", "mx", "a@b", ("c@d",), "x.y", "z", size_bytes=5000)
    store.hold(held).result()
    store.block("192.0.2.0/24", "flood", None, "anna", now).result()
    text = render(tmp_path / "metrics", store, now + timedelta(seconds=90)).decode()
    store.close()
    for line in (
        "lockdown_quarantine_messages 1.0",
        "lockdown_quarantine_bytes 5000.0",
        "lockdown_quarantine_oldest_seconds 90.0",
        "lockdown_bans 1.0",
    ):
        assert line in text.splitlines()


def test_preparing_twice_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    prepare_metrics(tmp_path / "metrics")
    prepare_metrics(tmp_path / "metrics")
    assert list((tmp_path / "metrics").iterdir()) == []
