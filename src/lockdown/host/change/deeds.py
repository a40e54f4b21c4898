"""What is no file: a service stopped or started, a package, an account, a program; each with what undoes it.

`state_of` is taken before the deed and holds all that its undo needs, as JSON, never a secret. `undo` brings back what
the host held, and leaves, with a sentence, what somebody has changed since.

Fails as: `OperatorError` with the words of the command that did not work, or for what must never be done (root locked,
the last account shut that can become root, a package that would take others with it).
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias, assert_never

from lockdown.host.change import accounts, packages, units
from lockdown.host.change.programs import must
from lockdown.model.change import Run, SetAccount, SetPackage, SetUnit

DeedChange: TypeAlias = SetUnit | SetPackage | SetAccount | Run
RUN_SECONDS = 300.0


def refuse_the_impossible(change: DeedChange) -> None:
    """Raise for what could not be done or must not be, before anything is done."""
    match change:
        case SetUnit(unit):
            units.refuse_unknown(unit)
        case SetPackage():
            packages.refuse(change)
        case SetAccount():
            accounts.refuse(change)
        case Run():
            pass
        case _:
            assert_never(change)


def fetch(change: DeedChange) -> None:
    """What has to come from elsewhere, fetched beforehand; of the rest, nothing."""
    if isinstance(change, SetPackage):
        packages.fetch(change)


def state_of(change: DeedChange) -> str:
    """What the host holds of it now, as JSON text; the same host gives the same text."""
    return json.dumps(_state(change), sort_keys=True)


def _state(change: DeedChange) -> dict[str, Any]:
    match change:
        case SetUnit(unit):
            return units.state(unit)
        case SetPackage(name):
            return packages.state(name)
        case SetAccount():
            return accounts.state(change)
        case Run():
            return {}
        case _:
            assert_never(change)


def holds(change: DeedChange) -> bool:
    """Is it so already? Of a program to be run that cannot be told: False."""
    match change:
        case SetUnit():
            return units.holds(change)
        case SetPackage(name, present):
            return packages.is_present(name) == present
        case SetAccount():
            return accounts.holds(change)
        case Run():
            return False
        case _:
            assert_never(change)


def do(change: DeedChange, before: str) -> None:
    """Do it. Done twice it is done once, so what was interrupted can be done again."""
    refuse_the_impossible(change)
    match change:
        case SetUnit():
            units.do(change)
        case SetPackage():
            packages.do(change)
        case SetAccount():
            accounts.do(change, json.loads(before))
        case Run(argv):
            must(*argv, seconds=RUN_SECONDS)
        case _:
            assert_never(change)


def undo(change: DeedChange, before: str) -> str:
    """Bring back what `before` holds; empty when it is so again, else why it was left. Undone twice is undone."""
    held = json.loads(before)
    match change:
        case SetUnit():
            return units.undo(change, held)
        case SetPackage():
            return packages.undo(change, held)
        case SetAccount():
            return accounts.undo(change, held)
        case Run(argv, inverse):
            must(*(inverse or argv), seconds=RUN_SECONDS)
            return ""
        case _:
            assert_never(change)
