"""What a drill knocks at because an apply has stopped it: as the journals have it, and only while they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockdown.config import Loaded, read_settings
from lockdown.engine.trial_ground import stopped_by_applies
from lockdown.host.journal import Journal
from tests.rig.applied import write_apply


def settings(folder: Path) -> Loaded:
    return read_settings([("lockdown.toml", f'[state]\ndirectory = "{folder}/state"\n')])


def test_where_nothing_was_applied_nothing_was_stopped(tmp_path: Path) -> None:
    assert stopped_by_applies(settings(tmp_path)) == ()


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (("committed",), ("tcp/8080",)),
        (("committed", "confirmed"), ("tcp/8080",)),
        (("committed", "undoing", "undone"), ()),
        ((), ()),
    ],
)
def test_what_was_stopped_and_not_given_back_is_known(
    events: tuple[str, ...], found: tuple[str, ...], tmp_path: Path
) -> None:
    write_apply(tmp_path / "state-agent/applies", "a", "services.only-what-is-declared", "tcp/8080", *events)
    write_apply(tmp_path / "state-agent/applies", "b", "relaying.no-user-probing", "tcp/25", "committed")
    assert stopped_by_applies(settings(tmp_path)) == found


def test_a_journal_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    write_apply(tmp_path / "state-agent/applies", "a", "services.nothing-dangerous", "telnet", "committed")
    Journal.begin(tmp_path / "state-agent/applies" / "torn").append("whatever")
    assert stopped_by_applies(settings(tmp_path)) == ("telnet",)
