"""A state directory in which somebody watches: a log that tests write, a clock that they push, a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockdown.config import Settings, read_settings
from lockdown.engine.blocking import Protected
from lockdown.engine.life import Told
from lockdown.engine.watch import Look, Watch
from lockdown.model.alarm import Incident
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store, open_store
from lockdown.state.transactions import LoggedClient, LoggedScan, LoggedVerdict, Transaction, TransactionLog

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Site:
    """Settings, state and time. Each look is half a minute after the last."""

    def __init__(self, folder: Path, text: str = "", *, protected: tuple[Protected, ...] = ()) -> None:
        self.directory = StateDirectory(folder).prepare()
        self.now = START
        self.store: Store = open_store(folder)
        self._protected = protected
        self.settings = self.use(text)
        self._count = 0

    def use(self, text: str) -> Settings:
        """Start anew with these settings."""
        self.settings = read_settings([("lockdown.toml", text)]).settings
        self._watch = Watch(self.settings, self.directory, self.store, lambda: self._protected)
        return self.settings

    def log(self, kind: str = "rejected", *, client: str = "203.0.113.9", times: int = 1, **changes: Any) -> None:
        """Transactions of this moment."""
        log = TransactionLog(self.directory.path, self.settings.log, clock=self.now.timestamp)
        for _ in range(times):
            self._count += 1
            fields = {"sender": "a@sender.example", "recipients": [f"user{self._count}@example.org"], **changes}
            log.record(
                Transaction(type=kind, id=f"ID{self._count}", at=self.now, client=LoggedClient(client, "mx"), **fields)  # type: ignore[arg-type]
            )
        log.close()

    def virus(self, name: str = "Win.Worm", **changes: Any) -> None:
        """Messages in which one was found."""
        scan = LoggedScan(antivirus={"builtin": f"found {name}"})
        self.log(verdict=LoggedVerdict("REJECT", "antivirus.virus", name), scan=scan, **changes)

    def look(self, told: Told | None = None, *, after: timedelta = MINUTE / 2) -> Look:
        self.now += after
        return self._watch.look(told or Told(), self.now)

    def looks(self, count: int, told: Told | None = None) -> list[Look]:
        return [self.look(told) for _ in range(count)]

    def open(self) -> dict[str, Incident]:
        """The open incidents by their alarm's name."""
        return {incident.name: incident for incident in self.store.open_incidents()}


@contextmanager
def site(folder: Path, text: str = "", *, protected: tuple[Protected, ...] = ()) -> Iterator[Site]:
    """One, closed at the end."""
    opened = Site(folder, text, protected=protected)
    try:
        yield opened
    finally:
        opened.store.close()
