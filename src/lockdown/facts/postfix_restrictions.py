"""Walk Postfix's restriction lists as Postfix does, for a client who has not logged in: a stranger, or a neighbour.

Every list is walked to its first decisive element. A rejection in any list rejects; a permission ends its own list.
So a server is open when no list rejects. What cannot be told (a table that was not read, a policy service) is doubtful.

Fails as: an outcome of DOUBTFUL with its reason; never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from lockdown.facts.access_tables import AccessEntry, access_entries
from lockdown.facts.networks import Width, width
from lockdown.facts.postfix import MAIN, NotGiven, Postfix, Service
from lockdown.facts.postfix_words import unbraced, words
from lockdown.model.unknown import Unknown

LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
)
REQUIRED = frozenset(
    {
        "reject",
        "defer",
        "defer_if_permit",
        "reject_unauth_destination",
        "defer_unauth_destination",
        "check_relay_domains",
    }
)
"""Without one of these in the relay or the recipient list, smtpd does not start."""

MAX_CLASS_DEPTH = 10
_TAKES_ARGUMENT = re.compile(
    r"check_\w+_access\Z|check_policy_service\Z|reject_rbl_client\Z|reject_rhsbl_\w+\Z|permit_dnswl_client\Z|permit_rhswl_\w+\Z|sleep\Z"
)


class Client(Enum):
    """Who connects, without logging in."""

    STRANGER = "stranger"
    NEIGHBOUR = "neighbour"
    """One of mynetworks."""


class Recipient(Enum):
    """Whose mailbox is asked for."""

    FOREIGN = "foreign"
    OWN = "own"


class Effect(Enum):
    """What one element does to the client."""

    NEXT = "next"
    PERMIT = "permit"
    REJECT = "reject"
    MAY_PERMIT = "may permit"
    UNREAD = "may permit, but could not be read"


class Outcome(Enum):
    """How one list, or all lists together, end for the client."""

    REJECTS = "rejects"
    PERMITS = "permits"
    FALLS_THROUGH = "falls through"
    DOUBTFUL = "doubtful"
    UNREAD = "could not be read"


@dataclass(frozen=True, slots=True)
class Element:
    """One restriction with its argument, as written; `warns_only` after warn_if_reject, which never rejects."""

    name: str
    argument: str = ""
    warns_only: bool = False

    @property
    def text(self) -> str:
        return f"{'warn_if_reject ' * self.warns_only}{self.name} {self.argument}".strip()


@dataclass(frozen=True, slots=True)
class Walk:
    """How a list ended, at which element, and why."""

    parameter: str
    outcome: Outcome
    element: str = ""
    why: str = ""


@lru_cache(maxsize=128)
def elements(text: str) -> tuple[Element, ...]:
    """The restrictions of a list, arguments beside their names."""
    tokens = words(text)
    found = []
    warns_only = False
    for token in tokens:
        if token == "warn_if_reject":
            warns_only = True
            continue
        argument = unbraced(next(tokens, "")) if _TAKES_ARGUMENT.match(token) else ""
        found.append(Element(token, argument, warns_only))
        warns_only = False
    return tuple(found)


_BUILT_IN = re.compile(r"permit|reject|defer|check_|sleep\Z|\w+:\S")


def flat_elements(postfix: Postfix, service: Service, parameter: str, depth: int = 0) -> Iterator[Element]:
    """The restrictions of a list, restriction classes replaced by what they hold; NotGiven for one that is not read."""
    classes = _classes(postfix, service)
    for element in elements(postfix.value(parameter, service)):
        if element.name in classes and depth < MAX_CLASS_DEPTH:
            yield from flat_elements(postfix, service, element.name, depth + 1)
        elif postfix.not_given == MAIN and not _BUILT_IN.match(element.name):
            raise NotGiven(f"{MAIN} was not given, and it says what {element.name} is")
        else:
            yield element


def _classes(postfix: Postfix, service: Service) -> set[str]:
    """The names of restriction classes; only main.cf holds what is in them."""
    if postfix.not_given == MAIN and "smtpd_restriction_classes" not in service.overrides:
        return set()
    return set(words(postfix.value("smtpd_restriction_classes", service)))


def starts(postfix: Postfix, service: Service) -> bool:
    """Whether Postfix finds its own safety catch in the relay or recipient list; without it, smtpd gives up at once."""
    try:
        return any(_has_required(postfix, service, name) for name in LISTS[3:])
    except NotGiven:
        return True  # a running server is the rule


def _has_required(postfix: Postfix, service: Service, parameter: str, depth: int = 0) -> bool:
    """As smtpd_check.c looks: to the first `permit`, into restriction classes, past what only warns."""
    classes = _classes(postfix, service)
    for element in elements(postfix.value(parameter, service)):
        if element.name == "permit":
            return False
        if element.name in REQUIRED and not element.warns_only:
            return True
        is_class = element.name in classes and depth < MAX_CLASS_DEPTH
        if is_class and _has_required(postfix, service, element.name, depth + 1):
            return True
    return False


def walk(postfix: Postfix, service: Service, parameter: str, client: Client, recipient: Recipient) -> Walk:
    """One list, to its first decisive element."""
    doubt: Walk | None = None
    # What did not decide once does not the second time: a list that repeats itself costs no more than its length.
    for element in dict.fromkeys(flat_elements(postfix, service, parameter)):
        effect, why = _effect(postfix, service, parameter, element, client, recipient)
        match effect:
            case Effect.PERMIT:
                return Walk(parameter, Outcome.PERMITS, element.text, why)
            case Effect.REJECT if not element.warns_only:
                return doubt or Walk(parameter, Outcome.REJECTS, element.text, why)
            case Effect.MAY_PERMIT:
                doubt = doubt or Walk(parameter, Outcome.DOUBTFUL, element.text, why)
            case Effect.UNREAD:
                doubt = doubt or Walk(parameter, Outcome.UNREAD, element.text, why)
            case Effect.NEXT | Effect.REJECT:
                continue
    return Walk(parameter, Outcome.FALLS_THROUGH)


def answer(postfix: Postfix, service: Service, client: Client, recipient: Recipient) -> Walk:
    """All lists together: the first that rejects, else the first doubt before a rejection, else who lets in."""
    walks = [_walk_or_not_given(postfix, service, parameter, client, recipient) for parameter in LISTS]
    for outcome in (Outcome.REJECTS, Outcome.UNREAD, Outcome.DOUBTFUL):
        if chosen := next((ended for ended in walks if ended.outcome is outcome), None):
            return chosen
    permits = [ended for ended in walks if ended.outcome is Outcome.PERMITS]
    return next((ended for ended in permits if ended.parameter in LISTS[3:]), walks[3])


def _walk_or_not_given(
    postfix: Postfix, service: Service, parameter: str, client: Client, recipient: Recipient
) -> Walk:
    """A list that main.cf says cannot be walked without it; another one, in master.cf, may decide all the same."""
    try:
        return walk(postfix, service, parameter, client, recipient)
    except NotGiven as why:
        return Walk(parameter, Outcome.UNREAD, why=str(why))


_ALWAYS = {
    "permit": Effect.PERMIT,
    "permit_naked_ip_address": Effect.PERMIT,
    "reject": Effect.REJECT,
    "defer": Effect.REJECT,
    "defer_if_permit": Effect.REJECT,
    "permit_mx_backup": Effect.MAY_PERMIT,
    "permit_tls_all_clientcerts": Effect.MAY_PERMIT,
    "permit_dnswl_client": Effect.MAY_PERMIT,
    "check_policy_service": Effect.MAY_PERMIT,
}
_WHY = {
    "permit": "it permits whatever was not refused before it",
    "permit_naked_ip_address": "any client that names itself by an address may relay",
    "permit_mx_backup": "whoever points the MX of a domain at this server may relay to it",
    "permit_tls_all_clientcerts": "any certificate of a trusted authority may relay",
    "permit_dnswl_client": "whoever is on somebody's list may relay",
    "check_policy_service": "a permission of that service would relay",
}


def _effect(
    postfix: Postfix, service: Service, parameter: str, element: Element, client: Client, recipient: Recipient
) -> tuple[Effect, str]:
    name = element.name
    if name in _ALWAYS:
        return _ALWAYS[name], _WHY.get(name, "")
    if name.startswith("permit_rhswl_"):
        return Effect.MAY_PERMIT, "whoever uses a name on somebody's list may relay"
    if name in ("reject_unauth_destination", "defer_unauth_destination", "check_relay_domains"):
        return (Effect.REJECT if recipient is Recipient.FOREIGN else Effect.NEXT), ""
    if name in ("permit_auth_destination", "reject_unverified_recipient"):
        own = name == "permit_auth_destination" and recipient is Recipient.OWN
        return (Effect.PERMIT if own else Effect.NEXT), ""
    if name == "permit_mynetworks":
        return (Effect.PERMIT, "") if client is Client.NEIGHBOUR else _effect_of_mynetworks(postfix, service)
    if kind := _access_kind(parameter, element):
        return _effect_of_table(postfix, kind, element, recipient)
    return Effect.NEXT, ""


def _effect_of_mynetworks(postfix: Postfix, service: Service) -> tuple[Effect, str]:
    entries = postfix.networks("mynetworks", service)
    for entry in entries:
        if entry.network and not entry.excluded and width(entry.network) is Width.EVERYONE:
            return Effect.PERMIT, f"mynetworks holds {entry.text}"
    unread = [entry for entry in entries if entry.network is None]
    return (Effect.UNREAD, f"mynetworks: {unread[0].unknown}") if unread else (Effect.NEXT, "")


def _access_kind(parameter: str, element: Element) -> str:
    """`client`, `helo`, `sender` or `recipient`: what a table is asked about; empty for what asks no table."""
    if found := re.match(r"check_(client|helo|sender|recipient)_access\Z", element.name):
        return found[1]
    # A bare `type:table` in a list is short for check_<list>_access (postconf(5), smtpd_*_restrictions).
    if re.match(r"\w+:\S", element.name):
        return parameter.split("_")[1].replace("relay", "recipient")
    return ""


def _effect_of_table(postfix: Postfix, kind: str, element: Element, recipient: Recipient) -> tuple[Effect, str]:
    table = element.argument or element.name
    match access_entries(table, postfix.table):
        case Unknown(why):
            return Effect.UNREAD, why
        case entries:
            return _effect_of_entries(kind, table, entries, recipient)


def _effect_of_entries(
    kind: str, table: str, entries: tuple[AccessEntry, ...], recipient: Recipient
) -> tuple[Effect, str]:
    for entry in entries:
        if entry.permits and (entry.matches_all or kind in ("helo", "sender")):
            # HELO and MAIL FROM are whatever the client says they are.
            return Effect.PERMIT, f"{table} permits {kind} {entry.key}" + (
                "" if entry.matches_all else ", and anyone can say so"
            )
        if entry.permits and kind == "recipient" and recipient is Recipient.FOREIGN:
            return Effect.MAY_PERMIT, f"{table} permits recipient {entry.key}"
        if entry.rejects and entry.matches_all:
            return Effect.REJECT, f"{table} rejects {entry.key}"
    return Effect.NEXT, ""
