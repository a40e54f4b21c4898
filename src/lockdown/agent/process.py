"""`lockdown agent`: the verbs bound to this machine, the socket, and the end on SIGTERM.

Fails as: `OperatorError` for a state directory that cannot be used or an agent that runs already.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from lockdown.agent.acting import Actor, recover_first
from lockdown.agent.client import SOCKET
from lockdown.agent.deeds import Deeds
from lockdown.agent.following import Follower
from lockdown.agent.grip_deeds import GripDeeds, GripKeeper
from lockdown.agent.packet_filter import PacketFilter, ports_of
from lockdown.agent.queue_deeds import QueueDeeds, QueueKeeper
from lockdown.agent.server import Server, allowed_at
from lockdown.config import Loaded, Settings
from lockdown.engine.blocking import Protected, protected_networks
from lockdown.engine.drift import Drift, DriftWatch
from lockdown.engine.standing import standing_here
from lockdown.engine.supervised import tell_ready
from lockdown.host.grip_hands import GripHands
from lockdown.host.read import take_snapshot
from lockdown.model.snapshot import Snapshot
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store, open_store

_COMMIT_SECONDS = 10.0
_LAST_LOOK_SECONDS = 15.0
_PROTECTED_FOR = timedelta(minutes=1)


def run(loaded: Loaded, announce: Callable[[str], None]) -> int:
    """Answer until SIGTERM or SIGINT; `announce` is told the place of the socket once it listens."""
    directory = StateDirectory(Path(loaded.settings.state.directory)).prepare()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with closing(open_store(directory.path)) as store:
        act = Actor(loaded.files[0] if loaded.files else "")
        for line in recover_first(directory, act):
            print(f"lockdown agent: {line}", file=sys.stderr, flush=True)
        protected = _remembered(loaded.settings)
        packets = PacketFilter(ports_of(loaded.settings))
        queue = QueueDeeds(directory.path)
        grips = GripDeeds(GripHands(loaded.settings.monitoring.mail_logs), queue.write_down)
        read = partial(_here, loaded)
        deeds = Deeds(
            StoredBlocks(store), protected, read, datetime.now(UTC), act, packets, queue.answer, grips.answer,
            partial(standing_here, directory),
        )  # fmt: skip
        server = Server(directory.path / SOCKET, deeds.answer, allowed_at(directory.path))
        announce(str(directory.path / SOCKET))
        tell_ready()
        drift = _drift_watch(loaded, directory.path, store)
        follower = Follower(store, packets, protected, acts=loaded.settings.monitoring.mode == "answer")
        follower.start()
        keeper = QueueKeeper(queue, loaded.settings.monitoring)
        keeper.start()
        grip_keeper = GripKeeper(grips)
        grip_keeper.start()
        server.serve(stop)
        grip_keeper.stop()
        keeper.stop()
        follower.stop()
        follower.join(_LAST_LOOK_SECONDS)
        if drift:
            drift.stop()
            drift.join(_LAST_LOOK_SECONDS)
    return 0


def _here(loaded: Loaded) -> Snapshot:
    return take_snapshot(loaded, datetime.now(UTC))


def _drift_watch(loaded: Loaded, directory: Path, store: Store) -> DriftWatch | None:
    """Looks at this machine as the agent sees it: files and commands, nothing from the network."""
    every = loaded.settings.monitoring.drift.total_seconds()
    if every <= 0:
        return None
    watch = DriftWatch(Drift(lambda now: take_snapshot(loaded, now), loaded.settings, directory, store), every)
    watch.start()
    return watch


class StoredBlocks:
    """The store's block list, each deed waited for: what the agent says is done is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def block(self, network: str, why: str, until: datetime, by: str, now: datetime) -> None:
        """Blocked and committed when this returns."""
        self._store.block(network, why, until, by, now).result(_COMMIT_SECONDS)

    def unblock(self, network: str, by: str, now: datetime) -> bool:
        """Was it blocked?"""
        return self._store.unblock(network, by, now).result(_COMMIT_SECONDS)


def _remembered(settings: Settings) -> Callable[[], tuple[Protected, ...]]:
    """Own addresses change, but not with every block; a name in the settings is not resolved each time."""
    known: tuple[Protected, ...] = ()
    known_at = datetime.min.replace(tzinfo=UTC)

    def protected() -> tuple[Protected, ...]:
        nonlocal known, known_at
        now = datetime.now(UTC)
        if now - known_at > _PROTECTED_FOR:
            known, known_at = protected_networks(settings), now
        return known

    return protected
