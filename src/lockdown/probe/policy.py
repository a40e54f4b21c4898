"""What a domain says of itself to the world: every name that mail depends on, and its MTA-STS policy over HTTPS.

Names are asked of the given resolver alone, the address of the policy's server too. Time is bounded over all of it.
When a domain's registration ends is not looked up: that is asked of a registry over RDAP, not of the DNS.
Fails as: readings that are Unknown. Never raises for what strangers answer.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import secrets
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from lockdown.facts import mta_sts, probed_dns
from lockdown.facts.dane import tlsa_name
from lockdown.facts.dns_records import DnsAnswer
from lockdown.facts.own_names import dkim_name, dmarc_names, is_host_name, reverse_name
from lockdown.facts.probed_dns import Answer, Domain
from lockdown.facts.spf_record import walk
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from lockdown.probe.names import MailHost, Names, Resolver, mail_hosts

Question: TypeAlias = tuple[str, str]

# Names of keys that large services and common guides give: a key under another name stays unseen, and is said to be.
SELECTORS = (
    "default", "dkim", "mail", "s1", "s2", "k1", "k2", "k3", "selector1", "selector2", "google", "mx", "smtp",
    "dkim1", "key1", "fm1", "fm2", "fm3", "protonmail", "zoho", "mailcow", "rsa", "ed25519",
)  # fmt: skip
MOST_HOSTS = 10
_SPF_ROUNDS = 8
_HTTPS_SECONDS = 10.0
_TOP = 2


def domain_readings(
    domain: str,
    resolver: Resolver,
    ca_file: Path | None,
    seconds: float,
    *,
    selectors: Sequence[str] = (),
    https_port: int = 443,
) -> dict[str, Reading]:
    """The readings of one domain. `ca_file` holds the certificates to trust for HTTPS; None: those of the system."""
    domain = domain.lower().rstrip(".")
    if not is_host_name(domain):
        return {f"{probed_dns.DOMAINS}/unnamed.json": Unknown("that is no name of a domain")}
    names = Names(resolver, seconds)
    asked: dict[Question, Answer | Unknown] = {}
    hosts = mail_hosts(domain, resolver, names=names)
    found = () if isinstance(hosts, Unknown) else hosts[:MOST_HOSTS]
    wildcard = f"{secrets.token_hex(6)}.{domain}"
    known = tuple(dict.fromkeys((*selectors, *SELECTORS)))
    _ask(names, asked, _of_domain(domain, wildcard, known))
    for host in found:
        _ask(names, asked, _of_host(host, domain))
    _ask(names, asked, _forward(asked))
    _spf(names, asked, domain)
    readings = {probed_dns.source(*question): _reading(answer) for question, answer in asked.items()}
    seen = Domain(
        domain=domain,
        resolver=str(resolver),
        hosts=tuple(host.name for host in found),
        takes_mail=bool(found) or isinstance(hosts, Unknown),
        unread=hosts.why if isinstance(hosts, Unknown) else "",
        selectors=known,
        wildcard=wildcard,
    )
    missing = asked[domain, "MX"]
    # A name that is not there has nothing to be judged: everything about it is unknown, not amiss.
    gone = isinstance(missing, Answer) and missing.status == "no-name"
    readings[f"{probed_dns.DOMAINS}/{domain}.json"] = (
        Unknown(f"there is no domain {domain}") if gone else probed_dns.described(seen)
    )
    record = asked[f"_mta-sts.{domain}", "TXT"]
    if isinstance(record, Answer) and any(text.startswith("v=STSv1") for text in record.values):
        readings[mta_sts.source(domain)] = _policy(names, domain, ca_file, https_port)
    return readings


def _reading(answer: Answer | Unknown) -> Reading:
    return answer if isinstance(answer, Unknown) else probed_dns.described(answer)


def _ask(names: Names, asked: dict[Question, Answer | Unknown], questions: Iterable[Question]) -> None:
    wanted = [question for question in dict.fromkeys(questions) if question not in asked]
    with ThreadPoolExecutor(8) as pool:
        asked.update(zip(wanted, pool.map(lambda question: names.look(*question), wanted), strict=True))


def _of_domain(domain: str, wildcard: str, selectors: Sequence[str]) -> Iterator[Question]:
    yield from ((domain, kind) for kind in ("MX", "A", "AAAA", "TXT", "NS", "DS", "DNSKEY"))
    yield from ((name, "CAA") for name in _upward(domain))
    yield from ((name, "TXT") for name in dmarc_names(domain))
    yield from ((name, "TXT") for name in (f"_mta-sts.{domain}", f"_smtp._tls.{domain}"))
    yield from ((dkim_name(selector, domain), "TXT") for selector in selectors)
    yield from ((wildcard, kind) for kind in ("MX", "A", "TXT"))


def _upward(name: str) -> Iterator[str]:
    """RFC 8659 3: CAA is looked for at the name, then at each one above."""
    labels = name.split(".")
    yield from (".".join(labels[at:]) for at in range(max(1, len(labels) - _TOP + 1)))


def _of_host(host: MailHost, domain: str) -> Iterator[Question]:
    yield from ((host.name, kind) for kind in ("A", "AAAA", "CNAME"))
    yield (tlsa_name(host.name), "TLSA")
    yield from ((reverse_name(address), "PTR") for address in host.addresses[:8] if _is_address(address))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _forward(asked: dict[Question, Answer | Unknown]) -> list[Question]:
    """What reverse names lead back to, and the addresses of the name servers."""
    names = [
        value
        for (_, kind), found in asked.items()
        if kind in ("PTR", "NS") and isinstance(found, Answer)
        for value in found.values[:8]
        if is_host_name(value)
    ]
    return [(name, kind) for name in names for kind in ("A", "AAAA")]


def _spf(names: Names, asked: dict[Question, Answer | Unknown], domain: str) -> None:
    """What the SPF record leads to, until it leads nowhere new."""
    for _ in range(_SPF_ROUNDS):
        missing: list[Question] = []
        made = {probed_dns.source(*question): _reading(answer) for question, answer in asked.items()}
        snapshot = Snapshot("", datetime.min.replace(tzinfo=UTC), "", made)

        def lookup(name: str, kind: str, snapshot: Snapshot = snapshot, missing: list[Question] = missing) -> DnsAnswer:
            if (name, kind) not in asked:
                missing.append((name, kind))
            return probed_dns.looked_up(snapshot, name, kind)

        walk(lookup, domain)
        if not missing:
            return
        _ask(names, asked, missing)


# ── the policy of MTA-STS ──


class _Failed(Exception):
    """It could not be fetched, and nobody is to blame for sure."""


def _policy(names: Names, domain: str, ca_file: Path | None, port: int) -> Reading:
    host = f"mta-sts.{domain}"
    try:
        return mta_sts.described(_fetched(host, _addresses(names, host), ca_file, port))
    except _Failed as why:
        return Unknown(str(why))


def _addresses(names: Names, host: str) -> list[str]:
    found = [names.look(host, kind) for kind in ("A", "AAAA")]
    addresses = [value for one in found if isinstance(one, Answer) for value in one.values]
    if not addresses:
        why = next((one.why for one in found if isinstance(one, Unknown)), "it has no address")
        raise _Failed(f"{host}: {why}")
    return addresses[:4]


def _fetched(host: str, addresses: Sequence[str], ca_file: Path | None, port: int) -> mta_sts.Fetched:
    deadline = time.monotonic() + _HTTPS_SECONDS
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise _Failed(f"the certificates to trust cannot be read: {type(error).__name__}") from None
    why = ""
    for address in addresses:
        try:
            with socket.create_connection((address, port), _left(deadline)) as plain:
                plain.settimeout(_left(deadline))
                with context.wrap_socket(plain, server_hostname=host) as secured:
                    return _answer(_said(secured, host, deadline))
        except ssl.SSLCertVerificationError as error:
            return mta_sts.Fetched(outcome="certificate", why=error.verify_message)
        except TimeoutError:
            why = f"{host} does not answer over HTTPS"
        except OSError as error:
            why = f"{host} over HTTPS: {(error.strerror or type(error).__name__).lower()}"
    raise _Failed(why)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(5.0, left)


def _said(secured: ssl.SSLSocket, host: str, deadline: float) -> bytes:
    request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    secured.sendall(request.encode("ascii"))
    held = b""
    while len(held) < 2 * mta_sts.MOST_OCTETS:
        secured.settimeout(_left(deadline))
        octets = secured.recv(16384)
        if not octets:
            break
        held += octets
    return held


class _Held:
    """As much of a socket as the reader of HTTP wants."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._octets)


def _answer(octets: bytes) -> mta_sts.Fetched:
    """RFC 8461 3.3: a redirect is not followed; 200 alone is a policy."""
    try:
        response = http.client.HTTPResponse(_Held(octets))  # type: ignore[arg-type]
        response.begin()
        text = response.read(mta_sts.MOST_OCTETS).decode("utf-8", "replace")
        kind = (response.getheader("Content-Type") or "")[:200]
        return mta_sts.Fetched(outcome="answered", status=response.status, kind=kind, text=text)
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise _Failed(f"its answer is no HTTP: {type(error).__name__}") from None
