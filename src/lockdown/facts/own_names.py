"""The names and addresses by which others know this site, and which questions to the DNS they raise.

`questions` is asked again with what was answered, until it has none left: an SPF record leads to others, a reverse
name to its addresses.
Fails as: nothing; where names are not known, there are no questions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TypeAlias

from lockdown.config import Settings
from lockdown.facts.dns_records import DnsAnswer, Records, record, source
from lockdown.facts.interfaces import interfaces
from lockdown.facts.rspamd import selectors
from lockdown.facts.spf_record import walk
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

EXAMPLE_DOMAIN = "example.org"
MOST_ADDRESSES, MOST_DOMAINS = 8, 20
_PARENTS = 5
Question: TypeAlias = tuple[str, str]

_INNER = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::1/128", "::/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def domains_known(settings: Settings) -> tuple[str, ...]:
    """The site's own domains; none while the settings still say the example."""
    return () if EXAMPLE_DOMAIN in settings.site.domains else settings.site.domains[:MOST_DOMAINS]


def public_addresses(snapshot: Snapshot) -> tuple[str, ...] | Unknown:
    """Addresses of this machine that others see; behind address translation there are none."""
    found = interfaces(snapshot)
    if isinstance(found, Unknown):
        return found
    addresses = [one.address for one in found if not one.is_container_bridge and not _is_inner(one.address)]
    return tuple(dict.fromkeys(addresses))[:MOST_ADDRESSES]


def _is_inner(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return any(address.version == network.version and address in network for network in _INNER)


_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


def is_host_name(text: str) -> bool:
    """Whether a name is of the letters that names of hosts have: others are not asked for."""
    return bool(_HOST.fullmatch(text))


def reverse_name(address: str) -> str:
    """Under which the PTR record of an address lies."""
    return ipaddress.ip_address(address).reverse_pointer


def dmarc_names(domain: str) -> tuple[str, ...]:
    """Where the DMARC record of a domain may lie: at itself, then at each domain above (RFC 9989, the tree walk)."""
    labels = domain.split(".")
    above = [".".join(labels[at:]) for at in range(1, max(1, len(labels) - 1))]
    return tuple(f"_dmarc.{name}" for name in (domain, *above[-_PARENTS:]))


def dkim_name(selector: str, domain: str) -> str:
    """Where the key of a selector lies (RFC 6376 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def questions(snapshot: Snapshot, settings: Settings) -> tuple[Question, ...]:
    """What is still to be asked."""
    domains = domains_known(settings)
    wanted = dict.fromkeys(_of_domains(snapshot, domains))
    wanted |= dict.fromkeys(_of_addresses(snapshot)) if domains else {}
    return tuple(question for question in wanted if source(*question) not in snapshot.readings)


def _of_domains(snapshot: Snapshot, domains: tuple[str, ...]) -> Iterator[Question]:
    for domain in domains:
        yield domain, "TXT"
        yield f"_mta-sts.{domain}", "TXT"
        yield f"_smtp._tls.{domain}", "TXT"
        yield from ((name, "TXT") for name in dmarc_names(domain))
        yield from ((dkim_name(selector, domain), "TXT") for selector in selectors(snapshot))
        yield from _of_spf(snapshot, domain)


def _of_spf(snapshot: Snapshot, domain: str) -> list[Question]:
    asked: list[Question] = []

    def lookup(name: str, kind: str) -> DnsAnswer:
        asked.append((name, kind))
        return record(snapshot, name, kind)

    walk(lookup, domain)
    return asked


def _of_addresses(snapshot: Snapshot) -> Iterator[Question]:
    addresses = public_addresses(snapshot)
    for address in () if isinstance(addresses, Unknown) else addresses:
        yield reverse_name(address), "PTR"
        names = record(snapshot, reverse_name(address), "PTR")
        kind = "AAAA" if ":" in address else "A"
        named = names.values[:3] if isinstance(names, Records) else ()
        yield from ((name, kind) for name in named if is_host_name(name))
