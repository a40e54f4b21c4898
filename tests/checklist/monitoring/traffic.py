"""Traffic as it comes to the gateway, message by message, and what the counter makes of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockdown.checklist.monitoring.watch import watch
from lockdown.config import Settings, read_settings
from lockdown.engine.traffic import TrafficCounter
from lockdown.model.alarm import Alarm
from lockdown.model.traffic import Traffic
from lockdown.model.window import Window
from lockdown.state.transactions import LoggedClient, LoggedLikeness, LoggedScan, LoggedVerdict, Refused, Transaction

START = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_NAMES = ("anna", "ben", "carla", "dora", "emil", "frida", "georg", "hanna", "ivan", "jana")


class Town:
    """Settings, a counter and its clock; what comes is written down in the order of time."""

    def __init__(self, text: str = "", folder: Path | None = None) -> None:
        self.settings: Settings = read_settings([("lockdown.toml", text)]).settings
        self.folder = folder or Path("/nowhere")  # what is learnt is not written down
        self.counter = TrafficCounter(self.settings, self.folder)
        self.now = START
        self.counter.advance(self.now)
        self.chance = random.Random(7)
        self._count = 0

    def pass_time(self, time: timedelta, step: timedelta = 30 * SECOND) -> None:
        """Looks go on while it passes."""
        end = self.now + time
        while self.now < end:
            self.now = min(end, self.now + step)
            self.counter.advance(self.now)

    def comes(self, *, client: str = "192.0.2.1", sender: str = "a@sender.example", to: Iterable[str] = (),
              kind: str = "accepted", control: str = "", spam: float = 0.0, size: int = 4000,
              refused: Iterable[tuple[str, str]] = (), **like: Any) -> None:  # fmt: skip
        """One message, now."""
        self._count += 1
        self.counter.take(
            Transaction(
                type=kind,  # type: ignore[arg-type]
                id=f"ID{self._count}",
                at=self.now,
                client=LoggedClient(client, "mx"),
                sender=sender,
                recipients=list(to) or [f"user{self._count}@example.org"],
                refused=[Refused(address, 550, text) for address, text in refused],
                size=size,
                verdict=LoggedVerdict("ACCEPT", control, ""),
                scan=LoggedScan(antispam={"builtin": "1/5"}, spam=spam),
                like=LoggedLikeness(**like),
            )
        )

    def wanted(self, number: int) -> None:
        """Ordinary mail of many senders, each with a letter of its own, vouched for, to some of ten people."""
        for _ in range(number):
            firm = self.chance.randrange(40)
            self._count += 1
            text = f"body{self._count}"
            self.comes(
                client=f"198.51.{100 + firm % 3}.{firm + 1}", sender=f"p{self._count % 90}@firm{firm}.example",
                to=[f"{self.chance.choice(_NAMES)}@example.org"], dkim=f"firm{firm}.example", spf=f"firm{firm}.example",
                author=f"firm{firm}.example", body=[text], subject=f"about {text}", hosts=[f"firm{firm}.example"],
            )  # fmt: skip

    def wanted_for(self, time: timedelta, every: timedelta = 10 * SECOND) -> None:
        """One each so often."""
        end = self.now + time
        while self.now < end:
            self.pass_time(every)
            self.wanted(1)

    def traffic(self) -> Traffic:
        return self.counter.look()

    def alarms(self) -> dict[str, Alarm]:
        found = list(watch(Window(self.now, self.now, (), (), traffic=self.traffic()), self.settings))
        assert len({alarm.key for alarm in found}) == len(found)
        return {alarm.name.partition(".")[2]: alarm for alarm in found}
