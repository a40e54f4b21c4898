"""Restrain what a flood has in common: within every bound, for a term, and on to the next wish where one does not help.

The mildest wish is first. Where still half of the flood comes through, a source that is only slowed is put off, and
where it is put off already, the next thing that the flood has in common is tried. Where nothing comes through, but it
is turned away again and again, it is refused for good, and if that is not understood, shut out by the packet filter.

Idempotent: a wish that is carried out is not carried out again. A person who has lifted a restraint of ours is not
overruled while its incident lasts. In `monitoring.mode = "observe"`, and for the kinds in `monitoring.shadow`, it is
only counted what it would have met, and said.

Fails as: an `Answer` that is not done, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lockdown.config import Settings
from lockdown.engine.blocking import LONGEST, NotBlockable, Protected, judge_block
from lockdown.engine.effect import SETTLES, effect
from lockdown.model.alarm import Alarm, Answer, Incident
from lockdown.model.mail import AUTOMATIC
from lockdown.model.restraint import Restraint, match_in_words, plain_match
from lockdown.model.traffic import Dimension, Doors, Forgeability, Match, Restrain, Rung, Traffic
from lockdown.model.units import show_duration
from lockdown.model.unknown import Unknown
from lockdown.state.store import Store

MOST_RESTRAINTS = 100
"""Of ours that run at a time at the same doors: more is not an answer to an attack but a runaway."""
IDLE_AFTER, _MINUTE = timedelta(minutes=10), timedelta(minutes=1)
LONGEST_TERM = timedelta(days=7)
PROMOTION = timedelta(days=14)
"""After so long in shadow without anybody's objection it is said that a kind may be let act."""
MOST_SPILL = 0.1
"""Of the good mail; what would meet more of it is at most slowed."""
PRESSING, PRESSING_A_MINUTE = 300, 60
"""So often turned away, and so fast: the second threshold, above which a source is refused for good, then shut out."""
CLOCKS_DIFFER = timedelta(minutes=1)
_MOST_VALUES = 4
_COMMIT_SECONDS = 10.0
_NETWORKS = frozenset({Dimension.CLIENT, Dimension.NETWORK, Dimension.WIDE_NETWORK})
_DROPPABLE = (Dimension.CLIENT, Dimension.NETWORK)

BECOMES = {
    Rung.OBSERVE: "counted",
    Rung.SLOW: "slowed",
    Rung.DEFER: "put off (451)",
    Rung.QUARANTINE: "held in quarantine",
    Rung.REJECT: "refused (550)",
    Rung.DROP: "shut out by the packet filter",
}

Drop = Callable[[str, timedelta, str, Doors], str]
"""Has the packet filter drop a network for so long; why it cannot, "" when it does."""


@dataclass(frozen=True, slots=True)
class Restrainable:
    """The match in its plain form."""

    match: Match


def judge_restraint(wish: Restrain, protected: Iterable[Protected], now: datetime) -> Restrainable | NotBlockable:
    """May this be restrained so?"""
    match = plain_match(wish.match)
    dimensions = [dimension for dimension, _ in match]
    for refuses in (_shapeless, _of_others, _unproven, _too_much):
        if why := refuses(wish, dimensions):
            return NotBlockable(why)
    return _judge_networks(wish, match, protected, now)


def _shapeless(wish: Restrain, dimensions: list[Dimension]) -> str:
    if not dimensions or len(dimensions) > _MOST_VALUES:
        return "nothing, or too much, is named that it would have in common"
    return "" if timedelta(0) < wish.term <= LONGEST_TERM else f"a restraint lasts up to {LONGEST_TERM.days} days"


def _of_others(wish: Restrain, dimensions: list[Dimension]) -> str:
    """What the gateway and the packet filter cannot tell."""
    if Dimension.USER in dimensions:
        return "who signs in is seen by the mail server alone: lockdown user hold"
    single = len(dimensions) == 1 and dimensions[0] in _DROPPABLE
    if wish.rung is Rung.DROP and not single:
        return "the packet filter knows addresses and small networks alone"
    if wish.doors is Doors.SIGN_IN and wish.rung is not Rung.DROP:
        return "where users sign in only the packet filter stands before the mail server"
    return ""


def _unproven(wish: Restrain, dimensions: list[Dimension]) -> str:
    """Labels can be anybody's: an answer to them alone harms whoever is named."""
    if any(dimension.forgeability is not Forgeability.LABEL for dimension in dimensions):
        return ""
    most = Rung.QUARANTINE if Dimension.RECIPIENT in dimensions else Rung.SLOW
    return "" if wish.rung <= most else "anybody may write that, and an answer to it would hit whoever is named"


def _too_much(wish: Restrain, dimensions: list[Dimension]) -> str:
    if wish.rung <= Rung.SLOW:
        return ""
    if dimensions == [Dimension.WIDE_NETWORK]:
        return "a whole provider is never shut out"
    return f"{wish.spill:.0%} of the good mail has it in common too" if wish.spill > MOST_SPILL else ""


def _judge_networks(
    wish: Restrain, match: Match, protected: Iterable[Protected], now: datetime
) -> Restrainable | NotBlockable:
    for dimension, value in match:
        if dimension in _NETWORKS and wish.rung > Rung.OBSERVE:
            judged = judge_block(value, wish.term, protected, now)
            if isinstance(judged, NotBlockable):
                return judged
    return Restrainable(match)


class Restrainer:
    """Restrains with the means of one store and one packet filter."""

    def __init__(
        self, settings: Settings, store: Store, protected: Callable[[], Iterable[Protected]], drop: Drop
    ) -> None:
        self._settings, self._store, self._protected, self._drop = settings, store, protected, drop

    def answers(
        self, incident: Incident, alarm: Alarm, traffic: Traffic | Unknown | None, now: datetime
    ) -> Iterator[Answer]:
        """What is done now about an alarm that rings: the first wish; the next one where those before did not help."""
        wishes = [wish for wish in alarm.wishes if isinstance(wish, Restrain)]
        if not wishes:
            return
        history = self._store.restraint_history(now - LONGEST)
        ours = [one for one in history if one.incident == incident.number and one.by == AUTOMATIC]
        running = [one for one in ours if one.runs(now)]
        due = wishes
        if running:
            latest = running[0]
            if now - latest.since < SETTLES:
                return
            said, goes_on = _told_effect(latest, _coverage(wishes, latest), incident, traffic, now)
            yield from said
            due = _after(latest, wishes) if goes_on else []
        presses = [one for one in running if _presses(one, now)]
        if firmer := [_pressed(wish, one, now) for one in presses for wish in wishes if _is_firmer(wish, one)]:
            yield from self._first_that_may_be(incident, firmer, running, history, now)
        elif due:
            yield from self._first_that_may_be(incident, _mild(due), running, history, now)

    def end_those_of_later(self, now: datetime) -> None:
        """The clock was set back: what began later than now would last so much longer than its term."""
        for one in self._store.active_restraints(now):
            if one.by == AUTOMATIC and one.since > now + CLOCKS_DIFFER:
                self._store.end_restraint(one.number, AUTOMATIC, now).result(_COMMIT_SECONDS)

    def _first_that_may_be(
        self,
        incident: Incident,
        wishes: list[Restrain],
        running: list[Restraint],
        history: list[Restraint],
        now: datetime,
    ) -> Iterator[Answer]:
        tried = {(one.match, one.rung, one.doors) for one in running}
        for wish in wishes:
            match = plain_match(wish.match)
            # What runs already on a higher rung is not brought down to a lower one.
            if any(one == match and doors is wish.doors and rung >= wish.rung for one, rung, doors in tried):
                continue
            answer = self._restrain(incident, wish, match, history, now)
            if answer.undo:
                yield answer
                return
            yield from _once(incident, answer)
        if tried:
            yield from _once(incident, Answer(now, "nothing else is left that could be tried by itself", done=False))

    def _restrain(
        self, incident: Incident, wish: Restrain, match: Match, history: list[Restraint], now: datetime
    ) -> Answer:
        what = match_in_words(match)
        if lifted := _lifted_by(match, wish.doors, incident.opened_at, history):
            return Answer(now, f"{what} is not restrained again: {lifted} has lifted it", done=False)
        judged = judge_restraint(wish, self._protected(), now)
        if isinstance(judged, NotBlockable):
            return Answer(now, f"{what} is not restrained: {judged.why}", done=False)
        running = [one for one in history if one.runs(now) and one.by == AUTOMATIC and one.doors is wish.doors]
        if len(running) >= MOST_RESTRAINTS and not self._made_room(running, now):
            return Answer(now, f"{what} is not restrained: {MOST_RESTRAINTS} restraints run already", done=False)
        term = _term(wish, match, history, now)
        wanted = Restraint(
            match, wish.rung, now, now + term, AUTOMATIC, f"{wish.words} (incident {incident.number})",
            incident.number, shadow=self._why_shadow(wish.rung) != "", doors=wish.doors,
        )  # fmt: skip
        entered = self._store.restrain(wanted).result(_COMMIT_SECONDS)
        return self._answer(entered, wish, term, history, now)

    def _made_room(self, running: list[Restraint], now: datetime) -> bool:
        """What hardly meets anybody any more makes room: or a hundred small floods would let the next one in."""
        idle = [one for one in running if _is_idle(one, now)]
        if idle:
            least = min(idle, key=lambda one: (one.hits, one.since))
            self._store.end_restraint(least.number, AUTOMATIC, now).result(_COMMIT_SECONDS)
        return bool(idle)

    def _answer(
        self, entered: Restraint, wish: Restrain, term: timedelta, history: list[Restraint], now: datetime
    ) -> Answer:
        what, undo = match_in_words(entered.match), f"lockdown block remove {entered.id}"
        becomes, lasts = BECOMES[entered.rung], show_duration(term)
        if entered.shadow:
            says = f"{entered.id}: {what} would be {becomes} for {lasts}, but {self._why_shadow(entered.rung)}"
            counts = f": it is only counted{_promotion(entered.rung, history, now)}"
            return Answer(now, says + counts, False, entered.until, undo)
        says = f"{entered.id}: {what} is {becomes} for {lasts}: {wish.words}"
        if entered.rung is Rung.DROP and (why := self._drop(entered.match[0][1], term, entered.why, entered.doors)):
            if entered.doors is Doors.SIGN_IN:
                self._store.end_restraint(entered.number, AUTOMATIC, now).result(_COMMIT_SECONDS)
                return Answer(now, f"{what} is not shut out: {why}", done=False)
            says = f"{entered.id}: {what} is refused (550) for {lasts}; the packet filter could not be told: {why}"
        return Answer(now, says, True, entered.until, undo)

    def _why_shadow(self, rung: Rung) -> str:
        if self._settings.monitoring.mode == "observe":
            return 'monitoring.mode is "observe"'
        kind = rung.name.lower()
        return f'"{kind}" stands in monitoring.shadow' if kind in self._settings.monitoring.shadow else ""


def _told_effect(
    latest: Restraint, coverage: float, incident: Incident, traffic: Traffic | Unknown | None, now: datetime
) -> tuple[list[Answer], bool]:
    """What is to be said of it, once; and whether the next wish is due."""
    if latest.shadow:
        return [], False  # nothing was done that could have helped
    measured = effect(latest, coverage, traffic, now) if isinstance(traffic, Traffic) else Unknown("nothing is counted")
    if isinstance(measured, Unknown):
        return _once(incident, Answer(now, f"{latest.id}: whether it helps is not known: {measured.why}", False)), False
    said = f"{latest.id} {'helps' if measured.helped else 'does not help enough'}"
    words = f": {measured.words}" if measured.before else ""
    return _once(incident, Answer(now, f"{said}{words}", measured.helped), begins=said), not measured.helped


def _after(latest: Restraint, wishes: list[Restrain]) -> list[Restrain]:
    """What is due when an answer does not help enough: of what is only slowed more comes through than need be, so it is
    put off; what is put off comes through no more, so it is something else that does."""
    same = [wish for wish in wishes if _is_same(wish, latest)]
    others = [wish for wish in wishes if not _is_same(wish, latest)]
    return same + others if latest.rung < Rung.DEFER else others + same


def _mild(wishes: list[Restrain]) -> list[Restrain]:
    """Without what is shut out only where it goes on and on although it is turned away by milder means."""
    return [
        wish
        for wish in wishes
        if wish.rung is not Rung.DROP
        or not any(one.rung < Rung.DROP and one.match == wish.match and one.doors is wish.doors for one in wishes)
    ]


def _presses(one: Restraint, now: datetime) -> bool:
    """It is turned away, and comes again and again, faster than any honest server tries."""
    seconds = max((now - one.since).total_seconds(), SETTLES.total_seconds())
    is_turned_away = one.rung in (Rung.DEFER, Rung.REJECT) and not one.shadow and one.since <= now
    return is_turned_away and one.hits >= PRESSING and one.hits * 60 >= PRESSING_A_MINUTE * seconds


def _is_idle(one: Restraint, now: datetime) -> bool:
    """Less than one a minute; of what the packet filter meets nobody knows."""
    return one.rung is not Rung.DROP and now - one.since >= IDLE_AFTER and one.hits < (now - one.since) / _MINUTE


def _pressed(wish: Restrain, one: Restraint, now: datetime) -> Restrain:
    lasts = show_duration(timedelta(seconds=round((now - one.since).total_seconds())))
    return replace(wish, words=f"turned away {one.hits:,} times in {lasts}, and it goes on; {wish.words}")


def _is_same(wish: Restrain, one: Restraint) -> bool:
    return plain_match(wish.match) == one.match and wish.doors is one.doors


def _is_firmer(wish: Restrain, one: Restraint) -> bool:
    return _is_same(wish, one) and wish.rung > one.rung and wish.rung >= Rung.REJECT


def _once(incident: Incident, answer: Answer, begins: str = "") -> list[Answer]:
    begins = begins or answer.says
    return [] if any(one.says.startswith(begins) for one in incident.answers) else [answer]


def _coverage(wishes: list[Restrain], latest: Restraint) -> float:
    return next((wish.coverage for wish in wishes if plain_match(wish.match) == latest.match), 1.0)


def _lifted_by(match: Match, doors: Doors, since: datetime, history: list[Restraint]) -> str:
    """The person who has ended a restraint of this match since then."""
    for one in history:
        is_same = one.match == match and one.doors is doors
        if is_same and one.ended_at is not None and one.ended_at >= since and one.ended_by != AUTOMATIC:
            return one.ended_by
    return ""


def _term(wish: Restrain, match: Match, history: list[Restraint], now: datetime) -> timedelta:
    """Twice as long as the time before, for what comes back after its term is over."""
    served = sum(
        one.match == match and one.doors is wish.doors and one.ended_at is None and one.until <= now for one in history
    )
    factor: int = 2 ** min(served, 10)
    return min(LONGEST_TERM, wish.term * factor)


def _promotion(rung: Rung, history: list[Restraint], now: datetime) -> str:
    """Whether the days in shadow speak for letting this kind act."""
    lately = [one for one in history if one.shadow and one.rung is rung and one.since >= now - 2 * PROMOTION]
    objected = any(one.ended_by not in ("", AUTOMATIC) for one in lately)
    if not lately or objected or min(one.since for one in lately) > now - PROMOTION:
        return ""
    hits = sum(one.hits for one in lately)
    return (
        f"; in {PROMOTION.days} days {len(lately)} such answers would have met {hits} messages and nobody has lifted"
        f' one: take "{rung.name.lower()}" out of monitoring.shadow to let it act'
    )
