"""Alarm: an event that means something. Answer: what was done about it. Incident: the whole story, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lockdown.model.finding import Evidence, Severity
from lockdown.model.traffic import Wish


@dataclass(frozen=True, slots=True)
class BlockFor:
    """A wish: let this network not talk to us for so long. The engine decides whether it may be."""

    network: str
    term: timedelta


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong now. The same name and object are the same trouble, however often it is seen."""

    name: str
    """`item.kebab-name`, stable for ever: "antivirus.engine-down"."""
    object: str
    """What it is about: an engine, a network, a setting."""
    control: str
    """The control that no longer holds, for `lockdown explain`."""
    severity: Severity
    says: str
    """One sentence."""
    meanwhile: str = ""
    """What becomes of mail as long as it is so."""
    evidence: tuple[Evidence, ...] = ()
    next_command: str = ""
    answer: BlockFor | None = None
    accepted_by_closing: bool = False
    """A person who closes its incident has said that it may be so."""
    wishes: tuple[Wish, ...] = ()
    """What may be done about it by itself, the best first; the next is for when one does not help."""

    @property
    def key(self) -> str:
        return f"{self.name} {self.object}"

    @property
    def item(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done by itself, or why it was not."""

    at: datetime
    says: str
    done: bool
    until: datetime | None = None
    undo: str = ""
    """What to type."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble from its first sight to its end. `number` is 0 until the store has given it one."""

    key: str
    name: str
    object: str
    control: str
    severity: Severity
    says: str
    opened_at: datetime
    last_seen: datetime
    meanwhile: str = ""
    evidence: tuple[Evidence, ...] = ()
    next_command: str = ""
    count: int = 1
    """How many looks have seen it."""
    returned: int = 0
    """How often it came back after it was closed."""
    closed_at: datetime | None = None
    closed_by: str = ""
    answers: tuple[Answer, ...] = ()
    number: int = 0

    @property
    def is_open(self) -> bool:
        return self.closed_at is None
