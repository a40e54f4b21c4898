"""Who may talk to us now, and for how many: blocks, restraints, open connections, rates, the harvest of a directory.

Blocks, restraints and rates are answers to a behaviour: in mode `observe` they accept and say what they would have
done. A block that a person set is an order, not an answer: it stands in either mode and beats `never_block`, which
binds the automatic ones alone. `never_limit` frees from rates, not from blocks and not from the size of one envelope. A
restraint meets nobody whom one of these lists or `gateway.trusted_networks` names.
"""

from __future__ import annotations

from dataclasses import replace

from lockdown.config import Settings
from lockdown.model.mail import AUTOMATIC, Asked, Block, Client
from lockdown.model.networks import networks
from lockdown.model.restraint import Restrained, Restraint, match_in_words
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.verdict import ACCEPT, Kind, Verdict, strictest

BLOCKED = "monitoring.blocked-clients"
CLIENT_CONNECTIONS = "monitoring.client-connections"
CLIENT_RATE = "monitoring.client-rate"
RECIPIENTS_PER_MESSAGE = "monitoring.recipients-per-message"
RECIPIENT_RATE = "monitoring.recipient-rate"
DIRECTORY_HARVEST = "monitoring.directory-harvest"
RESTRAINED = "monitoring.restrained-mail"

PAUSE_SECONDS = 5.0
"""Before the answer to a message that is slowed: RFC 5321 4.5.3.2 has clients wait for minutes."""

ABUSE_FACTOR = 4
"""So many times over a limit is no longer doubt, and is answered for good: a 4xx would bring it back."""


def client(client: Client, policy: Settings) -> Verdict:
    """Judge a connection before its greeting."""
    # Hot path: a tuple is taken apart at once for the cost of one field asked by its name.
    _, _, _, connections, prefix_connections, connects, block = client
    limits = policy.monitoring
    if (
        block is None
        and connections <= limits.client_connections
        and prefix_connections <= limits.prefix_connections
        and connects <= limits.client_rate.count
    ):
        return ACCEPT
    if client.block is not None and _stands(client.block, client, policy):
        return _blocked(client.block, client, policy)
    return _answered(_crowded(client, policy), client, policy)


def _stands(block: Block, client: Client, policy: Settings) -> bool:
    return block.by != AUTOMATIC or client.address not in networks(policy.monitoring.never_block)


def _blocked(block: Block, client: Client, policy: Settings) -> Verdict:
    until = "until it is removed" if block.until is None else f"until {block.until:%Y-%m-%d %H:%M} UTC"
    says = f"{client.address} lies in {block.network}, blocked by {block.by} {until}: {block.why}"
    # RFC 5321 3.1: 554 instead of the greeting; we do not wait for QUIT, since a blocked client is owed no session.
    verdict = Verdict(Kind.HANG_UP, BLOCKED, says, "Access denied", 554, "7.1")
    return _observed(verdict, policy) if block.by == AUTOMATIC else verdict


def _crowded(client: Client, policy: Settings) -> Verdict:
    limits = policy.monitoring
    for who, open_now, limit in (
        (client.address, client.connections, limits.client_connections),
        (client.prefix, client.prefix_connections, limits.prefix_connections),
    ):
        if open_now > limit:
            says = f"{who} has {open_now} connections open; the limit is {limit}"
            return _busy(CLIENT_CONNECTIONS, says, "Too many connections")
    if client.connects > limits.client_rate.count:
        says = f"{client.address} has connected {client.connects} times; the limit is {limits.client_rate}"
        return _busy(CLIENT_RATE, says, "Connecting too often")
    return ACCEPT


def _busy(control: str, says: str, tells: str) -> Verdict:
    # RFC 5321 3.8: 421 announces the close of the channel; what the client has to deliver stays with it.
    return Verdict(Kind.DEFER, control, says, f"{tells}, try again later", 421, "7.0")


def recipient(asked: Asked, policy: Settings) -> Verdict:
    """Judge one more recipient by the number of those before it."""
    # Hot path, as above.
    _, _, _, accepted, lately, refused = asked
    limits = policy.monitoring
    if (
        accepted < limits.recipients_per_message
        and lately <= limits.recipient_rate.count
        and refused <= limits.refused_rate.count
    ):
        return ACCEPT
    behaviour = _answered(_greedy(asked, policy), asked.client, policy)
    return behaviour if behaviour.kind > Kind.ACCEPT else _full_envelope(asked, policy, behaviour)


def _full_envelope(asked: Asked, policy: Settings, otherwise: Verdict) -> Verdict:
    """The size of one envelope is a bound of ours like its octets, so neither `observe` nor `never_limit` lifts it."""
    limit = policy.monitoring.recipients_per_message
    if asked.accepted_recipients < limit:
        return otherwise
    says = f"{asked.client.address} has {asked.accepted_recipients} recipients in one message; the limit is {limit}"
    tells = "Too many recipients, send to the others separately"
    # RFC 5321 4.5.3.1.10: 452, and the client sends to the rest in a transaction of their own.
    return Verdict(Kind.DEFER, RECIPIENTS_PER_MESSAGE, says, tells, 452, "5.3")


def _greedy(asked: Asked, policy: Settings) -> Verdict:
    limits = policy.monitoring
    if asked.refused_lately > limits.refused_rate.count:
        return _harvest(asked, policy)
    if asked.recipients_lately > limits.recipient_rate.count:
        asked_for = f"{asked.client.address} has asked for {asked.recipients_lately} recipients"
        says = f"{asked_for}; the limit is {limits.recipient_rate}"
        return Verdict(Kind.DEFER, RECIPIENT_RATE, says, "Too many recipients, try again later", 452, "7.1")
    return ACCEPT


def _harvest(asked: Asked, policy: Settings) -> Verdict:
    """Known and unknown recipients get one answer from here on, so that the harvest learns nothing more."""
    limit = policy.monitoring.refused_rate
    says = f"{asked.client.address} has been refused {asked.refused_lately} recipients; the limit is {limit}"
    if asked.refused_lately > ABUSE_FACTOR * limit.count:
        return Verdict(Kind.HANG_UP, DIRECTORY_HARVEST, says, "Too many refused recipients", 550, "7.1")
    return Verdict(Kind.HANG_UP, DIRECTORY_HARVEST, says, "Too many refused recipients, try again later", 421, "7.1")


def _answered(verdict: Verdict, client: Client, policy: Settings) -> Verdict:
    """The verdict, unless the client is exempt from rates or the mode is to look on."""
    if verdict.kind is Kind.ACCEPT or client.address in networks(policy.monitoring.never_limit):
        return ACCEPT
    return _observed(verdict, policy)


def _observed(verdict: Verdict, policy: Settings) -> Verdict:
    if policy.monitoring.mode == "answer":
        return verdict
    would = f"would have answered {verdict.code} {verdict.code // 100}.{verdict.detail}: {verdict.says}"
    return Verdict(Kind.ACCEPT, verdict.control, would)


# ── restraints ──

_LATER, _NOT_NOW = "Too much mail of this kind; try again later", "Mail of this kind is not taken at present"
_REFUSALS = {
    Rung.DEFER: Verdict(Kind.DEFER, RESTRAINED, "", _LATER, 451, "7.1"),
    Rung.REJECT: Verdict(Kind.REJECT, RESTRAINED, "", _NOT_NOW, 550, "7.1"),
    # Where the packet filter lets somebody through, it is because it could not be told.
    Rung.DROP: Verdict(Kind.REJECT, RESTRAINED, "", _NOT_NOW, 550, "7.1"),
    Rung.QUARANTINE: Verdict(Kind.QUARANTINE, RESTRAINED),
}
_NETWORKS = (Dimension.NETWORK, Dimension.WIDE_NETWORK)
_GREETINGS = {451: 421, 550: 554}
"""RFC 5321 4.3.2 knows no other refusals in the place of a greeting."""


def in_reach(client: Client, policy: Settings) -> bool:
    """Whether an automatic answer may meet this client at all."""
    exempt = (policy.monitoring.never_limit, policy.monitoring.never_block)
    return not client.trusted and not any(client.address in networks(one) for one in exempt)


def restrained(facts: Restrained, policy: Settings) -> Verdict:
    """Judge a client, an envelope or a message by the restraints that it meets."""
    if not in_reach(facts.client, policy):
        return ACCEPT
    return strictest([_by(restraint, facts, policy) for restraint in facts.restraints])


def _by(restraint: Restraint, facts: Restrained, policy: Settings) -> Verdict:
    says = f"{facts.client.address} meets {restraint.id} ({match_in_words(restraint.match)}): {restraint.why}"
    verdict = _refusal(restraint, facts)
    if verdict is None:
        return Verdict(Kind.ACCEPT, RESTRAINED, f"{restraint.rung.name.lower()}: {says}")
    verdict = replace(verdict, says=says)
    if restraint.shadow or policy.monitoring.mode == "observe":
        return Verdict(Kind.ACCEPT, RESTRAINED, f"would have been met by {restraint.rung.name.lower()}: {says}")
    return verdict


def _refusal(restraint: Restraint, facts: Restrained) -> Verdict | None:
    rung = restraint.rung
    if rung is Rung.SLOW and (facts.crowded or _is_second(restraint, facts.client)):
        rung = Rung.DEFER
    verdict = _REFUSALS.get(rung)
    if verdict is None or not facts.before_greeting:
        return verdict
    return replace(verdict, code=_GREETINGS[verdict.code]) if verdict.code else None


def _is_second(restraint: Restraint, client: Client) -> bool:
    """One connection at a time, of the address or of its network; what is said in them knows no such number."""
    dimensions = {dimension for dimension, _ in restraint.match}
    if Dimension.CLIENT in dimensions:
        return client.connections > 1
    return not dimensions.isdisjoint(_NETWORKS) and client.prefix_connections > 1


def pause(facts: Restrained, policy: Settings) -> float:
    """For how many seconds the answer waits."""
    if policy.monitoring.mode == "observe" or not in_reach(facts.client, policy):
        return 0.0
    slows = any(one.rung is Rung.SLOW and not one.shadow for one in facts.restraints)
    return PAUSE_SECONDS if slows and not facts.crowded else 0.0
