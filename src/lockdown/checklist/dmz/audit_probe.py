"""What item 3 says of what a stranger sees: open ports, other ways in, words that tell too much, TLS.

Ports that the very machine sees of itself are not judged: a firewall does not stand in between.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from lockdown.checklist.dmz.audit_probe_tls import audit_probe_tls
from lockdown.checklist.dmz.probe_controls import (
    OWN_CONTROLS,
    SEEN_BANNER,
    SEEN_INJECTION,
    SEEN_PLAINTEXT,
    SEEN_PORTS,
    SEEN_WAYS_IN,
)
from lockdown.checklist.dmz.tls_controls import TLS_CONTROLS
from lockdown.config import Settings
from lockdown.facts.probed import (
    Bypass,
    Listener,
    Ports,
    is_local,
    left_out,
    ports_seen,
    reached,
    was_probed,
    ways_seen,
)
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

PROBE_CONTROLS = (*OWN_CONTROLS, *TLS_CONTROLS)

_AGAIN = "lockdown probe HOST     (again, some minutes later)"
_INJECTION = {24: "LMTP", 2003: "LMTP", 10023: "greylisting", 10024: "content filter", 10025: "re-injection",
              10026: "content filter", 10027: "re-injection"}  # fmt: skip
_INSIDE = {
    21: "FTP", 23: "telnet", 79: "finger", 111: "portmapper", 135: "RPC", 139: "NetBIOS", 389: "LDAP", 445: "SMB",
    514: "syslog or rsh", 873: "rsync", 2375: "Docker", 3306: "MySQL", 3310: "clamd", 3389: "remote desktop",
    5432: "PostgreSQL", 5900: "VNC", 6379: "Redis", 783: "spamd", 8891: "a milter", 8893: "a milter",
    9100: "node exporter", 9200: "Elasticsearch", 11211: "memcached", 11332: "rspamd", 11333: "rspamd",
    11334: "rspamd's console", 27017: "MongoDB",
}  # fmt: skip
_PANELS = {8025: "a console", 8080: "a web console", 8081: "a web console", 8443: "a web console", 9090: "Cockpit",
           10000: "Webmin"}  # fmt: skip
_SHELL = 22
_MOST_HONEST_PORTS = 25
"""A host that answers on more than these is a machine that answers on all of them."""

_PRODUCTS = (
    "postfix", "exim", "sendmail", "opensmtpd", "qmail", "exchange", "microsoft esmtp", "haraka", "mdaemon",
    "kerio", "zimbra", "communigate", "hmailserver", "mailenable", "icewarp",
)  # fmt: skip
_VERSION = re.compile(r"(?<![\d.])v?\d{1,2}\.\d{1,4}(?:\.\d+)*(?![\d.])")
_SYSTEM = re.compile(r"debian|ubuntu|centos|red ?hat|windows|freebsd|suse", re.IGNORECASE)
_INNER_NAME = re.compile(r"\S+\.(?:local|lan|internal|intranet|corp|localdomain|home)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def audit_probe(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control on what was asked; nothing where nothing was probed."""
    if not was_probed(snapshot):
        return
    yield from _of_ports(snapshot, policy)
    yield from _of_ways(snapshot, policy)
    yield from _of_listeners(snapshot, policy)
    yield from audit_probe_tls(snapshot, policy)


# ── ports ──


def _of_ports(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    both = (SEEN_PORTS, SEEN_INJECTION)
    tried = ports_seen(snapshot)
    if not tried:
        yield from (one.finding(State.NOT_APPLICABLE, "No port was tried.", target="probe") for one in both)
    for source, seen in tried:
        why, state = _not_judged(seen, snapshot)
        if why or isinstance(seen, Unknown):
            target = source if isinstance(seen, Unknown) else seen.address
            ask = _AGAIN if state is State.UNKNOWN else ""
            yield from (one.finding(state, why, target=target, next_command=ask) for one in both)
            continue
        evidence = Evidence(source, f"open: {', '.join(map(str, seen.open)) or 'none'}")
        state, says = _ports(seen, policy)
        yield SEEN_PORTS.finding(state, says, evidence, target=seen.address)
        state, says = _injection(seen)
        yield SEEN_INJECTION.finding(state, says, evidence, target=seen.address)


def _not_judged(seen: Ports | Unknown, snapshot: Snapshot) -> tuple[str, State]:
    if isinstance(seen, Unknown):
        return f"The ports could not be tried: {seen.why}.", State.UNKNOWN
    if is_local(snapshot):
        return "Seen from the machine itself: ask from another one what strangers reach.", State.NOT_APPLICABLE
    if seen.why or not seen.open:
        return f"No port of {seen.address} answered: {seen.why or 'nothing was let through'}.", State.UNKNOWN
    if len(seen.open) > _MOST_HONEST_PORTS:
        return f"{len(seen.open)} ports answer: something stands before the machine and answers for it.", State.UNKNOWN
    return "", State.PASS


def _ports(seen: Ports, policy: Settings) -> tuple[State, str]:
    inside = [f"{port} ({_INSIDE[port]})" for port in seen.open if port in _INSIDE]
    if inside:
        return State.FAIL, f"Strangers reach what is only for the machine itself: {', '.join(inside)}."
    panels = [f"{port} ({_PANELS[port]})" for port in seen.open if port in _PANELS]
    if panels:
        return State.WARN, f"Strangers reach what looks like a console: {', '.join(panels)}."
    if _SHELL in seen.open and policy.site.profile == "strict":
        return State.WARN, "Strangers reach SSH: let it be reached from the network of the administrators alone."
    shell = ", SSH among them" if _SHELL in seen.open else ""
    return State.PASS, f"Strangers reach {len(seen.open)} ports{shell}, and none that is only for inside."


def _injection(seen: Ports) -> tuple[State, str]:
    found = [f"{port} ({_INJECTION[port]})" for port in seen.open if port in _INJECTION]
    if found:
        return State.FAIL, f"Strangers reach a port behind the filters: {', '.join(found)}."
    return State.PASS, "No port behind the filters is reached from outside."


# ── other ways in ──


def _of_ways(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    found = ways_seen(snapshot)
    if not found:
        says = "Not looked for: no DNS resolver was named to ask for other names."
        yield SEEN_WAYS_IN.finding(State.NOT_APPLICABLE, says, target="probe")
    for source, seen in found:
        if isinstance(seen, Unknown) or seen.why:
            says = f"Other ways in could not be looked for: {seen.why}."
            yield SEEN_WAYS_IN.finding(State.UNKNOWN, says, target=source, next_command=_AGAIN)
        else:
            yield _ways(source, seen, policy)


def _ways(source: str, seen: Bypass, policy: Settings) -> Finding:
    takes = [way for way in seen.tried if way.kind == "takes"]
    words = tuple(
        Evidence(source, f"{way.name} {way.address} ({way.found_by}): {way.kind}, {way.said}")
        for way in (takes or seen.tried)[:5]
    )
    if takes:
        state = State.FAIL if policy.site.profile == "strict" else State.WARN
        where = ", ".join(f"{way.name} ({way.address})" for way in takes)
        says = f"Mail for {seen.domain} is taken past its MX hosts, by {where}."
        return SEEN_WAYS_IN.finding(state, says, *words, target=seen.domain)
    untold = [way for way in seen.tried if way.kind == "not-tested"]
    if untold:
        says = f"{untold[0].name} ({untold[0].address}) answers, but did not say whether it takes mail."
        return SEEN_WAYS_IN.finding(State.UNKNOWN, says, *words, target=seen.domain, next_command=_AGAIN)
    says = f"{len(seen.tried)} other addresses were tried; none takes mail for {seen.domain}."
    return SEEN_WAYS_IN.finding(State.PASS, says, *words, target=seen.domain)


# ── what a listener says ──


def _of_listeners(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    both = (SEEN_BANNER, SEEN_PLAINTEXT)
    asked = reached(snapshot)
    if not asked:
        yield from (one.finding(State.NOT_APPLICABLE, "No mail listener was asked.", target="probe") for one in both)
    for place, seen in asked:
        if isinstance(seen, Unknown):
            says = f"{place} could not be asked: {seen.why}."
            yield from (one.finding(State.UNKNOWN, says, target=place, next_command=_AGAIN) for one in both)
            continue
        yield _told(SEEN_BANNER, seen, *_banner(seen, policy), words=str(seen.greeting))
        yield _told(
            SEEN_PLAINTEXT,
            seen,
            *_plaintext(seen, snapshot),
            words=seen.starttls.plaintext_why or f"STARTTLS: {seen.starttls.plaintext}",
        )


def _told(control: Control, seen: Listener, state: State, says: str, *, words: str) -> Finding:
    evidence = (Evidence(seen.source, words),) if words else ()
    ask = _AGAIN if state is State.UNKNOWN else ""
    return control.finding(state, says, *evidence, target=seen.place, next_command=ask)


def _banner(seen: Listener, policy: Settings) -> tuple[State, str]:
    text = f"{seen.greeting.text} {seen.helo.text}"
    if inner := _inner(text, seen):
        return State.WARN, f"Its greeting names {inner}, which is nobody's business outside."
    product = next((name for name in _PRODUCTS if name in text.lower()), "")
    if product and (version := _VERSION.search(_ADDRESS.sub("", text))):
        return State.WARN, f"Its greeting names {product} {version[0]}: attackers look for versions."
    if (product or _SYSTEM.search(text)) and policy.site.profile == "strict":
        return State.WARN, "Its greeting names the product or the system that it runs on."
    return State.PASS, "Its greeting names no version and nothing of the inside."


def _inner(text: str, seen: Listener) -> str:
    """An inner name or address; the address that the probe itself came from stands in many answers to EHLO."""
    greeting = seen.greeting.text
    if name := _INNER_NAME.search(greeting):
        return name[0]
    for found in _ADDRESS.findall(greeting):
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            continue
        if address.is_private and not address.is_loopback and found != seen.address:
            return str(found)
    return ""


def _plaintext(seen: Listener, snapshot: Snapshot) -> tuple[State, str]:
    tls = seen.starttls
    if seen.port == 465 or tls.kind == "not-offered" or seen.kind == "lmtp":
        return State.NOT_APPLICABLE, "There is no STARTTLS to smuggle a command behind."
    if tls.plaintext == "obeyed":
        return State.FAIL, "It obeys a command in plain text behind STARTTLS as if it had come encrypted."
    if tls.plaintext == "dropped":
        return State.PASS, "A command in plain text behind STARTTLS is dropped."
    if why := left_out(snapshot):
        return State.NOT_APPLICABLE, f"Not tried: {why}."
    return State.UNKNOWN, f"What becomes of a command behind STARTTLS could not be told: {tls.why or 'no answer'}."
