"""MTA-STS as a sender meets it (RFC 8461): the record, the policy over HTTPS, and whether it names the servers."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.antispam.names_controls import SEEN_MTA_STS
from lockdown.config import Settings
from lockdown.facts.mta_sts import Fetched, Policy, fetched, record_id
from lockdown.facts.mta_sts import policy as parsed
from lockdown.facts.probed_dns import Domain, answer, evidence
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_WEEK, _DAY = 7 * 86400, 86400
_AGAIN = "lockdown probe DOMAIN     (again, or with --resolver ADDRESS)"


def sts(snapshot: Snapshot, domain: Domain, policy: Settings) -> Iterator[Finding]:
    """How the MTA-STS of one domain stands."""
    name = f"_mta-sts.{domain.domain}"
    found = answer(snapshot, name, "TXT")
    where = evidence(name, "TXT", found)
    state, says, *more = _told(snapshot, domain, policy, found)
    ask = _AGAIN if state is State.UNKNOWN else ""
    yield SEEN_MTA_STS.finding(state, says, where, *more, target=f"domain {domain.domain}", next_command=ask)


def _told(
    snapshot: Snapshot, domain: Domain, policy: Settings, found: object
) -> tuple[State, str, *tuple[Evidence, ...]]:
    if isinstance(found, Unknown):
        return State.UNKNOWN, f"The record could not be looked up: {found.why}."
    records = [text for text in getattr(found, "values", ()) if text.startswith("v=STSv1")]
    if not records:
        return _absent(snapshot, domain, policy)
    if len(records) > 1:
        return State.FAIL, f"There are {len(records)} MTA-STS records, so none counts."
    if record_id(records[0]) is None:
        return State.FAIL, "The record has no id of up to 32 letters and digits: senders take it for none."
    got = fetched(snapshot, domain.domain)
    where = Evidence(f"https://mta-sts.{domain.domain}/.well-known/mta-sts.txt", _line(got))
    match got:
        case Unknown(why):
            return State.UNKNOWN, f"The record is there, and the policy could not be fetched: {why}.", where
        case Fetched(outcome="certificate", why=why):
            return State.FAIL, f"The policy's server has a certificate that senders refuse: {why}.", where
        case Fetched(status=status) if status != 200:
            return State.FAIL, f"The record is there, and its policy is not: the server answers {status}.", where
    return *_policy(parsed(got.text), domain), where


def _line(got: Fetched | Unknown) -> str:
    return got.why if isinstance(got, Unknown) else (got.why or f"{got.status} {' | '.join(got.text.split())}")[:300]


def _absent(snapshot: Snapshot, domain: Domain, policy: Settings) -> tuple[State, str]:
    """DANE says the same with more force; who has it for every server needs no MTA-STS."""
    servers = [answer(snapshot, f"_25._tcp.{host}", "TLSA") for host in domain.hosts]
    secured = servers and all(
        not isinstance(one, Unknown) and one.is_there and one.security == "secure" for one in servers
    )
    if secured and policy.site.profile != "strict":
        return State.NOT_APPLICABLE, "There is no MTA-STS; DANE tells senders to insist on TLS."
    if policy.site.profile == "starter":
        return State.NOT_APPLICABLE, "There is no MTA-STS: senders take TLS where they can get it."
    return State.WARN, "There is no MTA-STS: whoever sits on the way can take the offer of TLS out."


def _policy(found: Policy | Unknown, domain: Domain) -> tuple[State, str]:
    if isinstance(found, Unknown):
        return State.FAIL, f"Senders cannot use the policy: {found.why}."
    if domain.unread:
        return State.UNKNOWN, f"Whether the policy names your servers is not known: {domain.unread}."
    left_out = [host for host in domain.hosts if not found.admits(host)]
    if left_out and found.mode != "none":
        state = State.FAIL if found.mode == "enforce" else State.WARN
        effect = (
            "senders that keep to it deliver nothing there" if state is State.FAIL else "enforced, it would stop mail"
        )
        return state, f"The policy does not name the server {left_out[0]}: {effect}."
    if found.mode == "none":
        return State.WARN, "The policy is switched off (mode: none)."
    if found.mode == "testing":
        return State.WARN, "The policy is only a test (mode: testing): senders deliver without TLS all the same."
    if found.max_age < _DAY:
        return (
            State.WARN,
            f"The policy holds for {found.max_age} seconds: whoever blocks it for that long is rid of it.",
        )
    if found.max_age < _WEEK:
        return State.PASS, f"Senders are told to insist on TLS, for {found.max_age // 3600} hours (a week is usual)."
    return State.PASS, f"Senders are told to insist on TLS, for {found.max_age // _DAY} days."
