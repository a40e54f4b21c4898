"""Window: what has happened lately, and how those who watch over mail do: facts only, each a value or Unknown.

An `Event` is one transaction as the log tells it. Nobody judges here; the rooms' `watch` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from lockdown.model.accounts import Accounts
from lockdown.model.traffic import Traffic
from lockdown.model.unknown import Unknown

Value: TypeAlias = str | int | float | tuple[str, ...]
"""Of a setting, as far as the watch compares it."""


class Event(NamedTuple):
    """A message that was dealt with, however it ended."""

    id: str
    at: datetime
    kind: str
    """As the log has it: accepted, rejected, deferred, quarantined …"""
    client: str
    network: str
    """The client's /24 or /64; "" where its address could not be read."""
    trusted: bool
    """The client lies in `gateway.trusted_networks`."""
    recipients: tuple[str, ...] = ()
    """Of a message with a virus; perhaps as digests, then still one for each address."""
    control: str = ""
    """The control that decided."""
    virus: str = ""
    """What an engine has found."""
    unread: tuple[tuple[str, str], ...] = ()
    """Antivirus engines of the settings that have not read it, each with its reason."""
    points: float | None = None
    """None: no engine has judged it."""
    dns: bool | None = None
    """Whether the DNS answered for its sender; None where it was not asked."""


class EngineHealth(NamedTuple):
    """One engine of the settings, as its last trial left it."""

    engine: str
    item: str
    """Of which item: "antivirus" or "antispam"."""
    up: bool
    since: datetime
    """When it became so."""
    why: str = ""
    """Why it is down."""
    lies: bool = False
    """It answers, and does not find what it must find."""
    built: datetime | None = None
    """When its signatures were made; None where it does not say."""


class ListHealth(NamedTuple):
    """A blocklist, as its last test left it; `passes` is None before the first."""

    zone: str
    passes: bool | None
    why: str = ""


class Lessons(NamedTuple):
    """What the classifier was taught about one sender within a day, and how much of it counts."""

    domain: str
    is_spam: bool
    given: int
    counting: int
    most_by: str
    """Who gave most of them."""


class Share(NamedTuple):
    """So many of so many messages were marked, held or refused as spam."""

    spam: int
    all: int

    @property
    def part(self) -> float:
        return self.spam / self.all if self.all else 0.0


class Drilled(NamedTuple):
    """The last drill: when, what was not as it should be, and when one was last wholly as expected."""

    at: datetime
    items: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    """Item and step that got through or did not arrive."""
    last_success: datetime | None


CANARY_STAGES = {
    "connect": ("connected", "nothing answers there"),
    "greeting": ("greeted", "it is connected and not greeted"),
    "signed-in": ("signed in", "it cannot sign in"),
    "accepted": ("accepted", "it is not accepted"),
    "arrived": ("arrived", "it is accepted and does not arrive"),
    "mailbox": ("looked for", "its mailbox cannot be looked into"),
}
"""The canary's way: what is said of one that has passed, and of one that was lost there."""


class CanaryPath(NamedTuple):
    """One way in on which the canary flies, as its last letters left it. Times are seconds of Unix."""

    path: str
    tried_at: float
    missed: int
    """In a row, up to now."""
    stage: str
    """At which the last one was lost: connect, greeting, signed-in, accepted, arrived; mailbox, where nobody could look
    whether it arrived; "" for one that did."""
    why: str
    arrived_at: float | None
    """When the last was sent that arrived."""
    seconds: float | None
    """How long that one took."""
    marked: bool = False
    """The last one arrived with a mark."""
    stages: tuple[tuple[str, float], ...] = ()
    """Of the last that arrived: each stage, and when it was reached, from the begin of the round."""

    @property
    def is_lost(self) -> bool:
        """One that was missed may be a restart; two are an outage."""
        return self.missed >= 2

    @property
    def lost(self) -> str:
        """Where the last one was lost, and why."""
        return ": ".join(filter(None, (CANARY_STAGES.get(self.stage, ("", self.stage))[1], self.why)))

    @property
    def took(self) -> str:
        """How long each stage of the last one that arrived took, the later ones beyond those before."""
        begin, told = 0.0, []
        for stage, end in self.stages:
            told.append(f"{CANARY_STAGES.get(stage, (stage, ''))[0]} {end - begin:.2f}")
            begin = end
        return f"{', '.join(told)} s" if told else ""


class Room(NamedTuple):
    """What is free on the disk of the state directory, in octets."""

    path: str
    free: int
    least: int
    """With less, mail is put off."""

    @property
    def is_full(self) -> bool:
        """For mail it is."""
        return self.free < self.least


class ToldPath(NamedTuple):
    """A path over which people are told, as its last messages left it."""

    path: str
    failures: int
    """In a row."""
    since: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """All of it, gathered at one moment."""

    now: datetime
    since: datetime
    """What is older is not among the events."""
    events: tuple[Event, ...] | Unknown
    """The oldest first."""
    engines: tuple[EngineHealth, ...] | Unknown
    lists: tuple[ListHealth, ...] | Unknown = ()
    model: Unknown | None = None
    """Why the classifier has no model; None while it has one, or needs none."""
    lessons: tuple[Lessons, ...] | Unknown = ()
    drilled: Drilled | Unknown | None = None
    """None: no drill has been held here."""
    accepted: Mapping[str, Value] | Unknown = field(default_factory=dict)
    """By key, the settings that were in force before; empty: it is the first look."""
    usual: Share | None = None
    """Of the day before this window; None while too little is known."""
    unseen: str = ""
    """What of the log was not looked at, and why; "" for nothing."""
    traffic: Traffic | Unknown | None = None
    """What the messages of the last minutes have in common; None where nobody counts."""
    canary: tuple[CanaryPath, ...] | Unknown | None = None
    """None: none has flown."""
    told_over: tuple[ToldPath, ...] = ()
    """Paths of the settings over which people are told."""
    room: Room | Unknown | None = None
    """None: nobody has asked the disk."""
    accounts: Accounts | Unknown | None = None
    """What accounts have sent and who tried their passwords; None where nobody counts."""
