"""Gather what the rooms watch: the log's last minutes, the engines, lessons, the last drill, the settings of before.

Fails as: `Unknown(why)` in the place of each fact that cannot be read. Never raises for a file, whatever is in it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lockdown.config import Settings
from lockdown.engine import looked
from lockdown.engine.accounts import AccountLog
from lockdown.engine.alert_health import told_over
from lockdown.engine.drill_report import RESULTS
from lockdown.engine.recent import Recent
from lockdown.engine.room import room_of
from lockdown.engine.round_trip import canary_now
from lockdown.engine.traffic import TrafficCounter
from lockdown.host.grips import held_users, released
from lockdown.model.unknown import Unknown
from lockdown.model.window import Drilled, EngineHealth, Lessons, ListHealth, Value, Window
from lockdown.scan import blocklists
from lockdown.scan.clamd import Clamd
from lockdown.scan.engines import ANTISPAM
from lockdown.scan.rspamd import Rspamd
from lockdown.scan.spamd import Spamd
from lockdown.scan.watched import Health
from lockdown.state.layout import StateDirectory

ACCEPTED = looked.FILE
"""Below the state directory: the settings of items 1 and 2 that were accepted last."""
UNPROVEN = "the builtin engine does not find the test virus, or finds it everywhere"
"""Why `Health.why` of the builtin engine, for one that lies."""
_LIES = frozenset({UNPROVEN, Clamd.unproven, Rspamd.unproven, Spamd.unproven})
_SECTIONS = ("antivirus", "antispam")
_LESSON_BYTES = 4 * 1024 * 1024
_LESSONS_WITHIN = timedelta(days=1)
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Told:
    """What the gateway knows of its engines at this moment."""

    engines: tuple[Health, ...] | Unknown = ()
    lists: tuple[blocklists.Health, ...] | Unknown = ()
    model: Unknown | None = None
    """Why the classifier has no model."""


class Life:
    """Gathers windows for one state directory."""

    def __init__(
        self,
        settings: Settings,
        directory: StateDirectory,
        recent: Recent,
        counter: TrafficCounter | None = None,
        accounts: AccountLog | None = None,
    ) -> None:
        self._settings, self._directory, self._recent, self._counter = settings, directory, recent, counter
        self._accounts = accounts

    def window(self, told: Told, now: datetime) -> Window:
        """Everything as it is now."""
        events = self._recent.look(now)
        return Window(
            now=now,
            since=self._recent.since,
            events=events,
            engines=_engines(told.engines),
            lists=_lists(told.lists),
            model=told.model,
            lessons=lessons(self._directory, now),
            drilled=drilled(self._directory),
            accepted=accepted(self._directory),
            usual=self._recent.usual(),
            unseen=self._recent.unseen,
            traffic=self._counter.look() if self._counter is not None else None,
            accounts=self._accounts.look(now, held_users(), released()) if self._accounts is not None else None,
            canary=canary_now(self._settings, self._directory.path),
            told_over=told_over(self._settings, self._directory.path),
            room=room_of(self._settings, self._directory.path),
        )


def _engines(told: tuple[Health, ...] | Unknown) -> tuple[EngineHealth, ...] | Unknown:
    return told if isinstance(told, Unknown) else tuple(map(engine_health, told))


def engine_health(health: Health) -> EngineHealth:
    """One engine for the rooms: whose it is, and whether it lies."""
    item = "antispam" if health.engine.partition(":")[0] in ANTISPAM else "antivirus"
    lies = not health.up and health.why in _LIES
    return EngineHealth(health.engine, item, health.up, health.since, health.why, lies, health.built)


def _lists(told: tuple[blocklists.Health, ...] | Unknown) -> tuple[ListHealth, ...] | Unknown:
    if isinstance(told, Unknown):
        return told
    return tuple(ListHealth(one.zone, one.passes, one.why) for one in told)


# ── lessons ──


class _Line(msgspec.Struct, frozen=True):
    """What is needed of a line of the journal of lessons."""

    key: str = ""
    is_spam: bool = False
    by: str = ""
    domain: str = ""
    at: float = 0.0
    unlearn: str = ""


_decode_lesson = msgspec.json.Decoder(_Line).decode


def lessons(directory: StateDirectory, now: datetime) -> tuple[Lessons, ...] | Unknown:
    """What was taught within a day, by the domain that it is about."""
    from lockdown.scan.learning import JOURNAL, Lesson, counting_of

    octets = _tail(directory.learning / JOURNAL, _LESSON_BYTES)
    if isinstance(octets, Unknown):
        return octets
    since = (now - _LESSONS_WITHIN).timestamp()
    lines = [line for line in _lessons_in(octets) if line.at >= since]
    given: defaultdict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for line in lines:
        given[line.domain, line.is_spam][line.by] += 1
    taken = [Lesson(line.key, line.is_spam, line.by, line.domain, line.at, ()) for line in lines]
    counting = Counter((lesson.domain, lesson.is_spam) for lesson in counting_of(taken))
    return tuple(
        Lessons(domain, is_spam, by.total(), counting[domain, is_spam], by.most_common(1)[0][0])
        for (domain, is_spam), by in given.items()
    )


def _lessons_in(octets: bytes) -> list[_Line]:
    """Those that were not taken back. A torn line is one that was never acknowledged."""
    taken: dict[tuple[str, str, bool], _Line] = {}
    for text in octets.split(b"\n"):
        try:
            line = _decode_lesson(text)
        except (msgspec.MsgspecError, RecursionError):
            continue
        if line.unlearn:
            taken = {at: lesson for at, lesson in taken.items() if lesson.key != line.unlearn}
        else:
            taken[line.key, line.by, line.is_spam] = line
    return list(taken.values())


# ── files ──


def drilled(directory: StateDirectory) -> Drilled | Unknown | None:
    """The last drill; None: none was held."""
    told = _json(directory, RESULTS)
    if told is None or isinstance(told, Unknown):
        return told
    try:
        last = told["last_success"]
        return Drilled(
            datetime.fromisoformat(told["began"]),
            tuple(map(str, told["items"])),
            tuple(
                (str(one["item"]), f"{one['set']}: {one['name']}")
                for one in told["not_as_expected"]
                if one["state"] == "fail"
            ),
            datetime.fromtimestamp(float(last), UTC) if last is not None else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Unknown(f"{RESULTS} is damaged: {type(error).__name__}: {error}")


def accepted(directory: StateDirectory) -> Mapping[str, Value] | Unknown:
    """The settings that were accepted last; empty: none have been yet."""
    told = _json(directory, ACCEPTED)
    if told is None or isinstance(told, Unknown):
        return told or {}
    found = told.get("accepted")
    if not isinstance(found, dict):
        return Unknown(f"{ACCEPTED} is damaged: it names no settings")
    values = {str(key): tuple(map(str, value)) if isinstance(value, list) else value for key, value in found.items()}
    return {key: value for key, value in values.items() if isinstance(value, str | int | float | tuple)}


def in_force(settings: Settings) -> Mapping[str, Value]:
    """The settings of items 1 and 2 that can be compared, by key."""
    found: dict[str, Value] = {}
    for section in _SECTIONS:
        table = getattr(settings, section)
        for name in table.__struct_fields__:
            value = getattr(table, name)
            if isinstance(value, str | int | float | tuple):
                found[f"{section}.{name}"] = value
    return found


def accept(directory: StateDirectory, settings: Settings) -> None:
    """These are what later ones are held against; OSError when they cannot be written."""
    file = directory.path / ACCEPTED
    aside = file.with_suffix(".new")
    told = {"schema": "lockdown.watch/1", "accepted": in_force(settings)}
    aside.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(file)


def _json(directory: StateDirectory, name: str) -> dict[str, Any] | Unknown | None:
    try:
        with (directory.path / name).open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unknown(f"{name} cannot be read: {error.strerror}")
    except (ValueError, RecursionError) as error:
        return Unknown(f"{name} is damaged: {error}")
    return told if isinstance(told, dict) else Unknown(f"{name} is damaged: it is no table")


def _tail(path: Any, most: int) -> bytes | Unknown:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            octets: bytes = file.read(most)
            return octets
    except FileNotFoundError:
        return b""
    except OSError as error:
        return Unknown(f"{path} cannot be read: {error.strerror}")
