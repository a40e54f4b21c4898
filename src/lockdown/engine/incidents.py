"""The story of a trouble: how an alarm that rings begins it, goes on with it, or takes it up again; and when it ends.

Pure. A person who has closed an incident is not bothered again while the same trouble goes on without a pause, for a
day; one that was gone and returns is told anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from lockdown.model.alarm import Alarm, Answer, Incident
from lockdown.model.finding import Severity
from lockdown.model.mail import AUTOMATIC

QUIET = timedelta(minutes=10)
"""So long must the cause be gone before an incident closes itself."""
RETURNS = timedelta(days=1)
"""What comes back within a day is the same story."""
NOTED = timedelta(days=1)
"""So long a person's closing holds against a trouble that goes on."""
KEPT = timedelta(days=90)
MOST_ANSWERS = 50
_GRAVEST_FIRST = tuple(Severity)


def told(before: Incident | None, alarm: Alarm, now: datetime) -> Incident:
    """The incident of this alarm after it has rung now."""
    if before is None:
        return _new(alarm, now)
    if before.closed_at is None:
        return _seen(before, alarm, now)
    if is_noted(before) and now - before.last_seen <= QUIET and now - before.closed_at < NOTED:
        return replace(before, last_seen=now, count=before.count + 1)
    if now - before.closed_at < RETURNS or now - before.last_seen <= QUIET:
        again = _seen(before, alarm, now)
        return replace(again, closed_at=None, closed_by="", returned=before.returned + 1)
    return _new(alarm, now)


def is_noted(incident: Incident) -> bool:
    """A person has closed it."""
    return incident.closed_at is not None and incident.closed_by != AUTOMATIC


def _new(alarm: Alarm, now: datetime) -> Incident:
    return Incident(
        alarm.key,
        alarm.name,
        alarm.object,
        alarm.control,
        alarm.severity,
        alarm.says,
        now,
        now,
        alarm.meanwhile,
        alarm.evidence,
        alarm.next_command,
    )


def _seen(before: Incident, alarm: Alarm, now: datetime) -> Incident:
    return replace(
        before,
        severity=min(before.severity, alarm.severity, key=_GRAVEST_FIRST.index),
        says=alarm.says,
        meanwhile=alarm.meanwhile,
        evidence=alarm.evidence,
        next_command=alarm.next_command,
        last_seen=now,
        count=before.count + 1,
    )


def answered(incident: Incident, answer: Answer) -> Incident:
    """With one more answer; the same words are not said twice in a row."""
    last = incident.answers[-1] if incident.answers else None
    if last is not None and (last.says, last.until) == (answer.says, answer.until):
        return incident
    return replace(incident, answers=(*incident.answers, answer)[-MOST_ANSWERS:])


def is_over(
    incident: Incident, ringing: Collection[str], blind: Collection[str], since: datetime, now: datetime
) -> bool:
    """Its cause has been gone for long enough, and we have looked all the while.

    `ringing` are the keys of the alarms that ring, `blind` the items that cannot be watched, `since` is our first look.
    """
    item, _, kind = incident.name.partition(".")
    if kind == DRIFT:
        return False
    if incident.key in ringing or (item in blind and kind != CANNOT_WATCH):
        return False
    return now - max(incident.last_seen, since) >= QUIET


DRIFT = "drift"
"""A control that holds no more: only the next look at the machine can tell that it does again."""
CANNOT_WATCH = "cannot-watch"
"""The alarm of every room for facts that are Unknown."""
PATH_DOWN = "monitoring.alert-path-down"
"""A path over which people are told does not work."""


def gravest_first(incidents: Collection[Incident]) -> list[Incident]:
    """The gravest, and of those the newest first."""
    newest = sorted(incidents, key=lambda one: one.opened_at, reverse=True)
    return sorted(newest, key=lambda one: _GRAVEST_FIRST.index(one.severity))
