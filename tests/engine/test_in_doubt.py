"""An apply after which something can be told no more that held before: it is done, not proved, and asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import read_settings
from lockdown.engine.apply import Means, carry_out, plan_now, roll_back_named
from lockdown.engine.apply_record import Approval, End
from lockdown.engine.mailflow import Flows
from lockdown.engine.undo import alone
from lockdown.host.session import Origin
from lockdown.model.snapshot import Snapshot
from lockdown.state.layout import StateDirectory
from tests.rig import doubtful

ORIGIN = Origin(("1 2",))


@pytest.fixture
def means(tmp_path: Path) -> Iterator[Means]:
    wanted = tmp_path / "wanted"

    def read() -> Snapshot:
        reading = f"{wanted} is {'there' if wanted.exists() else 'not there'}"
        return Snapshot("here", datetime.now(UTC), "1", {doubtful.FILE: reading})

    settings = read_settings([("lockdown.toml", '[apply]\nprobation = "10m"\n')]).settings
    made = Means(settings, StateDirectory(tmp_path / "state"), read, lambda: Flows("a letter"), checklist=(doubtful,))
    made.directory.prepare()
    yield made
    roll_back_named("last", "tests", made)  # its timer goes with it


def test_it_is_shown_and_on_probation_until_somebody_has_looked(means: Means) -> None:
    plan = plan_now(means)
    with alone(means.directory.applies):
        done = carry_out(plan, Approval(plan.id, "tests", ORIGIN), means)
    assert done.end is End.PROBATION
    assert done.until is not None
    said = "not proved: doubtful.seen held before, and cannot be told now: The server does not answer."
    assert said in done.says
    assert any("not all is proved" in line and "undone by itself" in line for line in done.says)
