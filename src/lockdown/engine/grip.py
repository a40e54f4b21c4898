"""Hold an account or let it go, for a person: by the agent, or where none runs and root asks, here.

Fails as: a `Deed` that is not done, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from lockdown.agent import client
from lockdown.config import Settings
from lockdown.engine.held_mail import written_down
from lockdown.engine.incidents import answered
from lockdown.engine.means import Deed
from lockdown.engine.queue import hands_here
from lockdown.host.grip_hands import USER, GripHands
from lockdown.host.grips import Held as Held
from lockdown.host.grips import held
from lockdown.model.alarm import Answer, Incident
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store

LONGEST = timedelta(days=30)
_COMMIT_SECONDS = 10.0


def grips() -> dict[str, Held]:
    """Who is held now, by user."""
    return held()


def grip(settings: Settings, user: str, term: timedelta, why: str, by: str, now: datetime, *, lock: bool) -> Deed:
    """Hold what it hands in; with `lock`, end its sessions and let its password open nothing."""
    if not USER.fullmatch(user):
        return Deed(False, "its name holds what a table cannot", undo="lockdown queue hold --user …")
    if not timedelta(minutes=1) <= term <= LONGEST:
        return Deed(
            False, f"an account is held for a minute to {LONGEST.days} days", undo="lockdown user hold --for 7d"
        )
    undo = f"lockdown user release {user}"
    match client.grip_user(Path(settings.state.directory), user, term, lock=lock, why=why, by=by):
        case Unknown(client.NO_AGENT) if os.geteuid() == 0:
            return _here(settings, lambda hands: _grip_here(hands, Held(user, lock, now, now + term, by, why)))
        case Unknown(reason):
            return Deed(False, reason, undo="sudo lockdown user hold …")
        case client.Refused(why=reason, try_this=try_this):
            return Deed(False, reason, undo=try_this)
        case done:
            return Deed(True, done.says, done.until, undo)


def release(settings: Settings, user: str, by: str, now: datetime, *, send: bool = True) -> Deed:
    """Let it send and sign in again, and send what was held for it; or leave that in hold, as a deed on the queue."""
    deed = _released(settings, user, by, now, send=send)
    if deed.done:
        write_down(Path(settings.state.directory), user, by, now)
    return deed


def let_go(incident: Incident, user: str, by: str, now: datetime) -> Incident:
    """The story goes on: what held the account has ended, and who ended it."""
    begins = f"account {user} is "
    answers = tuple(
        replace(one, until=now, undo="") if one.says.startswith(begins) and one.until and one.until > now else one
        for one in incident.answers
    )
    return answered(replace(incident, answers=answers), Answer(now, f"account {user} was let go by {by}", done=True))


def write_down(directory: Path, user: str, by: str, now: datetime) -> None:
    """In every incident that is about it; a store that cannot be written changes nothing about the deed."""
    if not StateDirectory(directory).database.exists():
        return
    with suppress(OperatorError), closing(open_store(directory)) as store:
        for incident in store.open_incidents():
            if incident.object == user and any(one.says.startswith(f"account {user} is ") for one in incident.answers):
                change = partial(let_go, user=user, by=by, now=now)
                store.change_incident(incident.number, change).result(_COMMIT_SECONDS)


def _released(settings: Settings, user: str, by: str, now: datetime, *, send: bool) -> Deed:
    directory = Path(settings.state.directory)
    match client.release_user(directory, user, by=by, send=send):
        case Unknown(client.NO_AGENT) if os.geteuid() == 0:
            keep = None if send else partial(written_down, directory, hands_here(), user=user, by=by, now=now)
            return _here(settings, lambda hands: _release_here(hands, user, keep))
        case Unknown(reason):
            return Deed(False, reason, undo="sudo lockdown user release …")
        case client.Refused(why=reason, try_this=try_this):
            return Deed(False, reason, undo=try_this)
        case done:
            return Deed(True, done.says)


def _here(settings: Settings, deed: Callable[[GripHands], Deed]) -> Deed:
    try:
        return deed(GripHands(settings.monitoring.mail_logs))
    except OperatorError as error:
        return Deed(False, f"{error.what} {error.why}", undo=error.try_this)


def _grip_here(hands: GripHands, wanted: Held) -> Deed:
    outcome = hands.grip(wanted)
    if outcome.until is None:
        return Deed(False, outcome.says, undo="lockdown user hold …     (after that)")
    return Deed(True, outcome.says, outcome.until, f"lockdown user release {wanted.user}")


def _release_here(hands: GripHands, user: str, keep: Callable[[tuple[str, ...]], str] | None) -> Deed:
    outcome = hands.release(user, send=keep is None)
    if outcome is None:
        return Deed(False, f"{user} is not held", undo="lockdown user list")
    return Deed(True, outcome.says if keep is None else f"{outcome.says}; {keep(outcome.left)}")
