"""A mail server's log, told as events with a clock that a test moves: accounts that write, sign in and fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from lockdown.checklist.monitoring.accounts import watch
from lockdown.config import Settings
from lockdown.engine.accounts import AccountLedger
from lockdown.engine.log_reader import Happened
from lockdown.facts.mail_log.events import (
    Delivered,
    Disconnected,
    Event,
    Gone,
    LoggedIn,
    LoginFailed,
    Queued,
    Received,
)
from lockdown.host.grips import Released
from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Grip, GripUser
from lockdown.model.window import Window

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOME, TRIP, THIEF = "192.0.2.10", "198.51.100.7", "203.0.113.5"
ANNA = "anna@example.org"


class World:
    """Time goes on by `later`; everything else happens now."""

    def __init__(self) -> None:
        self.ledger = AccountLedger(("example.org",))
        self.now = NOON
        self._ids = count()

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def happens(self, event: Event, daemon: str = "smtp") -> None:
        self.ledger.take(Happened(self.now, daemon, event))

    def signs_in(self, user: str, address: str) -> None:
        self.happens(LoggedIn("imap-login", user, address, "PLAIN"), "")

    def fails(self, user: str | None, address: str) -> None:
        self.happens(LoginFailed("imap-login", user, "", address, "PLAIN", "password refused"), "")

    def hangs_up(self, address: str, failed: int) -> None:
        self.happens(Disconnected("unknown", address, (("auth", 0, failed),)), "smtpd")

    def writes(
        self, user: str, *recipients: str, address: str = HOME, status: str = "sent", dsn: str = "2.0.0", size: int = 0
    ) -> None:
        number = next(self._ids)
        queue_id = f"{number:012X}"
        self.happens(Received(queue_id, "pc", address, "PLAIN", user), "smtpd")
        self.happens(Queued(queue_id, user, size or 1000 + 997 * number % 40_000, len(recipients)), "qmgr")
        for recipient in recipients:
            self.happens(Delivered(queue_id, recipient, status, "", dsn=dsn))
        self.happens(Gone(queue_id, "removed"), "qmgr")

    def receives(self, recipient: str, sender: str) -> None:
        queue_id = f"{next(self._ids):012X}"
        self.happens(Received(queue_id, "mx", "192.0.2.99"), "smtpd")
        self.happens(Queued(queue_id, sender, 2000, 1), "qmgr")
        self.happens(Delivered(queue_id, recipient, "sent", ""), "lmtp")
        self.happens(Gone(queue_id, "removed"), "qmgr")

    def usual_weeks(self, user: str = ANNA, days: int = 21) -> None:
        """Five letters on each day, to twenty people in turn."""
        for day in range(days):
            self.signs_in(user, HOME)
            for number in range(5):
                self.writes(user, f"friend{(5 * day + number) % 20}@example.net")
                self.later(hours=1)
            self.later(hours=19)

    def alarms(self, settings: Settings | None = None) -> list[Alarm]:
        facts = self.ledger.facts(self.now)
        window = Window(self.now, self.now, (), (), accounts=facts)
        return list(watch(window, settings or Settings()))

    def lets_go(self, user: str, *, was_owner: bool) -> None:
        """A person releases the account."""
        self.later(seconds=1)
        released = (Released(user, self.now, was_owner),)
        assert self.ledger.forgive(released)
        assert not self.ledger.forgive(released)

    def grip(self, user: str = ANNA) -> Grip | None:
        """How firmly the watch wants it held: None when it says nothing of it."""
        for alarm in self.alarms():
            if alarm.name == "monitoring.hijacked-account" and alarm.object == user:
                return next((wish.grip for wish in alarm.wishes if isinstance(wish, GripUser)), Grip.TELL)
        return None

    def named(self, name: str) -> list[Alarm]:
        return [alarm for alarm in self.alarms() if alarm.name == f"monitoring.{name}"]
