"""Watch over mail to one person that no sender is to blame for: subscriptions, and bounces of foreign letters.

Each sender is honest, so nobody is shut out. What the recipient can wait for is held for a term; what he knows, has
asked for, or has sent himself, is delivered. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lockdown.checklist.monitoring.attribution import TERM
from lockdown.checklist.monitoring.flood_controls import BOUNCES, SUBSCRIPTIONS
from lockdown.checklist.monitoring.flood_evidence import evidence
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Severity
from lockdown.model.traffic import Dimension, Match, Nature, Restrain, Rung, Seen, Traffic

UNASKED_MOST = 20
"""Confirmations and lists within ten minutes: so many are asked for by nobody."""
LETTERS, SPAM_SHARE = 30, 0.3
DOMAINS, DOMAINS_SHARE = 15, 0.4
BOUNCES_MOST = 20
MOST_ALARMS = 10
UNASKED, _FOREIGN, _OWN = (
    (Dimension.NATURE, nature.value) for nature in (Nature.UNASKED, Nature.FOREIGN_BOUNCE, Nature.OWN_BOUNCE)
)
_NULL = (Dimension.SENDER, "")


def subscribed(recipient: str, seen: Sequence[Seen]) -> Alarm | None:
    """Many proven domains to one recipient: nobody of them does wrong, so nobody is shut out.

    What nobody needs at once is held for the term: confirmations and lists of senders whom this recipient does not
    know.
    """
    unasked = sum(UNASKED in one.keys for one in seen)
    if (len(seen) < LETTERS and unasked < UNASKED_MOST) or sum(one.spam for one in seen) > SPAM_SHARE * len(seen):
        return None
    proven = {key[1] for one in seen for key in one.keys if key[0] in (Dimension.DKIM, Dimension.SPF)}
    # On one mailing list write people of many domains, too, and all of it comes from one.
    senders = {key[1].rpartition("@")[2] for one in seen for key in one.keys if key[0] is Dimension.SENDER}
    if min(len(proven), len(senders)) < max(DOMAINS, DOMAINS_SHARE * len(seen)):
        return None
    match: Match = ((Dimension.RECIPIENT, recipient), UNASKED)
    words = f"{unasked} of {len(seen)} are confirmations and lists of senders whom {recipient} does not know"
    hold = Restrain(match, Rung.QUARANTINE, TERM, unasked / len(seen), 0.0, words)
    return Alarm(
        "monitoring.subscription-bomb",
        recipient,
        SUBSCRIPTIONS.id,
        Severity.HIGH,
        f"{recipient} has got {len(seen)} messages of {len(proven)} domains lately, as after being signed up "
        "everywhere by somebody else.",
        "each sender is honest, so nobody is blocked: of strangers, confirmations and lists wait in quarantine; "
        "acquaintances, answers, and what is about orders and passwords are delivered"
        if unasked >= UNASKED_MOST
        else "they are delivered: hardly any is a confirmation of a stranger; something that matters may drown in them",
        evidence(seen),
        "ask the recipient for orders, transfers and changed passwords of these hours",
        wishes=(hold,) if unasked >= UNASKED_MOST else (),
    )


def watch(traffic: Traffic) -> Iterator[Alarm]:
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
            "monitoring.backscatter",
            key[1],
            BOUNCES.id,
            Severity.MEDIUM,
            f"{says}; {told} name letters, and none of these went out here."
            if told
            else f"{says}; whether they are of letters from here is not known.",
            "somebody uses this address as his sender; bounces of letters that went out here are still delivered",
            evidence(seen),
            f"lockdown trace {seen[-1].id}",
            # What of it is ours, or might be, is delivered.
            wishes=(Restrain(match, Rung.QUARANTINE, TERM, told / count, 0.0, f"{told} bounces of foreign letters"),)
            if told > BOUNCES_MOST
            else (),
        )
