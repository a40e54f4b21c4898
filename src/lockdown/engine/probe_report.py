"""Judge what was seen from outside alone: the rooms' findings on it, item by item.

Fails as: findings that are UNKNOWN. A room that breaks is told as such; it never passes for a healthy server.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Settings
from lockdown.engine.audit import ItemReport, Report
from lockdown.facts.probed import SCOPE, Scope, scope
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_MODULES = ("audit_probe", "audit_names")
"""Where a room judges what was seen from outside: each has a function of its own name, and PROBE_CONTROLS."""


def probe_report(snapshot: Snapshot, policy: Settings) -> Report:
    """The items that have something to say of it."""
    items = tuple(item for room in CHECKLIST for item in _items(room, snapshot, policy))
    return Report(snapshot.host, snapshot.taken_at, snapshot.version, items)


def _items(room: Room, snapshot: Snapshot, policy: Settings) -> Iterator[ItemReport]:
    found: list[Finding] = []
    controls = []
    for name in _MODULES:
        if importlib.util.find_spec(f"{room.__name__}.{name}") is not None:
            module = importlib.import_module(f"{room.__name__}.{name}")
            controls += module.PROBE_CONTROLS
            found += _findings(module, name, snapshot, policy)
    if found:
        yield ItemReport(replace(room.CARD, controls=tuple(controls)), tuple(found))


def _findings(module: ModuleType, name: str, snapshot: Snapshot, policy: Settings) -> list[Finding]:
    try:
        return list(getattr(module, name)(snapshot, policy))
    except Exception as error:  # a broken room must not pass for a healthy server
        says = f"Not judged: {type(error).__name__}: {error}; this is a fault of Lockdown."
        return [control.finding(State.UNKNOWN, says) for control in module.PROBE_CONTROLS]


def scope_in_words(snapshot: Snapshot) -> tuple[str, ...]:
    """What was left out, why, and how to have it done; why nothing could be looked at."""
    match scope(snapshot):
        case Unknown(why):
            return (f"Not everything could be looked at: {why}.",) if SCOPE in snapshot.readings else ()
        case Scope(owned=True, why=why, left_out=missed):
            return (f"With the owner's leave: {why}.", *(f"Left out: {one}." for one in missed))
        case Scope(why=why, left_out=missed, how_to_prove=how):
            return (
                f"Left out, as nobody has proved that this server is theirs ({why}): {', '.join(missed)}.",
                *((f"To have it done: {how}.",) if how else ()),
            )
