"""The journal of an apply that never was: for who reads what journals say."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lockdown.engine.apply_record import Purpose
from lockdown.host.journal import Journal


def write_apply(applies: Path, name: str, control: str, target: str, *events: str) -> None:
    """One that had a single purpose, and changed nothing."""
    applies.parent.mkdir(mode=0o700, exist_ok=True)
    journal = Journal.begin(applies / name)
    purpose = Purpose(control, target, "it listens", "low", "none known", False, ())
    journal.append(
        "intended", plan="p", by="root", origin={}, items=[], without=[], purposes=[asdict(purpose)], changes=[],
        edits=[], deeds=[], services=[], restarts=[], folders=[], flowed=False, probation_seconds=0.0,
    )  # fmt: skip
    for event in events:
        journal.append(event)
