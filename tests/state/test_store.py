"""What is asked of the store. The engine is a parameter: SQLite here; LOCKDOWN_TEST_DATABASE may name another's URL."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lockdown.model.errors import OperatorError
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.held import HeldMessage, HeldState, QuarantineTotals
from lockdown.model.mail import Block
from lockdown.model.record import BlockRecord, Waiver
from lockdown.state.store import Store, open_store

ENGINES = ["sqlite", *filter(None, [os.environ.get("LOCKDOWN_TEST_DATABASE")])]
HOUR = timedelta(hours=1)


@pytest.fixture(params=ENGINES)
def url(request, tmp_path) -> str:
    return f"sqlite:///{tmp_path}/lockdown.db" if request.param == "sqlite" else request.param


@pytest.fixture
def host() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def store(url, host):
    opened = Store(url, host_id=host)
    yield opened
    opened.close()


@pytest.fixture
def message(now) -> HeldMessage:
    return HeldMessage(
        id=uuid.uuid4().hex[:16].upper(),
        at=now,
        client="192.0.2.7",
        helo="mx.example.net",
        sender="søren@example.net",
        recipients=("a@example.org", '"odd, one"@example.org'),
        control="attachments.repetition",
        says="300 messages within 10 minutes",
        subject="Grüße",
        parameters=("SMTPUTF8", "BODY=8BITMIME"),
        size_bytes=5000,
        sha256="ab" * 32,
    )


def another(message: HeldMessage, **changes: object) -> HeldMessage:
    return replace(message, id=uuid.uuid4().hex[:16].upper(), **changes)


def test_a_held_message_comes_back_as_it_was_given(store, message):
    assert store.hold(message).result() == message
    assert store.held_message(message.id) == message
    assert store.held() == [message]


def test_a_message_never_held_is_none(store):
    assert store.held_message("0000000000000000") is None


def test_what_is_held_is_seen_by_another_process_once_its_future_is_done(url, host, store, message):
    store.hold(message).result()
    other = Store(url, host_id=host)
    assert other.held_message(message.id) == message
    other.close()


def test_held_messages_come_newest_first_and_bounded(store, message, now):
    older = another(message, at=now - HOUR)
    for one in (older, message):
        store.hold(one).result()
    assert store.held() == [message, older]
    assert store.held(limit=1) == [message]


def test_a_release_is_done_once_and_keeps_its_story(store, message, now):
    store.hold(message).result()
    assert store.released(message.id, "anna", now + HOUR).result() is True
    assert store.released(message.id, "bert", now + HOUR).result() is False
    assert store.deleted(message.id, "bert", now + HOUR).result() is False
    assert store.held() == []
    assert store.held_message(message.id) == replace(
        message, state=HeldState.RELEASED, changed_at=now + HOUR, changed_by="anna"
    )
    assert store.held(states=(HeldState.RELEASED,)) == [store.held_message(message.id)]


def test_a_message_never_held_cannot_be_released(store, now):
    assert store.released("0000000000000000", "anna", now).result() is False


def test_the_totals_are_of_what_is_held_now(store, message, now):
    assert store.quarantine_totals() == QuarantineTotals(0, 0, None)
    gone = another(message, size_bytes=7)
    for one in (message, another(message, at=now - HOUR, size_bytes=3), gone):
        store.hold(one).result()
    store.deleted(gone.id, "age", now).result()
    assert store.quarantine_totals() == QuarantineTotals(2, 5003, now - HOUR)


def test_expired_holds_are_those_from_before_oldest_first(store, message, now):
    old, older = another(message, at=now - HOUR), another(message, at=now - 2 * HOUR)
    for one in (message, old, older):
        store.hold(one).result()
    assert store.expired_holds(now) == [older, old]


def test_bytes_that_are_missing_are_said_so(store, message, now):
    store.hold(message).result()
    assert store.bytes_missing(message.id, now).result() is True
    assert store.held_message(message.id).state is HeldState.BYTES_MISSING
    assert store.held_ids() == set()


def test_hosts_do_not_see_each_others_rows(url, store, message, now):
    other = Store(url, host_id="other")
    store.hold(message).result()
    store.block("192.0.2.0/24", "flood", None, "anna", now).result()
    assert other.held_message(message.id) is None
    assert other.active_blocks(now) == []
    assert other.version() == 0
    other.close()


def test_times_come_back_in_utc_and_a_time_without_zone_is_refused(store, message):
    east = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    store.hold(replace(message, at=east)).result()
    assert store.held_message(message.id).at == east
    assert store.held_message(message.id).at.tzinfo is UTC
    with pytest.raises(Exception, match="no time zone"):
        store.hold(another(message, at=datetime(2026, 3, 1))).result()


def test_a_block_runs_until_its_end(store, now):
    store.block("192.0.2.0/24", "flood", now + HOUR, "watch", now).result()
    assert store.active_blocks(now) == [Block("192.0.2.0/24", "flood", now + HOUR, "watch")]
    assert store.active_blocks(now + HOUR) == []


def test_a_block_without_end_runs_until_somebody_ends_it(store, now):
    store.block("2001:db8::/32", "spam", None, "anna", now).result()
    assert store.active_blocks(now + 10000 * HOUR) != []
    assert store.unblock("2001:db8::/32", "bert", now + HOUR).result() is True
    assert store.unblock("2001:db8::/32", "bert", now + HOUR).result() is False
    assert store.active_blocks(now + HOUR) == []
    assert store.block_history("2001:db8::/32") == [
        BlockRecord("2001:db8::/32", "spam", now, None, "anna", now + HOUR, "bert")
    ]


def test_a_network_has_one_spelling(store, now):
    store.block(" 192.0.2.7/24", "flood", None, "anna", now).result()
    store.block("192.0.2.9", "flood", None, "anna", now).result()
    assert [block.network for block in store.active_blocks(now)] == ["192.0.2.0/24", "192.0.2.9/32"]
    assert store.unblock("192.0.2.200/24", "anna", now).result() is True


def test_a_second_block_takes_the_place_of_the_first(store, now):
    store.block("192.0.2.0/24", "flood", now + HOUR, "watch", now).result()
    store.block("192.0.2.0/24", "worse", now + 2 * HOUR, "anna", now + HOUR / 2).result()
    assert store.active_blocks(now + HOUR / 2) == [Block("192.0.2.0/24", "worse", now + 2 * HOUR, "anna")]
    assert [record.why for record in store.block_history("192.0.2.0/24")] == ["worse", "flood"]


def test_what_is_no_network_is_said_to_be_none(store, now):
    with pytest.raises(OperatorError, match="is not a network"):
        store.block("example.org", "flood", None, "anna", now)


FOUND = (
    Finding(
        "relaying.open", State.FAIL, "Anyone may relay.", (Evidence("main.cf", "mynetworks = 0.0.0.0/0", 12),), "fix"
    ),
    Finding("attachments.size", State.UNKNOWN, "Could not be read.", target="the gateway"),
)


def test_findings_come_back_as_they_were_recorded_and_in_order(store, now):
    store.record_audit(FOUND, "mx1", now).result()
    assert store.latest_findings("mx1") == FOUND
    audit = store.latest_audit("mx1")
    assert (audit.host, audit.taken_at) == ("mx1", now)


def test_the_previous_findings_are_those_of_the_audit_before(store, now):
    store.record_audit(FOUND[:1], "mx1", now).result()
    assert store.previous_findings("mx1") == ()
    store.record_audit(FOUND[1:], "mx1", now + HOUR).result()
    store.record_audit((), "mx2", now + HOUR).result()
    assert store.latest_findings("mx1") == FOUND[1:]
    assert store.previous_findings("mx1") == FOUND[:1]
    assert store.audited_hosts() == ["mx1", "mx2"]


def test_an_audit_without_findings_is_not_no_audit(store, now):
    store.record_audit((), "mx1", now).result()
    assert store.latest_audit("mx1").findings == ()
    assert store.latest_audit("mx2") is None


def test_a_waiver_ends_with_its_day(store, now):
    store.waive("relaying.open", "this host", "moving house", "anna", now + HOUR).result()
    assert store.waivers(now) == [Waiver("relaying.open", "this host", "moving house", "anna", now + HOUR)]
    assert store.waivers(now + HOUR) == []


def test_a_second_waiver_takes_the_place_of_the_first_for_its_target_alone(store, now):
    store.waive("relaying.open", "mx1", "moving", "anna", now + HOUR).result()
    store.waive("relaying.open", "mx2", "moving", "anna", now + HOUR).result()
    store.waive("relaying.open", "mx1", "still moving", "bert", now + 2 * HOUR).result()
    assert [(one.target, one.reason) for one in store.waivers(now)] == [("mx1", "still moving"), ("mx2", "moving")]


def test_the_version_differs_after_a_decision_and_not_after_mail(store, message, now):
    before = store.version()
    store.hold(message).result()
    store.record_audit(FOUND, "mx1", now).result()
    assert store.version() == before
    decisions = (
        lambda: store.block("192.0.2.0/24", "flood", None, "anna", now),
        lambda: store.unblock("192.0.2.0/24", "anna", now),
        lambda: store.waive("relaying.open", "mx1", "moving", "anna", now + HOUR),
        lambda: store.released(message.id, "anna", now),
    )
    for decide in decisions:
        decide().result()
        assert store.version() != before
        before = store.version()


HOLDS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from lockdown.model.held import HeldMessage
from lockdown.state.store import open_store
store = open_store(Path(sys.argv[1]))
at = datetime(2026, 3, 1, tzinfo=UTC)
store.hold(HeldMessage("0000000000000001", at, "192.0.2.7", "mx", "a@b", ("c@d",), "x.y", "why")).result()
print("held", flush=True)
input()
"""


def test_what_is_held_survives_kill_9(tmp_path, child):
    gateway = child(HOLDS, tmp_path)
    assert gateway.says() == "held"
    gateway.kill()
    store = open_store(tmp_path)
    assert store.held_message("0000000000000001") is not None
    store.close()


OPENS = """
import sys
from pathlib import Path
import alembic.command
from lockdown.state.sql import database
from lockdown.state.store import open_store
print("imported", flush=True)
input()
open_store(Path(sys.argv[1])).close()
print("opened", flush=True)
"""


def test_several_processes_may_open_a_new_store_at_once(tmp_path, child):
    gateways = [child(OPENS, tmp_path) for _ in range(4)]
    assert [gateway.says() for gateway in gateways] == ["imported"] * 4
    for gateway in gateways:
        gateway.tell("go")
    assert [gateway.says() for gateway in gateways] == ["opened"] * 4


def test_importing_the_store_does_not_import_sqlalchemy():
    script = "import sys, lockdown.state.store, lockdown.state.spool; print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"


def test_opening_a_store_that_is_up_to_date_does_not_import_alembic(tmp_path):
    open_store(tmp_path).close()
    script = f"import sys; from lockdown.state.store import open_store; open_store({str(tmp_path)!r}).close()"
    said = subprocess.run(
        [sys.executable, "-c", f"{script}; print('alembic' in sys.modules)"], capture_output=True, text=True
    )
    assert said.stdout == "False\n"


def test_the_database_is_for_us_alone(tmp_path):
    open_store(tmp_path).close()
    assert (tmp_path / "lockdown.db").stat().st_mode & 0o777 == 0o600


def test_a_path_with_signs_that_mean_something_in_a_url_is_a_path(tmp_path):
    odd = tmp_path / "50% of a?b#c"
    open_store(odd).close()
    assert (odd / "lockdown.db").exists()
