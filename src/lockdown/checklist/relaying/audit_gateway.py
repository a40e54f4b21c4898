"""What item 8 demands of the gateway's own settings: narrow trust, a way outward that is whole, your own domains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.controls import (
    GATEWAY_DOMAINS,
    GATEWAY_OUTWARD,
    GATEWAY_TRUST,
    UNKNOWN_RECIPIENT,
)
from lockdown.facts.gateway import Gateway
from lockdown.facts.interfaces import Interface, interfaces
from lockdown.facts.networks import Width, inside, parse_network, width
from lockdown.facts.upstream import Elsewhere, Here, NoSmtp, Upstream
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

GATEWAY_CONTROLS = (GATEWAY_TRUST, GATEWAY_OUTWARD, GATEWAY_DOMAINS)
TARGET = "gateway"
EXAMPLE_DOMAIN = "example.org"

_TOO_WIDE = {
    Width.LOOPBACK: "is this machine itself: every local program, and every proxy on it, may send outward",
    Width.WHOLE_PRIVATE_RANGE: "is a whole range of private addresses: guests, containers and tunnels are in it",
    Width.PUBLIC: "holds public addresses that can hardly all be yours",
    Width.EVERYONE: "is so much of the Internet that strangers are in it",
}


def audit_gateway(snapshot: Snapshot, found: Gateway, behind: Sequence[Upstream]) -> Iterator[Finding]:
    """The findings on the gateway itself."""
    yield _trust(snapshot, found)
    yield _outward(found)
    yield _domains(found)
    yield _recipients(found, behind)


def _trust(snapshot: Snapshot, found: Gateway) -> Finding:
    evidence = found.evidence("gateway.trusted_networks")
    trusted = found.settings.gateway.trusted_networks
    if not trusted:
        return GATEWAY_TRUST.finding(State.PASS, "The gateway trusts nobody to send outward.", evidence, target=TARGET)
    for text in trusted:
        network = parse_network(text)
        if network and width(network) in _TOO_WIDE:
            says = f"The gateway trusts {text}, which {_TOO_WIDE[width(network)]}."
            return GATEWAY_TRUST.finding(State.FAIL, says, evidence, target=TARGET)
    if says := _doubtful_trust(snapshot, trusted):
        return GATEWAY_TRUST.finding(State.WARN, says, evidence, target=TARGET)
    says = f"The gateway trusts {', '.join(trusted)} to send outward."
    return GATEWAY_TRUST.finding(State.PASS, says, evidence, target=TARGET)


def _doubtful_trust(snapshot: Snapshot, trusted: Sequence[str]) -> str:
    """Not plainly wrong, yet wide; empty when there is nothing to say."""
    networks = [network for text in trusted if (network := parse_network(text))]
    for network in networks:
        if width(network) is Width.BROAD:
            return f"The gateway trusts all of {network}; few machines need to send without a password."
    own = interfaces(snapshot)
    bridges = [] if isinstance(own, Unknown) else [interface for interface in own if interface.is_container_bridge]
    for bridge in bridges:
        if any(_overlap(bridge, network) for network in networks):
            return (
                f"The gateway trusts the container bridge {bridge.name}: strangers come from there by published ports."
            )
    return ""


def _overlap(bridge: Interface, network: object) -> bool:
    other = parse_network(str(network))
    return other is not None and (inside(bridge.network, other) or inside(other, bridge.network))


def _outward(found: Gateway) -> Finding:
    settings = found.settings.gateway
    evidence = (found.evidence("gateway.outbound"), found.evidence("gateway.trusted_networks"))
    match bool(settings.outbound), bool(settings.trusted_networks):
        case (True, False):
            says = "gateway.outbound is set, but no network is trusted to use it."
        case (False, True):
            says = "Networks are trusted to send outward, but gateway.outbound is empty: their mail is refused."
        case (True, True):
            return GATEWAY_OUTWARD.finding(
                State.PASS, f"Trusted networks send outward by {settings.outbound}.", *evidence, target=TARGET
            )
        case _:
            return GATEWAY_OUTWARD.finding(State.PASS, "The gateway sends nothing outward.", *evidence, target=TARGET)
    return GATEWAY_OUTWARD.finding(State.WARN, says, *evidence, target=TARGET)


def listens_beyond(found: Gateway) -> bool:
    """Whether the gateway listens on more than loopback."""
    hosts = [listen.rpartition(":")[0].strip("[]") for listen in found.settings.gateway.listen]
    return not all(host == "localhost" or host == "::1" or host.startswith("127.") for host in hosts)


def _domains(found: Gateway) -> Finding:
    domains = found.settings.site.domains
    evidence = (found.evidence("site.domains"), found.evidence("gateway.listen"))
    if not domains:
        return GATEWAY_DOMAINS.finding(
            State.FAIL, "The gateway has no domain: it refuses all mail.", *evidence, target=TARGET
        )
    if EXAMPLE_DOMAIN in domains:
        state = State.FAIL if listens_beyond(found) else State.WARN
        reach = "and it listens to the world" if state is State.FAIL else "nothing listens beyond this machine yet"
        return GATEWAY_DOMAINS.finding(
            state, f"The gateway still takes mail for {EXAMPLE_DOMAIN}, the example; {reach}.", *evidence, target=TARGET
        )
    return GATEWAY_DOMAINS.finding(
        State.PASS, f"The gateway takes mail for {', '.join(domains)}.", *evidence, target=TARGET
    )


def _recipients(found: Gateway, behind: Sequence[Upstream]) -> Finding:
    listed = found.settings.site.recipients
    evidence = (found.evidence("site.recipients"), found.evidence("gateway.upstream"))
    if listed != "upstream":
        return UNKNOWN_RECIPIENT.finding(
            State.PASS, "The gateway refuses recipients that are not on its list.", *evidence, target=TARGET
        )
    for server in behind:
        match server:
            case NoSmtp(url) if url.startswith("maildir:"):
                says = "The embedded mailbox takes every name in your domains, so no recipient is unknown to it."
                fix = 'write site.recipients = ["you@your.domain", …] or "file:PATH" in lockdown.toml'
                return UNKNOWN_RECIPIENT.finding(State.WARN, says, *evidence, target=TARGET, next_command=fix)
            case NoSmtp(url) | Elsewhere(url):
                says = f"Each recipient is asked of {url}; whether it refuses unknown ones cannot be read from here."
                ask = "lockdown audit --item relaying     (on that machine)"
                return UNKNOWN_RECIPIENT.finding(State.UNKNOWN, says, *evidence, target=TARGET, next_command=ask)
            case Here():
                continue
    says = "Each recipient is asked of the Postfix of this machine, judged beside."
    return UNKNOWN_RECIPIENT.finding(State.PASS, says, *evidence, target=TARGET)
