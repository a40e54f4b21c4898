"""Accounts: what each account has sent and from where, and who tries passwords. Facts only, counted from logs.

A password itself is in no log, so guesses are counted by login and network. Values only; the room of item 9 judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Sent(NamedTuple):
    """What one account has sent outside within one period."""

    messages: int = 0
    external: int = 0
    """Recipients outside that were tried, each as often as it was written to."""
    first_time: int = 0
    """Of these, those that it had never written to and that had never written to it."""
    unknown: int = 0
    """Refused for good, as unknown users are (5.1.x, and 5.x in general)."""
    returned: int = 0
    """Bounces that came back to it."""
    alike: int = 0
    """Recipients of the size of message that most were of."""
    new_senders: int = 0
    """Envelope senders that it had never used and that are not its own name."""
    widest: int = 0
    """Of `external`, the recipients of the one letter that had most of them."""
    widest_new: int = 0
    """The same of `first_time`."""

    @property
    def known_part(self) -> float:
        """Which part of its recipients it knew."""
        return 1 - self.first_time / self.external if self.external else 1.0


class Usual(NamedTuple):
    """What was its most in the months before today; zero where it never sent."""

    hour: int = 0
    """External recipients within an hour."""
    day: int = 0
    first_time_hour: int = 0
    first_time_day: int = 0


class SignIn(NamedTuple):
    """A network from which the account was opened within a day."""

    network: str
    new: bool
    """It was opened from there for the first time, though it was known before."""
    others_failed: int = 0
    """Other accounts that were tried from there in vain before it was opened."""
    own_failed: int = 0
    """How often this account was tried from there in vain before it was opened."""


class Left(NamedTuple):
    """A message to one recipient that has left."""

    at: datetime
    recipient: str
    queue_id: str
    subject: str = ""
    """Where the server has it written into its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account that has sent or was opened within a day."""

    user: str
    known_days: int
    """For how long it has been seen; a young history proves little."""
    hour: Sent
    day: Sent
    fastest: int
    """Most messages that it has handed in within two minutes of the last hour."""
    usual: Usual
    sign_ins: tuple[SignIn, ...] = ()
    unusual_hour: bool = False
    """It has never sent anything at this hour of the day, though it has sent on many days."""
    left: tuple[Left, ...] = ()
    """What went outside within the day, the newest last; bounded."""


class Failed(NamedTuple):
    """How much failed within one period."""

    seconds: int
    failures: int
    logins: int
    """Distinct ones."""


class Guesser(NamedTuple):
    """A network from which passwords were tried in vain."""

    network: str
    clients: tuple[str, ...]
    """Its addresses that did so; bounded."""
    within: tuple[Failed, ...]
    """The shortest period first."""
    logins: tuple[str, ...]
    """Some of them, as typed by a stranger."""
    owner: bool
    """Somebody has signed in from there within 30 days, before it began to guess."""


class Target(NamedTuple):
    """An account whose password was tried from networks that never opened it."""

    login: str
    within: tuple[tuple[int, int, int], ...]
    """Seconds, failures, distinct networks; the shortest period first."""
    networks: tuple[str, ...]
    """Those of most failures; bounded."""


class Campaign(NamedTuple):
    """What was tried in vain within one period at accounts that somebody uses, from networks that never opened them."""

    seconds: int
    failures: int
    logins: int
    networks: int
    some: tuple[str, ...]
    """Of the logins."""


class Stale(NamedTuple):
    """One program with an old password: an account tried again and again from a network that has opened it before."""

    login: str
    network: str
    failures: int
    every_seconds: float | None
    """None: at no regular interval."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """All of it, at one moment."""

    accounts: tuple[Account, ...] = ()
    guessers: tuple[Guesser, ...] = ()
    targets: tuple[Target, ...] = ()
    stale: tuple[Stale, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    """The shortest period first."""
    held: frozenset[str] = field(default_factory=frozenset)
    """Accounts that are held now."""
    unseen: str = ""
    """What of the logs was not read, and why; "" for nothing."""
