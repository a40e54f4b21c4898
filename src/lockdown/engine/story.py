"""The story of an incident as a timeline: what happened when, who did what, what it met, and how it ended. Pure.

What it knows: the incident's own record, the restraints that answer it, the terms of the blocks that its answers made.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockdown.engine.blocking import Network
from lockdown.engine.incidents import is_noted
from lockdown.engine.restraining import BECOMES
from lockdown.model.alarm import Answer, Incident
from lockdown.model.mail import AUTOMATIC
from lockdown.model.record import BlockRecord
from lockdown.model.restraint import Restraint, match_in_words
from lockdown.model.traffic import Rung

_UNDO_BLOCK = "lockdown block remove "
_UNDO_GRIP = "lockdown user release "
SO_FAR = "so far"
_NEAR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of it. `undo` is only there for what still runs."""

    at: datetime
    what: str
    says: str
    until: datetime | None = None
    undo: str = ""


def timeline(
    incident: Incident,
    now: datetime,
    restraints: Iterable[Restraint] = (),
    blocks: Mapping[str, Sequence[BlockRecord]] | None = None,
    held: Collection[str] | None = None,
) -> tuple[Moment, ...]:
    """All that is known, the oldest first; what still runs tells its effect as of now.

    `held` are the accounts that are held now; None: nobody has looked.
    """
    restraints = [one for one in restraints if one.incident == incident.number]
    over = _ended_before_its_term(restraints, blocks or {}, held, now)
    moments = [
        Moment(incident.opened_at, "opened", "the watch has seen it for the first time"),
        *_answers(incident.answers, over, now),
        *_restraints(restraints, now),
        *_blocks(incident, blocks or {}, now),
        *_seen(incident),
    ]
    return tuple(sorted(moments, key=lambda one: one.at))


def blocked_networks(incident: Incident) -> tuple[str, ...]:
    """Those that its answers have blocked."""
    undos = (answer.undo for answer in incident.answers if answer.undo.startswith(_UNDO_BLOCK))
    names = (undo.removeprefix(_UNDO_BLOCK).split()[0] for undo in undos if undo.removeprefix(_UNDO_BLOCK).strip())
    return tuple(dict.fromkeys(name for name in names if "/" in name))


def related(incident: Incident, others: Iterable[Incident]) -> list[Incident]:
    """Those of about the same time whose network meets the network of this one: an attack that has moved."""
    mine = _network(incident)
    near = [one for one in others if one.number != incident.number and _is_near(one, incident)]
    return [one for one in near if mine is not None and (its := _network(one)) is not None and _meet(mine, its)]


def _is_near(one: Incident, other: Incident) -> bool:
    return one.opened_at - other.last_seen < _NEAR and other.opened_at - one.last_seen < _NEAR


def _network(incident: Incident) -> Network | None:
    """Of `client 192.0.2.7`, `network 192.0.2.0/24`, or a bare network."""
    try:
        return ipaddress.ip_network(incident.object.split(", ")[0].rpartition(" ")[2])
    except ValueError:
        return None


def _meet(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _ended_before_its_term(
    restraints: Iterable[Restraint],
    blocks: Mapping[str, Sequence[BlockRecord]],
    held: Collection[str] | None,
    now: datetime,
) -> Callable[[str], bool]:
    """Whether what this command would undo was undone already: the answer itself only knows its term."""
    ended = {f"{_UNDO_BLOCK}{one.id}" for one in restraints if not one.runs(now)}
    for network, terms in blocks.items():
        if terms and all(term.ended_at is not None for term in terms):
            ended.add(f"{_UNDO_BLOCK}{network}")

    def is_over(undo: str) -> bool:
        user = undo.removeprefix(_UNDO_GRIP) if undo.startswith(_UNDO_GRIP) else ""
        return undo in ended or bool(user and held is not None and user not in held)

    return is_over


def _answers(answers: Iterable[Answer], is_over: Callable[[str], bool], now: datetime) -> Iterator[Moment]:
    for one in answers:
        runs = (one.until is None or one.until > now) and not is_over(one.undo)
        yield Moment(one.at, "answered" if one.done else "not done", one.says, one.until, one.undo if runs else "")


def _restraints(restraints: Iterable[Restraint], now: datetime) -> Iterator[Moment]:
    for one in restraints:
        name = f"{one.id} ({match_in_words(one.match)} {BECOMES[one.rung]})"
        met = f"it {'would have met' if one.shadow else 'has met'} {one.hits:,} messages and connections"
        if release := lets_go(one):
            met += f"; what it holds lies in quarantine: {release}"
        if one.ended_at is not None:
            yield Moment(one.ended_at, "ended", f"{name} by {_who(one.ended_by)}; {met}")
        elif one.until <= now:
            yield Moment(one.until, "ended", f"{name} at its term; {met}")
        else:
            yield Moment(now, SO_FAR, f"{name}: {met}", one.until, f"lockdown block remove {one.id}")


def lets_go(one: Restraint) -> str:
    """What to type so that all mail which it holds is delivered; "" where it holds none. That outlives its term."""
    return (
        f"lockdown quarantine release {one.id}" if one.rung is Rung.QUARANTINE and one.hits and not one.shadow else ""
    )


def _blocks(incident: Incident, blocks: Mapping[str, Sequence[BlockRecord]], now: datetime) -> Iterator[Moment]:
    for network in blocked_networks(incident):
        for term in blocks.get(network, ()):
            if term.since < incident.opened_at:
                continue
            if term.ended_at is not None:
                yield Moment(term.ended_at, "ended", f"the block of {network} by {_who(term.ended_by)}")
            elif term.until is not None and term.until <= now:
                yield Moment(term.until, "ended", f"the block of {network} at its term")


def _seen(incident: Incident) -> Iterator[Moment]:
    times = "once" if incident.count == 1 else f"{incident.count} times"
    back = f"; it came back {incident.returned} times" if incident.returned else ""
    yield Moment(incident.last_seen, "last seen", f"{times} in all{back}")
    if incident.closed_at is not None:
        why = "took note of it" if is_noted(incident) else "its cause was gone for ten minutes"
        yield Moment(incident.closed_at, "closed", f"by {_who(incident.closed_by)}: {why}")


def _who(by: str) -> str:
    return "Lockdown itself" if by == AUTOMATIC else by
