"""Judge the two controls."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.config import Settings
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from tests.rig.doubtful import FILE, SEEN, WANTED


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """A finding for each."""
    is_there = str(snapshot.reading(FILE)).endswith(" is there")
    yield WANTED.finding(State.PASS if is_there else State.FAIL, "The file is wanted.")
    yield SEEN.finding(State.UNKNOWN if is_there else State.PASS, "The server does not answer.", next_command="ls")
