"""Watch over item 9: floods and what explains them, full mailboxes to come, bounces, subscriptions, a slow queue.

A flood is much of what comes, or far more than usual, and it must look like one: copies to the same people, spam,
guessed recipients, or a sender whom nobody vouches for. A newsletter is none of that. Only what explains a flood is
answered to (`attribution`); where nothing does, or only what is forged, it is told.

Facts that are Unknown ring too, as `monitoring.cannot-watch`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lockdown.checklist.monitoring import accounts, ladder, watch_canary, watch_queue
from lockdown.checklist.monitoring.attribution import (
    CONTENT,
    PROVEN,
    TERM,
    Explanation,
    explanations,
    is_proven,
    labels_not_used,
)
from lockdown.checklist.monitoring.chance import tail
from lockdown.checklist.monitoring.flood_controls import (
    BOUNCES,
    BYTE_BOMB,
    FLOOD,
    FORGED,
    RELAY_SEEKERS,
    SLUGGISH,
    SUBSCRIPTIONS,
)
from lockdown.config import Settings
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Evidence, Severity
from lockdown.model.traffic import (
    Dimension,
    Forgeability,
    Grip,
    GripUser,
    Hitter,
    HoldQueued,
    Key,
    Match,
    Nature,
    Restrain,
    Rung,
    Seen,
    Stage,
    Traffic,
    Wish,
)
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window

ITEM = "monitoring"
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
QUIET_SHARE = 0.1
VOUCHED = 0.8
SPREAD_NETWORKS, SPREAD_SHARE = 10, 0.5
"""So many networks, and none of them with more than this share: nobody's address explains it."""
BOUNCES_MOST = 20
DOMAINS, DOMAINS_SHARE = 15, 0.4
UNASKED = 20
"""Of these so many within ten minutes are asked for by nobody."""
RELAY_MOST, RELAY_FACTOR = 200, 5.0
SLOW_SECONDS, SLOW_FACTOR, SLOW_DELIVERIES = 10.0, 5.0, 20
OVERLAP = 0.7
MOST_ALARMS = 10
_MOST_EVIDENCE = 5
_HOUR = 3600.0
_NULL = (Dimension.SENDER, "")
_UNASKED, _FOREIGN, _OWN = (
    (Dimension.NATURE, nature.value) for nature in (Nature.UNASKED, Nature.FOREIGN_BOUNCE, Nature.OWN_BOUNCE)
)
_UNLABELLED = (Dimension.HELO, Dimension.WIDE_NETWORK, Dimension.SENDER_DOMAIN, Dimension.NATURE)
"""What floods are not looked for by: somebody's neighbours, and names that say little."""
_TEXTS = (Dimension.BODY, Dimension.ALIKE, Dimension.ATTACHMENT)
_ORDER = tuple(Dimension)


class Flood(NamedTuple):
    """Messages that belong together, and why they are no ordinary mail."""

    by: Hitter
    seen: tuple[Seen, ...]
    reasons: tuple[str, ...]


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """All that is wrong with item 9 now."""
    yield from watch_canary.watch(window, policy)
    yield from _unknown(window)
    yield from accounts.watch(window, policy)
    traffic = window.traffic
    if traffic is None or isinstance(traffic, Unknown):
        return
    yield from _floods(traffic)
    yield from _bounces(traffic)
    yield from _relay_seekers(traffic)
    yield from _sluggish(traffic)
    yield from watch_queue.watch(traffic)


def _unknown(window: Window) -> Iterator[Alarm]:
    traffic = window.traffic
    counted = traffic if isinstance(traffic, Traffic) else Traffic(0.0)
    facts = (
        ("the log", window.events.why if isinstance(window.events, Unknown) else window.unseen, Severity.MEDIUM),
        ("the traffic", traffic.why if isinstance(traffic, Unknown) else counted.unseen, Severity.MEDIUM),
        ("the mail server's log", counted.unseen_log, Severity.LOW),
    )
    for name, why, severity in facts:
        if why:
            yield Alarm(
                f"{ITEM}.cannot-watch",
                name,
                FLOOD.id,
                severity,
                f"{name[:1].upper()}{name[1:]} cannot be looked at: {why}.",
                "the gateway's own limits hold as before, but a flood may go unnoticed",
                next_command="lockdown doctor     (and see monitoring.mail_logs)",
            )


# ── floods ──


def _floods(traffic: Traffic) -> Iterator[Alarm]:
    """The largest first; what is mostly part of one that was told is not told again."""
    hitters = sorted(traffic.hitters, key=lambda one: (-one.messages, _ORDER.index(one.key[0])))
    # One person is hit, however little of all mail that is.
    people = [one for one in hitters if one.key[0] is Dimension.RECIPIENT and one.messages >= UNASKED]
    poured = {one.key for one in hitters if _may_be_poured(one)}
    hitters = [one for one in hitters if one.key[0] not in _UNLABELLED and one.key != _NULL]
    hitters = [one for one in hitters if one.key in poured or is_beyond(one, traffic)]
    seen = _by_key(traffic, {one.key for one in (*hitters, *people)})
    told: list[set[int]] = []
    letters: set[int] = set()
    # Confirmations have words in common, too: whom they come to explains them, and not the words.
    for hitter in people:
        strange = [one for one in seen[hitter.key] if not _is_known(one, traffic)]
        if not is_beyond(hitter, traffic):
            # To an address of a firm come letters of many all day; but hardly ever do so many strangers ask to confirm.
            strange = [one for one in strange if _UNASKED in one.keys]
        if (alarm := _subscribed(hitter.key[1], strange)) is not None:
            told.append(set(map(id, strange)))
            yield alarm
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


def _inflow(traffic: Traffic, messages: int) -> Iterator[Alarm]:
    """Far more than usual, and nothing that it has in common."""
    if _is_unusual(messages, traffic.usual, traffic):
        yield Alarm(
            f"{ITEM}.inflow",
            "all mail",
            FORGED.id,
            Severity.MEDIUM,
            f"{messages} messages in {_minutes(traffic)} min; usually it is {traffic.usual:.0f}. Nothing that could be "
            "answered to is common to them.",
            "the gateway's own limits hold",
            _evidence(traffic.seen),
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
        is_text = hitter.key[0] in _TEXTS
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


class Sums(NamedTuple):
    """What is counted of messages that have a value in common."""

    messages: int
    octets: int
    asked: int
    """Recipients."""
    refused: int
    unknown: int
    spam: int
    proven: int
    """Somebody vouches for who sent it."""
    vouched: int
    """So, or it is of a mailing list."""
    recipients: Mapping[Key, int]
    contents: Mapping[Key, int]
    sources: Mapping[Key, int]

    @property
    def crowding(self) -> float:
        """Messages for each recipient."""
        return sum(self.recipients.values()) / len(self.recipients) if self.recipients else 0.0

    @property
    def copies(self) -> float:
        """The share of the most frequent text or attachment."""
        return max(self.contents.values(), default=0) / max(1, self.messages)


def sums_of(seen: Sequence[Seen]) -> Sums:
    """In one pass."""
    recipients: Counter[Key] = Counter()
    contents: Counter[Key] = Counter()
    sources: Counter[Key] = Counter()
    tables = {Dimension.RECIPIENT: recipients}
    tables |= dict.fromkeys(_TEXTS, contents)
    tables |= dict.fromkeys((*PROVEN, Dimension.CLIENT, Dimension.NETWORK), sources)
    for one in seen:
        for key in one.keys:
            if (table := tables.get(key[0])) is not None:
                table[key] += 1
    proven = [is_proven(one) for one in seen]
    return Sums(
        len(seen),
        sum([one.size for one in seen]),
        max(1, sum([one.recipients for one in seen])),
        sum([one.refused for one in seen]),
        sum([one.unknown for one in seen]),
        sum([one.spam for one in seen]),
        sum(proven),
        sum([is_so or one.is_list for is_so, one in zip(proven, seen, strict=True)]),
        recipients,
        contents,
        sources,
    )


def is_newsletter(sums: Sums, traffic: Traffic) -> bool:
    """One source, one for each of many recipients, hardly any that is spam or goes nowhere, and somebody vouches."""
    if not sums.messages or sums.crowding > 1 / VOUCHED:
        return False
    if max(sums.spam / sums.messages, sums.refused / sums.asked) > QUIET_SHARE:
        return False
    one_source = [key for key, count in sums.sources.items() if count >= VOUCHED * sums.messages]
    is_vouched = sums.vouched >= VOUCHED * sums.messages
    return bool(one_source) and (is_vouched or any(traffic.good.get(key, 0) >= FLOOR for key in one_source))


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
    """Half of it comes from one source of good mail."""
    return any(
        count >= SAME_SHARE * sums.messages and traffic.good.get(key, 0) >= FLOOR for key, count in sums.sources.items()
    )


def _subscribed(recipient: str, seen: Sequence[Seen]) -> Alarm | None:
    """Many proven domains to one recipient: nobody of them does wrong, so nobody is shut out.

    What nobody needs at once is held for the term: confirmations and lists of senders whom this recipient does not
    know.
    """
    unasked = sum(_UNASKED in one.keys for one in seen)
    if (len(seen) < FLOOR and unasked < UNASKED) or sum(one.spam for one in seen) > SPAM_SHARE * len(seen):
        return None
    proven = {key[1] for one in seen for key in one.keys if key[0] in (Dimension.DKIM, Dimension.SPF)}
    # On one mailing list write people of many domains, too, and all of it comes from one.
    senders = {key[1].rpartition("@")[2] for one in seen for key in one.keys if key[0] is Dimension.SENDER}
    if min(len(proven), len(senders)) < max(DOMAINS, DOMAINS_SHARE * len(seen)):
        return None
    match: Match = ((Dimension.RECIPIENT, recipient), _UNASKED)
    words = f"{unasked} of {len(seen)} are confirmations and lists of senders whom {recipient} does not know"
    return Alarm(
        f"{ITEM}.subscription-bomb",
        recipient,
        SUBSCRIPTIONS.id,
        Severity.HIGH,
        f"{recipient} has got {len(seen)} messages of {len(proven)} domains lately, as after being signed up "
        "everywhere by somebody else.",
        "each sender is honest, so nobody is blocked: of strangers, confirmations and lists wait in quarantine; "
        "acquaintances, answers, and what is about orders and passwords are delivered"
        if unasked >= UNASKED
        else "they are delivered: hardly any is a confirmation of a stranger; something that matters may drown in them",
        _evidence(seen),
        "ask the recipient for orders, transfers and changed passwords of these hours",
        wishes=(Restrain(match, Rung.QUARANTINE, TERM, unasked / len(seen), 0.0, words),) if unasked >= UNASKED else (),
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
        f"{ITEM}.{name}",
        _object(found[0].match if found else (flood.by.key,)),
        control.id,
        Severity.HIGH,
        says,
        meanwhile,
        _evidence(flood.seen),
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


def _evidence(seen: Sequence[Seen]) -> tuple[Evidence, ...]:
    """The latest of them."""
    return tuple(
        Evidence(f"log {one.id}", f"{_client(one)}: {one.kind}, {one.size} octets") for one in seen[-_MOST_EVIDENCE:]
    )


def _client(one: Seen) -> str:
    return next((value for dimension, value in one.keys if dimension is Dimension.CLIENT), "this machine")


# ── bounces ──


def _bounces(traffic: Traffic) -> Iterator[Alarm]:
    """To one recipient, of letters that did not go out here."""
    if all(hitter.key != _NULL for hitter in traffic.hitters):
        return
    bounces = [one for one in traffic.seen if _NULL in one.keys and _OWN not in one.keys]
    to = Counter(key for one in bounces for key in one.keys if key[0] is Dimension.RECIPIENT)
    for key, count in to.most_common(MOST_ALARMS):
        if count <= BOUNCES_MOST:
            return
        seen = [one for one in bounces if key in one.keys]
        told = sum(_FOREIGN in one.keys for one in seen)
        says = f"{count} bounces came to {key[1]} lately"
        match: Match = (_NULL, key, _FOREIGN)
        yield Alarm(
            f"{ITEM}.backscatter",
            key[1],
            BOUNCES.id,
            Severity.MEDIUM,
            f"{says}; {told} name letters, and none of these went out here."
            if told
            else f"{says}; whether they are of letters from here is not known.",
            "somebody uses this address as his sender; bounces of letters that went out here are still delivered",
            _evidence(seen),
            f"lockdown trace {seen[-1].id}",
            # What of it is ours, or might be, is delivered.
            wishes=(Restrain(match, Rung.QUARANTINE, TERM, told / count, 0.0, f"{told} bounces of foreign letters"),)
            if told > BOUNCES_MOST
            else (),
        )


# ── trends ──


def _relay_seekers(traffic: Traffic) -> Iterator[Alarm]:
    today, usual = traffic.relay_attempts
    if today >= RELAY_MOST and today >= RELAY_FACTOR * usual:
        yield Alarm(
            f"{ITEM}.relay-seekers",
            "today",
            RELAY_SEEKERS.id,
            Severity.LOW,
            f"Strangers have asked to pass {today} messages on today; usually it is {usual:.0f}.",
            "all of them were refused",
            next_command="lockdown drill relaying     (proves that nothing is relayed)",
        )


_LOOK_AT = {
    "before the queue manager": "the content filter or a slow client; see smtpd_milters, content_filter and cleanup",
    "in the queue manager": "too few delivery agents, or a full active queue: qshape active",
    "connecting": "the DNS, or the servers that mail goes to: see which domains are deferred (qshape deferred)",
    "transmitting": "the servers behind, or the line: see the answers in the log (lockdown queue top)",
}


def _sluggish(traffic: Traffic) -> Iterator[Alarm]:
    slow = [stage for stage in traffic.stages if _is_slow(stage)] if traffic.deliveries >= SLOW_DELIVERIES else []
    if slow:
        worst = max(slow, key=lambda stage: stage.lately - stage.usual)
        yield Alarm(
            f"{ITEM}.delivery-is-slow",
            worst.name,
            SLUGGISH.id,
            Severity.MEDIUM,
            f"Half of {traffic.deliveries} deliveries needed more than {worst.lately:.0f} s {worst.name}; "
            f"usually it is {worst.usual:.1f} s.",
            f"mail is late; what to look at: {_LOOK_AT.get(worst.name, worst.name)}",
            tuple(
                Evidence(stage.name, f"{stage.lately:.1f} s, usually {stage.usual:.1f} s") for stage in traffic.stages
            ),
            "qshape active; qshape deferred",
        )


def _is_slow(stage: Stage) -> bool:
    return stage.lately >= SLOW_SECONDS and stage.lately >= SLOW_FACTOR * stage.usual
