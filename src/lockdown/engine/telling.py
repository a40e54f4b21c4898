"""Tell people what has changed, over every path on its own, and let the heartbeat beat while all is well.

One round reads the incidents, tells each path what it does not know yet, and remembers that before anything else: after
a restart nothing is told twice, but for the one message that a crash may fall upon. A path that fails is tried again
later and later, up to an hour; the others tell of it meanwhile. The heartbeat is not sent while the watch is late or
the canary does not arrive: then its silence is the alarm.

Fails as: what is said in the file of what was told; nothing is raised for a path. OperatorError when the store fails.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

import msgspec

from lockdown.config import Settings
from lockdown.engine import alert_paths
from lockdown.engine.alert_paths import NotTold, Outcome, Sender, Told
from lockdown.engine.alerts import Known, Memory, Notice, Words, after, due, forgotten, in_words, lately, moment, news
from lockdown.engine.at_once import at_once
from lockdown.engine.looked import LATE, not_watched
from lockdown.engine.room import room_of
from lockdown.model.alarm import Incident
from lockdown.model.alert_path import key_of_path, masked, names_of
from lockdown.model.finding import Severity
from lockdown.model.mail import AUTOMATIC
from lockdown.model.window import Room
from lockdown.state.store import Store
from lockdown.state.told import NOT_SENT, PathMemory, ToldFile, ToldIncident, keep_told, read_told

WITHIN_SECONDS = 45.0
"""For one message over one path, whatever it hangs in."""
_LOCK = "alerts.lock"
_MOST_INCIDENTS = 1000
_NO_NUMBER = 0
"""Of the one incident that stands in no store."""
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)


class Teller:
    """Tells for one state directory. Its deeds block: to be called in a thread of their own."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        store: Store,
        sender: Sender = alert_paths.tell,
        beat: Callable[[str], Outcome] = alert_paths.beat,
        zone: tzinfo | None = None,
        within_seconds: float = WITHIN_SECONDS,
    ) -> None:
        self._settings, self._state, self._store = settings, state, store
        self._sender, self._beat, self._zone = sender, beat, zone
        self._within = within_seconds
        self._host = host_of(settings)
        self._hanging: dict[str, Bounded] = {}
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._unwatched: Incident | None = None
        self._unwritten: ToldFile | None = None
        """What the disk did not take: it must not be told again every few seconds while it is full."""

    def round(self, now: datetime, canary_missed: str = "") -> None:
        """Tell what is due, over every path whose time has come; then the heartbeat."""
        alerts = self._settings.alerts
        if not alerts.to and not alerts.heartbeat:
            return
        with _alone(self._state) as is_alone:
            if is_alone:
                self._tell(now)
                self._let_beat(now, canary_missed)

    # ── paths ──

    def _tell(self, now: datetime) -> None:
        urls = self._settings.alerts.to
        if not urls:
            return
        told = self._read()
        incidents = _incidents(self._store)
        if unwatched := self._nobody_watches(told, now):
            incidents[unwatched.number] = unwatched

        def tell_over(url: str, name: str) -> None:
            memory = told.paths.get(key_of_path(url)) or PathMemory(name=name, since=now.timestamp())
            self._tell_one(url, msgspec.structs.replace(memory, name=name), incidents, now)

        # Side by side: who is told over a slow path must not keep the others in the dark.
        named = zip(urls, names_of(urls), strict=True)
        for path in at_once("alerts", [partial(tell_over, url, name) for url, name in named]):
            path.wait()
        self._forget_others(frozenset(map(key_of_path, urls)))

    def _nobody_watches(self, told: ToldFile, now: datetime) -> Incident | None:
        """What no incident of the store can tell of: that none can come in, as on a full disk."""
        if self._began is None or now < self._began:
            self._began = now  # after a start the first look is yet to come
        why = not_watched(self._state, now) if now - self._began > LATE else ""
        room = room_of(self._settings, self._state) if why else None
        if isinstance(room, Room) and room.is_full:
            why = f"{why}; the disk of {room.path} is full"
        if why and (self._unwatched is None or not self._unwatched.is_open):
            self._unwatched = unwatched(why, now)
        before = self._unwatched or (unwatched("before a restart nobody did", now) if _was_told(told) else None)
        if before is not None and before.is_open and not not_watched(self._state, now):
            self._unwatched = replace(before, closed_at=now, closed_by=AUTOMATIC)
        return self._unwatched

    def _tell_one(self, url: str, memory: PathMemory, incidents: Mapping[int, Incident], now: datetime) -> None:
        self._keep(url, memory)
        # A clock that was set back must not silence a path for as long as it was wrong.
        if now.timestamp() < memory.next_try <= (now + _LONGEST_PAUSE).timestamp():
            return
        known = _memory(memory)
        changes = news(incidents.values(), known, self._settings.alerts, memory.name)
        still_open = [one for one in incidents.values() if one.is_open]
        for notice in due(changes, known, self._settings.alerts, now, self._zone):
            match self._send(url, notice, still_open, now):
                case Told():
                    known = forgotten(after(known, notice, now), incidents)
                    memory = _taken(memory, known, now)
                case NotTold(why):
                    self._keep(url, _failed(memory, why, now))
                    return
            self._keep(url, memory)

    def _send(self, url: str, notice: Notice, still_open: list[Incident], now: datetime) -> Outcome:
        words = in_words(notice, still_open, self._host, now)
        return self._bounded(url, lambda: self._sender(url, words, self._host))

    def _bounded(self, url: str, deed: Callable[[], Outcome]) -> Outcome:
        """A path that hangs keeps its own thread, and nobody else's time."""
        before = self._hanging.get(url)
        if before is not None and before.is_alive():
            return NotTold("it still hangs in the attempt before")
        bounded = self._hanging[url] = Bounded(deed)
        return bounded.outcome(self._within)

    def _keep(self, url: str, memory: PathMemory) -> None:
        """Each path is written down by itself: a crash loses one message at most."""
        key = key_of_path(url)
        with self._lock:
            told = self._read()
            if told.paths.get(key) != memory:
                self._write(msgspec.structs.replace(told, paths={**told.paths, key: memory}))

    def _forget_others(self, keys: frozenset[str]) -> None:
        told = self._read()
        if set(told.paths) - keys:
            kept = {key: memory for key, memory in told.paths.items() if key in keys}
            self._write(msgspec.structs.replace(told, paths=kept))

    def _read(self) -> ToldFile:
        return self._unwritten or read_told(self._state)

    def _write(self, told: ToldFile) -> None:
        try:
            keep_told(self._state, told)
            self._unwritten = None
        except OSError:
            self._unwritten = told

    # ── heartbeat ──

    def _let_beat(self, now: datetime, canary_missed: str) -> None:
        url = self._settings.alerts.heartbeat
        if not url:
            return
        told = self._read()
        before = told.beats.tried_at
        if before is not None and 0 <= now.timestamp() - before < self._settings.alerts.heartbeat_every.total_seconds():
            return
        beats = msgspec.structs.replace(told.beats, name=masked(url), tried_at=now.timestamp())
        why = not_watched(self._state, now) or canary_missed
        if why:
            beats = msgspec.structs.replace(beats, why=f"{NOT_SENT}{why}")
        else:
            match self._bounded(url, lambda: self._beat(url)):
                case Told():
                    beats = msgspec.structs.replace(beats, beat_at=now.timestamp(), why="")
                case NotTold(reason):
                    beats = msgspec.structs.replace(beats, why=reason)
        self._write(msgspec.structs.replace(self._read(), beats=beats))


class Bounded(threading.Thread):
    """One deed in a thread of its own, which nobody waits for longer than for so long."""

    def __init__(self, deed: Callable[[], Outcome]) -> None:
        super().__init__(name="alert", daemon=True)
        self._deed = deed
        self._outcome: Outcome = NotTold("it broke off")
        self.start()

    def run(self) -> None:
        """The deed."""
        try:
            self._outcome = self._deed()
        except Exception as error:  # a fault of ours must not pass for a message that was told
            self._outcome = NotTold(f"a fault of Lockdown: {type(error).__name__}")

    def outcome(self, seconds: float) -> Outcome:
        """What came of it within so long."""
        self.join(seconds)
        return NotTold(f"no end in {seconds:.0f} s") if self.is_alive() else self._outcome


def host_of(settings: Settings) -> str:
    """What this machine is called in what people are told."""
    name = settings.gateway.hostname or socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def unwatched(why: str, now: datetime) -> Incident:
    """That nobody watches, as people are told of it; it stands in no store."""
    says = f"Nobody watches: {why}."
    meanwhile = "floods and failures go unseen and unanswered; the heartbeat is silent"
    name = "monitoring.watch-stopped"
    return Incident(
        name, name, "the watch", "", Severity.CRITICAL, says, now, now, meanwhile,
        next_command="lockdown doctor",
    )  # fmt: skip


def _was_told(told: ToldFile) -> bool:
    return any(path.known[_NO_NUMBER].is_open for path in told.paths.values() if _NO_NUMBER in path.known)


def _incidents(store: Store) -> dict[int, Incident]:
    """The newest, and all that are open."""
    return {one.number: one for one in (*store.incidents(limit=_MOST_INCIDENTS), *store.open_incidents())}


def _memory(kept: PathMemory) -> Memory:
    known = {
        number: Known(Severity(one.severity), one.returned, one.is_open, one.deeds)
        for number, one in kept.known.items()
        if one.severity in _SEVERITIES
    }
    digest_at = None if kept.digest_at is None else _at(kept.digest_at)
    return Memory(_at(kept.since), known, digest_at, tuple(map(_at, kept.sent)))


_SEVERITIES = frozenset(one.value for one in Severity)


def _at(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a damaged file
        return datetime.fromtimestamp(0, UTC)


def _taken(before: PathMemory, memory: Memory, now: datetime) -> PathMemory:
    return PathMemory(
        name=before.name,
        since=before.since,
        known={
            number: ToldIncident(one.severity.value, one.returned, one.is_open, one.deeds)
            for number, one in memory.known.items()
        },
        digest_at=None if memory.digest_at is None else memory.digest_at.timestamp(),
        sent=tuple(at.timestamp() for at in lately(memory.sent, now)),
        told_at=now.timestamp(),
    )


def _failed(before: PathMemory, why: str, now: datetime) -> PathMemory:
    pause = min(_FIRST_PAUSE * 2 ** min(before.failures, 10), _LONGEST_PAUSE)
    return msgspec.structs.replace(
        before,
        failures=before.failures + 1,
        down_since=now.timestamp() if before.down_since is None else before.down_since,
        next_try=(now + pause).timestamp(),
        why=why,
    )


@contextmanager
def _alone(state: Path) -> Iterator[bool]:
    """During a reload two workers keep watch for a moment: one of them tells."""
    try:
        handle = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # on a full disk it is better told twice than never
        yield True
        return
    try:
        yield _is_locked(handle)
    finally:
        os.close(handle)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# ── a test ──


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test message over one path."""

    name: str
    outcome: Outcome
    warning: str = ""
    """It works, and yet somebody should know."""


def try_paths(settings: Settings, now: datetime, sender: Sender = alert_paths.tell) -> Iterator[Tried]:
    """A test message over each path, one after the other."""
    host = host_of(settings)
    body = f"This is a test that somebody at {host} has asked for at {moment(now)}. Nothing is wrong."
    words = Words(f"Lockdown {host}: a test", body, Severity.LOW)
    urls = settings.alerts.to
    for url, name in zip(urls, names_of(urls), strict=True):
        outcome = Bounded(partial(sender, url, words, host)).outcome(WITHIN_SECONDS)
        yield Tried(name, outcome, alert_paths.rides_on_us(url, settings))


def try_heartbeat(settings: Settings, beat: Callable[[str], Outcome] = alert_paths.beat) -> Outcome:
    """One beat; whoever waits for it takes it for a real one, so it is only sent when it is asked for."""
    return Bounded(partial(beat, settings.alerts.heartbeat)).outcome(WITHIN_SECONDS)
