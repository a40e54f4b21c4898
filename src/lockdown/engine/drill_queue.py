"""A drill and this machine's queue: take its own letters out of it, and try whether a sender's mail can be held there.

Only what the drill has laid there itself is touched: letters of a sender that nobody else has, to its own mailbox.

Fails as: `lost` in what was heard; a queue that cannot be read is left as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lockdown.agent import client
from lockdown.engine.queue import QueueSurgery, hands_here
from lockdown.engine.queue_record import record
from lockdown.facts.queue_entries import postfix_entry
from lockdown.facts.queue_file import queue_file
from lockdown.host.commands import run
from lockdown.host.queue_hands import PostfixQueue
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Held
from lockdown.model.traffic import Dimension, Match
from lockdown.model.unknown import Unknown

_QUEUED_AS = re.compile(r"queued as ([A-Za-z0-9]{6,20})\b")
_ID = re.compile(r"[A-Za-z0-9]{6,20}")
_SECONDS = 20.0


def clear_queue(replies: Iterable[str], is_ours: Callable[[str], bool]) -> int:
    """How many letters were removed; `replies` are the server's own to the end of each letter."""
    told = {found[1] for reply in replies if (found := _QUEUED_AS.search(reply))}
    listed = run(["postqueue", "-j"], _SECONDS)
    if not isinstance(listed, str):
        return 0
    doomed = list(waiting(listed, told, is_ours))
    for start in range(0, len(doomed), 100):
        run(["postsuper", *(word for id in doomed[start : start + 100] for word in ("-d", id))], _SECONDS)
    return len(doomed)


def waiting(listed: str, told: set[str], is_ours: Callable[[str], bool]) -> Iterator[str]:
    """The ids of those letters of a listed queue that are the drill's."""
    for line in listed.splitlines():
        try:
            entry = json.loads(line)
            id, to = entry["queue_id"], [one["address"] for one in entry["recipients"]]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(id, str) and _ID.fullmatch(id) and (id in told or (to and all(map(is_ours, map(str, to))))):
            yield id


# ── holding ──

_BY = "drill"
_WHY = "a drill: letters of its own"
_DUE_SECONDS = 3600.0
"""So long the server leaves them alone, unless it is told to deliver them."""
_ESCAPE_SECONDS = 1.0


@dataclass(slots=True)
class Operated:
    """What became of the letters, step by step."""

    ids: tuple[str, ...] = ()
    held: int = 0
    """As it was said."""
    seen: int = 0
    """In hold, as the mail server itself lists them."""
    escaped: int = 0
    """Were delivered while they were held."""
    released: int = 0
    says: str = ""
    lost: str = ""


def drilled_queue(state: Path) -> DrilledQueue | Unknown:
    """The queue of the server that is installed, where it can be drilled."""
    hands = hands_here()
    if isinstance(hands, Unknown):
        return hands
    if not isinstance(hands, PostfixQueue):
        return Unknown("only a queue of Postfix is drilled")
    return DrilledQueue(state, hands)


class DrilledQueue:
    """The queue of this machine, and the agent that holds mail in it; where none runs, it is done here."""

    def __init__(self, state: Path, hands: PostfixQueue) -> None:
        self._state, self._hands = state, hands

    def hold_and_release(
        self, sender: str, recipient: str, letters: Sequence[bytes], arrived: Callable[[], int]
    ) -> Operated:
        """As the watch would do it, and as a person would undo it."""
        operated, deed = Operated(), ""
        try:
            operated.ids = tuple(self._laid(sender, recipient, letter) for letter in letters)
            deed = self._hold(((Dimension.SENDER, sender),), operated)
            operated.seen = self._seen_in_hold(operated.ids)
            self._deliver(operated.ids)  # what is held must not go, though it is told to
            operated.escaped = self._escaped(arrived)
            if deed:
                self._release(deed)
                operated.released = len(operated.ids) - self._seen_in_hold(operated.ids)
                self._deliver(operated.ids)
        except (OSError, OperatorError) as error:
            operated.lost = getattr(error, "why", "") or str(error)
        finally:
            self._forget(deed)
        return operated

    def _laid(self, sender: str, recipient: str, letter: bytes) -> str:
        now = time.time()
        return self._hands.lay(queue_file(sender, recipient, int(now * 1e6), letter), now + _DUE_SECONDS)

    def _hold(self, match: Match, operated: Operated) -> str:
        """The deed; "" where nothing is held."""
        held: object = client.hold_queued(self._state, match, _WHY, by=_BY)
        if isinstance(held, Unknown) and held.why == client.NO_AGENT:
            held = QueueSurgery(self._state, self._hands).hold_matching(match, _WHY, _BY, datetime.now(UTC))
        match held:
            case Held() | client.QueueHeld():
                operated.held, operated.says = held.count, held.says
                return held.id if isinstance(held, Held) else held.deed
            case Unknown(why) | client.Refused(why=why):
                operated.says = f"not held: {why}"
        return ""

    def _release(self, deed: str) -> None:
        match client.release_queued(self._state, deed, by=_BY):
            case Unknown(why) if why == client.NO_AGENT:
                QueueSurgery(self._state, self._hands).release(deed, _BY)
            case Unknown(why) | client.Refused(why=why):
                raise OSError(0, f"not released: {why}")

    def _seen_in_hold(self, ids: Sequence[str]) -> int:
        listed = run(["postqueue", "-j"], _SECONDS)
        if isinstance(listed, Unknown):
            raise OSError(0, listed.why)
        entries = filter(None, map(postfix_entry, listed.encode().splitlines()))
        return sum(entry.queue == "hold" and entry.queue_id in ids for entry in entries)

    def _escaped(self, arrived: Callable[[], int]) -> int:
        until = time.monotonic() + _ESCAPE_SECONDS
        while not (count := arrived()) and time.monotonic() < until:
            time.sleep(0.1)
        return count

    def _deliver(self, ids: Iterable[str]) -> None:
        for id in ids:
            run(["postqueue", "-i", id], _SECONDS)

    def _forget(self, deed: str) -> None:
        """A drill a day would fill the list of what was done."""
        with suppress(OperatorError, OSError):
            if deed:
                shutil.rmtree(record(self._state, deed).folder)
