"""Propose the file."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.config import Settings
from lockdown.model.change import Left, Proposal, PutFile, Risk
from lockdown.model.snapshot import Snapshot
from tests.rig.doubtful import FILE, WANTED


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """Whether it is there already, staging sees."""
    path = str(snapshot.reading(FILE)).partition(" ")[0]
    yield Proposal(WANTED.id, PutFile(path, "# Lockdown\n"), "It is wanted.", Risk.NONE, "none known")
