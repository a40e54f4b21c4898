"""Accounts held and let go by the agent: the bounds, kept in the process that has the rights.

Whoever faces the net may ask for a grip, a few in an hour; only root lets go before its term.

Fails as: `Refused(why)`, a value.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from lockdown.agent import verbs
from lockdown.host.grip_hands import USER, GripHands
from lockdown.host.grips import Held
from lockdown.model.errors import OperatorError
from lockdown.model.mail import AUTOMATIC

MOST_GRIPS = 20
GRIPS_WITHIN = timedelta(hours=1)
"""More accounts than that in foreign hands within an hour is a runaway of ours, or needs a person."""
_EVERY_SECONDS = 2.0


Keep = Callable[[Collection[str], str, str, datetime], str]
"""Writes down what stays in hold, by queue ids, user, who, when; in words, what to type for it."""


def not_written_down(ids: Collection[str], user: str, by: str, now: datetime) -> str:
    """Of an agent that was given no hands on a queue."""
    return f"{len(ids)} messages stay in hold"


class GripDeeds:
    """Bound to one machine's hands."""

    def __init__(self, hands: GripHands, keep: Keep = not_written_down) -> None:
        self._hands, self._keep = hands, keep
        self._made: deque[datetime] = deque(maxlen=MOST_GRIPS)
        self._lock = threading.Lock()

    def answer(self, request: verbs.GripUser | verbs.ReleaseUser, now: datetime) -> verbs.Reply:
        """Hold it or let it go."""
        with self._lock:
            try:
                if isinstance(request, verbs.GripUser):
                    return self._grip(request, now)
                return self._release(request, now)
            except OperatorError as error:
                return verbs.Refused(f"{error.what} {error.why}", error.try_this)

    def expire(self, now: datetime) -> list[str]:
        """Let go whose term is over."""
        with self._lock:
            over = self._hands.release_expired(now)
            for user, ids in over.items():
                if ids:
                    with suppress(OperatorError):  # the mail stays in hold, as before
                        self._keep(ids, user, f"{AUTOMATIC}, at the end of a term", now)
            return list(over)

    def end_late(self, now: datetime) -> None:
        """End what goes on as if nobody were held."""
        with self._lock:
            self._hands.end_late(now)

    def _grip(self, request: verbs.GripUser, now: datetime) -> verbs.Reply:
        if not USER.fullmatch(request.user):
            return verbs.Refused("its name holds what a table cannot", "hold its mail: lockdown queue hold --user …")
        already = self._hands.held().get(request.user)
        if already is None or (request.lock and not already.locked):
            if len(self._made) == MOST_GRIPS and now - self._made[0] < GRIPS_WITHIN:
                return verbs.Refused(f"{MOST_GRIPS} accounts were held within an hour", "lockdown user list")
            self._made.append(now)
        since = already.since if already else now
        until = max(now + timedelta(seconds=request.seconds), already.until if already else now)
        outcome = self._hands.grip(Held(request.user, request.lock, since, until, request.by, request.why))
        if outcome.until is None:
            return verbs.Refused(outcome.says, "lockdown user hold …     (after that)")
        return verbs.Done(outcome.says, outcome.until)

    def _release(self, request: verbs.ReleaseUser, now: datetime) -> verbs.Reply:
        outcome = self._hands.release(request.user, send=request.send)
        if outcome is None:
            return verbs.Refused(f"{request.user} is not held", "lockdown user list")
        if request.send:
            return verbs.Done(outcome.says)
        return verbs.Done(f"{outcome.says}; {self._keep(outcome.left, request.user, request.by, now)}")


class GripKeeper(threading.Thread):
    """Ends what is over, and conversations that outlive a grip."""

    def __init__(self, deeds: GripDeeds) -> None:
        super().__init__(name="grips", daemon=True)
        self._deeds, self._over = deeds, threading.Event()

    def run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            try:
                self._deeds.end_late(datetime.now(UTC))
                self._deeds.expire(datetime.now(UTC))
            except (OperatorError, OSError) as error:  # the next turn tries again
                print(f"lockdown agent: grips: {error}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """No more after this."""
        self._over.set()
