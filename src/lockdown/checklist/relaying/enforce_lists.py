"""Restriction lists of Postfix made right: closed to strangers who relay, open to strangers who bring mail.

A list is never thrown away: the relay rule is put before the first word that lets strangers through, and every word
stays behind it, where it sees nothing but mail for our own domains. Each proposal is walked before it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.domain_lists import domain_lists
from lockdown.checklist.relaying.enforce_trust import without_strangers
from lockdown.checklist.relaying.mend import Answer, Mend
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_change import as_if, set_for_service, set_where_written
from lockdown.facts.postfix_restrictions import (
    LISTS,
    Client,
    Element,
    Outcome,
    Recipient,
    Walk,
    answer,
    elements,
    starts,
    walk,
)
from lockdown.model.change import Left, Proposal, Risk, SetPostfix

RELAY, RECIPIENT = LISTS[3:]
_USERS = ("permit_mynetworks", "permit_sasl_authenticated")
_RULE = "reject_unauth_destination"
_RULES = ("defer_unauth_destination", "reject_unauth_destination", "check_relay_domains")


def open_to_strangers(mend: Mend) -> Answer:
    """The relay rule before whatever lets strangers through."""
    server, service = mend.server, mend.service
    assert service is not None
    found = answer(server, service, Client.STRANGER, Recipient.FOREIGN)
    if found.outcome is Outcome.DOUBTFUL:
        yield mend.left(
            f"Whether somebody relays by `{found.element}` on purpose, only you can say.",
            f"take `{found.element}` out of {found.parameter}, or put {_RULE} before it; then: postfix reload",
        )
        return
    if everything := domain_lists(server, service).matches_everything:
        yield mend.left(f"{everything}: which domains are yours, only you can say.")
        return
    changes = _closing(mend, server, service)
    if changes is None:
        yield mend.left("A list that could not be read lets strangers through as well, or names who is trusted.")
        return
    effects = "who sent from elsewhere without logging in is refused; users who log in, and mynetworks, send as before"
    for change in changes:
        yield mend.propose(change, Risk.LOW, effects)


def _closing(mend: Mend, server: Postfix, service: Service) -> list[SetPostfix] | None:
    """What closes a service to strangers who relay; None where that cannot be shown."""
    narrowed = without_strangers(mend, server, service)
    changes = [narrowed] if narrowed else []
    changed = as_if(server, changes)
    if not _is_closed(changed, _same(changed, service)):
        value = _with_rule(changed, _same(changed, service))
        changes.append(set_where_written(server, RELAY, value, service))
        changed = as_if(server, changes)
    return changes if _is_closed(changed, _same(changed, service)) else None


def _is_closed(server: Postfix, service: Service) -> bool:
    refused = answer(server, service, Client.STRANGER, Recipient.FOREIGN).outcome is Outcome.REJECTS
    return refused and starts(server, service)


def _same(server: Postfix, service: Service) -> Service:
    """The service as it stands in a Postfix that was changed."""
    return next(one for one in server.services if one.label == service.label)


def _with_rule(server: Postfix, service: Service) -> str:
    """The relay list with the rule before its first word that may let a stranger through, users still before that."""
    written = elements(server.value(RELAY, service))
    before = _harmless(server, service, written)
    rest = written[len(before) :]
    users = [name for name in _USERS if _is_let_in(server, service, name)]
    front = [element.text for element in before if element.name not in _RULES]
    missing = [name for name in users if name not in front]
    behind = [element.text for element in rest if element.text not in (*users, *front) and element.name not in _RULES]
    return ", ".join((*front, *missing, _RULE, *behind))


def _is_let_in(server: Postfix, service: Service, name: str) -> bool:
    """Who may relay now still may; a list that is empty let everybody, and mynetworks have always been among them."""
    asked = [element.name for parameter in (RELAY, RECIPIENT) for element in elements(server.value(parameter, service))]
    return name == "permit_sasl_authenticated" or name in asked or not elements(server.value(RELAY, service))


def _harmless(server: Postfix, service: Service, written: Sequence[Element]) -> tuple[Element, ...]:
    """The words at the front that let no stranger through: with `reject` behind them, the list refuses."""
    # smtpd looks for its rule up to the first `permit`, whatever stands before that, and does not start without it.
    most = next((at for at, element in enumerate(written) if element.name == "permit"), len(written))
    for count in range(most, 0, -1):
        front = ", ".join([*(element.text for element in written[:count]), "reject"])
        tried = as_if(server, [set_for_service(server, RELAY, front, service)])
        if walk(tried, _same(tried, service), RELAY, Client.STRANGER, Recipient.FOREIGN).outcome is Outcome.REJECTS:
            return tuple(written[:count])
    return ()


# ── mail that must come in ──

_PLAIN = ("reject", "defer", "defer_if_permit")


def own_mail(mend: Mend) -> Answer:
    """The plain `reject` of a hardening guide taken out; a service that does not start given its rule."""
    server, service = mend.server, mend.service
    if service is None:
        yield mend.left("Which service shall take mail there, only you can say.")
    elif not starts(server, service):
        change = set_where_written(server, RELAY, _with_rule(server, service), service)
        changed = as_if(server, [change])
        if not starts(changed, _same(changed, service)):
            yield mend.left("What its relay list is for, only its writer can say.")
            return
        yield mend.propose(change, Risk.LOW, "smtpd takes mail again, for your own domains")
    elif not server.is_reachable(service):
        yield mend.left("A port is opened to the world by a person: first everything else must hold.")
    else:
        yield from _let_in(mend, service)


def _let_in(mend: Mend, service: Service) -> Iterator[Proposal | Left]:
    changes: dict[str, SetPostfix] = {}
    server = mend.server
    for _ in LISTS:
        found = answer(server, _same(server, service), Client.STRANGER, Recipient.OWN)
        if found.outcome is not Outcome.REJECTS:
            break
        change = _without_reject(server, _same(server, service), found)
        if change is None:
            yield mend.left(f"`{found.element}` in {found.parameter} is no plain reject: what it is for, you must say.")
            return
        changes[found.parameter] = change
        server = as_if(mend.server, changes.values())
    if not _is_closed(server, _same(server, service)):
        closing = _closing(mend, server, _same(server, service))
        if closing is None:
            yield mend.left("Without that rule, nothing is known to refuse strangers who relay.")
            return
        changes |= {change.name: change for change in closing}
    for change in changes.values():
        yield mend.propose(change, Risk.LOW, "mail from outside comes in again, for your own domains alone")


def _without_reject(server: Postfix, service: Service, found: Walk) -> SetPostfix | None:
    """The list without its plain reject; where that was the relay rule too, with the one that knows your domains."""
    written = [element.text for element in elements(server.value(found.parameter, service))]
    if found.element not in _PLAIN or found.element not in written:
        return None
    instead = [_RULE] if found.parameter in (RELAY, RECIPIENT) and _RULE not in written else []
    at = written.index(found.element)
    kept = [*written[:at], *instead, *written[at + 1 :]]
    return set_for_service(server, found.parameter, ", ".join(kept), service)
