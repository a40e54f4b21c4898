"""Accounts held and let go by the agent: the bounds, kept in the process that has the rights.

Whoever faces the net may ask for a grip, a few in an hour; only root lets go before its term.

Fails as: `Refused(why)`, a value.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from lockdown.agent import verbs
from lockdown.host.grip_hands import USER, GripHands
from lockdown.host.grips import Held
from lockdown.model.errors import OperatorError

MOST_GRIPS = 20
GRIPS_WITHIN = timedelta(hours=1)
"""More accounts than that in foreign hands within an hour is a runaway of ours, or needs a person."""
_EVERY_SECONDS = 60.0


class GripDeeds:
    """Bound to one machine's hands."""

    def __init__(self, hands: GripHands) -> None:
        self._hands = hands
        self._made: deque[datetime] = deque(maxlen=MOST_GRIPS)
        self._lock = threading.Lock()

    def answer(self, request: verbs.GripUser | verbs.ReleaseUser, now: datetime) -> verbs.Reply:
        """Hold it or let it go."""
        with self._lock:
            try:
                if isinstance(request, verbs.GripUser):
                    return self._grip(request, now)
                return self._release(request)
            except OperatorError as error:
                return verbs.Refused(f"{error.what} {error.why}", error.try_this)

    def expire(self, now: datetime) -> list[str]:
        """Let go whose term is over."""
        with self._lock:
            return self._hands.release_expired(now)

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

    def _release(self, request: verbs.ReleaseUser) -> verbs.Reply:
        outcome = self._hands.release(request.user)
        if outcome is None:
            return verbs.Refused(f"{request.user} is not held", "lockdown user list")
        return verbs.Done(outcome.says)


class GripKeeper(threading.Thread):
    """Ends what is over, each minute."""

    def __init__(self, deeds: GripDeeds) -> None:
        super().__init__(name="grips", daemon=True)
        self._deeds, self._over = deeds, threading.Event()

    def run(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self._deeds.expire(datetime.now(UTC))

    def stop(self) -> None:
        """No more after this."""
        self._over.set()
