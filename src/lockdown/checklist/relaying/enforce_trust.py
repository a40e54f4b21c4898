"""Trust by address made narrow: mynetworks, who may claim another address, and the gateway in front.

By itself only what cannot be anybody's own is taken away: half the Internet, a class of addresses, neighbours by
default. A private range may hold the printer that sends its scans; there a person must say who.
"""

from __future__ import annotations

from collections.abc import Iterable

from lockdown.checklist.relaying.mend import Answer, Mend
from lockdown.facts.networks import LOOPBACK, NetworkEntry, Width, inside, is_listed, width
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_change import list_words, set_for_service, set_where_written
from lockdown.model.change import Risk, SetPostfix

MYNETWORKS, XCLIENT_HOSTS = "mynetworks", "smtpd_authorized_xclient_hosts"
_THIS_MACHINE = ("127.0.0.0/8", "[::1]/128")
_LOSES = "a device that sends without logging in, from an address that is not listed, is refused until it is listed"


def mynetworks(mend: Mend) -> Answer:
    """What cannot all be yours is taken out; neighbours by default are not trusted any more."""
    server, service = mend.server, mend.service
    assert service is not None
    if not server.is_written(MYNETWORKS, service):
        change = set_where_written(server, "mynetworks_style", "host", service)
        yield mend.propose(change, Risk.HIGH, _LOSES, "This machine alone stays trusted.")
        return
    entries = server.networks(MYNETWORKS, service)
    doubtful = [entry for entry in entries if _is_wide_private(entry)]
    if doubtful or not any(_is_nobodys(entry) for entry in entries):
        names = ", ".join(entry.text for entry in doubtful[:3]) or "these networks"
        yield mend.left(
            f"Somebody in {names} may have to send without a password, a printer or a program: who, only you can say.",
            server.setting_command(MYNETWORKS, "127.0.0.0/8 [::1]/128 ADDRESS/32", service),
        )
        return
    narrowed = without_strangers(mend, server, service)
    if narrowed is None:
        yield mend.left("The wide network stands in a file of its own, which a person writes.")
        return
    yield mend.propose(narrowed, Risk.LOW, _LOSES)


def without_strangers(mend: Mend, server: Postfix, service: Service) -> SetPostfix | None:
    """mynetworks without what cannot be anybody's own; None where nothing is to be taken out, or not by us.

    For the service that a trusted gateway leads to, it is what `gateway_trust` sets as well: one place, one value.
    """
    entries = server.networks(MYNETWORKS, service)
    bad = {entry.text for entry in entries if _is_nobodys(entry)}
    if not bad:
        return None
    if _is_trusted_gateway(mend, server, service):
        return _for_the_gateway(mend, server, service)
    if not server.is_written(MYNETWORKS, service):
        return set_where_written(server, "mynetworks_style", "host", service)
    words = list_words(server.value(MYNETWORKS, service))
    if not bad <= set(words):
        return None
    kept = [word for word in words if word not in bad]
    missing = [word for word in _THIS_MACHINE if word not in kept]
    return set_where_written(server, MYNETWORKS, " ".join((*missing, *kept)), service)


def _is_nobodys(entry: NetworkEntry) -> bool:
    return entry.network is not None and not entry.excluded and width(entry.network) >= Width.PUBLIC


def _is_wide_private(entry: NetworkEntry) -> bool:
    network = entry.network
    return network is not None and not entry.excluded and width(network) in (Width.BROAD, Width.WHOLE_PRIVATE_RANGE)


def gateway_trust(mend: Mend) -> Answer:
    """For the service that the gateway leads to: its address out of mynetworks, and let it say who the client is."""
    server, service, here = mend.server, mend.service, mend.here
    assert service is not None and here is not None
    distrusted = _for_the_gateway(mend, server, service)
    if distrusted is None:
        yield mend.left("The gateway's address stands in a table, which a person writes.")
        return
    effects = f"programs on {here.address} that send to {service.label} without logging in are strangers there"
    yield mend.propose(distrusted, Risk.LOW, effects)
    if is_listed(here.address, server.networks(XCLIENT_HOSTS, service)) is not True:
        hosts = " ".join((*list_words(server.value(XCLIENT_HOSTS, service)), str(here.address)))
        why = "So Postfix learns each client's own address."
        yield mend.propose(set_for_service(server, XCLIENT_HOSTS, hosts, service), Risk.NONE, "none known", why)
    name, free = "smtpd_client_event_limit_exceptions", " ".join(dict.fromkeys((*_THIS_MACHINE, str(here.address))))
    why = "It is mynetworks by default; so the gateway is not counted as one client that sends without end."
    yield mend.propose(set_for_service(server, name, free, service), Risk.NONE, "none known", why)


def _is_trusted_gateway(mend: Mend, server: Postfix, service: Service) -> bool:
    here = mend.here
    leads_to = server.service_on_port(here.port) if here else None
    trusted = here is not None and is_listed(here.address, server.networks(MYNETWORKS, service)) is True
    return trusted and leads_to is not None and leads_to.label == service.label


def _for_the_gateway(mend: Mend, server: Postfix, service: Service) -> SetPostfix | None:
    """mynetworks of that service alone, without the gateway's address and what cannot be anybody's own."""
    assert mend.here is not None
    entries = server.networks(MYNETWORKS, service)
    bad = {entry.text for entry in entries if entry.network and mend.here.address in entry.network}
    bad |= {entry.text for entry in entries if _is_nobodys(entry)}
    words = list_words(server.value(MYNETWORKS, service))
    if not bad <= set(words):
        return None
    return set_for_service(server, MYNETWORKS, " ".join(word for word in words if word not in bad), service)


def xclient(mend: Mend) -> Answer:
    """Who is everybody may claim nothing; single hosts stay, and so does the gateway."""
    server, service = mend.server, mend.service
    assert service is not None
    entries = server.networks(XCLIENT_HOSTS, service)
    wide = [entry for entry in entries if entry.network and not entry.excluded and _is_many(entry)]
    words = list_words(server.value(XCLIENT_HOSTS, service))
    nobodys = [entry for entry in wide if _is_nobodys(entry)]
    if len(nobodys) < len(wide) or not {entry.text for entry in wide} <= set(words):
        yield mend.left(
            "A proxy of yours in that network may need it to say who its clients are: which host, only you can say."
        )
        return
    kept = [word for word in words if word not in {entry.text for entry in wide}]
    kept += _gateway_in(mend, wide)
    change = set_where_written(server, XCLIENT_HOSTS, " ".join(kept), service)
    yield mend.propose(change, Risk.LOW, "a proxy elsewhere that says who its clients are must be listed by itself")


def _gateway_in(mend: Mend, wide: Iterable[NetworkEntry]) -> list[str]:
    here = mend.here
    if here and any(entry.network and here.address in entry.network for entry in wide):
        return [str(here.address)]
    return []


def _is_many(entry: NetworkEntry) -> bool:
    network = entry.network
    return network is not None and network.num_addresses > 16 and not any(inside(network, one) for one in LOOPBACK)
