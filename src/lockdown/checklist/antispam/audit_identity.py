"""What item 2 demands of the site's own names: SPF, DKIM, DMARC, reverse names, and what is said of TLS.

Judged on what the DNS said when it was asked; a question that has no answer is UNKNOWN, not an absent record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.antispam.audit_controls import (
    IDENTITY,
    OWN_DKIM,
    OWN_DMARC,
    OWN_MTA_STS,
    OWN_TLS_REPORTS,
    REVERSE_NAMES,
)
from lockdown.checklist.antispam.audit_spf import spf
from lockdown.facts.dkim_key import DkimKey, dkim_key
from lockdown.facts.dns_records import Nothing, Records, evidence, record
from lockdown.facts.gateway import Gateway
from lockdown.facts.own_names import dkim_name, dmarc_names, domains_known, public_addresses, reverse_name
from lockdown.facts.rspamd import selectors
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_LEAST_BITS, _GOOD_BITS = 1024, 2048
"""RFC 8301 3.2: shorter than the first must not be believed; signers should have the second."""


def audit_identity(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    """The findings on each domain of the site, and on the addresses of this machine."""
    domains = domains_known(found.settings)
    if not domains:
        says = "Your domains are not known: site.domains is still example.org."
        fix = 'write site.domains = ["your.domain"] in lockdown.toml     (lockdown init finds it)'
        where = found.evidence("site.domains")
        for control in IDENTITY:
            yield control.finding(State.UNKNOWN, says, where, target="gateway", next_command=fix)
        return
    for domain in domains:
        yield spf(snapshot, domain)
        yield from _dkim(snapshot, domain)
        yield _dmarc(snapshot, domain)
        yield _policy_record(snapshot, OWN_MTA_STS, f"_mta-sts.{domain}", "v=stsv1", "id", domain)
        yield _policy_record(snapshot, OWN_TLS_REPORTS, f"_smtp._tls.{domain}", "v=tlsrptv1", "rua", domain)
    yield from _reverse(snapshot, found)


def target(domain: str) -> str:
    """How a domain is named on the screen."""
    return f"domain {domain}"


def tags(text: str) -> dict[str, str]:
    """`a=b; c=d`, names in lower case; the first of two counts."""
    pairs = [
        (name.strip().lower(), value.strip()) for name, _, value in (part.partition("=") for part in text.split(";"))
    ]
    return dict(reversed(pairs))


# ── DKIM ──


def _dkim(snapshot: Snapshot, domain: str) -> Iterator[Finding]:
    known = selectors(snapshot)
    if not known:
        says = "Which keys sign your mail is not known here: neither rspamd nor OpenDKIM names a selector."
        ask = f"look for s= in the DKIM-Signature of a message of yours, then: dig TXT SELECTOR._domainkey.{domain}"
        yield OWN_DKIM.finding(State.UNKNOWN, says, target=target(domain), next_command=ask)
    for selector in known:
        yield _selector(snapshot, domain, selector)


def _selector(snapshot: Snapshot, domain: str, selector: str) -> Finding:
    name = dkim_name(selector, domain)
    answer = record(snapshot, name, "TXT")
    where, place = evidence(name, "TXT", answer), target(domain)
    match answer:
        case Unknown(why):
            says, ask = f"The key {selector} could not be looked up: {why}.", f"dig TXT {name}"
            return OWN_DKIM.finding(State.UNKNOWN, says, where, target=place, next_command=ask)
        case Nothing():
            says = f"Mail is signed with the key {selector}, which is not published: every signature fails."
            return OWN_DKIM.finding(State.FAIL, says, where, target=place)
        case Records(values):
            state, says = _strength(selector, dkim_key(values[0]))
            return OWN_DKIM.finding(state, says, where, target=place)


def _strength(selector: str, key: DkimKey | Unknown) -> tuple[State, str]:
    match key:
        case Unknown(why):
            return State.FAIL, f"The key {selector} cannot be used: {why}."
        case DkimKey(bits=0):
            return State.FAIL, f"The key {selector} is taken back: its p= is empty."
        case DkimKey(kind="rsa", bits=bits) if bits < _LEAST_BITS:
            return State.FAIL, f"The key {selector} has {bits} bits: nobody believes it."
        case DkimKey(kind="rsa", bits=bits) if bits < _GOOD_BITS:
            return State.WARN, f"The key {selector} has {bits} bits; {_GOOD_BITS} are right."
        case DkimKey(testing=True):
            return State.WARN, f"The key {selector} says t=y: receivers take its signatures for a test."
        case DkimKey(kind, bits):
            return State.PASS, f"The key {selector} is published ({kind}, {bits} bits)."


# ── DMARC ──


def _dmarc(snapshot: Snapshot, domain: str) -> Finding:
    """The record of the domain itself, or of the nearest domain above that has one (RFC 9989, the tree walk)."""
    own = dmarc_names(domain)[0]
    for name in dmarc_names(domain):
        answer = record(snapshot, name, "TXT")
        where = evidence(name, "TXT", answer)
        if isinstance(answer, Unknown):
            says = f"The DMARC record could not be looked up: {answer.why}."
            return OWN_DMARC.finding(State.UNKNOWN, says, where, target=target(domain), next_command=f"dig TXT {name}")
        values = answer.values if isinstance(answer, Records) else ()
        records = [text for text in values if re.match(r"v\s*=\s*DMARC1\s*(;|\Z)", text)]
        if len(records) > 1:
            says = f"There are {len(records)} DMARC records, so none counts."
            return OWN_DMARC.finding(State.FAIL, says, where, target=target(domain))
        if records:
            state, says = _asked_for(tags(records[0]), inherited=name != own)
            return OWN_DMARC.finding(state, says, where, target=target(domain))
    where = evidence(own, "TXT", record(snapshot, own, "TXT"))
    says = "There is no DMARC record: whoever writes your name into From is believed."
    return OWN_DMARC.finding(State.FAIL, says, where, target=target(domain))


def _asked_for(found: dict[str, str], *, inherited: bool) -> tuple[State, str]:
    policy = (found.get("sp") if inherited else None) or found.get("p", "")
    if policy.lower() not in ("quarantine", "reject"):
        return State.WARN, f"DMARC asks for nothing (p={policy or 'missing'}): forgeries are delivered."
    if found.get("t", "").lower() == "y" or found.get("pct", "100") != "100":
        return State.WARN, f"DMARC says p={policy}, for a test only: receivers do less."
    if not found.get("rua"):
        return State.WARN, f"DMARC asks to {policy} forgeries, and nobody gets the reports (no rua)."
    return State.PASS, f"DMARC asks to {policy} forgeries, and reports go to {found['rua'][:80]}."


# ── records of one line: MTA-STS, TLS-RPT ──


def _policy_record(snapshot: Snapshot, control: Control, name: str, version: str, needs: str, domain: str) -> Finding:
    answer = record(snapshot, name, "TXT")
    where = evidence(name, "TXT", answer)
    if isinstance(answer, Unknown):
        says = f"It could not be looked up: {answer.why}."
        return control.finding(State.UNKNOWN, says, where, target=target(domain), next_command=f"dig TXT {name}")
    values = answer.values if isinstance(answer, Records) else ()
    records = [text for text in values if text.lower().replace(" ", "").startswith(version)]
    if not records:
        return control.finding(State.WARN, "There is no such record.", where, target=target(domain))
    if len(records) > 1 or not tags(records[0]).get(needs):
        says = f"The record cannot be used: {'there are two' if len(records) > 1 else f'it has no {needs}='}."
        return control.finding(State.FAIL, says, where, target=target(domain))
    return control.finding(State.PASS, "The record is there.", where, target=target(domain))


# ── reverse names ──


def _reverse(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    if found.settings.site.role == "backend":
        says = "This machine is behind the gateway; its mail leaves from there."
        yield REVERSE_NAMES.finding(State.NOT_APPLICABLE, says, found.evidence("site.role"))
        return
    addresses = public_addresses(snapshot)
    if isinstance(addresses, Unknown) or not addresses:
        why = addresses.why if isinstance(addresses, Unknown) else "this machine has inner addresses only"
        says = f"From which address others see your mail come is not known: {why}."
        yield REVERSE_NAMES.finding(State.UNKNOWN, says, next_command="dig -x ADDRESS     (your address outside)")
        return
    for address in addresses:
        yield _named(snapshot, address)


def _named(snapshot: Snapshot, address: str) -> Finding:
    name = reverse_name(address)
    answer = record(snapshot, name, "PTR")
    where, place = evidence(name, "PTR", answer), f"address {address}"
    match answer:
        case Unknown(why):
            says = f"Its name could not be looked up: {why}."
            return REVERSE_NAMES.finding(State.UNKNOWN, says, where, target=place, next_command=f"dig -x {address}")
        case Nothing():
            says = f"{address} has no name: large receivers refuse its mail."
            return REVERSE_NAMES.finding(State.FAIL, says, where, target=place)
        case Records(values):
            return _leads_back(snapshot, address, values[:3], where)


def _leads_back(snapshot: Snapshot, address: str, names: tuple[str, ...], where: Evidence) -> Finding:
    place, kind = f"address {address}", "AAAA" if ":" in address else "A"
    answers = {name: record(snapshot, name, kind) for name in names}
    for name, answer in answers.items():
        if isinstance(answer, Records) and address in answer.values:
            state = State.WARN if _is_generic(name, address) else State.PASS
            how = "looks like one of a dial-up pool" if state is State.WARN else "leads back to it"
            back = evidence(name, kind, answer)
            return REVERSE_NAMES.finding(state, f"Its name {name} {how}.", where, back, target=place)
    unread = next((answer for answer in answers.values() if isinstance(answer, Unknown)), None)
    if unread:
        says = f"Whether its name leads back could not be looked up: {unread.why}."
        return REVERSE_NAMES.finding(State.UNKNOWN, says, where, target=place, next_command=f"dig -x {address}")
    says = f"Its name {names[0]} does not lead back to {address}."
    return REVERSE_NAMES.finding(State.FAIL, says, where, target=place)


def _is_generic(name: str, address: str) -> bool:
    parts = re.split(r"[.:]", address)
    numbers = "-".join(parts) in name or "-".join(reversed(parts)) in name or "".join(parts) in name
    return numbers or bool(re.search(r"\b(dyn|dynamic|dhcp|pool|ppp|dsl|dialup|broadband|customer)\b", name))
