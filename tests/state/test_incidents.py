"""Incidents in the store, and a store of before there were any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Evidence, Severity
from lockdown.state import migrations
from lockdown.state.metrics import render
from lockdown.state.store import Store, open_store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = Incident(
    key="antivirus.engine-down clamd",
    name="antivirus.engine-down",
    object="clamd:///run/clamd.ctl",
    control="antivirus.unavailable",
    severity=Severity.HIGH,
    says="clamd gives no answer since 11:58 UTC.",
    opened_at=NOW,
    last_seen=NOW + HOUR,
    meanwhile="each message is put off (451)",
    evidence=(Evidence("clamd", "connection refused"), Evidence("main.cf", "x", 3)),
    next_command="systemctl restart clamav-daemon",
    count=3,
    answers=(Answer(NOW, "a network is blocked", True, NOW + HOUR, "lockdown block remove 192.0.2.0/24"),),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def raised(store: Store, incident: Incident = INCIDENT) -> Incident:
    return store.raise_incident(incident.key, lambda before: incident).result()


def test_an_incident_comes_back_as_it_was_given_with_a_number(store: Store) -> None:
    given = raised(store)
    assert given == replace(INCIDENT, number=1)
    assert store.incident(1) == given
    assert store.open_incidents() == [given]


def test_what_goes_on_with_one_sees_the_latest_of_its_key(store: Store) -> None:
    raised(store)
    seen: list[Incident | None] = []

    def goes_on(before: Incident | None) -> Incident:
        seen.append(before)
        assert before is not None
        return replace(before, count=before.count + 1)

    assert store.raise_incident(INCIDENT.key, goes_on).result().count == 4
    assert seen == [replace(INCIDENT, number=1)]
    assert [one.count for one in store.incidents()] == [4]


def test_another_key_is_another_incident(store: Store) -> None:
    raised(store)
    other = raised(store, replace(INCIDENT, key="another"))
    assert [one.number for one in store.open_incidents()] == [other.number, 1]


def test_a_closed_one_is_no_longer_open_and_stays_as_it_was_closed(store: Store) -> None:
    raised(store)
    store.close_incident(1, "anna", NOW).result()
    store.close_incident(1, "bert", NOW + HOUR).result()
    assert store.open_incidents() == []
    (kept,) = store.incidents()
    assert (kept.closed_at, kept.closed_by) == (NOW, "anna")


def test_one_that_is_not_there_is_none(store: Store) -> None:
    assert store.incident(7) is None
    assert store.close_incident(7, "anna", NOW).result() is None


def test_a_story_that_breaks_changes_nothing(store: Store) -> None:
    def breaks(before: Incident | None) -> Incident:
        raise ValueError("no")

    raised(store)
    with pytest.raises(ValueError, match="no"):
        store.raise_incident(INCIDENT.key, breaks).result()
    assert store.incidents() == [replace(INCIDENT, number=1)]


def test_those_closed_long_ago_are_forgotten_and_open_ones_never(store: Store) -> None:
    raised(store)
    raised(store, replace(INCIDENT, key="old", closed_at=NOW, closed_by="lockdown"))
    assert store.forget_incidents(NOW).result() == 0
    assert store.forget_incidents(NOW + HOUR).result() == 1
    assert [one.key for one in store.incidents()] == [INCIDENT.key]


def test_another_hosts_incidents_are_its_own(tmp_path: Path, store: Store) -> None:
    raised(store)
    other = open_store(tmp_path, host_id="another")
    assert other.incidents() == []
    assert other.incident(1) is None
    other.close()


def test_open_incidents_are_counted_by_severity(tmp_path: Path, store: Store) -> None:
    raised(store)
    raised(store, replace(INCIDENT, key="second", severity=Severity.LOW))
    raised(store, replace(INCIDENT, key="third", closed_at=NOW))
    told = render(tmp_path / "metrics", store).decode()
    assert dict(re.findall(r'^lockdown_incidents\{severity="(\w+)"\} (\S+)$', told, re.MULTILINE)) == {
        "critical": "0.0", "high": "1.0", "medium": "0.0", "low": "1.0",
    }  # fmt: skip


def test_a_store_of_the_first_version_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "lockdown.db"
    with create_engine(f"sqlite:///{path}").begin() as link:
        steps = Config()
        steps.set_main_option("script_location", str(Path(migrations.__file__).parent))
        steps.attributes["connection"] = link
        command.upgrade(steps, "0001")
        link.execute(
            text(
                "INSERT INTO blocks (host_id, network, why, since, by, ended_by)"
                " VALUES ('local', '192.0.2.0/24', 'floods', '2026-03-01 12:00:00.000000', 'anna', '')"
            )
        )
    store = open_store(tmp_path)
    assert [block.network for block in store.active_blocks(NOW)] == ["192.0.2.0/24"]
    assert store.incidents() == []
    raised(store)
    assert len(store.open_incidents()) == 1
    store.close()
