"""How the paths over which people are told do, and the canary, as they were left behind; nothing is sent.

Fails as: a path that is not well, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockdown.config import Settings
from lockdown.engine.alert_paths import rides_on_us
from lockdown.engine.alerts import moment
from lockdown.engine.round_trip import canary_missed, canary_now, has_canary
from lockdown.engine.symptom import Symptom, doubtful, ill, well
from lockdown.model.alert_path import key_of_path, masked, names_of
from lockdown.model.units import show_duration
from lockdown.model.window import ToldPath
from lockdown.state.told import NOT_SENT, PathMemory, read_told

MISSED = 3
"""So many beats in a row that were not taken are no longer a hiccup."""
_PART = "alerts"


def told_over(settings: Settings, state: Path) -> tuple[ToldPath, ...]:
    """For the rooms: the paths of the settings that have been tried."""
    told, urls = read_told(state).paths, settings.alerts.to
    return tuple(
        ToldPath(name, memory.failures, moment_of(memory.down_since), memory.why)
        for url, name in zip(urls, names_of(urls), strict=True)
        if (memory := told.get(key_of_path(url))) is not None
    )


def told_of(settings: Settings, number: int) -> list[str]:
    """Over which paths people were told of an incident."""
    told, urls = read_told(Path(settings.state.directory)).paths, settings.alerts.to
    named = zip(urls, names_of(urls), strict=True)
    return [name for url, name in named if (path := told.get(key_of_path(url))) and number in path.known]


def moment_of(seconds: float | None) -> datetime | None:
    """As it is kept in files; None for what cannot be a time."""
    with suppress(ValueError, OverflowError, OSError):
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return None


@dataclass(frozen=True, slots=True)
class Health:
    """One path, or the heartbeat."""

    name: str
    well: bool
    says: str
    warning: str = ""
    """It works, and yet somebody should know."""


def path_health(settings: Settings, now: datetime) -> Iterator[Health]:
    """Each path of the settings."""
    told, urls = read_told(Path(settings.state.directory)), settings.alerts.to
    for url, name in zip(urls, names_of(urls), strict=True):
        memory = told.paths.get(key_of_path(url))
        yield _path(name, memory, rides_on_us(url, settings))


def _path(name: str, memory: PathMemory | None, warning: str) -> Health:
    if memory is not None and memory.failures:
        since = f" since {_when(memory.down_since)}" if memory.down_since else ""
        return Health(name, False, f"down{since}, {memory.failures} attempts: {memory.why}", warning)
    if memory is None or memory.told_at is None:
        return Health(name, True, "nothing had to be told yet", warning)
    return Health(name, True, f"last took a message at {_when(memory.told_at)}", warning)


def heartbeat_health(settings: Settings, now: datetime) -> Iterator[Health]:
    """The heartbeat, where there is one."""
    if not settings.alerts.heartbeat:
        return
    beats, name = read_told(Path(settings.state.directory)).beats, f"heartbeat {masked(settings.alerts.heartbeat)}"
    late = settings.alerts.heartbeat_every.total_seconds() * MISSED
    if beats.beat_at is None:
        yield Health(name, False, beats.why or "it has not beaten yet")
    elif now.timestamp() - beats.beat_at > late:
        yield Health(name, False, f"last beat at {_when(beats.beat_at)}; {beats.why or 'nobody sends it'}")
    else:
        yield Health(name, not beats.why, f"last beat at {_when(beats.beat_at)}{f'; {beats.why}' if beats.why else ''}")


def _when(seconds: float | None) -> str:
    at = moment_of(seconds)
    return "never" if at is None else moment(at)


def alerts_work(settings: Settings, now: datetime) -> Iterator[Symptom]:
    """For `lockdown doctor`."""
    if not settings.alerts.to:
        yield doubtful(_PART, "nobody is told of incidents: alerts.to is empty", "lockdown config explain alerts.to")
    for one in path_health(settings, now):
        yield _symptom(one, "lockdown alert test")
    if settings.alerts.to and not settings.alerts.heartbeat:
        yield doubtful(
            _PART,
            "no heartbeat: a dead machine tells nobody that it is dead",
            "lockdown config explain alerts.heartbeat",
        )
    for one in heartbeat_health(settings, now):
        held_back = NOT_SENT in one.says
        yield _symptom(one, "lockdown incident list" if held_back else "lockdown alert test --heartbeat")


def canary_arrives(settings: Settings, now: datetime) -> Iterator[Symptom]:
    """For `lockdown doctor`: each way in, how long ago a canary arrived there, and how long it took."""
    part, state = "canary", Path(settings.state.directory)
    if not has_canary(settings):
        says = "no letter proves that mail arrives: monitoring.canary_mailbox names no mailbox to find it in"
        yield doubtful(part, says, "lockdown config explain monitoring.canary_mailbox")
        return
    missed = canary_missed(settings, state, now)
    paths = canary_now(settings, state)
    for path in paths if isinstance(paths, tuple) else ():
        if path.is_lost:
            yield ill(part, f"missed {path.missed} times over {path.path}: {path.lost}", "lockdown incident list")
        elif path.arrived_at is not None and path.seconds is not None:
            ago = show_duration(timedelta(seconds=max(0, round(now.timestamp() - path.arrived_at))))
            yield well(part, f"arrived over {path.path} {ago} ago, in {path.seconds:.2f} s ({path.took})")
    if missed and not missed.startswith("the canary was missed"):
        yield doubtful(part, missed, "lockdown up     (the gateway sends it, a minute after its start)")


def _symptom(one: Health, try_this: str) -> Symptom:
    if not one.well:
        return ill(_PART, f"{one.name}: {one.says}", try_this)
    if one.warning:
        return doubtful(_PART, f"{one.name}: {one.warning}", "name a relay that is not this server")
    return well(_PART, f"{one.name}: {one.says}")
