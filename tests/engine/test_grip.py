"""When an account is let go, the story of its incident says so and offers no undo of what is over."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockdown.engine.grip import let_go, write_down
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Severity
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HELD = Answer(NOW - DAY, "account anna is held: it waits", True, NOW + DAY, "lockdown user release anna")
QUEUED = Answer(NOW - DAY, "queued mail with user anna: 3 held", True, None, "lockdown queue undo 1")
INCIDENT = Incident(
    "k", "monitoring.hijacked-account", "anna", "c", Severity.HIGH, "It is.", NOW - DAY, NOW, answers=(HELD, QUEUED)
)


def test_what_held_it_has_ended_and_other_answers_have_not() -> None:
    held, queued, last = let_go(INCIDENT, "anna", "root", NOW).answers
    assert (held.until, held.undo) == (NOW, "")
    assert queued == QUEUED
    assert last == Answer(NOW, "account anna was let go by root", True)


def test_it_is_written_into_the_incident_of_this_account_and_no_other(tmp_path: Path) -> None:
    write_down(tmp_path / "no store", "anna", "root", NOW)
    StateDirectory(tmp_path).prepare()
    other = replace(INCIDENT, key="other", object="bert")
    with closing(open_store(tmp_path)) as store:
        for incident in (INCIDENT, other):
            store.raise_incident(incident.key, lambda before, incident=incident: incident).result()  # type: ignore[misc]
    write_down(tmp_path, "anna", "root", NOW)
    with closing(open_store(tmp_path)) as store:
        told = {one.object: one.answers[-1].says for one in store.open_incidents()}
    assert told == {"anna": "account anna was let go by root", "bert": QUEUED.says}
