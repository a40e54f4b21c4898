"""No open relay: inward for our domains alone, outward for trusted networks alone, and in plain shape.

Whatever has another shape than a mailbox at a domain (routes, literals, addresses within addresses) is refused to
everybody, our own domains included: nobody needs it, and the server behind may follow it.
Deviations, meant: `postmaster@[our address]` (RFC 1123 5.2.17) and source routes (RFC 5321 4.1.1.3 lets a server
refuse them with 550) are refused like any stranger's.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum

from lockdown.checklist.relaying.forms import ORDINARY, carries_address, hidden_destination
from lockdown.config import Settings
from lockdown.model.mail import Announced, Asked, Client
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.address import Address, AddressShape

OPEN_TO_STRANGERS = "relaying.open-to-strangers"
UNKNOWN_RECIPIENT = "relaying.unknown-recipient"
SENDER_SHAPE = "relaying.sender-shape"


class Route(Enum):
    """Which way a recipient's mail goes; one transaction has one way, so that it can have one answer."""

    INWARD = "inward"
    OUTWARD = "outward"
    NONE = "none"


# Names of their own: an attribute of an Enum class costs a third of the whole judgement.
_PLAIN, _QUOTED, _POSTMASTER = AddressShape.PLAIN, AddressShape.QUOTED, AddressShape.POSTMASTER
_INWARD, _OUTWARD, _NOWHERE = Route.INWARD, Route.OUTWARD, Route.NONE


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the settings say of relaying, ready to be looked up."""

    policy: Settings
    domains: frozenset[str]
    recipients: frozenset[str] | None
    srs: bool
    verp: bool
    outbound: bool


def _made_rules(policy: Settings) -> _Rules:
    listed = policy.site.recipients
    recipients = None if isinstance(listed, str) else frozenset(address.lower() for address in listed)
    domains = frozenset(domain.lower() for domain in policy.site.domains)
    return _Rules(policy, domains, recipients, policy.relaying.srs, policy.relaying.verp, bool(policy.gateway.outbound))


_in_force: _Rules | None = None


def _rules(policy: Settings) -> _Rules:
    """The rules of a policy, made when it is first seen. It is held, so that its identity cannot be another's."""
    global _in_force
    rules = _in_force
    if rules is None or rules.policy is not policy:
        rules = _in_force = _made_rules(policy)
    return rules


def sender(announced: Announced, policy: Settings) -> Verdict:
    """Judge the shape of a sender. Our own domain from outside passes: who may use it is for the judges of forgery."""
    shape = announced.sender.shape
    if shape is _PLAIN:
        return ACCEPT
    if shape is AddressShape.SOURCE_ROUTE:
        return _unfit_sender(announced, "a return path with a route in it")
    # RFC 5321 4.1.2: a Mailbox has a domain; only RCPT knows <postmaster> without one (4.1.1.3). Our own devices
    # send as <root> and may: what they send, the server behind completes (RFC 6409 8.1).
    if shape in (AddressShape.NO_DOMAIN, _POSTMASTER) and not announced.client.trusted:
        return _unfit_sender(announced, "a sender without a domain")
    return ACCEPT


def _unfit_sender(announced: Announced, what: str) -> Verdict:
    says = f"{announced.client.address} sends from <{announced.sender.raw}>: {what}"
    # RFC 5321 4.2.3: 553, mailbox name not allowed; RFC 3463 X.1.7: bad sender's mailbox address syntax.
    return Verdict(Kind.REJECT, SENDER_SHAPE, says, "Sender address must be a mailbox with its domain", 553, "1.7")


def route(recipient: Address, client: Client, policy: Settings) -> Route:
    """Which way this client's mail to this recipient goes, if any."""
    rules = _in_force
    if rules is None or rules.policy is not policy:
        rules = _rules(policy)
    local, domain, raw, shape, utf8 = recipient
    if shape is _PLAIN or shape is _QUOTED:
        if domain not in rules.domains:
            return _OUTWARD if _may_go_out(recipient, client, rules) else _NOWHERE
        # Hot path: what nearly every address is, told without asking the two questions that are behind.
        if not utf8 and raw[-1] != "." and ORDINARY.match(local) is not None:
            return _INWARD
        return _NOWHERE if _not_a_mailbox(recipient, rules) else _INWARD
    # RFC 5321 4.1.1.3: <postmaster> needs no domain.
    return _INWARD if shape is _POSTMASTER else _NOWHERE


def _may_go_out(recipient: Address, client: Client, rules: _Rules) -> bool:
    return client.trusted and rules.outbound and not _dubious_domain(recipient)


def recipient(asked: Asked, policy: Settings, known: frozenset[str] | None = None) -> Verdict:
    """Judge one recipient. `known` are the addresses of a recipients file, in lower case; None where there is none."""
    way = route(asked.recipient, asked.client, policy)
    if way is _NOWHERE:
        return _refused(asked, policy)
    rules = _rules(policy)
    listed = rules.recipients if known is None else known
    if listed is None or way is _OUTWARD or _is_listed(asked.recipient, listed, rules):
        return ACCEPT
    says = f"{asked.client.address} asked for <{asked.recipient.raw}>, who is not among our recipients"
    return Verdict(Kind.REJECT, UNKNOWN_RECIPIENT, says, "No such user here", 550, "1.1")


def _is_listed(recipient: Address, listed: frozenset[str], rules: _Rules) -> bool:
    local = recipient.local.lower()
    # RFC 5321 4.5.1: every domain that takes mail takes it for its postmaster.
    if recipient.shape is _POSTMASTER or local == "postmaster" or carries_address(local, rules.domains):
        return True
    mailbox = local.partition("+")[0]
    return f"{local}@{recipient.domain}" in listed or f"{mailbox}@{recipient.domain}" in listed


def _refused(asked: Asked, policy: Settings) -> Verdict:
    why = _why_refused(asked.recipient, asked.client, _rules(policy))
    says = f"{asked.client.address} asked for <{asked.recipient.raw}>: {why}"
    return Verdict(Kind.REJECT, OPEN_TO_STRANGERS, says, "Relaying denied", 550, "7.1")


_REFUSED_SHAPES = {
    AddressShape.NULL: "the null address cannot receive",
    AddressShape.NO_DOMAIN: "it has no domain",
    AddressShape.LITERAL: "an address literal is not one of our domains",
    AddressShape.SOURCE_ROUTE: "it has a source route",
}


def _why_refused(recipient: Address, client: Client, rules: _Rules) -> str:
    if recipient.shape in _REFUSED_SHAPES:
        return _REFUSED_SHAPES[recipient.shape]
    if recipient.domain in rules.domains or _dubious_domain(recipient):
        return _not_a_mailbox(recipient, rules)
    foreign = f"{recipient.domain} is not one of our domains"
    return f"{foreign}, and {'gateway.outbound is not set' if client.trusted else 'the client is not trusted'}"


def _not_a_mailbox(recipient: Address, rules: _Rules) -> str:
    return _dubious_domain(recipient) or hidden_destination(
        recipient.local, rules.domains, srs=rules.srs, verp=rules.verp
    )


def _dubious_domain(recipient: Address) -> str:
    """A domain that reads like another one once the server behind has normalised it; nothing for an honest one."""
    if recipient.raw.endswith("."):
        # RFC 5321 4.1.2: a Domain does not end in a dot.
        return "its domain ends in a dot"
    if recipient.utf8:
        domain = recipient.raw.rpartition("@")[2]
        if unicodedata.normalize("NFKC", domain) != domain:
            return "its domain is written in look-alike characters"
    return ""
