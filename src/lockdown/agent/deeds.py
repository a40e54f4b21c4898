"""Answer one request: the bounds are kept here, in the process that has the rights, not where the request comes from.

Fails as: `Refused(why)`, a value, for everything that is out of bounds.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, assert_never

import msgspec

from lockdown import __version__
from lockdown.agent import verbs
from lockdown.agent.packet_filter import Dropped
from lockdown.engine.blocking import Blockable, Network, NotBlockable, Protected, judge_block, read_network
from lockdown.host.mailbox_room import room_of
from lockdown.host.session import origin_of
from lockdown.model.snapshot import Snapshot
from lockdown.model.standing import Standing
from lockdown.model.traffic import Doors
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


class Filter(Protocol):
    """What the agent needs of the packet filter."""

    def drop(self, one: Dropped, now: datetime) -> Unknown | None:
        """Shut these doors to it; None: the kernel says that they are."""

    def let_go(self, network: Network, doors: Doors, now: datetime) -> bool | Unknown:
        """Open them again; False: they were not shut."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of the socket, as the kernel knows it."""

    uid: int
    pid: int


ITSELF = Peer(os.geteuid(), os.getpid())

APPLY_AT_MOST_EVERY = timedelta(minutes=1)

Act = Callable[[tuple[str, ...]], verbs.Reply]
"""Runs our own command with these arguments, apart from the agent, and hears what came of it."""


def cannot_act(arguments: tuple[str, ...]) -> verbs.Reply:
    """Of an agent that was given no means to."""
    return verbs.Refused("this agent changes nothing")


def knows_no_queue(request: verbs.QueueRequest, now: datetime) -> verbs.Reply:
    """Of an agent that was given no hands on a queue."""
    return verbs.Refused("this agent has no hands on a queue")


def grips_nobody(request: verbs.GripUser | verbs.ReleaseUser, now: datetime) -> verbs.Reply:
    """Of an agent that was given no hands on accounts."""
    return verbs.Refused("this agent has no hands on accounts")


class Deeds:
    """The verbs, bound to this machine."""

    def __init__(
        self,
        blocks: BlockList,
        protected: Callable[[], tuple[Protected, ...]],
        read_machine: Callable[[], Snapshot],
        started: datetime,
        act: Act = cannot_act,
        packets: Filter | None = None,
        queue: Callable[[verbs.QueueRequest, datetime], verbs.Reply] = knows_no_queue,
        grips: Callable[[verbs.GripUser | verbs.ReleaseUser, datetime], verbs.Reply] = grips_nobody,
        standing: Callable[[], Standing | None] = lambda: None,
        room: Callable[[str], int | Unknown | None] = room_of,
    ) -> None:
        self._blocks, self._protected, self._read_machine, self._started = blocks, protected, read_machine, started
        self._made: deque[datetime] = deque(maxlen=MOST_BLOCKS)
        self._count = 0
        self._packets, self._queue, self._grips, self._standing = packets, queue, grips, standing
        self._room = room
        self._act, self._applied_at = act, datetime.min.replace(tzinfo=started.tzinfo)

    def answer(self, request: verbs.Request, now: datetime, peer: Peer = ITSELF) -> verbs.Reply:
        """Do what is asked, if it is in bounds."""
        match request:
            case verbs.Status():
                return verbs.Running(__version__, os.getpid(), self._started, self._count, self._standing())
            case verbs.TakeSnapshot():
                return _taken(self._read_machine())
            case verbs.Block():
                return self._block(request, now)
            case verbs.Unblock():
                return self._unblock(request, now)
            case verbs.Apply() | verbs.Confirm() | verbs.Rollback() if not _may_approve(peer):
                return verbs.Refused("only root may change this machine", "sudo lockdown …")
            case verbs.Apply():
                return self._apply(request, now, peer)
            case verbs.Confirm():
                here = ("--here",) if request.here else ()
                return self._act(("confirm", request.apply, *here, *_from(request.by, peer)))
            case verbs.Rollback():
                return self._act(("rollback", request.apply, "--by", request.by))
            case verbs.DeleteQueued() if not _may_approve(peer):
                return verbs.Refused("only root may delete mail", "sudo lockdown queue delete …")
            case verbs.HoldQueued() | verbs.HoldMessages() | verbs.ReleaseQueued() | verbs.DeleteQueued():
                return self._queue(request, now)
            case verbs.ReleaseUser() if not _may_approve(peer):
                return verbs.Refused("only root may let an account go", "sudo lockdown user release …")
            case verbs.GripUser() | verbs.ReleaseUser():
                return self._grips(request, now)
            case verbs.AskRoom():
                free = self._room(request.user)
                return verbs.Refused(free.why) if isinstance(free, Unknown) else verbs.Room(free)
            case _:
                assert_never(request)

    def _apply(self, request: verbs.Apply, now: datetime, peer: Peer) -> verbs.Reply:
        if now - self._applied_at < APPLY_AT_MOST_EVERY:
            return verbs.Refused("there was an apply within this minute", "lockdown history")
        self._applied_at = now
        items = tuple(word for item in request.items for word in ("--item", item))
        without = tuple(word for control in request.without for word in ("--without", control))
        return self._act(("apply", request.plan, *items, *without, *_from(request.by, peer)))

    def _block(self, request: verbs.Block, now: datetime) -> verbs.Reply:
        if len(self._made) == MOST_BLOCKS and now - self._made[0] < BLOCKS_WITHIN:
            return verbs.Refused(f"{MOST_BLOCKS} blocks were made within a minute", "lockdown block list")
        match judge_block(request.network, timedelta(seconds=request.seconds), self._protected(), now):
            case NotBlockable(why, try_this):
                return verbs.Refused(why, try_this)
            case Blockable(network, until):
                if request.doors:
                    return self._drop(network, Doors(request.doors), until, now)
                self._blocks.block(network, request.why, until, request.by, now)
                self._has_made(now)
                return verbs.Done(f"{network} is blocked", until)

    def _has_made(self, now: datetime) -> None:
        self._made.append(now)
        self._count += 1

    def _drop(self, network: str, doors: Doors, until: datetime, now: datetime) -> verbs.Reply:
        """By the kernel; that it runs stands in the store already, where it is put back from after a restart."""
        if self._packets is None:
            return verbs.Refused("this agent has no packet filter")
        read = read_network(network)
        if isinstance(read, Unknown):
            return verbs.Refused(read.why)
        failed = self._packets.drop(Dropped(read, doors, until), now)
        if failed is not None:
            return verbs.Refused(failed.why)
        self._has_made(now)
        return verbs.Done(f"{network} is shut out at {doors}", until)

    def _unblock(self, request: verbs.Unblock, now: datetime) -> verbs.Reply:
        match read_network(request.network):
            case Unknown(why):
                return verbs.Refused(why)
            case network if request.doors:
                return self._let_go(network, Doors(request.doors), now)
            case network if self._blocks.unblock(str(network), request.by, now):
                return verbs.Done(f"{network} may talk again")
            case network:
                return verbs.Refused(f"{network} is not blocked", "lockdown block list")

    def _let_go(self, network: Network, doors: Doors, now: datetime) -> verbs.Reply:
        gone = self._packets.let_go(network, doors, now) if self._packets else False
        if isinstance(gone, Unknown):
            return verbs.Refused(gone.why)
        if not gone:
            return verbs.Refused(f"{network} is not shut out at {doors}", "lockdown block list")
        return verbs.Done(f"{network} may talk at {doors} again")


def _may_approve(peer: Peer) -> bool:
    """Root, and whoever the agent runs as; not the gateway's user, though it owns the state: it faces the net."""
    return peer.uid in (0, os.geteuid())


def _from(by: str, peer: Peer) -> tuple[str, ...]:
    """Who, and over which connection: seen by the kernel, not told by the asker."""
    return ("--by", by, "--origin", msgspec.json.encode(origin_of(peer.pid)).decode())


def _taken(snapshot: Snapshot) -> verbs.Taken:
    return verbs.Taken(
        snapshot.host,
        snapshot.taken_at,
        snapshot.version,
        {source: reading for source, reading in snapshot.readings.items() if isinstance(reading, str)},
        {source: reading.why for source, reading in snapshot.readings.items() if isinstance(reading, Unknown)},
    )
