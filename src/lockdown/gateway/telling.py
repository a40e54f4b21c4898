"""Alerts, letters to owners and the canary, as one worker keeps them: each in a thread of its own, so no mail waits.

Only the worker that keeps the watch does this, and only until it drains.

Fails as: a line in the log; the next round tries again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockdown.config import Settings
from lockdown.engine.account_letters import AccountLetters
from lockdown.engine.round_trip import RoundTrips, canary_missed, has_canary
from lockdown.engine.telling import Teller
from lockdown.state.store import open_store

if TYPE_CHECKING:
    from lockdown.gateway.worker import Worker

log = logging.getLogger("lockdown.alerts")

EVERY_SECONDS = 5.0
_LOOKS_WHETHER_IT_DRAINS_SECONDS = 0.5


class Rounds(threading.Thread):
    """One deed, again and again, until it is told to stop; it may end in the middle of one."""

    def __init__(self, name: str, deed: Callable[[], None], every_seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._deed, self._every = deed, every_seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopped.wait(self._every):
            try:
                self._deed()
            except Exception:
                log.exception("%s-broken: the next round tries again", self.name)

    def stop(self) -> None:
        """No further round begins."""
        self._stopped.set()


async def keep_telling(worker: Worker, every_seconds: float = EVERY_SECONDS) -> None:
    """Until the worker drains or ends."""
    rounds = rounds_of(worker.settings, worker.state.path, every_seconds)
    for one in rounds:
        one.start()
    try:
        while rounds and not worker.draining:
            await asyncio.sleep(_LOOKS_WHETHER_IT_DRAINS_SECONDS)
    finally:
        for one in rounds:
            one.stop()


def rounds_of(settings: Settings, state: Path, every_seconds: float) -> list[Rounds]:
    """What there is to do under these settings."""
    rounds = []
    if settings.alerts.to or settings.alerts.heartbeat:
        rounds.append(Rounds("alerts", Telling(settings, state).round, every_seconds))
    if settings.alerts.owners != "never":
        rounds.append(Rounds("account letters", LettersToOwners(settings, state).round, every_seconds))
    if has_canary(settings):
        trips = RoundTrips(settings, state)
        rounds.append(Rounds("canary", lambda: trips.round(_now()), every_seconds))
    return rounds


class Telling:
    """One teller for the life of its thread: it remembers which path still hangs."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self._settings, self._state = settings, state
        self._teller: Teller | None = None

    def round(self) -> None:
        """The store is opened by the thread that uses it, and again where that has failed."""
        if self._teller is None:
            self._teller = Teller(self._settings, self._state, open_store(self._state))
        self._teller.round(_now(), canary_missed(self._settings, self._state, _now()))


class LettersToOwners:
    """To those whose accounts were held; one writer for the life of its thread."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self._settings, self._state = settings, state
        self._letters: AccountLetters | None = None

    def round(self) -> None:
        """The store is opened by the thread that uses it, and again where that has failed."""
        if self._letters is None:
            self._letters = AccountLetters(self._settings, open_store(self._state))
        self._letters.round(_now())


def _now() -> datetime:
    return datetime.now(UTC)
