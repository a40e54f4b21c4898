"""The zone of this machine's clock, with its summer time: what a stamp without a zone is meant in.

Fails as: UTC for a moment that the system's tables do not reach.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


class MachineZone(tzinfo):
    """As the system's tables have it for the moment that is asked for, and not as it is today."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        """Of a time that stands on this machine's clock."""
        try:
            return (at or datetime.now()).replace(tzinfo=None).astimezone().utcoffset() or timedelta()
        except (OverflowError, OSError, ValueError):
            return timedelta()

    def dst(self, at: datetime | None) -> timedelta | None:
        """How much of that is summer time is nobody's question."""
        return None

    def tzname(self, at: datetime | None) -> str:
        """As the system names it."""
        return "local"

    def fromutc(self, at: datetime) -> datetime:
        """What this machine's clock shows then."""
        try:
            shown = at.replace(tzinfo=UTC).astimezone()
        except (OverflowError, OSError, ValueError):
            return at
        return shown.replace(tzinfo=self)


MACHINE = MachineZone()
