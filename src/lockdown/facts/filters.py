"""Which filters stand in the path of each Postfix service: milters, content filters, proxies before the queue.

A setting says where a filter listens, seldom what it is. It is told by the path of its socket, by the program that
listens on its port, or by a port that is nobody else's; where none of these helps, it is `Kind.UNTOLD`.
Fails as: nothing; an address that is not understood is UNTOLD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from lockdown.facts.gateway import Gateway
from lockdown.facts.listeners import listeners
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_words import unbraced, words
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown


class Kind(Enum):
    """What a filter is."""

    LOCKDOWN = "Lockdown"
    CLAMAV_MILTER = "clamav-milter"
    RSPAMD = "rspamd"
    AMAVIS = "amavis"
    SPAMASSASSIN = "SpamAssassin"
    IDENTITY = "a signer of mail, which scans nothing"
    UNTOLD = "a filter of unknown kind"


class Way(Enum):
    """How a service hands mail to it."""

    MILTER = "milter"
    PROXY = "proxy before the queue"
    CONTENT_FILTER = "content filter after the queue"


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter in the path of one service."""

    kind: Kind
    way: Way
    address: str
    is_local: bool
    evidence: Evidence
    default_action: str = ""
    """What a milter's mail becomes when it does not answer; empty for other ways."""
    has_own_action: bool = False
    """That is written beside its address, over milter_default_action."""


# By words in the path of a socket, or in the name of the program that listens.
_BY_WORD = (
    (re.compile(r"clamav-milter|clamav.*milter|clamsmtp"), Kind.CLAMAV_MILTER),
    (re.compile(r"rspamd|rmilter"), Kind.RSPAMD),
    (re.compile(r"amavis"), Kind.AMAVIS),
    (re.compile(r"spamass|spamd|spampd"), Kind.SPAMASSASSIN),
    (re.compile(r"opendkim|opendmarc|openarc|dkimpy|dkim-milter|pyspf|spf-"), Kind.IDENTITY),
)
_BY_PORT = {11332: Kind.RSPAMD, 8891: Kind.IDENTITY, 8893: Kind.IDENTITY, 10024: Kind.AMAVIS, 10026: Kind.AMAVIS}
_LOCAL = ("127.", "localhost", "::1")


def filters(snapshot: Snapshot, server: Postfix, service: Service, own: Gateway | Unknown) -> tuple[Filter, ...]:
    """The filters that mail of a service passes, in the order of the settings."""
    return (
        *_milters(snapshot, server, service, "smtpd_milters"),
        *_one(snapshot, server, service, own, "smtpd_proxy_filter", Way.PROXY),
        *_one(snapshot, server, service, own, "content_filter", Way.CONTENT_FILTER),
    )


def local_filters(snapshot: Snapshot, server: Postfix, own: Gateway | Unknown) -> tuple[Filter, ...]:
    """Those of mail that programs of this machine hand in by `sendmail`."""
    pickup = next((service for service in server.services if service.command == "pickup"), None)
    return (
        *_milters(snapshot, server, pickup, "non_smtpd_milters"),
        *_one(snapshot, server, pickup, own, "content_filter", Way.CONTENT_FILTER),
    )


def _milters(snapshot: Snapshot, server: Postfix, service: Service | None, name: str) -> Iterator[Filter]:
    action = server.value("milter_default_action", service) or "tempfail"
    for word in words(server.value(name, service)):
        address, *options = words(unbraced(word))
        chosen = [option.partition("=")[2].strip() for option in options if option.startswith("default_action")]
        kind, is_local = _kind(snapshot, address, Unknown(""))
        yield Filter(
            kind, Way.MILTER, address, is_local, server.evidence(name, service), (chosen or [action])[-1], bool(chosen)
        )


def _one(
    snapshot: Snapshot, server: Postfix, service: Service | None, own: Gateway | Unknown, name: str, way: Way
) -> Iterator[Filter]:
    if address := server.value(name, service):
        kind, is_local = _kind(snapshot, address, own)
        yield Filter(kind, way, address, is_local, server.evidence(name, service))


_NET = re.compile(r"(?:[\w-]*:)?(?:inet:)?\[?(?P<host>[\w.-]+|[0-9a-fA-F:.]+)\]?:(?P<port>\d{1,5})\Z")


def _kind(snapshot: Snapshot, address: str, own: Gateway | Unknown) -> tuple[Kind, bool]:
    for pattern, kind in _BY_WORD:
        if pattern.search(address.lower()):
            return kind, _is_local(address)
    net = _NET.match(address)
    if net is None:
        return Kind.UNTOLD, _is_local(address)
    if isinstance(own, Gateway) and _is_lockdown(own, net["host"], int(net["port"])):
        return Kind.LOCKDOWN, True
    return _by_port(snapshot, net), _is_local(address)


def _is_local(address: str) -> bool:
    net = _NET.match(address)
    return net is None or net["host"].startswith(_LOCAL)


def _is_lockdown(own: Gateway, host: str, port: int) -> bool:
    for listen in own.settings.gateway.listen:
        place, _, number = listen.rpartition(":")
        ours = place.strip("[]")
        if int(number) == port and (ours == host or (ours in ("0.0.0.0", "::") and host.startswith(_LOCAL))):
            return True
    return False


def _by_port(snapshot: Snapshot, net: re.Match[str]) -> Kind:
    port = int(net["port"])
    found = listeners(snapshot) if net["host"].startswith(_LOCAL) else ()
    for listener in () if isinstance(found, Unknown) else found:
        if listener.port == port and listener.protocol == "tcp":
            for pattern, kind in _BY_WORD:
                if pattern.search(listener.process.lower()):
                    return kind
    return _BY_PORT.get(port, Kind.UNTOLD)
