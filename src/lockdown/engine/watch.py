"""Watch: gather a window, let each room judge it, keep the incidents, and answer what may be answered by itself.

One look takes everything from files and from what the gateway tells of its engines; it is made by one process only.
A room that breaks is an alarm of its own, never silence.

Fails as: OperatorError when the store cannot be written; the next look tries again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from lockdown.agent import client
from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Settings
from lockdown.engine import life, looked
from lockdown.engine.accounts import AccountLog
from lockdown.engine.answer import Answerer
from lockdown.engine.blocking import Protected, protected_networks
from lockdown.engine.incidents import CANNOT_WATCH, KEPT, answered, is_noted, is_over, told
from lockdown.engine.life import Life, Told
from lockdown.engine.means import AgentMeans
from lockdown.engine.recent import Recent, own_addresses
from lockdown.engine.traffic import TrafficCounter
from lockdown.engine.traffic_log import TrafficLog
from lockdown.model.alarm import Alarm, Incident
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Severity
from lockdown.model.mail import AUTOMATIC
from lockdown.model.traffic import HoldQueued, Restrain
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window
from lockdown.state.correspondents import Correspondents
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store

EVERY_SECONDS = 30.0
_COMMIT_SECONDS = 10.0
_FORGET_EVERY = 1000
_LONGEST_OBJECT = 300

Judge: TypeAlias = Callable[[Window, Settings], Iterable[Alarm]]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to."""

    alarms: tuple[Alarm, ...]
    opened: tuple[Incident, ...] = ()
    """New, or back again."""
    closed: tuple[Incident, ...] = ()


class Watch:
    """Looks, again and again. Its deeds block: to be called in a thread, and never by two at once."""

    def __init__(
        self,
        settings: Settings,
        directory: StateDirectory,
        store: Store,
        protected: Callable[[], tuple[Protected, ...]] | None = None,
        checklist: Iterable[Room] = CHECKLIST,
    ) -> None:
        self._settings, self._directory, self._store = settings, directory, store
        self._counter = TrafficCounter(settings, directory.path)
        self._recent = Recent(settings, directory, own_addresses(), self._counter)
        self._counter.ask_room = partial(client.room_of, directory.path)
        self._correspondents = Correspondents(directory.path)
        self._traffic_log = TrafficLog(settings, directory.path, self._counter, self._correspondents)
        self._accounts = AccountLog(settings, directory.path)
        self._life = Life(settings, directory, self._recent, self._counter, self._accounts)
        whom_never = protected or partial(protected_networks, settings)
        means = AgentMeans(directory.path, settings.monitoring.account_term)
        self._answerer = Answerer(settings, store, whom_never, means, self._counter.waiting.forget)
        self._judges = judges(checklist)
        self._since: datetime | None = None
        self._looks = 0

    def glance(self, now: datetime) -> bool:
        """Take in what has been written since: whether something has become so frequent that a look is due."""
        self._recent.read(now)
        self._traffic_log.read(now)
        return self._accounts.glance(now) or self._counter.hot

    def look(self, told_by_gateway: Told, now: datetime) -> Look:
        """One look: what rings, what has begun, what has ended."""
        self._since = self._since or now
        # The gateway's own log first: with it the counter learns how late it is.
        self._recent.read(now)
        self._traffic_log.read(now)
        window = self._life.window(told_by_gateway, now)
        alarms = tuple(ringing(self._judges, window, self._settings))
        self._remember_traffic(alarms)
        self._answerer.end_those_of_later(now)
        before = {incident.number for incident in self._store.open_incidents()}
        incidents = self._raise(alarms, now)
        self._answer(zip(alarms, incidents, strict=True), window, now)
        closed = self._close(alarms, now)
        self._accept(window, zip(alarms, incidents, strict=True))
        self._forget(now)
        looked.note(self._directory.path, now)
        opened = tuple(one for one in incidents if one.is_open and one.number not in before)
        return Look(alarms, opened, closed)

    def close(self) -> None:
        """Keep what was learnt of the traffic; a full disk costs what was learnt lately."""
        with suppress(OSError):
            self._counter.save(now=True)
        self._correspondents.close()

    def _remember_traffic(self, alarms: tuple[Alarm, ...]) -> None:
        """What is of a flood is no good mail; the rest is kept for weeks."""
        wishes = (wish for alarm in alarms for wish in alarm.wishes)
        self._counter.blame(wish.match for wish in wishes if isinstance(wish, Restrain | HoldQueued))
        with suppress(OSError, OperatorError):  # the next look tries again; a full disk must not end the watch
            self._counter.save()
            self._traffic_log.keep()

    def _raise(self, alarms: tuple[Alarm, ...], now: datetime) -> list[Incident]:
        """All of them in one commit."""
        futures = [self._store.raise_incident(alarm.key, partial(told, alarm=alarm, now=now)) for alarm in alarms]
        return [future.result(_COMMIT_SECONDS) for future in futures]

    def _answer(self, rung: Iterable[tuple[Alarm, Incident]], window: Window, now: datetime) -> None:
        for alarm, incident in rung:
            if not incident.is_open:
                continue
            for answer in self._answerer.answers(incident, alarm, window.traffic, now):
                self._store.change_incident(incident.number, partial(answered, answer=answer)).result(_COMMIT_SECONDS)

    def _close(self, alarms: tuple[Alarm, ...], now: datetime) -> tuple[Incident, ...]:
        assert self._since is not None
        keys = {alarm.key for alarm in alarms}
        blind = {alarm.item for alarm in alarms if alarm.name == f"{alarm.item}.{CANNOT_WATCH}"}
        over = [one for one in self._store.open_incidents() if is_over(one, keys, blind, self._since, now)]
        futures = [self._store.close_incident(one.number, AUTOMATIC, now) for one in over]
        closed = [future.result(_COMMIT_SECONDS) for future in futures]
        return tuple(one for one in closed if one is not None)

    def _accept(self, window: Window, rung: Iterable[tuple[Alarm, Incident]]) -> None:
        """The settings in force become those that later ones are held against, unless somebody has yet to say so."""
        waits = any(alarm.accepted_by_closing and not is_noted(incident) for alarm, incident in rung)
        if not waits and window.accepted != life.in_force(self._settings):
            with suppress(OSError):  # the next look tries again; a full disk has an alarm of its own
                life.accept(self._directory, self._settings)

    def _forget(self, now: datetime) -> None:
        if self._looks % _FORGET_EVERY == 0:
            self._store.forget_incidents(now - KEPT).result(_COMMIT_SECONDS)
        self._looks += 1


def judges(checklist: Iterable[Room] = CHECKLIST) -> dict[str, Judge | Unknown]:
    """The `watch` of each room that has one, by item; Unknown for one that cannot be loaded."""
    found: dict[str, Judge | Unknown] = {}
    for room in checklist:
        if "watch" in room.CARD.empty:
            continue
        try:
            found[room.CARD.id] = importlib.import_module(f"{room.__name__}.watch").watch
        except Exception as error:
            found[room.CARD.id] = Unknown(f"it cannot be loaded: {type(error).__name__}: {error}")
    return found


def ringing(rooms: dict[str, Judge | Unknown], window: Window, policy: Settings) -> Iterator[Alarm]:
    """All alarms of all rooms, each key once."""
    seen: set[str] = set()
    for item, judge in rooms.items():
        for alarm in _guarded(item, judge, window, policy):
            bounded = replace(alarm, object=alarm.object[:_LONGEST_OBJECT])
            if bounded.key not in seen:
                seen.add(bounded.key)
                yield bounded


def _guarded(item: str, judge: Judge | Unknown, window: Window, policy: Settings) -> list[Alarm]:
    if isinstance(judge, Unknown):
        return [_broken(item, judge.why)]
    found: list[Alarm] = []
    try:
        found.extend(judge(window, policy))
    except Exception as error:  # a broken room must not pass for a quiet one
        found.append(_broken(item, f"it broke: {type(error).__name__}: {error}"))
    return found


def _broken(item: str, why: str) -> Alarm:
    return Alarm(
        f"{item}.{CANNOT_WATCH}",
        "the watch itself",
        "",
        Severity.HIGH,
        f"The watch over {item} does not work: {why}; this is a fault of Lockdown.",
        "mail is judged as before, but an attack or an outage may go unnoticed",
        next_command="lockdown doctor",
    )
