"""Gather what the page shows, from the store, the log, the metrics; and audit in the background.

Fails as: `Unknown(why)` for each part that cannot be read; the page is then made of the others.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from lockdown.agent import client as agent
from lockdown.config import Settings
from lockdown.console.page import Facts, Page, build
from lockdown.console.today import TodayCounts
from lockdown.engine.alert_health import told_over
from lockdown.engine.answering import gateway_answers, gateway_processes
from lockdown.engine.audit import audit, cards
from lockdown.engine.busiest import Looker
from lockdown.engine.grip import grips
from lockdown.engine.live_readings import with_live_readings
from lockdown.engine.looked import not_watched
from lockdown.engine.round_trip import canary_now
from lockdown.engine.standing import standing_of
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.record import Audit
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from lockdown.state.log_sight import sight_numbers
from lockdown.state.metrics import canary_numbers, render
from lockdown.state.store import Store

T = TypeVar("T")

AUDIT_EVERY = timedelta(hours=1)
_AGAIN_AT_THE_LATEST = timedelta(minutes=1)
_FAILURES_BEFORE_A_WORD = 4
"""At the start the agent may need a few seconds more than we do; that is nothing to be told."""
_NEWEST_HELD = 20
_RESTRAINTS_OF = timedelta(days=7)
_UPSTREAM_UP = re.compile(r'^lockdown_backend_up\{[^}]*upstream="((?:[^"\\]|\\.)*)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE)
_ENGINE_UP = re.compile(r'^lockdown_engine_up\{[^}]*engine="((?:[^"\\]|\\.)*)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE)


class Gatherer:
    """Reads for one console; used by several threads."""

    def __init__(self, settings: Settings, directory: StateDirectory, store: Store) -> None:
        self._settings, self._directory, self._store = settings, directory, store
        self._today = TodayCounts(directory.log)
        self._looker = Looker(settings)
        self._lock = threading.Lock()
        self.host = socket.gethostname()

    def page(self) -> Page:
        """The first page as things are now."""
        return build(self._facts(datetime.now(UTC)))

    def _facts(self, now: datetime) -> Facts:
        thirteen = cards()
        with self._lock:
            counts = self._today.read(now)
        return Facts(
            host=self.host,
            now=now,
            settings=self._settings,
            cards=thirteen,
            audit=self._audit(),
            audited=frozenset(card.id for card in thirteen if "audit" not in card.empty),
            counts=counts,
            running=gateway_processes(self._directory.path),
            upstreams_up=self._up(_UPSTREAM_UP),
            held=_read(self._store.quarantine_totals),
            held_newest=_or_none(_read(lambda: self._store.held(limit=_NEWEST_HELD))),
            blocks=_read(lambda: self._store.active_blocks(now)),
            incidents=_read(self._store.open_incidents),
            engines_up=self._up(_ENGINE_UP),
            not_watched=not_watched(self._directory.path, now),
            restraints=_read(lambda: self._store.restraint_history(now - _RESTRAINTS_OF)),
            canary=canary_now(self._settings, self._directory.path),
            told_over=told_over(self._settings, self._directory.path),
            accounts=[*grips().values()],
            busiest=self._looker.latest(now),
            standing=standing_of(self._settings),
        )

    def _audit(self) -> Audit | Unknown:
        latest = _read(lambda: self._store.latest_audit(self.host))
        return Unknown("no audit has been made yet; the first takes a few seconds") if latest is None else latest

    def _up(self, what: re.Pattern[str]) -> Mapping[str, bool] | Unknown:
        """Which upstreams, or engines, answer the workers."""
        match _read(lambda: render(self._directory.metrics)):
            case Unknown() as unread:
                return unread
            case text:
                found = what.findall(text.decode())
                return {url.replace('\\"', '"'): float(value) > 0 for url, value in found}

    def metrics(self) -> bytes:
        """All workers' numbers together, as Prometheus reads them."""
        return (
            render(self._directory.metrics, self._store)
            + canary_numbers(self._directory.path, datetime.now(UTC))
            + sight_numbers(self._directory.path)
        )

    def unwell(self) -> list[str]:
        """Why `/healthz` would say 503: the gateway does not answer, or the store cannot be read."""
        reasons = [symptom.says for symptom in gateway_answers(self._settings) if symptom.state is State.FAIL]
        match _read(self._store.version):
            case Unknown(why):
                reasons.append(why)
        return reasons


def _read(source: Callable[[], T]) -> T | Unknown:
    try:
        return source()
    except OperatorError as problem:
        return Unknown(f"{problem.what}: {problem.why}")
    except OSError as error:
        return Unknown(error.strerror or str(error))


def _or_none(read: list[T] | Unknown) -> list[T]:
    """The reason is told beside the totals already."""
    return [] if isinstance(read, Unknown) else read


class Auditor(threading.Thread):
    """Audits at the start and each hour, through the agent, so that the page is never empty for long."""

    def __init__(self, settings: Settings, directory: StateDirectory, store: Store) -> None:
        super().__init__(name="auditor", daemon=True)
        self._settings, self._directory, self._store = settings, directory, store
        self._stopped = threading.Event()
        self._failures = 0

    def run(self) -> None:
        """Until told to stop."""
        pause = timedelta(0)
        while not self._stopped.wait(pause.total_seconds()):
            match self._audit_once(datetime.now(UTC)):
                case Unknown(why):
                    pause = self._failed(why)
                case None:
                    self._failures, pause = 0, AUDIT_EVERY

    def _failed(self, why: str) -> timedelta:
        """How long to wait before the next attempt; the reason is told once."""
        self._failures += 1
        if self._failures == _FAILURES_BEFORE_A_WORD:
            print(f"console: no audit could be made: {why}", file=sys.stderr, flush=True)
        return min(_AGAIN_AT_THE_LATEST, timedelta(seconds=2**self._failures))

    def stop(self) -> None:
        """End after the audit that runs."""
        self._stopped.set()

    def _audit_once(self, now: datetime) -> Unknown | None:
        """One audit, kept in the store; or why there is none."""
        match agent.snapshot(self._directory.path):
            case Unknown() as none:
                return none
            case snapshot:
                return self._judge_and_keep(snapshot, now)

    def _judge_and_keep(self, snapshot: Snapshot, now: datetime) -> Unknown | None:
        """Engines and the DNS are asked here: the agent, which is root, reads nothing from the network."""
        snapshot = with_live_readings(self._settings, snapshot)
        try:
            report = audit(snapshot, self._settings, now, waivers=self._store.waivers(now))
            self._store.record_audit(report.findings, report.host, report.taken_at).result()
        except OperatorError as problem:
            return Unknown(f"{problem.what}: {problem.why}")
        return None
