"""DANE as a sender meets it (RFC 7672): TLSA records that are signed, usable, and name the certificate in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.antispam.names_controls import SEEN_DANE
from lockdown.config import Settings
from lockdown.facts.dane import Tlsa, names, needs_names, tlsa, tlsa_name
from lockdown.facts.probed_dns import Answer, Domain, answer, evidence
from lockdown.facts.tls_seen import TlsSeen, Untold, names_match, tls_seen
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_AGAIN = "lockdown probe DOMAIN     (again, or with --resolver ADDRESS)"


def dane(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    """How DANE stands for every server of a domain."""
    mx = answer(snapshot, domain.domain, "MX")
    signed = isinstance(mx, Answer) and mx.security == "secure"
    if domain.unread:
        says = f"The servers of the domain are not known: {domain.unread}."
        yield SEEN_DANE.finding(State.UNKNOWN, says, target=f"domain {domain.domain}", next_command=_AGAIN)
    for host in domain.hosts:
        state, says, *where = _server(snapshot, host, policy, signed=signed)
        ask = _AGAIN if state is State.UNKNOWN else ""
        yield SEEN_DANE.finding(state, says, *where, target=f"server {host}", next_command=ask)


def _server(
    snapshot: Snapshot, host: str, policy: Settings, *, signed: bool
) -> tuple[State, str, *tuple[Evidence, ...]]:
    name = tlsa_name(host)
    found = answer(snapshot, name, "TLSA")
    where = evidence(name, "TLSA", found)
    if isinstance(found, Unknown):
        if "bogus: " in found.why:
            says = f"The TLSA records of {host} are signed wrongly: senders that check hold your mail back"
            return State.FAIL, f"{says} ({found.why.partition('bogus: ')[2]}).", where
        return State.UNKNOWN, f"The TLSA records of {host} could not be looked up: {found.why}.", where
    if not found.is_there:
        state = State.WARN if policy.site.profile == "strict" else State.NOT_APPLICABLE
        return state, f"{host} has no TLSA records: senders cannot know its certificate.", where
    if found.security == "unsure":
        return State.UNKNOWN, f"Whether the TLSA records of {host} are signed could not be told: {found.why}.", where
    if found.security == "insecure" or not signed:
        what = "the MX records are" if found.security == "secure" else "they are"
        return State.WARN, f"The TLSA records of {host} count for nobody: {what} not signed.", where
    return _records(snapshot, host, found, where)


def _records(snapshot: Snapshot, host: str, found: Answer, where: Evidence) -> tuple[State, str, *tuple[Evidence, ...]]:
    parsed = [tlsa(value) for value in found.values]
    usable = [one for one in parsed if isinstance(one, Tlsa) and one.is_usable]
    if not usable:
        why = next((one.why for one in parsed if isinstance(one, Unknown)), "senders of mail know usages 2 and 3 alone")
        return State.FAIL, f"No TLSA record of {host} can be used: {why}.", where
    seen = [one for one in tls_seen(snapshot) if _is_port_25(one, host)]
    if not seen:
        return State.UNKNOWN, f"{host} has TLSA records, and its certificate was not looked at.", where
    for one in seen:
        verdict = _matches(one, usable, host)
        if verdict is not None:
            return *verdict, where
    more = "" if len(usable) > 1 else "; a second record for the next key makes its change safe"
    return State.PASS, f"The certificate of {host} is one that its TLSA records name{more}.", where


def _is_port_25(one: TlsSeen | Untold, host: str) -> bool:
    return one.where == f"{host}:25"


def _matches(one: TlsSeen | Untold, usable: Sequence[Tlsa], host: str) -> tuple[State, str] | None:
    """What is wrong at one address; None where all is well."""
    match one:
        case Untold(why=why):
            return State.UNKNOWN, f"Whether the certificate of {host} is the right one could not be tried: {why}."
        case TlsSeen(outcome="not-offered" | "broken", why=why):
            return State.FAIL, f"{host} has TLSA records, and {why}: senders that check deliver nothing."
        case TlsSeen(chain=()):
            why = one.untrusted_because or "no certificate was seen"
            return State.UNKNOWN, f"Whether the certificate of {host} is the right one could not be told: {why}."
    matching = [record for record in usable if names(record, one.chain)]
    if not matching:
        says = f"The certificate of {host} at {one.address} is none that its TLSA records name: "
        return State.FAIL, f"{says}senders that check hold your mail back."
    if all(needs_names(record) for record in matching) and not names_match(one.chain[0], host):
        return State.FAIL, f"The TLSA records of {host} name an authority, and its certificate is for another name."
    return None
