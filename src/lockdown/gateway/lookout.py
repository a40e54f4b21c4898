"""The watch, as one worker keeps it: what it knows of its own engines, looked at every half minute in a thread.

While mail flows it glances at what is written, several times a second, and looks at once when something has become
frequent; while none does, that costs the sizes of two files.

The builtin engine proves itself here as the others do: it is given the test virus and a plain letter. Only worker 0
keeps watch, and only until it drains: its successor may have other settings.

Fails as: a line in the log; mail goes on, and the next look tries again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from lockdown.engine.life import UNPROVEN, Told
from lockdown.engine.watch import EVERY_SECONDS, Look, Watch
from lockdown.host.log_sources import grown, sources
from lockdown.model.scan import Reading
from lockdown.model.unknown import Unknown
from lockdown.scan.proof import EICAR, plain_letter
from lockdown.scan.watched import Health
from lockdown.state.store import Store, open_store

if TYPE_CHECKING:
    from lockdown.gateway.scanning import Scanning
    from lockdown.gateway.worker import Worker

log = logging.getLogger("lockdown.watch")

_BUILTIN = "builtin"
_VIRUS = b"Content-Type: application/octet-stream\r\n\r\n" + EICAR + b"\r\n"


class Pace(NamedTuple):
    """How often, in seconds."""

    look: float = EVERY_SECONDS
    first: float = 5.0
    """Soon after the start, so that nobody has to wait for the first word of how the engines do."""
    prove: float = 60.0
    """The builtin engine."""
    trial: float = 20.0
    """For it to read one letter."""
    glance: float = 0.2
    """While mail flows."""
    idle: float = 0.5
    """Between two questions whether any does."""
    apart: float = 1.0
    """At least between two looks, however hot it is."""


PACE = Pace()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Lookout:
    """Keeps watch for one worker."""

    def __init__(self, worker: Worker, pace: Pace = PACE, clock: Callable[[], datetime] = _utc_now) -> None:
        self._worker, self._pace, self._clock = worker, pace, clock
        scanning = worker.scanning
        reads = _BUILTIN in worker.settings.antivirus.engines
        self._builtin = Builtin(scanning, pace) if scanning is not None and reads else None

    async def keep(self) -> None:
        """Until the worker drains or ends."""
        try:
            store = await asyncio.to_thread(open_store, self._worker.state.path)
        except Exception:
            log.exception("watch-broken: nothing is watched until the gateway is started again")
            return
        try:
            await self._keep(store)
        except Exception:
            log.exception("watch-broken: nothing is watched until the gateway is started again")
        finally:
            await asyncio.to_thread(store.close)

    async def _keep(self, store: Store) -> None:
        watch = await asyncio.to_thread(Watch, self._worker.settings, self._worker.state, store)
        try:
            await self._keep_looking(watch)
        finally:
            await asyncio.to_thread(watch.close)

    async def _keep_looking(self, watch: Watch) -> None:
        now = asyncio.get_running_loop().time
        due, soonest = now() + min(self._pace.first, self._pace.look), 0.0
        pause, written = self._pace.idle, self._written()
        while not self._worker.draining:
            await asyncio.sleep(max(0.0, min(pause, due - now())))
            before, written = written, self._written()
            flows = written != before
            pause = self._pace.glance if flows else self._pace.idle
            is_hot = now() < due and flows and await self._glance(watch)
            if is_hot:
                due = min(due, max(soonest, now()))
            if now() >= due:
                await self._look(watch)
                due, soonest = now() + self._pace.look, now() + self._pace.apart

    def _written(self) -> tuple[tuple[str, int], ...]:
        """How much the logs hold, the mail server's too: what has grown is worth a glance."""
        names = [str(file) for file in sorted(self._worker.state.log.glob("gateway-*.jsonl"))[-2:]]
        names += sources(self._worker.settings.monitoring.mail_logs)
        return tuple((name, grown(name)) for name in names)

    async def _glance(self, watch: Watch) -> bool:
        try:
            return await asyncio.to_thread(watch.glance, self._clock())
        except Exception:
            log.exception("watch-broken")
            return False

    async def _look(self, watch: Watch) -> None:
        try:
            if self._builtin is not None:
                await self._builtin.prove()
                self._worker.metrics.engines_up({_BUILTIN: self._builtin.health.up})
            _tell(await asyncio.to_thread(watch.look, self._told(), self._clock()))
        except Exception:
            log.exception("watch-broken")

    def _told(self) -> Told:
        scanning = self._worker.scanning
        if scanning is None:
            return Told(())
        own = (self._builtin.health,) if self._builtin is not None else ()
        model = scanning.classifier if isinstance(scanning.classifier, Unknown) else None
        return Told((*own, *scanning.engines.health()), scanning.identifier.health(), model)


class Builtin:
    """The builtin engine of this worker, and how its last trial went."""

    def __init__(self, scanning: Scanning, pace: Pace) -> None:
        self._scanning, self._pace, self._due = scanning, pace, 0.0
        self.health = Health(_BUILTIN, True, datetime.now(UTC))

    async def prove(self) -> None:
        """Let it read the test virus and a plain letter, when it is time again."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._due:
            return
        self._due = loop.time() + self._pace.prove
        why = await self._why_not(loop.time() + self._pace.trial)
        since = self.health.since if self.health.up is (not why) else datetime.now(UTC)
        self.health = Health(_BUILTIN, not why, since, why)

    async def _why_not(self, deadline: float) -> str:
        for letter, is_virus in ((_VIRUS, True), (plain_letter(), False)):
            match await self._scanning.readers.read(letter, deadline):
                case Unknown(why):
                    return why
                case Reading(content, _):
                    if bool(content.found) is not is_virus:
                        return UNPROVEN
        return ""


def _tell(look: Look) -> None:
    """What has begun and ended, for who reads the process's own log."""
    for incident in look.opened:
        log.warning("incident %d: %s %s Try: lockdown incident show %d", incident.number, incident.severity,
                    incident.says, incident.number)  # fmt: skip
    for incident in look.closed:
        log.warning("incident %d is over: %s", incident.number, incident.says)
