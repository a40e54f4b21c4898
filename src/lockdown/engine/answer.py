"""Answer an alarm: block a network for a while, within every bound that a person's block has, and a few more.

Idempotent: what is blocked is not blocked again. A person who has lifted a block of ours is not overruled while its
incident lasts. In `monitoring.mode = "observe"` nothing is done, and what would be done is said.

Fails as: an `Answer` that is not done, with the reason.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from datetime import datetime

from lockdown.config import Settings
from lockdown.engine.blocking import Blockable, NotBlockable, Protected, judge_block
from lockdown.model.alarm import Answer, BlockFor, Incident
from lockdown.model.mail import AUTOMATIC
from lockdown.model.units import show_duration
from lockdown.state.store import Store

MOST_BLOCKS = 100
"""Of ours that run at a time: more is not an answer to an attack but a runaway."""
_COMMIT_SECONDS = 10.0


class Answerer:
    """Answers with the means of one store. `protected` is asked only when there is something to block."""

    def __init__(self, settings: Settings, store: Store, protected: Callable[[], Iterable[Protected]]) -> None:
        self._settings, self._store, self._protected = settings, store, protected

    def answer(self, incident: Incident, wish: BlockFor, now: datetime) -> Answer | None:
        """What was done about it, or why it was not; None: it is done already."""
        wanted = ipaddress.ip_network(wish.network)
        running = self._store.active_blocks(now)
        if any(_covers(block.network, wanted) for block in running):
            return None
        term = show_duration(wish.term)
        if self._settings.monitoring.mode == "observe":
            says = f'{wish.network} would be blocked for {term}, but monitoring.mode is "observe"'
            return Answer(now, says, done=False, undo="")
        if lifted := self._lifted_by(wish.network, incident.opened_at):
            return Answer(now, f"{wish.network} is not blocked again: {lifted} has lifted its block", done=False)
        if sum(block.by == AUTOMATIC for block in running) >= MOST_BLOCKS:
            return Answer(now, f"{wish.network} is not blocked: {MOST_BLOCKS} networks are already", done=False)
        return self._block(incident, wish, term, now)

    def _block(self, incident: Incident, wish: BlockFor, term: str, now: datetime) -> Answer:
        match judge_block(wish.network, wish.term, self._protected(), now):
            case NotBlockable(why):
                return Answer(now, f"{wish.network} is not blocked: {why}", done=False)
            case Blockable(network, until):
                why = f"{incident.name} (incident {incident.number})"
                self._store.block(network, why, until, AUTOMATIC, now).result(_COMMIT_SECONDS)
                undo = f"lockdown block remove {network}"
                return Answer(now, f"{network} is blocked for {term}", done=True, until=until, undo=undo)

    def _lifted_by(self, network: str, since: datetime) -> str:
        """The person who has ended a block of this network since then."""
        for term in self._store.block_history(network):
            if term.ended_at is not None and term.ended_at >= since and term.ended_by != AUTOMATIC:
                return term.ended_by
        return ""


def _covers(blocked: str, wanted: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    network = ipaddress.ip_network(blocked)
    return network.version == wanted.version and wanted.subnet_of(network)  # type: ignore[arg-type]
