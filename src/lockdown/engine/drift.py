"""Drift: the machine is looked at on a timer, and only what has changed since the last look is told.

Each control that got worse is an incident that stays open until a later look finds it mended; what got better closes
it. What was seen is kept in the state directory, so that a change made while nothing ran is told as well. A first look
has nothing to compare with and tells nothing.

Fails as: OperatorError when the store cannot be written; the next look compares with the same last one again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from lockdown.config import Settings
from lockdown.engine.audit import audit, control_named
from lockdown.engine.changes import Change, changes
from lockdown.engine.incidents import DRIFT, told
from lockdown.model.alarm import Alarm
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Finding, Severity, State
from lockdown.model.mail import AUTOMATIC
from lockdown.model.snapshot import Snapshot
from lockdown.state.store import Store

SEEN = "drift.json"
"""Below the state directory: the findings of the last look."""
NAME = f"monitoring.{DRIFT}"
_COMMIT_SECONDS = 10.0
_FIRST_LOOK_SECONDS = 5.0


class _Seen(msgspec.Struct, frozen=True):
    """One finding of the last look."""

    control: str
    target: str
    state: State
    says: str


class Drift:
    """Looks at one machine; `take` reads it."""

    def __init__(self, take: Callable[[datetime], Snapshot], settings: Settings, directory: Path, store: Store) -> None:
        self._take, self._settings, self._store = take, settings, store
        self._file = directory / SEEN

    def look(self, now: datetime) -> tuple[Change, ...]:
        """What has changed since the last look, each told as an incident or as the end of one."""
        snapshot = self._take(now)
        report = audit(snapshot, self._settings, now, waivers=self._store.waivers(now))
        before = self._last()
        found = () if before is None else changes(before, report.findings)
        for change in found:
            self._tell(change, now)
        self._keep(report.findings)
        return found

    def _last(self) -> list[Finding] | None:
        """None when nothing was seen before, or what was written cannot be read: then this look is the first."""
        try:
            seen = msgspec.json.decode(self._file.read_bytes(), type=list[_Seen])
        except (OSError, msgspec.DecodeError):
            return None
        return [Finding(one.control, one.state, one.says, target=one.target) for one in seen]

    def _keep(self, findings: tuple[Finding, ...]) -> None:
        seen = [_Seen(found.control, found.target, found.state, found.says) for found in findings]
        aside = self._file.with_suffix(".new")
        with aside.open("wb") as file:
            file.write(msgspec.json.encode(seen))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)

    def _tell(self, change: Change, now: datetime) -> None:
        alarm = _alarm(change)
        if change.is_worse:
            self._store.raise_incident(alarm.key, partial(told, alarm=alarm, now=now)).result(_COMMIT_SECONDS)
            return
        for incident in self._store.open_incidents():
            if incident.key == alarm.key:
                self._store.close_incident(incident.number, AUTOMATIC, now).result(_COMMIT_SECONDS)


def _alarm(change: Change) -> Alarm:
    found = change.finding
    named = control_named(found.control)
    was = change.before.state if change.before else "not judged"
    return Alarm(
        NAME,
        f"{found.control} {found.target}"[:300],
        found.control,
        named[0].severity if named else Severity.MEDIUM,
        f"{found.says} (It was: {was}.)",
        evidence=found.evidence,
        next_command=found.next_command or f"lockdown explain {found.control}",
    )


def said(change: Change) -> str:
    """A change on one line, for a log."""
    was = change.before.state if change.before else "not judged"
    now = change.after.state if change.after else "not judged"
    found = change.finding
    return f"{'worse' if change.is_worse else 'better'}: {found.control} [{found.target}]: {was} -> {now}: {found.says}"


class DriftWatch(threading.Thread):
    """Looks at the start and then every so often, until told to stop; says changes, and nothing else."""

    def __init__(self, drift: Drift, every_seconds: float) -> None:
        super().__init__(name="drift", daemon=True)
        self._drift, self._every = drift, every_seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until told to stop. A look that fails is told, and tried again at its next time."""
        pause = _FIRST_LOOK_SECONDS
        while not self._stopped.wait(pause):
            pause = self._every
            try:
                for change in self._drift.look(datetime.now(UTC)):
                    _say(said(change))
            except (OperatorError, OSError) as problem:
                _say(f"the look failed: {problem}")

    def stop(self) -> None:
        """End after the look that runs."""
        self._stopped.set()


def _say(text: str) -> None:
    with suppress(OSError):
        print(f"drift: {text}", file=sys.stderr, flush=True)
