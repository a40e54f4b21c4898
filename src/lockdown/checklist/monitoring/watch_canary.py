"""Watch over the watchers of item 9: does the canary arrive, and do the paths work over which people are told?

Who says that mail stands still must not ride on that mail, and a path that is silent must not pass for health.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from lockdown.checklist.monitoring.canary_controls import CANARY, PEOPLE_TOLD
from lockdown.config import Settings
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Evidence, Severity
from lockdown.model.unknown import Unknown
from lockdown.model.window import CanaryPath, ToldPath, Window

FAILURES = 3
"""Messages in a row that a path did not take."""
_LATE_ROUNDS = 3


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """What rings now."""
    match window.canary:
        case None:
            pass
        case Unknown(why):
            yield _unknown(why)
        case paths:
            for path in paths:
                yield from _missed(path)
                yield from _late(path, window.now, policy)
    for told in window.told_over:
        yield from _path_down(told)


def _unknown(why: str) -> Alarm:
    return Alarm(
        "monitoring.canary-unknown",
        "the canary",
        CANARY.id,
        Severity.MEDIUM,
        f"Nobody knows whether the canary arrives: {why}.",
        "mail may flow or not; the heartbeat is silent",
        next_command="lockdown doctor",
    )


_LOST = {
    "connect": "nothing answers there",
    "greeting": "it is connected and not greeted",
    "accepted": "it is not accepted",
    "arrived": "it is accepted and does not arrive",
}


def _missed(path: CanaryPath) -> Iterator[Alarm]:
    if not path.is_lost:
        return
    lost = _LOST.get(path.stage, path.stage)
    last = (
        "none has arrived yet" if path.arrived_at is None else f"the last that arrived was sent {_at(path.arrived_at)}"
    )
    yield Alarm(
        "monitoring.canary-missed",
        path.path,
        CANARY.id,
        Severity.CRITICAL,
        f"Letters sent over {path.path} no longer arrive: {path.missed} were missed, {lost}.",
        "other mail over this way probably fares alike; the heartbeat is silent",
        (Evidence("canary", f"lost at stage {path.stage!r}: {path.why}"), Evidence("canary", last)),
        _NEXT.get(path.stage, "lockdown doctor"),
    )


_NEXT = {
    "connect": "lockdown doctor     (is the server there? systemctl status lockdown-gateway)",
    "greeting": "lockdown doctor",
    "accepted": "lockdown trace canary@drill.example     (says who refused it, and why)",
    "arrived": "postqueue -p     (does it wait there? and is monitoring.canary_mailbox the right one?)",
}


def _late(path: CanaryPath, now: datetime, policy: Settings) -> Iterator[Alarm]:
    every, wait = policy.monitoring.canary_every, policy.monitoring.canary_wait
    if not every or now.timestamp() - path.tried_at <= (every * _LATE_ROUNDS + wait).total_seconds():
        return
    yield Alarm(
        "monitoring.canary-late",
        path.path,
        CANARY.id,
        Severity.MEDIUM,
        f"No canary has flown over {path.path} since {_at(path.tried_at)}.",
        "nobody knows whether mail arrives; the heartbeat is silent",
        next_command="lockdown doctor     (then restart the gateway)",
    )


def _path_down(told: ToldPath) -> Iterator[Alarm]:
    if told.failures < FAILURES:
        return
    since = f" since {told.since:%Y-%m-%d %H:%M} UTC" if told.since else ""
    yield Alarm(
        "monitoring.alert-path-down",
        told.path,
        PEOPLE_TOLD.id,
        Severity.HIGH,
        f"Nobody can be told over {told.path}{since}.",
        "it is tried again, and told over the other paths; once it works, it is told what is open then",
        (Evidence("alerts", f"{told.failures} attempts: {told.why}"),),
        "lockdown alert test",
    )


def _at(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
