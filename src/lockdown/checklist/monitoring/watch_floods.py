"""Watch over floods: much of what comes, or far more than usual, and what explains it.

It must look like a flood, too: copies to the same people, spam, guessed recipients, or a sender whom nobody vouches
for. A newsletter is none of that. Only what explains a flood is answered to (`attribution`); where nothing does, or
only what is forged, it is told. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lockdown.checklist.monitoring import ladder
from lockdown.checklist.monitoring.attribution import (
    CONTENT,
    PROVEN,
    Explanation,
    explanations,
    is_proven,
    labels_not_used,
)
from lockdown.checklist.monitoring.chance import tail
from lockdown.checklist.monitoring.flood_controls import BYTE_BOMB, FLOOD, FORGED
from lockdown.checklist.monitoring.flood_evidence import evidence
from lockdown.checklist.monitoring.flood_sums import TEXTS, Sums, is_newsletter, sums_of
from lockdown.checklist.monitoring.watch_blameless import UNASKED, UNASKED_MOST, subscribed
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Severity
from lockdown.model.traffic import (
    Dimension,
    Forgeability,
    Grip,
    GripUser,
    Hitter,
    HoldQueued,
    Key,
    Match,
    Seen,
    Traffic,
    Wish,
)

FLOOR, FLOOR_OCTETS = 30, 100_000_000
SHARE = 0.2
"""Of all that comes."""
FACTOR, CHANCE = 8.0, 1e-6
"""So much more than usual, and so unlikely that it is chance."""
NORMAL_FACTOR = 7.5
"""What a source sends within an hour like this one, and a little more, may as well come within ten minutes of it."""
HISTORY_DAYS = 7.0
"""Before, nobody knows what is usual."""
SAME_SHARE, SPAM_SHARE, UNKNOWN_SHARE = 0.5, 0.3, 0.3
CROWDED = 8.0
"""Messages for each recipient: what is meant for many people is one for each."""
POURED = 60
"""Messages of one stranger's address to few people within ten minutes: a flood, however large the server is."""
MANY = 300
"""Of one kind within ten minutes: a flood, whoever vouches for it."""
SPREAD_NETWORKS, SPREAD_SHARE = 10, 0.5
"""So many networks, and none of them with more than this share: nobody's address explains it."""
OVERLAP = 0.7
MOST_ALARMS = 10
_HOUR = 3600.0
_NULL = (Dimension.SENDER, "")
_UNLABELLED = (Dimension.HELO, Dimension.WIDE_NETWORK, Dimension.SENDER_DOMAIN, Dimension.NATURE)
"""What floods are not looked for by: somebody's neighbours, and names that say little."""
_ORDER = tuple(Dimension)


class Flood(NamedTuple):
    """Messages that belong together, and why they are no ordinary mail."""

    by: Hitter
    seen: tuple[Seen, ...]
    reasons: tuple[str, ...]


def watch(traffic: Traffic) -> Iterator[Alarm]:
    """The largest first; what is mostly part of one that was told is not told again."""
    hitters = sorted(traffic.hitters, key=lambda one: (-one.messages, _ORDER.index(one.key[0])))
    # One person is hit, however little of all mail that is.
    people = [one for one in hitters if one.key[0] is Dimension.RECIPIENT and one.messages >= UNASKED_MOST]
    poured = {one.key for one in hitters if _may_be_poured(one)}
    hitters = [one for one in hitters if one.key[0] not in _UNLABELLED and one.key != _NULL]
    hitters = [one for one in hitters if one.key in poured or is_beyond(one, traffic)]
    seen = _by_key(traffic, {one.key for one in (*hitters, *people)})
    told: list[set[int]] = []
    letters: set[int] = set()
    # Confirmations have words in common, too: whom they come to explains them, and not the words.
    for signed_up, strange in _subscribed(people, seen, traffic):
        told.append(set(map(id, strange)))
        yield signed_up
        if len(told) >= MOST_ALARMS:
            return
    for hitter in hitters:
        if len(told) >= MOST_ALARMS:
            return
        if _is_told(seen[hitter.key], told):
            continue
        if is_newsletter(sums_of(seen[hitter.key]), traffic):
            letters.update(map(id, seen[hitter.key]))
            continue
        if not (is_beyond(hitter, traffic) or _is_poured(sums_of(seen[hitter.key]), traffic)):
            continue
        flood = _flood(hitter, seen[hitter.key], traffic)
        if flood is None:
            continue
        flood, found = _narrowed(flood, traffic)
        if found and any(_is_normal(one) for one in traffic.hitters if one.key in found[0].match):
            continue
        alarm = None if _is_told(flood.seen, told) else _explained(flood, found, traffic)
        if alarm is not None:
            told.append(set(map(id, flood.seen)))
            yield alarm
    if not told:
        yield from _inflow(traffic, traffic.messages - len(letters))


def _subscribed(
    people: Sequence[Hitter], seen: Mapping[Key, Sequence[Seen]], traffic: Traffic
) -> Iterator[tuple[Alarm, list[Seen]]]:
    """Of each who is signed up everywhere: the alarm, and the letters of strangers that it is about."""
    for hitter in people:
        strange = [one for one in seen[hitter.key] if not _is_known(one, traffic)]
        if not is_beyond(hitter, traffic):
            # To an address of a firm come letters of many all day; but hardly ever do so many strangers ask to confirm.
            strange = [one for one in strange if UNASKED in one.keys]
        if (alarm := subscribed(hitter.key[1], strange)) is not None:
            yield alarm, strange


def _inflow(traffic: Traffic, messages: int) -> Iterator[Alarm]:
    """Far more than usual, and nothing that it has in common."""
    if _is_unusual(messages, traffic.usual, traffic):
        yield Alarm(
            "monitoring.inflow",
            "all mail",
            FORGED.id,
            Severity.MEDIUM,
            f"{messages} messages in {_minutes(traffic)} min; usually it is {traffic.usual:.0f}. Nothing that could be "
            "answered to is common to them.",
            "the gateway's own limits hold",
            evidence(traffic.seen),
            "lockdown senders top",
        )


def _minutes(traffic: Traffic) -> int:
    return max(1, round(traffic.seconds / 60))


def _by_key(traffic: Traffic, keys: set[Key]) -> dict[Key, list[Seen]]:
    """In one pass: there may be twenty thousand of them, and two hundred keys."""
    found: dict[Key, list[Seen]] = {key: [] for key in keys}
    for one in traffic.seen if keys else ():
        for key in one.keys:
            if key in found:
                found[key].append(one)
    return found


def _is_told(seen: Sequence[Seen], told: Sequence[set[int]]) -> bool:
    inside = set(map(id, seen)) if told else set()
    return any(len(inside & others) >= OVERLAP * len(inside) for others in told)


def is_beyond(hitter: Hitter, traffic: Traffic) -> bool:
    """It is much, of all or against what is usual; and it is not what this source always sends at this hour."""
    is_large = hitter.octets >= FLOOR_OCTETS
    if hitter.messages < FLOOR and not is_large:
        return False
    if _is_normal(hitter) and not is_large:
        return False
    share = hitter.messages / traffic.messages if traffic.messages else 0.0
    share_octets = hitter.octets / traffic.octets if traffic.octets and is_large else 0.0
    return max(share, share_octets) >= SHARE or _is_unusual(hitter.messages, hitter.usual, traffic)


def _may_be_poured(hitter: Hitter) -> bool:
    return hitter.key[0] is Dimension.CLIENT and hitter.messages >= POURED and not _is_normal(hitter)


def _is_poured(sums: Sums, traffic: Traffic) -> bool:
    """On few people, and nobody vouches for it: of a large server's mail one bomb is never a fifth."""
    unproven = sums.messages - sums.proven if _is_proof_known(traffic) else 0
    return sums.crowding >= CROWDED and unproven >= SAME_SHARE * sums.messages and not _comes_from_good(sums, traffic)


def _is_normal(hitter: Hitter) -> bool:
    return hitter.messages <= NORMAL_FACTOR * hitter.usual


def _is_unusual(messages: int, usual: float, traffic: Traffic) -> bool:
    return (
        traffic.days >= HISTORY_DAYS
        and messages >= max(FLOOR, FACTOR * usual)
        and tail(messages, max(usual, 0.1)) < CHANCE
    )


def _flood(hitter: Hitter, seen: Sequence[Seen], traffic: Traffic) -> Flood | None:
    """Those of its messages that look like a flood, if so many do."""
    if hitter.key[0] is Dimension.RECIPIENT:
        # To one person comes also what he waits for: what its source has sent before is left out.
        seen = [one for one in seen if not _is_known(one, traffic)]
    spam = tuple([one for one in seen if one.spam])
    if SPAM_SHARE * len(seen) <= len(spam) and len(spam) >= FLOOR:
        # A source may send other mail beside it; what says the same, and nobody vouches for, is of it however scored.
        is_text = hitter.key[0] in TEXTS
        flood = tuple([one for one in seen if one.spam or not is_proven(one)]) if is_text else spam
        return Flood(hitter, flood, (f"{len(spam)} of {len(seen)} look like spam",))
    if len(seen) < FLOOR and sum([one.size for one in seen]) < FLOOR_OCTETS:
        return None
    sums = sums_of(seen)
    reasons = tuple(_reasons(sums, traffic))
    return Flood(hitter, tuple(seen), reasons) if reasons else None


def _is_known(one: Seen, traffic: Traffic) -> bool:
    """It comes from where good mail has come from, and somebody vouches for it."""
    return any(key[0] in PROVEN and traffic.good.get(key, 0) >= FLOOR for key in one.keys)


def _reasons(sums: Sums, traffic: Traffic) -> Iterator[str]:
    """Why these are no ordinary mail."""
    if sums.unknown >= UNKNOWN_SHARE * sums.asked:
        yield f"{sums.unknown} of {sums.asked} recipients do not exist"
    if sums.octets >= FLOOR_OCTETS and sums.crowding >= 2:
        yield f"{sums.octets / 1e6:,.0f} MB"
    if _comes_from_good(sums, traffic):
        return
    unproven = sums.messages - sums.proven if _is_proof_known(traffic) else 0
    is_unproven, is_copied = unproven >= SAME_SHARE * sums.messages, sums.copies >= SAME_SHARE
    # Notices of one service to one person are many, each another, and vouched for.
    if sums.crowding >= CROWDED and (is_unproven or is_copied or not sums.proven or sums.messages >= MANY):
        yield f"{sums.crowding:.0f} messages for each recipient"
    if is_copied and is_unproven:
        yield f"{sums.copies:.0%} say the same, and nobody vouches for {unproven} of {sums.messages}"
    if is_unproven and _is_unusual(sums.messages, 0.0, traffic):
        yield f"nobody vouches for {unproven} of {sums.messages}, and so many are not usual"


def _is_proof_known(traffic: Traffic) -> bool:
    """Where nobody asks who vouches for senders, that nobody does means nothing."""
    return any(key[0] in PROVEN or key[0] in CONTENT for one in traffic.seen[-MANY:] for key in one.keys)


def _comes_from_good(sums: Sums, traffic: Traffic) -> bool:
    """Half of it comes from one source of as much good mail. A neighbour of good senders is none, and neither is who
    has sent some good letters so that he may send a flood."""
    return any(
        count >= SAME_SHARE * sums.messages and traffic.good.get(key, 0) >= max(FLOOR, count)
        for key, count in sums.sources.items()
        if key[0] is not Dimension.NETWORK
    )


def _explained(flood: Flood, found: Sequence[Explanation], traffic: Traffic) -> Alarm | None:
    is_of_us = all(one.trusted for one in flood.seen)
    if not found and flood.by.key[0].forgeability is Forgeability.LABEL and flood.by.key[0] is not Dimension.RECIPIENT:
        return None  # many who call themselves the same: what they have in common is told by another value, or nothing
    fills = _fills(flood, traffic)
    is_spread = _is_spread(flood.seen)
    name, control = ("byte-bomb", BYTE_BOMB) if fills else ("forged-flood", FORGED) if is_spread else ("flood", FLOOD)
    unused = labels_not_used(flood.seen)
    because = "; ".join((*flood.reasons, *((fills,) if fills else ())))
    words = "; ".join(filter(None, (found[0].words if found else "nothing explains it that may be blocked", unused)))
    says = f"{len(flood.seen)} messages in {_minutes(traffic)} min ({because}): {words}."
    user = next((value for one in found[:1] for dimension, value in one.match if dimension is Dimension.USER), "")
    meanwhile = "what matches is answered for an hour" if found else "the gateway's own limits hold"
    wishes = tuple(_wishes(found, user, traffic))
    if is_of_us and not user:
        meanwhile, wishes = "they come from a client that you trust, so they are let through and told", ()
    return Alarm(
        f"monitoring.{name}",
        _object(found[0].match if found else (flood.by.key,)),
        control.id,
        Severity.HIGH,
        says,
        meanwhile,
        evidence(flood.seen),
        _next(found, flood),
        wishes=wishes,
    )


def _narrowed(flood: Flood, traffic: Traffic) -> tuple[Flood, tuple[Explanation, ...]]:
    """Whom a flood hits has other mail too: the flood is what its explanation has met."""
    found = explanations(flood.seen, traffic)
    if not found or flood.by.key[0] is not Dimension.RECIPIENT:
        return flood, found
    seen = tuple(one for one in traffic.seen if one.has(found[0].match))
    reasons = tuple(_reasons(sums_of(seen), traffic))
    if len(seen) < FLOOR or not reasons:
        return flood, found
    return Flood(flood.by, seen, reasons), explanations(seen, traffic) or found


def _is_spread(seen: Sequence[Seen]) -> bool:
    networks = Counter(key for one in seen for key in one.keys if key[0] is Dimension.NETWORK)
    return len(networks) >= SPREAD_NETWORKS and networks.most_common(1)[0][1] < SPREAD_SHARE * len(seen)


def _fills(flood: Flood, traffic: Traffic) -> str:
    """How soon the mailbox that gets most of it is full, if that is within the hour: by its room, or were it empty."""
    octets: Counter[str] = Counter()
    for one in flood.seen:
        for dimension, value in one.keys:
            if dimension is Dimension.RECIPIENT:
                octets[value] += one.size
    if not octets:
        return ""
    recipient, most = octets.most_common(1)[0]
    free = traffic.rooms.get(recipient)
    seconds = (traffic.room if free is None else free) * traffic.seconds / most if most else _HOUR
    if most < FLOOR_OCTETS or seconds >= _HOUR or (free is None and not traffic.room):
        return ""
    gets, full = f"{recipient} gets {most / 1e6:,.0f} MB", f"full in {round(seconds / 60)} min"
    if free is None:
        return f"{gets}, an empty mailbox of its size is {full}"
    return f"{gets}, its mailbox has room for {free / 1e6:,.0f} MB and is {full}" if free else f"{gets}, and is full"


def _wishes(found: Sequence[Explanation], user: str, traffic: Traffic) -> Iterator[Wish]:
    if user:
        yield GripUser(user, Grip.HOLD_OUTBOUND, found[0].words)
        yield HoldQueued(found[0].match, found[0].words)
    else:
        yield from ladder.wishes(found, traffic)


def _object(match: Match) -> str:
    return ", ".join(f"{dimension.value} {value}" for dimension, value in match)


def _next(found: Sequence[Explanation], flood: Flood) -> str:
    places = (Dimension.CLIENT, Dimension.NETWORK)
    place = next((value for one in found[:1] for dimension, value in one.match if dimension in places), "")
    return f"lockdown block why {place}" if place else f"lockdown trace {flood.seen[-1].id}"
