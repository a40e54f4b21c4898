"""What item 2 demands of a Postfix: a filter on every way in, narrow permissions, no bounce for spam."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from lockdown.checklist.antispam.audit_controls import (
    ALLOW_NARROW,
    FAILS_AS_STATED,
    FILTER_IN_EVERY_PATH,
    NO_BACKSCATTER,
)
from lockdown.checklist.antispam.audit_engines import rspamd_timeouts, rules
from lockdown.facts.access_tables import access_entries
from lockdown.facts.amavis import checks, notices
from lockdown.facts.filters import Filter, Kind, Way, filters
from lockdown.facts.gateway import Gateway
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_restrictions import LISTS, flat_elements
from lockdown.facts.scanner_files import Absent
from lockdown.facts.ways_in import WayIn, is_behind, only_from_the_gateway, way_in
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_LOOK = "ss -ltnp     (as root: which program listens at that address?)"
_BY_NAME = ("check_client_access", "check_sender_access", "check_helo_access", "check_reverse_client_hostname_access")


def audit_postfix(snapshot: Snapshot, server: Postfix, own: Gateway | Unknown) -> Iterator[Finding]:
    """The findings on Postfix, for each service that takes mail."""
    services = server.smtp_services()
    if not services:
        evidence = Evidence(f"{server.config_directory}/master.cf", "no service runs smtpd")
        for control in (FILTER_IN_EVERY_PATH, FAILS_AS_STATED, ALLOW_NARROW, NO_BACKSCATTER):
            yield control.finding(State.NOT_APPLICABLE, "Postfix takes no mail over SMTP.", evidence, target="postfix")
    used: dict[str, Filter] = {}
    for service in services:
        found = filters(snapshot, server, service, own)
        used |= {one.address: one for one in found}
        yield _path(snapshot, server, service, found, own)
        yield _when_down(server, service, found)
        yield _permissions(server, service)
    if services:
        yield _backscatter(snapshot, tuple(used.values()))
    yield from _of_filters(snapshot, tuple(used.values()))


def _target(service: Service) -> str:
    return f"postfix {service.label}"


def _path(
    snapshot: Snapshot, server: Postfix, service: Service, found: tuple[Filter, ...], own: Gateway | Unknown
) -> Finding:
    way, target = way_in(server, service), _target(service)
    if way.is_closed:
        evidence = server.evidence("inet_interfaces", service)
        return FILTER_IN_EVERY_PATH.finding(State.PASS, way.value, evidence, target=target)
    judged = [(one, *_filters(snapshot, one)) for one in found]
    for state in (State.PASS, State.UNKNOWN):
        for one, its, says in judged:
            if its is state:
                ask = _LOOK if state is State.UNKNOWN else ""
                return FILTER_IN_EVERY_PATH.finding(state, says, one.evidence, target=target, next_command=ask)
    others = tuple(one.evidence for one in found) or (server.evidence("smtpd_milters", service),)
    evidence_of_none = (server.service_evidence(service), *others)
    if way is WayIn.USERS:
        says = "What users send passes no filter: one stolen password sends spam in your name."
        known = server.value("smtpd_milters") or "inet:127.0.0.1:11332"
        fix = server.setting_command("smtpd_milters", known, service)
        return FILTER_IN_EVERY_PATH.finding(State.WARN, says, *evidence_of_none, target=target, next_command=fix)
    if is_behind(own):
        says = "Whoever reaches this service delivers past the gateway; only the firewall can prevent it."
        fix = only_from_the_gateway(server, service)
        return FILTER_IN_EVERY_PATH.finding(State.WARN, says, *evidence_of_none, target=target, next_command=fix)
    says = f"{way.value}, and no spam filter stands in the way."
    if judged:
        says += f" {judged[0][2]}"
    return FILTER_IN_EVERY_PATH.finding(State.FAIL, says, *evidence_of_none, target=target)


def _filters(snapshot: Snapshot, found: Filter) -> tuple[State, str]:
    """Whether a filter looks for spam. FAIL: it surely does not."""
    match found.kind:
        case Kind.LOCKDOWN | Kind.RSPAMD | Kind.SPAMASSASSIN:
            return State.PASS, f"{found.kind.value} stands in the way."
        case Kind.AMAVIS:
            return _amavis(snapshot, found)
        case Kind.CLAMAV_MILTER | Kind.IDENTITY:
            return State.FAIL, f"What stands at {found.address} does not look for spam."
        case Kind.UNTOLD:
            return State.UNKNOWN, f"A filter stands at {found.address}; whether it looks for spam cannot be told."


def _amavis(snapshot: Snapshot, found: Filter) -> tuple[State, str]:
    match checks(snapshot, "spam"):
        case Absent(why) | Unknown(why):
            return State.UNKNOWN, f"amavis stands at {found.address}; whether it checks for spam is not known: {why}."
        case True:
            return State.PASS, "amavis stands in the way, and checks for spam."
        case _:
            return State.FAIL, "amavis stands there, and its spam checks are switched off."


def _when_down(server: Postfix, service: Service, found: tuple[Filter, ...]) -> Finding:
    target = _target(service)
    weighing = [one for one in found if one.kind not in (Kind.IDENTITY, Kind.CLAMAV_MILTER)]
    if not weighing:
        evidence = server.evidence("smtpd_milters", service)
        says = "No filter stands there, so none can fail."
        return FAILS_AS_STATED.finding(State.NOT_APPLICABLE, says, evidence, target=target)
    name = "milter_default_action"
    for one in weighing:
        if one.way is Way.MILTER and one.default_action == "accept":
            says = f"When {one.address} does not answer, mail passes unmarked."
            fix = server.setting_command(name, "tempfail", service)
            if one.has_own_action:
                name, fix = "smtpd_milters", f"take default_action=accept out of {one.evidence.text[:100]}"
            evidence = server.evidence(name, service)
            return FAILS_AS_STATED.finding(State.WARN, says, evidence, target=target, next_command=fix)
    says = "When the filter does not answer, mail is put off, refused or held."
    return FAILS_AS_STATED.finding(State.PASS, says, *(one.evidence for one in weighing), target=target)


def _permissions(server: Postfix, service: Service) -> Finding:
    """Permissions by name, which anyone can forge or buy: they end the list, and with it its blocklists."""
    target, unread = _target(service), ""
    for parameter in LISTS:
        for element in flat_elements(server, service, parameter):
            if element.name not in _BY_NAME:
                continue
            match _wide(server, element.argument):
                case Unknown(why):
                    unread = f"`{element.name} {element.argument}` in {parameter} could not be read: {why}"
                case str() as entry if entry:
                    says = f"Whoever says that he is `{entry}` passes the checks of {parameter}."
                    evidence = server.evidence(parameter, service)
                    fix = f"take `{entry}` out of {element.argument}, or name single addresses there"
                    return ALLOW_NARROW.finding(State.WARN, says, evidence, target=target, next_command=fix)
    if unread:
        return ALLOW_NARROW.finding(State.UNKNOWN, f"{unread}.", target=target, next_command="postconf -n")
    says = "No whole domain is let past the checks of Postfix."
    evidence = server.evidence("smtpd_recipient_restrictions", service)
    return ALLOW_NARROW.finding(State.PASS, says, evidence, target=target)


def _wide(server: Postfix, table: str) -> str | Unknown:
    """The first permitting entry for a whole domain, a pattern or everyone; empty for none."""
    entries = access_entries(table, server.table)
    if isinstance(entries, Unknown):
        return entries
    is_pattern = table.removeprefix("proxy:").startswith(("regexp:", "pcre:"))
    return next((one.key for one in entries if one.permits and (is_pattern or _is_domain(one.key))), "")


def _is_domain(key: str) -> bool:
    """A key of access(5) that is a domain: not an address of mail, nor of a machine or its network."""
    if "@" in key:
        return False
    try:
        ipaddress.ip_network(key, strict=False)
    except ValueError:
        return not key.replace(".", "").isdigit()
    return False


def _backscatter(snapshot: Snapshot, used: tuple[Filter, ...]) -> Finding:
    after = [one for one in used if one.way is Way.CONTENT_FILTER and one.kind is not Kind.LOCKDOWN]
    if not after:
        says = "What filters refuse is refused while its sender waits: no bounce is made."
        return NO_BACKSCATTER.finding(State.PASS, says, *(one.evidence for one in used), target="postfix")
    first = after[0]
    if first.kind is not Kind.AMAVIS:
        says = f"{first.address} gets mail after it was accepted; what it does with spam cannot be told."
        return NO_BACKSCATTER.finding(
            State.UNKNOWN, says, first.evidence, target="postfix", next_command="postqueue -p     (many <> senders?)"
        )
    match notices(snapshot, of_spam=True, after_queue=True):
        case Absent(why) | Unknown(why):
            says = f"What amavis does with spam cannot be told: {why}."
            ask = "grep -r final_spam_destiny /etc/amavis"
            return NO_BACKSCATTER.finding(State.UNKNOWN, says, first.evidence, target="postfix", next_command=ask)
        case ():
            says = "amavis gets mail after it was accepted, and answers spam with nothing."
            return NO_BACKSCATTER.finding(State.PASS, says, first.evidence, target="postfix")
        case evidence:
            says = "amavis answers spam with a bounce to its forged sender."
            return NO_BACKSCATTER.finding(State.FAIL, says, first.evidence, *evidence, target="postfix")


def _of_filters(snapshot: Snapshot, used: tuple[Filter, ...]) -> Iterator[Finding]:
    """What the filters themselves must have set."""
    for one in used:
        if one.kind is Kind.RSPAMD:
            yield rspamd_timeouts(snapshot, f"rspamd {one.address}", is_local=one.is_local)
    if any(one.kind is Kind.SPAMASSASSIN and one.is_local for one in used):
        yield rules(snapshot, uses_rules=True)
