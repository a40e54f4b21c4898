"""SPF of the site's own domains: one record, that ends, that receivers can walk (RFC 7208)."""

from __future__ import annotations

from lockdown.checklist.antispam.audit_controls import OWN_SPF
from lockdown.facts.dns_records import DnsAnswer, evidence, record
from lockdown.facts.spf_record import MOST_LOOKUPS, MOST_VOIDS, Walk, walk
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot


def spf(snapshot: Snapshot, domain: str) -> Finding:
    """How the record of one domain stands."""

    def lookup(name: str, kind: str) -> DnsAnswer:
        return record(snapshot, name, kind)

    found = walk(lookup, domain)
    state, says = _worst(found)
    where = evidence(domain, "TXT", record(snapshot, domain, "TXT"))
    ask = f"dig TXT {domain}" if state is State.UNKNOWN else ""
    return OWN_SPF.finding(state, says, where, target=f"domain {domain}", next_command=ask)


def _worst(found: Walk) -> tuple[State, str]:
    if not found.records and found.unread:
        return State.UNKNOWN, f"The SPF record could not be looked up: {found.unread[0]}."
    if not found.records:
        return State.FAIL, "There is no SPF record: anybody may send as this domain."
    if len(found.records) > 1:
        return State.FAIL, f"There are {len(found.records)} SPF records, so none counts."
    return _broken(found) or _unread(found) or _weak(found) or _whole(found)


def _broken(found: Walk) -> tuple[State, str] | None:
    """What makes receivers give up, or let everybody send."""
    if found.allows_all:
        return State.FAIL, f"SPF says `{found.allows_all}`: it allows everybody to send as this domain."
    if found.errors:
        return State.FAIL, f"Receivers stop at an error: {found.errors[0]}."
    if found.lookups > MOST_LOOKUPS:
        return State.FAIL, f"SPF needs {found.lookups} look-ups; receivers stop at {MOST_LOOKUPS}."
    if found.voids > MOST_VOIDS:
        return State.FAIL, f"SPF asks for {found.voids} names that are not there; receivers stop at {MOST_VOIDS}."
    return None


def _unread(found: Walk) -> tuple[State, str] | None:
    return (State.UNKNOWN, f"SPF could not be walked to its end: {found.unread[0]}.") if found.unread else None


def _weak(found: Walk) -> tuple[State, str] | None:
    if found.ending == "?":
        return State.WARN, "SPF ends in ?all: it says nothing of everybody else."
    if not found.ending and not found.redirects:
        return State.WARN, "SPF does not end in -all or ~all: it says nothing of everybody else."
    if found.uses_ptr:
        return State.WARN, "SPF uses ptr, which is slow, is not to be used (RFC 7208 5.5), and is left out by many."
    return None


def _whole(found: Walk) -> tuple[State, str]:
    ending = f"{found.ending}all" if found.ending else "what it redirects to"
    return State.PASS, f"SPF ends in {ending}, with {found.lookups} look-ups of {MOST_LOOKUPS}."
