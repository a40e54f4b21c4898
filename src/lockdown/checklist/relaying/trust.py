"""Whom Postfix trusts by address alone: how wide mynetworks is, and whether the gateway is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.controls import GATEWAY_NOT_TRUSTED, MYNETWORKS
from lockdown.facts.interfaces import interfaces
from lockdown.facts.networks import NetworkEntry, Width, inside, is_listed, width
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer
from lockdown.facts.upstream import Elsewhere, Here, Upstream
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_TOO_WIDE = {
    Width.BROAD: (State.WARN, "many more addresses than need to send without a password"),
    Width.WHOLE_PRIVATE_RANGE: (
        State.FAIL,
        "a whole range of private addresses: guests, containers and tunnels are in it",
    ),
    Width.PUBLIC: (State.FAIL, "public addresses that can hardly all be yours"),
    Width.EVERYONE: (State.FAIL, "so much of the Internet that strangers are in it"),
}


def trusts_neighbours(server: Postfix, service: Service) -> bool:
    """Whether an address in mynetworks is enough to relay; submission services refuse such clients all the same."""
    return answer(server, service, Client.NEIGHBOUR, Recipient.FOREIGN).outcome is not Outcome.REJECTS


def mynetworks(snapshot: Snapshot, server: Postfix, service: Service) -> Finding:
    """How wide mynetworks is, for one service."""
    where, evidence = f"postfix {service.label}", server.evidence("mynetworks", service)
    if not trusts_neighbours(server, service):
        return MYNETWORKS.finding(State.PASS, "This service trusts nobody by address.", evidence, target=where)
    entries = server.networks("mynetworks", service)
    judged = max(_judgements(snapshot, server, service, entries), key=lambda found: _RANK[found[0]], default=None)
    if judged is None:
        return MYNETWORKS.finding(State.PASS, "Only narrow networks are trusted by address.", evidence, target=where)
    state, says = judged
    fix = server.setting_command("mynetworks", "127.0.0.0/8 [::1]/128", service) if state is not State.UNKNOWN else ""
    return MYNETWORKS.finding(state, says, evidence, target=where, next_command=fix)


_RANK = {State.WARN: 0, State.UNKNOWN: 1, State.FAIL: 2}


def _judgements(
    snapshot: Snapshot, server: Postfix, service: Service, entries: Sequence[NetworkEntry]
) -> Iterator[tuple[State, str]]:
    for entry in entries:
        if entry.network is None:
            yield State.UNKNOWN, f"A part of mynetworks could not be read: {entry.unknown}."
        elif not entry.excluded and (wide := _TOO_WIDE.get(width(entry.network))):
            state, what = wide
            yield state, f"Anyone in {entry.text} may relay: {what}."
    yield from _bridges(snapshot, entries)
    written = "mynetworks" in server.explicit or "mynetworks" in service.overrides
    style = server.value("mynetworks_style", service)
    if not written and style in ("subnet", "class"):
        state = State.FAIL if style == "class" else State.WARN
        yield state, f"mynetworks_style = {style}: every neighbour on the network of this machine may relay."


def _bridges(snapshot: Snapshot, entries: Sequence[NetworkEntry]) -> Iterator[tuple[State, str]]:
    """Strangers who come through a published port of a container often have the bridge's address."""
    own = interfaces(snapshot)
    for interface in () if isinstance(own, Unknown) else own:
        if interface.is_container_bridge:
            for entry in entries:
                if entry.network and not entry.excluded and inside(interface.network, entry.network):
                    yield (
                        State.FAIL,
                        (
                            f"{entry.text} holds the container bridge {interface.name}: "
                            "strangers who come through a published port may relay."
                        ),
                    )


def gateway_trust(server: Postfix, behind: Sequence[Upstream]) -> Finding:
    """Whether the Postfix behind the gateway counts the gateway among its own."""
    here = next((upstream for upstream in behind if isinstance(upstream, Here)), None)
    if here:
        return _trust_here(server, here)
    elsewhere = next((upstream for upstream in behind if isinstance(upstream, Elsewhere)), None)
    if elsewhere:
        says = f"{elsewhere.url}, behind the gateway, is another machine: what it trusts cannot be read from here."
        ask = "postconf mynetworks     (on that machine: the gateway's address must not be in it)"
        return GATEWAY_NOT_TRUSTED.finding(State.UNKNOWN, says, target="gateway", next_command=ask)
    says = "The gateway does not lead to an SMTP server that could trust it."
    return GATEWAY_NOT_TRUSTED.finding(State.NOT_APPLICABLE, says, target="gateway")


def _trust_here(server: Postfix, here: Here) -> Finding:
    service = server.service_on_port(here.port)
    if service is None:
        says = f"{here.url} is this machine, but no service of Postfix answers on port {here.port}."
        return GATEWAY_NOT_TRUSTED.finding(State.UNKNOWN, says, target="gateway", next_command="postconf -M")
    evidence = server.evidence("mynetworks", service)
    where = f"postfix {service.label}"
    match is_listed(here.address, server.networks("mynetworks", service)):
        case Unknown(why):
            return GATEWAY_NOT_TRUSTED.finding(
                State.UNKNOWN, f"mynetworks could not be read: {why}.", evidence, target=where
            )
        case True if trusts_neighbours(server, service):
            state, says = _trusted(server, service, here)
            return GATEWAY_NOT_TRUSTED.finding(
                state,
                says,
                evidence,
                target=where,
                next_command=_distrust(server, service, here) if state is not State.PASS else "",
            )
        case _:
            return GATEWAY_NOT_TRUSTED.finding(
                State.PASS,
                f"The gateway's address {here.address} is not trusted.{_hidden(server, service, here)}",
                evidence,
                target=where,
            )


def _learns_clients(server: Postfix, service: Service, here: Here) -> bool:
    return is_listed(here.address, server.networks("smtpd_authorized_xclient_hosts", service)) is True


def _speaks_proxy(server: Postfix, service: Service, here: Here) -> bool:
    # With haproxy's protocol on, Postfix takes no connection without the header: the gateway never counts itself.
    return here.sends_proxy_header and server.value("smtpd_upstream_proxy_protocol", service) == "haproxy"


def _trusted(server: Postfix, service: Service, here: Here) -> tuple[State, str]:
    if _speaks_proxy(server, service, here):
        return State.PASS, "Postfix learns each client's address from the PROXY header; the gateway's own never counts."
    if _learns_clients(server, service, here):
        return (
            State.WARN,
            f"Postfix trusts the gateway's {here.address}: one session without XCLIENT, and a stranger is trusted.",
        )
    return (
        State.FAIL,
        f"Postfix trusts {here.address}, from which the gateway brings every stranger's mail: they all may relay.",
    )


def _hidden(server: Postfix, service: Service, here: Here) -> str:
    if _speaks_proxy(server, service, here) or _learns_clients(server, service, here):
        return ""
    return " But Postfix sees that address for every client: list it in smtpd_authorized_xclient_hosts."


def _distrust(server: Postfix, service: Service, here: Here) -> str:
    """Only for the service that the gateway uses, so that other local programs keep what they have."""
    place = "" if server.config_directory == "/etc/postfix" else f" -c {server.config_directory}"
    values = {"mynetworks": "", "smtpd_authorized_xclient_hosts": str(here.address)}
    settings = " ".join(f"'{service.label}/{name}={value}'" for name, value in values.items())
    return f"postconf{place} -P {settings} && postfix{place} reload"
