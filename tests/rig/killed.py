"""Within a machine: kill an apply at every step that it goes through, recover, and tell what the machine is then.

    python -m tests.rig.killed

One line of JSON for each step: where it was killed, and again while it was recovered; how the files lie afterwards
(`before`, `planned`, or which differ); what the recovery said. Between two of them everything is put back.

The letters are left out, and only what the room of the tests judges is read: what is tried here is the order of deeds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lockdown.engine.apply import Means, carry_out, means_of, plan_now, recover_here, roll_back_named
from lockdown.engine.apply_record import Approval
from lockdown.engine.mailflow import Flows
from lockdown.engine.plan import Plan
from lockdown.engine.settings_files import load_settings
from lockdown.engine.undo import alone
from lockdown.host import accounts, dovecot, postfix
from lockdown.host.local import read_here
from lockdown.host.session import Origin
from lockdown.model.snapshot import Snapshot
from tests.rig import double

_KEPT = ("/etc/postfix", "/etc/dovecot", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/aliases")
_MADE = "tables-made"
"""Made of other files by a program, and made again after an undo: what is in it is told by those."""
_WANTED = ("postfix/postconf-n", "dovecot/files", "accounts/passwd")


def _read() -> Snapshot:
    every = {**postfix.sources(None), **dovecot.sources(), **accounts.sources()}
    readings = read_here({name: every[name] for name in _WANTED})
    return Snapshot("mail.example.org", datetime.now(UTC), "0", readings)


def _files() -> dict[str, str]:
    """Every file that could be touched, by a digest of its octets and rights."""
    found = [path for place in map(Path, _KEPT) for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() + f" {path.stat().st_mode:o} {path.stat().st_uid}"
        for path in found
        if path.is_file() and path.name != _MADE
    }


def _apart(act: Callable[[], object]) -> str:
    """In a process of its own, which may die: what it said."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(writer, json.dumps(act(), default=str).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        words = said.read().decode()
    os.waitpid(child, 0)
    return words


def _die_at(wanted: str) -> Callable[[str], None]:
    def at(step: str) -> None:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


class Matrix:
    """The machine, its plan, and how it is before and after."""

    def __init__(self) -> None:
        self.means = dataclasses.replace(
            means_of(load_settings()), checklist=(double,), read=_read, flows=lambda: Flows("it is not asked here")
        )
        self.means.directory.prepare()
        self.before = _files()
        self.plan: Plan = plan_now(self.means)
        self.steps: list[str] = []
        self.undo_steps: list[str] = []
        self._carry_out(dataclasses.replace(self.means, at=self.steps.append))
        self.planned = _files()
        roll_back_named("last", "tests", dataclasses.replace(self.means, at=self.undo_steps.append))

    def _carry_out(self, means: Means) -> object:
        with alone(means.directory.applies):
            return carry_out(self.plan, Approval(self.plan.id, "tests", Origin()), means).says

    def killed(self, step: str, again: str = "") -> dict[str, object]:
        """Die at a step of the apply, and, where wanted, at one of the recovery; then recover in peace."""
        _apart(lambda: self._carry_out(dataclasses.replace(self.means, at=_die_at(step))))
        if again:
            _apart(lambda: recover_here(dataclasses.replace(self.means, at=_die_at(again))))
        says = json.loads(_apart(lambda: recover_here(self.means)))
        return {"step": step, "again": again, "is": self._as(_files()), "says": says}

    def _as(self, files: dict[str, str]) -> str:
        if files in (self.before, self.planned):
            return "before" if files == self.before else "planned"
        return f"neither: {sorted(path for path, was in self.before.items() if files.get(path) != was)}"

    def put_back(self) -> None:
        """As it was, for the next one; the journals go as well."""
        if _files() != self.before:
            roll_back_named("last", "tests", self.means)
        for folder in self.means.directory.applies.iterdir():
            if folder.is_dir():
                shutil.rmtree(folder)


if __name__ == "__main__":
    matrix = Matrix()
    middle = matrix.steps[matrix.steps.index("read again")]
    every = [(step, "") for step in matrix.steps] + [(middle, step) for step in matrix.undo_steps]
    for one, other in every:
        print(json.dumps(matrix.killed(one, other)))
        sys.stdout.flush()
        matrix.put_back()
