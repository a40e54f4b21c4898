"""Open the store of the settings in force, for one command.

Fails as: `OperatorError` when there is none: a command that looks must not make an empty store in the wrong folder and
then say that all is quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lockdown.config import Settings
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool
from lockdown.state.store import Store, open_store


@contextmanager
def open_existing(settings: Settings) -> Iterator[tuple[Store, Spool]]:
    """Store and spool that are there already."""
    directory = StateDirectory(Path(settings.state.directory))
    if not directory.database.exists():
        raise OperatorError(
            "no-state",
            what=f"nothing is known in {directory.path}",
            why="there is no store: Lockdown has not run on this state directory, or these are other settings",
            try_this="lockdown up     (or name the settings it runs with: --config FILE)",
        )
    with closing(open_store(directory.path)) as store:
        yield store, Spool(directory.quarantine)


@contextmanager
def open_or_make(settings: Settings) -> Iterator[Store]:
    """The store, made if need be."""
    directory = StateDirectory(Path(settings.state.directory)).prepare()
    with closing(open_store(directory.path)) as store:
        yield store
