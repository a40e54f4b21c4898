"""Holds on the mail server's queue for whoever may ask, and what is due in time: terms, retention, what was cut off.

The agent looks into the queue itself: what it is told is what to look for, and each message is known again by more than
its id. Few holds a minute: more is a runaway, not an answer.

Fails as: `Refused(why)`, a value.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_never

from lockdown.agent import verbs
from lockdown.config import Monitoring
from lockdown.engine.held_mail import written_down
from lockdown.engine.queue import HandsOrWhy, QueueSurgery, hands_here
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint, Held
from lockdown.model.traffic import Dimension
from lockdown.model.unknown import Unknown

MOST_HOLDS = 20
HOLDS_WITHIN = timedelta(minutes=1)
_HOUSE_SECONDS = 600.0


class QueueDeeds:
    """The verbs about the queue; which server it is of, is found out at each."""

    def __init__(self, directory: Path, hands: Callable[[], HandsOrWhy] = hands_here) -> None:
        self._directory, self._hands = directory, hands
        self._made: deque[datetime] = deque(maxlen=MOST_HOLDS)
        self.due = threading.Event()
        """There is something for who keeps house."""

    def answer(self, request: verbs.QueueRequest, now: datetime) -> verbs.Reply:
        """Do it, if it is in bounds."""
        hands = self._hands()
        if isinstance(hands, Unknown):
            return verbs.Refused(f"the queue cannot be read: {hands.why}", "lockdown queue top")
        surgery = QueueSurgery(self._directory, hands)
        try:
            match request:
                case verbs.HoldQueued() | verbs.HoldMessages():
                    return self._hold(surgery, request, now)
                case verbs.ReleaseQueued():
                    return verbs.Done(surgery.release(request.deed, request.by))
                case verbs.DeleteQueued():
                    deed = surgery.delete_later(request.deed, request.by)
                    self.due.set()
                    return verbs.Done(f"{deed.count} messages are being archived and deleted")
                case _:
                    assert_never(request)
        except OperatorError as problem:
            return verbs.Refused(f"{problem.what}: {problem.why}", problem.try_this)

    def _hold(
        self, surgery: QueueSurgery, request: verbs.HoldQueued | verbs.HoldMessages, now: datetime
    ) -> verbs.Reply:
        if len(self._made) == MOST_HOLDS and now - self._made[0] < HOLDS_WITHIN:
            return verbs.Refused(f"{MOST_HOLDS} holds were made within a minute", "lockdown queue undo")
        if isinstance(request, verbs.HoldMessages):
            named = [Fingerprint(it.id, it.arrived, it.size, it.sender) for it in request.messages]
            held: Held | Unknown = surgery.hold_named(named, request.why, request.by, now)
        else:
            try:
                match = tuple((Dimension(name), value) for name, value in request.match)
            except ValueError as error:
                return verbs.Refused(str(error))
            held = surgery.hold_matching(match, request.why, request.by, now)
        if isinstance(held, Unknown):
            return verbs.Refused(held.why)
        if held.id:
            self._made.append(now)
        return verbs.QueueHeld(held.id, held.count, held.octets, held.gone, held.undo, held.says)

    def write_down(self, ids: Collection[str], user: str, by: str, now: datetime) -> str:
        """What a held account has handed in becomes a deed; in words, what to type for it."""
        return written_down(self._directory, self._hands(), ids, user, by, now)

    def keep_house(self, now: datetime, settings: Monitoring) -> list[str]:
        """What is due, in words; nothing where no mail server is."""
        hands = self._hands()
        if isinstance(hands, Unknown):
            return []
        return QueueSurgery(self._directory, hands).keep_house(now, settings.queue_term, settings.queue_retention)


class QueueKeeper(threading.Thread):
    """Does what is due: at its start what was cut off, then whatever is asked for, and looks every ten minutes."""

    def __init__(self, deeds: QueueDeeds, settings: Monitoring) -> None:
        super().__init__(name="queue-keeper", daemon=True)
        self._deeds, self._settings = deeds, settings
        self._ends = False

    def run(self) -> None:
        """What goes wrong once is told, and tried again the next time."""
        while not self._ends:
            self._deeds.due.clear()
            try:
                for line in self._deeds.keep_house(datetime.now(UTC), self._settings):
                    print(f"lockdown agent: queue: {line}", file=sys.stderr, flush=True)
            except (OperatorError, OSError) as error:
                print(f"lockdown agent: queue: {error}", file=sys.stderr, flush=True)
            self._deeds.due.wait(_HOUSE_SECONDS)

    def stop(self) -> None:
        """A deletion under way is not waited for: it is gone on with after the next start."""
        self._ends = True
        self._deeds.due.set()
