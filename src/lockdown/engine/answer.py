"""Answer an alarm: block a network, restrain what a flood has in common, hold what is queued, grip an account.

Each for a while, and within every bound that a person's deed has, and a few more. Idempotent: what is done is not done
again. A person who has lifted an answer of ours is not overruled while its incident lasts. In `monitoring.mode =
"observe"`, and for the kinds in `monitoring.shadow`, nothing is done, and what would be done is said.

Fails as: an `Answer` that is not done, with the reason.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from lockdown.config import Settings
from lockdown.engine.blocking import Blockable, NotBlockable, Protected, judge_block
from lockdown.engine.means import Deed, Means
from lockdown.engine.restraining import Restrainer
from lockdown.model.alarm import Alarm, Answer, BlockFor, Incident
from lockdown.model.mail import AUTOMATIC
from lockdown.model.restraint import match_in_words
from lockdown.model.traffic import Grip, GripUser, HoldQueued, Match, Traffic
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown
from lockdown.state.store import Store

MOST_BLOCKS = 100
"""Of ours that run at a time: more is not an answer to an attack but a runaway."""
_COMMIT_SECONDS = 10.0
_HOLDS_AGAIN = timedelta(minutes=1)
"""What has come into the queue meanwhile, however it was restrained, is held too."""
_GRIPS = {Grip.TELL: "told of", Grip.HOLD_OUTBOUND: "held: what it sends outside waits", Grip.LOCK: "locked"}


class Answerer:
    """Answers with the means of one store. `protected` is asked only when there is something to block."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        protected: Callable[[], Iterable[Protected]],
        means: Means | None = None,
        held: Callable[[Match], None] = lambda match: None,
    ) -> None:
        """`held` is told of what lies held in the queue now."""
        self._settings, self._store, self._protected = settings, store, protected
        self._means, self._held = means or Means(), held
        self._restrainer = Restrainer(settings, store, protected, self._means.drop)

    def end_those_of_later(self, now: datetime) -> None:
        """Answers that began later than now, by a clock that was set back; what still rings is answered anew."""
        self._restrainer.end_those_of_later(now)

    def answers(
        self, incident: Incident, alarm: Alarm, traffic: Traffic | Unknown | None, now: datetime
    ) -> Iterator[Answer]:
        """All that is done now about an alarm that rings, and what is not and why."""
        if alarm.answer is not None and (answer := self.answer(incident, alarm.answer, now)) is not None:
            yield answer
        yield from self._restrainer.answers(incident, alarm, traffic, now)
        for wish in alarm.wishes:
            match wish:
                case HoldQueued():
                    yield from self._hold(incident, wish, now)
                case GripUser():
                    yield from self._grip(incident, wish, now)
                case _:
                    pass  # restrained above, where the next one waits for the effect of the one before

    def _hold(self, incident: Incident, wish: HoldQueued, now: datetime) -> Iterator[Answer]:
        """Again each minute, since a queue goes on to fill; the same words only once."""
        begins = f"queued mail with {match_in_words(wish.match)}"
        last = next((one for one in reversed(incident.answers) if one.says.startswith(begins)), None)
        if last is not None and now - last.at < _HOLDS_AGAIN:
            return
        if why := self._why_shadow("hold"):
            yield from _new(incident, Answer(now, f"{begins} would be held, but {why}", done=False))
            return
        deed = self._means.hold(wish, f"{AUTOMATIC}, incident {incident.number}")
        if deed is not None:
            if deed.done:
                self._held(wish.match)
            yield from _new(incident, _told(begins, deed, now))

    def _grip(self, incident: Incident, wish: GripUser, now: datetime) -> Iterator[Answer]:
        begins = f"account {wish.user} is {_GRIPS[wish.grip]}"
        runs = any(_runs(one, begins, now) for one in incident.answers)
        if wish.grip is Grip.TELL or (runs and self._means.still_grips(wish.user)):
            return
        if why := self._why_shadow("grip"):
            yield from _new(incident, Answer(now, f"account {wish.user} would be gripped, but {why}", done=False))
            return
        deed = self._means.grip(wish, f"{AUTOMATIC}, incident {incident.number}")
        if deed is not None and deed.done:
            yield _told(begins, deed, now)  # after a term that is over in the same words, and yet another one
        elif deed is not None:
            yield from _new(incident, _told(f"account {wish.user}", deed, now))

    def _why_shadow(self, kind: str) -> str:
        if self._settings.monitoring.mode == "observe":
            return 'monitoring.mode is "observe"'
        return f'"{kind}" stands in monitoring.shadow' if kind in self._settings.monitoring.shadow else ""

    def answer(self, incident: Incident, wish: BlockFor, now: datetime) -> Answer | None:
        """What was done about it, or why it was not; None: it is done already."""
        wanted = ipaddress.ip_network(wish.network)
        running = self._store.active_blocks(now)
        if any(_covers(block.network, wanted) for block in running):
            return None
        term = show_duration(wish.term)
        if why := self._why_shadow("block"):
            return Answer(now, f"{wish.network} would be blocked for {term}, but {why}", done=False, undo="")
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


def _told(begins: str, deed: Deed, now: datetime) -> Answer:
    return Answer(now, f"{begins}: {deed.says}", deed.done, deed.until, deed.undo)


def _runs(answer: Answer, begins: str, now: datetime) -> bool:
    """Whether it was done and its term is not over; a person who ended it before is so not overruled meanwhile."""
    return answer.done and answer.says.startswith(begins) and (answer.until is None or answer.until > now)


def _new(incident: Incident, answer: Answer) -> Iterator[Answer]:
    if not any(one.says == answer.says for one in incident.answers):
        yield answer


def _covers(blocked: str, wanted: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    network = ipaddress.ip_network(blocked)
    return network.version == wanted.version and wanted.subnet_of(network)  # type: ignore[arg-type]
