"""Did it help? What came through of a flood in the minute before an answer, and what does now.

The flood is what matched and came through before, over the part of it that the match covers; whatever else came is
taken to go on as it did. Pure.

Fails as: `Unknown(why)` where too little was counted: then nothing more is tried because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Seen, Traffic
from lockdown.model.unknown import Unknown

SETTLES = timedelta(seconds=15)
"""So long an answer is left alone before it is measured: workers read it within a second, then what was under way
ends."""
_BEFORE_SECONDS, _AFTER_SECONDS = 60.0, 20.0
_LEAST_BEFORE = 5
_HELPED = 0.5


@dataclass(frozen=True, slots=True)
class Effect:
    """Messages a minute of the flood that came through, before and now."""

    before: float
    now: float

    @property
    def helped(self) -> bool:
        """By half at least."""
        return self.now <= self.before * _HELPED

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.before:.0f} messages a minute of it came through before, {self.now:.0f} do now"


def effect(restraint: Restraint, coverage: float, traffic: Traffic, now: datetime) -> Effect | Unknown:
    """Of a restraint that has run for a while."""
    if not traffic.seen:
        return Effect(0.0, 0.0)  # nothing comes so often any more that it would be looked at
    # Who counts has a clock of his own; it and ours go on alike.
    ends = traffic.seen[0].at + traffic.seconds
    began = ends - (now - restraint.since).total_seconds()
    earliest = max(began - _BEFORE_SECONDS, traffic.seen[0].at)
    latest = max(began, ends - _AFTER_SECONDS)
    through = [one for one in traffic.seen if one.kind == "accepted" and not one.trusted]
    before = [one for one in through if earliest <= one.at < began]
    matched = sum(one.has(restraint.match) for one in before)
    if matched < _LEAST_BEFORE:
        return Unknown("too little of it was counted before")
    flood = _a_minute(matched, began - earliest) / max(min(coverage, 1.0), 0.1)
    others = max(0.0, _a_minute(len(before), began - earliest) - flood)
    return Effect(flood, max(0.0, _a_minute(_since(through, latest), ends - latest) - others))


def _since(through: list[Seen], moment: float) -> int:
    return sum(one.at >= moment for one in through)


def _a_minute(number: int, seconds: float) -> float:
    return number * 60.0 / max(seconds, 1.0)
