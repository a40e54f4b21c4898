"""What item 2 demands of a domain as strangers see it: its servers, who may send, how TLS is insisted on, signatures.

Judged on readings `probe/…` alone. A question without an answer, or one whose signature is wrong, is UNKNOWN; where
nothing was probed nothing is said. When the registration of a domain ends is not looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from lockdown.checklist.antispam.audit_dane import dane
from lockdown.checklist.antispam.audit_identity import _dmarc, _policy_record, _strength, target
from lockdown.checklist.antispam.audit_mta_sts import sts
from lockdown.checklist.antispam.audit_spf import spf
from lockdown.checklist.antispam.names_controls import (
    NAMES_CONTROLS,
    SEEN_CAA,
    SEEN_DKIM,
    SEEN_DMARC,
    SEEN_DNSSEC,
    SEEN_MX,
    SEEN_NAME_SERVERS,
    SEEN_PARKED,
    SEEN_REVERSE,
    SEEN_SPF,
    SEEN_TLS_REPORTS,
    SEEN_WILDCARD,
)
from lockdown.config import Settings
from lockdown.facts.dkim_key import dkim_key
from lockdown.facts.own_names import dkim_name, reverse_name
from lockdown.facts.probed_dns import Answer, Domain, answer, as_asked_here, domains, evidence, exchanges
from lockdown.facts.spf_record import is_spf
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

PROBE_CONTROLS = NAMES_CONTROLS
_AGAIN = "lockdown probe DOMAIN     (again, or with --resolver ADDRESS)"
_OLD_ALGORITHMS = {"1", "3", "5", "6", "7", "12"}
"""RFC 8624 3.1, RFC 9905: signing with these must stop; 5 and 7 rest on SHA-1."""
_MOST_SHOWN = 3

Judge = Callable[[Snapshot, Domain, Settings], Iterator[Finding]]


def audit_names(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on every domain that was looked at from outside."""
    if not any(name.startswith("probe/") for name in snapshot.readings):
        return
    seen = domains(snapshot)
    if not seen:
        says = "No domain was probed, only a server: what its name says to the world is not judged."
        yield from (control.finding(State.NOT_APPLICABLE, says, target="probe") for control in PROBE_CONTROLS)
    view = as_asked_here(snapshot)
    for domain in seen:
        if isinstance(domain, Unknown):
            says = f"The domain could not be looked at: {domain.why}."
            yield from (
                control.finding(State.UNKNOWN, says, target="probe", next_command=_AGAIN) for control in PROBE_CONTROLS
            )
            continue
        for judge in _JUDGES if domain.takes_mail else _JUDGES_OF_PARKED:
            yield from judge(view, domain, policy)
        yield from _not_applicable(domain)


def _not_applicable(domain: Domain) -> Iterator[Finding]:
    """What is judged only where there is mail, or only where there is none."""
    if domain.takes_mail:
        says = f"{domain.domain} takes mail."
        yield SEEN_PARKED.finding(State.NOT_APPLICABLE, says, target=target(domain.domain))
        return
    judged = {SEEN_PARKED, SEEN_DNSSEC, SEEN_NAME_SERVERS, SEEN_CAA, SEEN_WILDCARD}
    for control in PROBE_CONTROLS:
        if control not in judged:
            says = f"{domain.domain} takes no mail."
            yield control.finding(State.NOT_APPLICABLE, says, target=target(domain.domain))


def _unknown(control: Control, domain: Domain, why: str, *where: Evidence) -> Finding:
    says = f"It could not be looked up: {why}."
    return control.finding(State.UNKNOWN, says, *where, target=target(domain.domain), next_command=_AGAIN)


# ── where mail goes ──


def _mx(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    found = answer(snapshot, domain.domain, "MX")
    where, place = evidence(domain.domain, "MX", found), target(domain.domain)
    if isinstance(found, Unknown):
        yield _unknown(SEEN_MX, domain, found.why, where)
        return
    if not found.is_there:
        says = "There is no MX record: mail goes to the address of the domain itself, which few mean."
        yield SEEN_MX.finding(State.WARN, says, where, target=place)
        return
    listed = exchanges(found)
    if isinstance(listed, Unknown):
        yield _unknown(SEEN_MX, domain, listed.why, where)
        return
    faults = [fault for one in listed for fault in _server(snapshot, one.name, several=len(listed) > 1)]
    if not faults:
        says = f"Mail goes to {', '.join(one.name for one in listed[:_MOST_SHOWN])}."
        yield SEEN_MX.finding(State.PASS, says, where, target=place)
    for state, says, fault in faults:
        ask = _AGAIN if state is State.UNKNOWN else ""
        yield SEEN_MX.finding(state, says, where, fault, target=place, next_command=ask)


def _server(snapshot: Snapshot, name: str, *, several: bool) -> Iterator[tuple[State, str, Evidence]]:
    """What is wrong with one server."""
    if not name:
        if several:
            line = Evidence("DNS MX", "0 .")
            yield State.FAIL, "A null MX stands beside other MX records: RFC 7505 allows it alone.", line
        return
    alias = answer(snapshot, name, "CNAME")
    if isinstance(alias, Answer) and alias.is_there:
        says = f"The MX record names {name}, which is an alias (CNAME): some senders do not follow it."
        yield State.WARN, says, evidence(name, "CNAME", alias)
    answers = {kind: answer(snapshot, name, kind) for kind in ("A", "AAAA")}
    addresses = [value for one in answers.values() if isinstance(one, Answer) for value in one.values]
    where = evidence(name, "A", answers["A"])
    unread = next((one.why for one in answers.values() if isinstance(one, Unknown)), "")
    if not addresses:
        if unread:
            yield State.UNKNOWN, f"The address of {name} could not be looked up: {unread}.", where
        else:
            yield State.FAIL, f"The MX record names {name}, which has no address: its mail is lost or late.", where
    inner = [address for address in addresses if _is_inner(address)]
    if inner:
        yield State.FAIL, f"{name} has the address {inner[0]}, which nobody outside can reach.", where


def _is_inner(text: str) -> bool:
    """Private, loopback, link-local; addresses that are kept for examples are nobody's."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    return any(address.version == one.version and address in one for one in _INNER)


_INNER = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/128", "::1/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def _wildcard(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    name = domain.wildcard
    found = answer(snapshot, name, "MX")
    where, place = evidence(f"*.{domain.domain}", "MX", found), target(domain.domain)
    match found:
        case Unknown(why):
            yield _unknown(SEEN_WILDCARD, domain, why.replace(name, f"*.{domain.domain}"), where)
        case Answer(status="records", values=values) if not values[0].endswith(" ") and values != ("0",):
            says = "Every name that one invents below the domain takes mail (a wildcard MX)."
            yield SEEN_WILDCARD.finding(State.WARN, says, where, target=place)
        case _:
            yield SEEN_WILDCARD.finding(State.PASS, "An invented name takes no mail.", where, target=place)


# ── who may send ──


def _spf(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    yield replace(spf(snapshot, domain.domain), control=SEEN_SPF.id)


def _dmarc_seen(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    yield replace(_dmarc(snapshot, domain.domain), control=SEEN_DMARC.id)


def _tls_reports(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    found = _policy_record(
        snapshot, SEEN_TLS_REPORTS, f"_smtp._tls.{domain.domain}", "v=tlsrptv1", "rua", domain.domain
    )
    # No mail is lost without it: where little is demanded its absence is no warning.
    if found.state is State.WARN and policy.site.profile == "starter":
        says = "There is no such record; reports on TLS help, and are not needed."
        found = replace(found, state=State.NOT_APPLICABLE, says=says, next_command="")
    yield found


def _dkim(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    place = target(domain.domain)
    unread = ""
    judged = False
    for selector in domain.selectors:
        name = dkim_name(selector, domain.domain)
        found = answer(snapshot, name, "TXT")
        if isinstance(found, Unknown):
            unread = unread or found.why
        elif found.is_there and "p=" in found.values[0]:
            key = dkim_key(found.values[0])
            if isinstance(key, Unknown) or key.bits:  # a key that was taken back is as it should be
                judged = True
                state, says = _strength(selector, key)
                yield SEEN_DKIM.finding(state, says, evidence(name, "TXT", found), target=place)
    if not judged:
        why = f"some could not be looked up: {unread}" if unread else "it may have another name"
        says = f"No signing key was found under {len(domain.selectors)} common names; {why}."
        ask = f"look for s= in the DKIM-Signature of a message of yours, then: dig TXT NAME._domainkey.{domain.domain}"
        yield SEEN_DKIM.finding(State.UNKNOWN, says, target=place, next_command=ask)


# ── reverse names ──


def _reverse(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    addresses = [
        (host, value)
        for host in domain.hosts
        for kind in ("A", "AAAA")
        if isinstance(found := answer(snapshot, host, kind), Answer)
        for value in found.values
        if not _is_inner(value)
    ]
    if not addresses:
        says = "No server of the domain has an address whose name could be asked for."
        yield SEEN_REVERSE.finding(State.UNKNOWN, says, target=target(domain.domain), next_command=_AGAIN)
    for _, address in dict.fromkeys(addresses):
        yield _named(snapshot, domain, address)


def _named(snapshot: Snapshot, domain: Domain, address: str) -> Finding:
    name = reverse_name(address)
    found = answer(snapshot, name, "PTR")
    where, place = evidence(name, "PTR", found), f"address {address}"
    if isinstance(found, Unknown):
        return replace(_unknown(SEEN_REVERSE, domain, found.why, where), target=place)
    if not found.is_there:
        # A server that only receives needs no such name; whether this one sends too cannot be seen from outside.
        says = f"{address} has no name: if mail is sent from it, large receivers refuse that."
        return SEEN_REVERSE.finding(State.WARN, says, where, target=place)
    kind = "AAAA" if ":" in address else "A"
    back = {one: answer(snapshot, one, kind) for one in found.values[:8]}
    for one, led in back.items():
        if isinstance(led, Answer) and address in led.values:
            return SEEN_REVERSE.finding(State.PASS, f"{address} is {one}, and {one} is {address}.", where, target=place)
    unread = next((led.why for led in back.values() if isinstance(led, Unknown)), "")
    if unread:
        return replace(_unknown(SEEN_REVERSE, domain, unread, where), target=place)
    says = f"{address} is called {found.values[0]}, which does not lead back to it."
    return SEEN_REVERSE.finding(State.WARN, says, where, target=place)


# ── the zone itself ──


def _dnssec(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    found = answer(snapshot, domain.domain, "MX")
    where, place = evidence(domain.domain, "MX", found), target(domain.domain)
    if isinstance(found, Unknown):
        bogus = found.why.partition("bogus: ")[2]
        # Wrong signatures above the domain are the doing of whoever answers here, or of nobody that can mend them.
        if domain.domain in bogus:
            says = f"Who checks signatures does not reach the domain: {bogus}."
            yield SEEN_DNSSEC.finding(State.FAIL, says, where, target=place)
        else:
            yield _unknown(SEEN_DNSSEC, domain, found.why, where)
        return
    match found.security:
        case "unsure":
            yield _unknown(SEEN_DNSSEC, domain, found.why, where)
        case "insecure":
            state = State.NOT_APPLICABLE if policy.site.profile == "starter" else State.WARN
            says = f"The domain is not signed{f': {found.why}' if found.why else ''}."
            yield SEEN_DNSSEC.finding(state, says, where, target=place)
        case "secure":
            yield from _signed(snapshot, domain)


def _signed(snapshot: Snapshot, domain: Domain) -> Iterator[Finding]:
    place = target(domain.domain)
    keys = answer(snapshot, domain.domain, "DNSKEY")
    where = evidence(domain.domain, "DNSKEY", keys)
    used = {value.partition(" ")[2] for value in keys.values} if isinstance(keys, Answer) else set()
    old = sorted(used & _OLD_ALGORITHMS)
    if old and used <= _OLD_ALGORITHMS:
        says = f"The domain is signed with algorithm {old[0]}, which rests on a broken digest; use 13."
        yield SEEN_DNSSEC.finding(State.WARN, says, where, target=place)
        return
    weaker = [
        host
        for host in domain.hosts
        for kind in ("A", "AAAA")
        if isinstance(led := answer(snapshot, host, kind), Answer) and led.security == "insecure"
    ]
    if weaker:
        says = f"The domain is signed, and its mail server {weaker[0]} lies in a zone that is not."
        yield SEEN_DNSSEC.finding(State.PASS, says, where, target=place)
        return
    yield SEEN_DNSSEC.finding(State.PASS, "The domain is signed, and the signatures hold.", where, target=place)


def _caa(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    place = target(domain.domain)
    labels = domain.domain.split(".")
    for name in (".".join(labels[at:]) for at in range(max(1, len(labels) - 1))):
        found = answer(snapshot, name, "CAA")
        where = evidence(name, "CAA", found)
        if isinstance(found, Unknown):
            yield _unknown(SEEN_CAA, domain, found.why, where)
            return
        if found.is_there:
            yield SEEN_CAA.finding(State.PASS, f"{name} says who may issue certificates.", where, target=place)
            return
    where = evidence(domain.domain, "CAA", answer(snapshot, domain.domain, "CAA"))
    state = State.WARN if policy.site.profile == "strict" else State.NOT_APPLICABLE
    says = "No CAA record: any authority may issue certificates for the domain (good to have, not demanded here)."
    if state is State.WARN:
        says = "No CAA record: any authority may issue certificates for the domain."
    yield SEEN_CAA.finding(state, says, where, target=place)


def _name_servers(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    found = answer(snapshot, domain.domain, "NS")
    where, place = evidence(domain.domain, "NS", found), target(domain.domain)
    if isinstance(found, Unknown):
        yield _unknown(SEEN_NAME_SERVERS, domain, found.why, where)
        return
    if not found.is_there:
        says = "The domain has no name servers of its own: it lies in the zone above."
        yield SEEN_NAME_SERVERS.finding(State.NOT_APPLICABLE, says, where, target=place)
        return
    if len(found.values) < 2:
        says = f"The domain has one name server, {found.values[0]}: when it is away, so is your mail."
        yield SEEN_NAME_SERVERS.finding(State.WARN, says, where, target=place)
        return
    addresses = [
        value
        for name in found.values
        for kind in ("A", "AAAA")
        if isinstance(led := answer(snapshot, name, kind), Answer)
        for value in led.values
    ]
    if len(set(addresses)) == 1:
        says = f"All {len(found.values)} name servers are one machine, {addresses[0]}."
        yield SEEN_NAME_SERVERS.finding(State.WARN, says, where, target=place)
        return
    says = f"The domain has {len(found.values)} name servers."
    yield SEEN_NAME_SERVERS.finding(State.PASS, says, where, target=place)


# ── a domain that takes no mail ──


def _parked(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    place = target(domain.domain)
    mx = answer(snapshot, domain.domain, "MX")
    texts = answer(snapshot, domain.domain, "TXT")
    unread = next((one for one in (mx, texts) if isinstance(one, Unknown)), None)
    if unread is not None:
        yield _unknown(SEEN_PARKED, domain, unread.why)
        return
    assert isinstance(mx, Answer) and isinstance(texts, Answer)
    missing = list(_unsaid(mx, texts, _dmarc(snapshot, domain.domain)))
    where = (evidence(domain.domain, "MX", mx), evidence(domain.domain, "TXT", texts))
    if missing:
        says = f"The domain takes no mail, and does not say so to forgers: {'; '.join(missing)}."
        yield SEEN_PARKED.finding(State.WARN, says, *where, target=place)
        return
    says = "The domain takes no mail, sends none, and says both."
    yield SEEN_PARKED.finding(State.PASS, says, *where, target=place)


def _unsaid(mx: Answer, texts: Answer, dmarc: Finding) -> Iterable[str]:
    if not mx.is_there:
        yield "no null MX"
    records = [text for text in texts.values if is_spf(text)]
    if [text.lower().split() for text in records] != [["v=spf1", "-all"]]:
        yield 'its SPF is not "v=spf1 -all"'
    if "reject" not in dmarc.says and dmarc.state is not State.UNKNOWN:
        yield "DMARC does not ask to reject"


_JUDGES: tuple[Judge, ...] = (
    _mx,
    _spf,
    _dkim,
    _dmarc_seen,
    _reverse,
    sts,
    _tls_reports,
    dane,
    _dnssec,
    _caa,
    _name_servers,
    _wildcard,
)
_JUDGES_OF_PARKED: tuple[Judge, ...] = (_parked, _dnssec, _caa, _name_servers, _wildcard)
