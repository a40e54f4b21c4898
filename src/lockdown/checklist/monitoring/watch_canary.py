"""Watch over the watchers of item 9: does the canary arrive, do the paths work over which people are told, and is there
room to write anything down?

Who says that mail stands still must not ride on that mail, and a path that is silent must not pass for health.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lockdown.checklist.monitoring.canary_controls import CANARY, PEOPLE_TOLD
from lockdown.checklist.monitoring.watch_controls import DISK_ROOM
from lockdown.config import Settings
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Evidence, Severity
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.model.window import CANARY_STAGES, CanaryPath, Room, ToldPath, Window

FAILURES = 3
"""Messages in a row that a path did not take."""
_LATE_ROUNDS = 3
_SOON_FULL = 4
"""Times what mail needs: so much is filled by one flood."""


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """What rings now."""
    match window.canary:
        case None:
            pass
        case Unknown(why):
            yield _unknown(why)
        case paths:
            yield from _lost([path for path in paths if path.is_lost])
            yield from _late(paths, window.now, policy)
    for told in window.told_over:
        yield from _path_down(told)
    if isinstance(window.room, Room):
        yield from _little_room(window.room)


def _unknown(why: str, next_command: str = "lockdown doctor") -> Alarm:
    return Alarm(
        "monitoring.canary-unknown",
        "the canary",
        CANARY.id,
        Severity.MEDIUM,
        f"Nobody knows whether the canary arrives: {why}.",
        "mail may flow or not; the heartbeat is silent",
        next_command=next_command,
    )


def _lost(lost: Sequence[CanaryPath]) -> Iterator[Alarm]:
    """What several ways share is one trouble: behind acceptance there is one way for all of them."""
    unseen = [path for path in lost if path.stage == "mailbox"]
    if unseen:
        yield _unknown(f"its mailbox cannot be looked into: {unseen[0].why}", _NEXT["mailbox"])
    if behind := [path for path in lost if path.stage == "arrived"]:
        yield _missed("delivery", behind)
    for path in lost:
        if path.stage not in ("mailbox", "arrived"):
            yield _missed(path.path, [path])


def _missed(of: str, paths: Sequence[CanaryPath]) -> Alarm:
    first, names = paths[0], " and ".join(path.path for path in paths)
    arrived = max((path.arrived_at for path in paths if path.arrived_at is not None), default=None)
    last = "none has arrived yet" if arrived is None else f"the last that arrived was sent {_at(arrived)}"
    return Alarm(
        "monitoring.canary-missed",
        of,
        CANARY.id,
        Severity.CRITICAL,
        f"Letters sent over {names} no longer arrive: {CANARY_STAGES.get(first.stage, ('', first.stage))[1]}.",
        "other mail over this way probably fares alike; the heartbeat is silent",
        (
            *(Evidence("canary", f"{one.missed} in a row were missed over {one.path}: {one.lost}") for one in paths),
            Evidence("canary", last),
        ),
        _NEXT.get(first.stage, "lockdown doctor"),
    )


_NEXT = {
    "connect": "lockdown doctor     (is the server there? systemctl status lockdown-gateway)",
    "greeting": "lockdown doctor",
    "signed-in": "lockdown config explain monitoring.canary_submission_password",
    "accepted": "lockdown trace canary@drill.example     (says who refused it, and why)",
    "arrived": "postqueue -p     (does it wait there? and is monitoring.canary_mailbox the right one?)",
    "mailbox": "lockdown config explain monitoring.canary_mailbox     (and its password, monitoring.canary_password)",
}


def _late(paths: Sequence[CanaryPath], now: datetime, policy: Settings) -> Iterator[Alarm]:
    every, wait = policy.monitoring.canary_every, policy.monitoring.canary_wait
    limit = (every * _LATE_ROUNDS + wait).total_seconds()
    late = [path for path in paths if every and now.timestamp() - path.tried_at > limit]
    if not late:
        return
    names = " and ".join(path.path for path in late)
    yield Alarm(
        "monitoring.canary-late",
        "the canary",
        CANARY.id,
        Severity.MEDIUM,
        f"No canary has flown over {names} since {_at(max(path.tried_at for path in late))}.",
        "nobody knows whether mail arrives; the heartbeat is silent",
        next_command="lockdown doctor     (then restart the gateway)",
    )


def _little_room(room: Room) -> Iterator[Alarm]:
    """While an incident can still be written down."""
    if room.free >= room.least * _SOON_FULL:
        return
    free, least = ByteSize(room.free), ByteSize(room.least)
    put_off = "mail is put off (452), and its senders try again; incidents may not be kept"
    yield Alarm(
        "monitoring.state-disk-full",
        room.path,
        DISK_ROOM.id,
        Severity.CRITICAL if room.is_full else Severity.HIGH,
        f"The disk of {room.path} {'is full' if room.is_full else 'is soon full'}: {free} are free.",
        put_off if room.is_full else f"with less than {least} mail is put off (452)",
        (Evidence("statvfs", f"{room.free} octets free, {room.least} needed"),),
        f"df -h {room.path}; du -xh -d2 {room.path} | sort -h | tail",
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
