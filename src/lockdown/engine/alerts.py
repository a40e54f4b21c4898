"""What people are told of incidents, and when: changes only, the grave ones at once, the rest together. Pure.

Each path over which people are told has a memory of its own: what is due is the difference between it and the incidents
as they are now. So a path that was down catches up with the present and not with a backlog, and nothing is told twice
after a restart. A flood of incidents is one digest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from lockdown.config import Alerts
from lockdown.engine.drill_incidents import is_of_a_drill
from lockdown.engine.incidents import PATH_DOWN, gravest_first
from lockdown.model.alarm import Answer, Incident
from lockdown.model.alert_path import quiet_hours
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown

MOST_ALONE = 3
"""So many at once have a message each; more are one digest."""
MOST_IN_DIGEST = 20
FLAPS = 3
"""What has come back more often than that waits for the digest."""
_HOUR = timedelta(hours=1)
_MOST_EVIDENCE = 3
_MOST_ANSWERS = 5
_LONGEST_LINE = 300
_GRAVEST_FIRST = tuple(Severity)


class Change(StrEnum):
    """What has happened to an incident since it was told."""

    OPENED = "opened"
    WORSE = "worse"
    RETURNED = "is back"
    ANSWERED = "answered"
    CLOSED = "over"
    WAS = "came and went"


@dataclass(frozen=True, slots=True)
class Known:
    """How an incident stood when a path was told of it."""

    severity: Severity
    returned: int
    is_open: bool
    deeds: int = 0
    """How many times something was done about it that can be undone."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one path was told."""

    since: datetime
    """What ended before then is not told."""
    known: Mapping[int, Known] = field(default_factory=dict)
    digest_at: datetime | None = None
    sent: tuple[datetime, ...] = ()
    """At once, within the last hour."""


@dataclass(frozen=True, slots=True)
class News:
    """One change of one incident."""

    change: Change
    incident: Incident


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to people, not yet in words."""

    news: tuple[News, ...]
    is_digest: bool

    @property
    def severity(self) -> Severity:
        """Of the gravest."""
        return min((one.incident.severity for one in self.news), key=_GRAVEST_FIRST.index)


# ── what is due ──


def news(incidents: Iterable[Incident], memory: Memory, alerts: Alerts, path: str = "") -> tuple[News, ...]:
    """What has changed since this path was told, the gravest first.

    A path is not told that it does not work, and nobody of what a drill does on purpose: its own result says that.
    """
    least = Severity(alerts.severity)
    mine = [
        one
        for one in incidents
        if is_as_grave(one.severity, least)
        and not (one.name == PATH_DOWN and one.object == path)
        and not is_of_a_drill(one)
    ]
    found = ((_change(one, memory), one) for one in gravest_first(mine))
    return tuple(News(change, incident) for change, incident in found if change is not None)


def _change(incident: Incident, memory: Memory) -> Change | None:
    known = memory.known.get(incident.number)
    if known is None:
        if incident.is_open:
            return Change.RETURNED if incident.returned else Change.OPENED
        return Change.WAS if incident.closed_at is not None and incident.closed_at > memory.since else None
    if not incident.is_open:
        return Change.CLOSED if known.is_open else None
    if incident.returned > known.returned or not known.is_open:
        return Change.RETURNED
    is_worse = _GRAVEST_FIRST.index(incident.severity) < _GRAVEST_FIRST.index(known.severity)
    if is_worse:
        return Change.WORSE
    return Change.ANSWERED if _deeds(incident) > known.deeds else None


def _deeds(incident: Incident) -> int:
    """What was done about it later is news too: it may be what harms somebody."""
    return len({answer.undo for answer in incident.answers if answer.done and answer.undo})


def due(
    changes: tuple[News, ...], memory: Memory, alerts: Alerts, now: datetime, zone: tzinfo | None = None
) -> tuple[Notice, ...]:
    """The messages that go out now. `zone` is that of the quiet hours; None: this machine's."""
    quiet = is_quiet(alerts.quiet, now, zone)
    through = [
        one for one in changes if not quiet or is_as_grave(one.incident.severity, Severity(alerts.quiet_through))
    ]
    urgent = [one for one in through if _is_urgent(one, alerts)]
    if len(lately(memory.sent, now)) + (len(urgent) if len(urgent) <= MOST_ALONE else 1) > alerts.per_hour:
        urgent = []
    alone = [Notice((one,), is_digest=False) for one in urgent] if len(urgent) <= MOST_ALONE else []
    if alone:
        return (*alone, *_digest([one for one in through if one not in urgent], memory, alerts, now))
    if urgent:
        return (Notice(tuple(through), is_digest=True),)
    return _digest(through, memory, alerts, now)


def _digest(rest: list[News], memory: Memory, alerts: Alerts, now: datetime) -> tuple[Notice, ...]:
    # A clock that was set back must not silence us for as long as it was wrong.
    waits = memory.digest_at is not None and timedelta(0) <= now - memory.digest_at < alerts.digest
    return (Notice(tuple(rest), is_digest=True),) if rest and not waits else ()


def _is_urgent(one: News, alerts: Alerts) -> bool:
    if one.change in (Change.CLOSED, Change.WAS) or (one.change is Change.RETURNED and one.incident.returned > FLAPS):
        return False
    return is_as_grave(one.incident.severity, Severity(alerts.at_once))


def is_as_grave(severity: Severity, least: Severity) -> bool:
    """At least as grave."""
    return _GRAVEST_FIRST.index(severity) <= _GRAVEST_FIRST.index(least)


def is_quiet(text: str, now: datetime, zone: tzinfo | None = None) -> bool:
    """Whether it lies in the quiet hours."""
    hours = quiet_hours(text) if text else None
    if hours is None or isinstance(hours, Unknown):
        return False
    (begin, end), clock = hours, now.astimezone(zone).time().replace(second=0, microsecond=0)
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def lately(sent: Iterable[datetime], now: datetime) -> tuple[datetime, ...]:
    """Those of the last hour."""
    return tuple(at for at in sent if timedelta(0) <= now - at < _HOUR)


def after(memory: Memory, notice: Notice, now: datetime) -> Memory:
    """What the path knows once it was told."""
    told = {one.incident.number: _known(one.incident) for one in notice.news}
    known = {**memory.known, **told}
    if notice.is_digest:
        return replace(memory, known=known, digest_at=now, sent=lately(memory.sent, now))
    return replace(memory, known=known, sent=(*lately(memory.sent, now), now))


def _known(incident: Incident) -> Known:
    return Known(incident.severity, incident.returned, incident.is_open, _deeds(incident))


def forgotten(memory: Memory, kept: Collection[int]) -> Memory:
    """Without incidents that the store no longer tells of: they cannot change any more."""
    return replace(memory, known={number: known for number, known in memory.known.items() if number in kept})


# ── in words ──


@dataclass(frozen=True, slots=True)
class Words:
    """A notice as it is read."""

    title: str
    body: str
    severity: Severity


def in_words(notice: Notice, still_open: Collection[Incident], host: str, now: datetime) -> Words:
    """The notice as people read it: what is wrong first, what to type last."""
    if len(notice.news) == 1:
        return _one_in_words(notice.news[0], host, now)
    grave = sum(is_as_grave(one.severity, Severity.HIGH) for one in still_open)
    counted = f"{len(still_open)} open" + (f", {grave} of them grave" if grave else "")
    told = [line for one in notice.news[:MOST_IN_DIGEST] for line in (*_story(one, now), "")]
    more = len(notice.news) - MOST_IN_DIGEST
    rest = [f"… and {more} more changes.", ""] if more > 0 else []
    body = [f"{len(notice.news)} changes on {host}; {counted}.", "", *told, *rest, "type       lockdown incident list"]
    return Words(f"Lockdown {host}: {len(notice.news)} changes, {counted}", "\n".join(body), notice.severity)


def _one_in_words(one: News, host: str, now: datetime) -> Words:
    incident = one.incident
    title = f"Lockdown {host}: [{incident.severity}] {one.change}: {_line(incident.says, 120)}"
    return Words(title, "\n".join(_story(one, now)), incident.severity)


def _story(one: News, now: datetime) -> Iterator[str]:
    incident = one.incident
    yield f"[{incident.severity}] {one.change}: {_line(incident.says)}"
    for name, text in _told(one, now):
        if text:
            yield f"{name:<11}{_line(text)}"


def _told(one: News, now: datetime) -> Iterator[tuple[str, str]]:
    incident = one.incident
    yield "since", moment(incident.opened_at)
    if incident.closed_at is not None:
        yield "ended", f"{moment(incident.closed_at)} by {incident.closed_by}"
    else:
        yield "meanwhile", incident.meanwhile
    for answer in incident.answers[-_MOST_ANSWERS:]:
        yield from _answer(answer, now)
    for evidence in incident.evidence[:_MOST_EVIDENCE]:
        yield "because", f"{evidence.source}: {evidence.text}"
    story = f"lockdown incident show {incident.number}" if incident.number else ""
    if incident.is_open and incident.next_command != story:
        yield "next", incident.next_command.replace("incident close ID", f"incident close {incident.number}")
    yield "story", story


def _answer(answer: Answer, now: datetime) -> Iterator[tuple[str, str]]:
    runs = answer.until is not None and answer.until > now
    until = "" if answer.until is None else f", until {moment(answer.until)}" if runs else ", ended"
    yield "done" if answer.done else "not done", f"{answer.says}{until}"
    if answer.undo and (runs or answer.until is None):
        yield "undo", answer.undo


def moment(at: datetime) -> str:
    """To the minute: nobody needs more at three in the morning."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _line(text: str, longest: int = _LONGEST_LINE) -> str:
    """Strangers' words: one line, nothing that a terminal or a mail program would obey."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
