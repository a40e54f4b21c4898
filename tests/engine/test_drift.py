"""Drift: only what has changed is told, it stays an incident until it is mended, and a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.config import Settings
from lockdown.engine.drift import SEEN, Drift, said
from lockdown.engine.incidents import is_over
from lockdown.model.snapshot import Snapshot
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store, open_store
from tests.recordings.literal import host

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOSED, OPEN = "", "mynetworks = 0.0.0.0/0\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return StateDirectory(tmp_path / "var").prepare().path


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    with closing(open_store(directory)) as opened:
        yield opened


class Machine:
    """A machine whose main.cf a test changes."""

    def __init__(self) -> None:
        self.main = CLOSED

    def __call__(self, now: datetime) -> Snapshot:
        return replace(host(self.main), taken_at=now)


def test_a_first_look_has_nothing_to_tell(directory: Path, store: Store) -> None:
    assert Drift(Machine(), Settings(), directory, store).look(NOW) == ()
    assert store.open_incidents() == []


def test_an_unchanged_machine_is_silence(directory: Path, store: Store) -> None:
    drift = Drift(Machine(), Settings(), directory, store)
    drift.look(NOW)
    assert drift.look(NOW + timedelta(hours=1)) == ()


def test_a_relay_that_opens_is_an_incident_until_it_is_shut_even_over_a_restart(directory: Path, store: Store) -> None:
    machine = Machine()
    Drift(machine, Settings(), directory, store).look(NOW)
    machine.main = OPEN
    changed = Drift(machine, Settings(), directory, store).look(NOW + timedelta(hours=1))
    lines = [said(change) for change in changed]
    assert any(line.startswith("worse: relaying.open-to-strangers [postfix smtp/inet]: pass -> fail") for line in lines)
    mine = [one for one in store.open_incidents() if one.control == "relaying.open-to-strangers"]
    assert mine
    assert not is_over(mine[0], (), (), NOW, NOW + timedelta(days=3)), "only another look may close it"
    machine.main = CLOSED
    Drift(machine, Settings(), directory, store).look(NOW + timedelta(hours=2))
    assert [one for one in store.open_incidents() if one.control == "relaying.open-to-strangers"] == []


def test_a_damaged_memory_makes_the_look_a_first_one(directory: Path, store: Store) -> None:
    drift = Drift(Machine(), Settings(), directory, store)
    drift.look(NOW)
    (directory / SEEN).write_text('[{"control": 1}')
    assert drift.look(NOW) == ()
    assert drift.look(NOW) == ()
