"""Answer one request: the bounds are kept here, in the process that has the rights, not where the request comes from.

Fails as: `Refused(why)`, a value, for everything that is out of bounds.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, assert_never

from lockdown import __version__
from lockdown.agent import verbs
from lockdown.engine.blocking import Blockable, NotBlockable, Protected, judge_block, read_network
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MOST_BLOCKS = 60
BLOCKS_WITHIN = timedelta(minutes=1)
"""More than one block a second is not an answer to an attack but a runaway."""


class BlockList(Protocol):
    """What the agent needs of the store."""

    def block(self, network: str, why: str, until: datetime, by: str, now: datetime) -> None:
        """Blocked and committed when this returns."""

    def unblock(self, network: str, by: str, now: datetime) -> bool:
        """Was it blocked?"""


class Deeds:
    """The verbs, bound to this machine."""

    def __init__(
        self,
        blocks: BlockList,
        protected: Callable[[], tuple[Protected, ...]],
        read_machine: Callable[[], Snapshot],
        started: datetime,
    ) -> None:
        self._blocks, self._protected, self._read_machine, self._started = blocks, protected, read_machine, started
        self._made: deque[datetime] = deque(maxlen=MOST_BLOCKS)
        self._count = 0

    def answer(self, request: verbs.Request, now: datetime) -> verbs.Reply:
        """Do what is asked, if it is in bounds."""
        match request:
            case verbs.Status():
                return verbs.Running(__version__, os.getpid(), self._started, self._count)
            case verbs.TakeSnapshot():
                return _taken(self._read_machine())
            case verbs.Block():
                return self._block(request, now)
            case verbs.Unblock():
                return self._unblock(request, now)
            case _:
                assert_never(request)

    def _block(self, request: verbs.Block, now: datetime) -> verbs.Reply:
        if len(self._made) == MOST_BLOCKS and now - self._made[0] < BLOCKS_WITHIN:
            return verbs.Refused(f"{MOST_BLOCKS} blocks were made within a minute", "lockdown block list")
        match judge_block(request.network, timedelta(seconds=request.seconds), self._protected(), now):
            case NotBlockable(why, try_this):
                return verbs.Refused(why, try_this)
            case Blockable(network, until):
                self._blocks.block(network, request.why, until, request.by, now)
                self._made.append(now)
                self._count += 1
                return verbs.Done(f"{network} is blocked", until)

    def _unblock(self, request: verbs.Unblock, now: datetime) -> verbs.Reply:
        match read_network(request.network):
            case Unknown(why):
                return verbs.Refused(why)
            case network if self._blocks.unblock(str(network), request.by, now):
                return verbs.Done(f"{network} may talk again")
            case network:
                return verbs.Refused(f"{network} is not blocked", "lockdown block list")


def _taken(snapshot: Snapshot) -> verbs.Taken:
    return verbs.Taken(
        snapshot.host,
        snapshot.taken_at,
        snapshot.version,
        {source: reading for source, reading in snapshot.readings.items() if isinstance(reading, str)},
        {source: reading.why for source, reading in snapshot.readings.items() if isinstance(reading, Unknown)},
    )
