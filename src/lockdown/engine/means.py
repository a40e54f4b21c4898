"""The means of an automatic answer that need more rights than the gateway has: each is asked of the agent.

Fails as: words in the place of a deed (no agent, not allowed, out of its bounds); never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lockdown.agent import client
from lockdown.host.grips import held_users
from lockdown.model.mail import AUTOMATIC
from lockdown.model.traffic import Doors, Grip, GripUser, HoldQueued
from lockdown.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, or why it was not."""

    done: bool
    says: str
    until: datetime | None = None
    undo: str = ""


class Means:
    """None at all: what a process has that knows no agent. Each says so."""

    def drop(self, network: str, term: timedelta, why: str, doors: Doors) -> str:
        """Let the packet filter drop this network at these doors for so long; why it does not, "" when it does."""
        return client.NO_AGENT

    def hold(self, wish: HoldQueued, by: str) -> Deed | None:
        """Hold what is queued and matches; None: there was nothing (more) to hold."""
        return Deed(False, f"not held: {client.NO_AGENT}")

    def grip(self, wish: GripUser, by: str) -> Deed | None:
        """Hold an account as firmly as that; None: it is so already."""
        return Deed(False, f"not held: {client.NO_AGENT}")

    def still_grips(self, user: str) -> bool:
        """Whether an account that was held still is; as far as is known, it is."""
        return True


class AgentMeans(Means):
    """By the agent of this state directory."""

    def __init__(self, state: Path, grip_term: timedelta = timedelta(days=3)) -> None:
        self._state, self._grip_term = state, grip_term

    def grip(self, wish: GripUser, by: str) -> Deed | None:
        """By the agent, for the term of the settings; what is missing on this machine is said, not pretended."""
        lock = wish.grip is Grip.LOCK
        match client.grip_user(self._state, wish.user, self._grip_term, lock=lock, why=wish.words, by=by):
            case Unknown(reason) | client.Refused(why=reason):
                return Deed(False, f"not held: {reason}")
            case done:
                return Deed(True, done.says, done.until, f"lockdown user release {wish.user}")

    def still_grips(self, user: str) -> bool:
        """By root's record: a person may have let it go, and what counts since then is new."""
        return user in held_users()

    def hold(self, wish: HoldQueued, by: str) -> Deed | None:
        """By the agent, which looks into the queue itself."""
        match client.hold_queued(self._state, wish.match, wish.words, by=by):
            case Unknown(reason) | client.Refused(why=reason):
                return Deed(False, f"not held: {reason}")
            case held:
                return Deed(True, held.says, undo=held.undo) if held.count else None

    def drop(self, network: str, term: timedelta, why: str, doors: Doors) -> str:
        """The agent's own bounds decide."""
        match client.block(self._state, network, term, why=why, by=AUTOMATIC, doors=doors.value):
            case Unknown(reason) | client.Refused(why=reason):
                return reason
            case _:
                return ""
