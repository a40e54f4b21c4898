"""Keep the packet filter as the store says: after a start, after a person has ended a term, after others emptied it.

The store's version is asked each second; the kernel is looked at each half minute. Each network is judged again by the
agent's own bounds, since the store belongs to the gateway's user.

Fails as: a line on stderr, once for each reason; what stands in the kernel stays, and the next look tries again.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from lockdown.agent.packet_filter import MOST_DROPPED, Dropped, PacketFilter
from lockdown.engine.blocking import Blockable, Protected, judge_block, read_network
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.unknown import Unknown
from lockdown.state.store import Store

_EVERY_SECONDS = 1.0
_LOOKS_AT_KERNEL = 30
_DROPPABLE = (Dimension.CLIENT, Dimension.NETWORK)


def shut_out(restraints: Iterable[Restraint], protected: Iterable[Protected], now: datetime) -> Iterator[Dropped]:
    """Whom the packet filter stands before: what runs, is no shadow, and may be."""
    never = tuple(protected)
    for restraint in restraints:
        if restraint.rung is not Rung.DROP or restraint.shadow or not restraint.runs(now) or len(restraint.match) != 1:
            continue
        (dimension, value), *_ = restraint.match
        network = read_network(value)
        if dimension not in _DROPPABLE or isinstance(network, Unknown):
            continue
        if isinstance(judge_block(value, restraint.until - now, never, now), Blockable):
            yield Dropped(network, restraint.doors, restraint.until)


class Follower(threading.Thread):
    """Follows one store until it is stopped."""

    def __init__(
        self, store: Store, packets: PacketFilter, protected: Callable[[], tuple[Protected, ...]], *, acts: bool
    ) -> None:
        super().__init__(name="packet filter", daemon=True)
        self._store, self._packets, self._protected, self._acts = store, packets, protected, acts
        self._ended = threading.Event()
        self._version, self._looks, self._said = -1, 0, ""

    def stop(self) -> None:
        """After the look that runs."""
        self._ended.set()

    def run(self) -> None:
        """Until it is stopped."""
        while not self._ended.is_set():
            try:
                self._say(self.look(datetime.now(UTC)))
            except Exception as error:  # the thread must outlive a locked store
                self._say(Unknown(f"{type(error).__name__}: {error}"))
            self._ended.wait(_EVERY_SECONDS)

    def look(self, now: datetime) -> Unknown | None:
        """Once: where the store has changed, or it is time to see that the kernel has not."""
        version, self._looks = self._store.version(), self._looks + 1
        if version == self._version and self._looks % _LOOKS_AT_KERNEL:
            return None
        restraints = self._store.active_restraints(now) if self._acts else []
        wanted = list(shut_out(restraints, self._protected(), now))[-MOST_DROPPED:]
        failed = self._packets.follow(wanted, now)
        if failed is None:
            self._version = version
        return failed

    def _say(self, failed: Unknown | None) -> None:
        why = failed.why if failed is not None else ""
        if why and why != self._said:
            print(f"lockdown agent: the packet filter is not as it should be: {why}", file=sys.stderr, flush=True)
        self._said = why
