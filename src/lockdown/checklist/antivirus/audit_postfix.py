"""What item 1 demands of a Postfix: no service takes mail from anyone without a virus scanner in its path."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.antivirus.audit_controls import FAILS_CLOSED, SCANNER_IN_EVERY_PATH
from lockdown.checklist.antivirus.audit_notices import notices
from lockdown.facts.amavis import checks
from lockdown.facts.clamav import milter
from lockdown.facts.filters import Filter, Kind, Way, filters, local_filters
from lockdown.facts.gateway import Gateway
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.rspamd import antivirus
from lockdown.facts.scanner_files import Absent, Words, size_in
from lockdown.facts.upstream import Here, upstreams_of
from lockdown.facts.ways_in import WayIn, is_behind, only_from_the_gateway, way_in
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_MILTER_LIMIT = "25M"
"""MaxFileSize of clamav-milter where it is not written: larger messages pass unread."""


def audit_postfix(snapshot: Snapshot, server: Postfix, own: Gateway | Unknown) -> Iterator[Finding]:
    """The findings on Postfix, for each service that takes mail."""
    services = server.smtp_services()
    if not services:
        evidence = Evidence(f"{server.config_directory}/master.cf", "no service runs smtpd")
        for control in (SCANNER_IN_EVERY_PATH, FAILS_CLOSED):
            yield control.finding(State.NOT_APPLICABLE, "Postfix takes no mail over SMTP.", evidence, target="postfix")
    for service in services:
        yield _path(snapshot, server, service, own)
        yield _fails_closed(snapshot, server, service, own)
    yield from _by_hand(snapshot, server, own)
    used = (found for service in services for found in filters(snapshot, server, service, own))
    yield from notices(snapshot, tuple(used))


def _target(service: Service) -> str:
    return f"postfix {service.label}"


def _path(snapshot: Snapshot, server: Postfix, service: Service, own: Gateway | Unknown) -> Finding:
    way = way_in(server, service)
    if way.is_closed:
        evidence = server.evidence("inet_interfaces", service)
        return SCANNER_IN_EVERY_PATH.finding(State.PASS, way.value, evidence, target=_target(service))
    found = filters(snapshot, server, service, own)
    judged = [(one, *_scans(snapshot, server, service, one)) for one in found]
    for state in (State.PASS, State.UNKNOWN):
        for one, its, says in judged:
            if its is state:
                ask = _LOOK if state is State.UNKNOWN else ""
                return SCANNER_IN_EVERY_PATH.finding(
                    state, says, one.evidence, server.service_evidence(service),
                    target=_target(service), next_command=ask,
                )  # fmt: skip
    return _without_scanner(snapshot, server, service, own, [says for _, _, says in judged])


_LOOK = "ss -ltnp     (as root: which program listens at that address?)"


def _without_scanner(
    snapshot: Snapshot, server: Postfix, service: Service, own: Gateway | Unknown, others: list[str]
) -> Finding:
    behind = [] if isinstance(own, Unknown) else upstreams_of(snapshot, own.settings)
    gate = next((one for one in behind if isinstance(one, Here) and _leads_to(server, one, service)), None)
    around = " past the gateway" if gate else ""
    if is_behind(own) and way_in(server, service) is WayIn.STRANGERS:
        says = "Whoever reaches this service delivers past the gateway; only the firewall can prevent it."
        fix = only_from_the_gateway(server, service)
        line = server.service_evidence(service)
        return SCANNER_IN_EVERY_PATH.finding(State.WARN, says, line, target=_target(service), next_command=fix)
    says = f"{way_in(server, service).value}{around}, and no virus scanner stands in the way."
    if others:
        says += f" {others[0]}"
    found = tuple(one.evidence for one in filters(snapshot, server, service, own))
    evidence = (server.service_evidence(service), *(found or (server.evidence("smtpd_milters", service),)))
    fix = "" if gate or way_in(server, service) is WayIn.STRANGERS else _scan_here(server, service)
    return SCANNER_IN_EVERY_PATH.finding(State.FAIL, says, *evidence, target=_target(service), next_command=fix)


def _leads_to(server: Postfix, gate: Here, service: Service) -> bool:
    return server.service_on_port(gate.port) == service


def _scan_here(server: Postfix, service: Service) -> str:
    """What to type for a service of users: the milters that port 25 has already, or those of clamav-milter."""
    known = server.value("smtpd_milters") or "unix:/clamav/clamav-milter.ctl"
    return server.setting_command("smtpd_milters", known, service)


def _scans(snapshot: Snapshot, server: Postfix, service: Service, found: Filter) -> tuple[State, str]:
    """Whether a filter looks for viruses. FAIL: it surely does not."""
    match found.kind:
        case Kind.LOCKDOWN:
            return State.PASS, "Mail goes through the gateway of Lockdown."
        case Kind.CLAMAV_MILTER:
            return _clamav(snapshot, server, service)
        case Kind.RSPAMD:
            return _rspamd(snapshot, found)
        case Kind.AMAVIS:
            return _amavis(snapshot, found)
        case Kind.SPAMASSASSIN:
            return State.FAIL, "SpamAssassin stands there; it looks for spam, not for viruses."
        case Kind.IDENTITY:
            return State.FAIL, f"{found.address} signs or checks signatures, and scans nothing."
        case Kind.UNTOLD:
            return State.UNKNOWN, f"A filter stands at {found.address}; whether it looks for viruses cannot be told."


def _clamav(snapshot: Snapshot, server: Postfix, service: Service) -> tuple[State, str]:
    conf, limit = milter(snapshot), server.number("message_size_limit", service)
    if isinstance(conf, Words) and isinstance(limit, int):
        most = size_in(conf.last("MaxFileSize") or _MILTER_LIMIT)
        if most and (limit == 0 or limit > most):
            return State.FAIL, f"clamav-milter passes unread what is larger than {most}, and Postfix takes more."
    if isinstance(conf, Words) and (conf.last("OnInfected") or "").lower() == "accept":
        return State.FAIL, "clamav-milter is told to deliver what is infected."
    return State.PASS, "clamav-milter stands in the way."


def _rspamd(snapshot: Snapshot, found: Filter) -> tuple[State, str]:
    if not found.is_local:
        return State.UNKNOWN, f"rspamd stands at {found.address}; whether it asks a virus scanner cannot be told here."
    match antivirus(snapshot):
        case Absent(why) | Unknown(why):
            return State.UNKNOWN, f"rspamd stands there; whether it asks a virus scanner cannot be told: {why}."
        case setting if setting.value:
            return State.PASS, f"rspamd stands in the way, and asks the scanner at {setting.value}."
        case _:
            return State.FAIL, "rspamd stands there, and asks no virus scanner: its antivirus module is not set up."


def _amavis(snapshot: Snapshot, found: Filter) -> tuple[State, str]:
    match checks(snapshot, "virus"):
        case Absent(why) | Unknown(why):
            return (
                State.UNKNOWN,
                f"amavis stands at {found.address}; whether it checks for viruses is not known: {why}.",
            )
        case True:
            return State.PASS, "amavis stands in the way, and checks for viruses."
        case _:
            return State.FAIL, "amavis stands there, and its virus checks are switched off."


def _by_hand(snapshot: Snapshot, server: Postfix, own: Gateway | Unknown) -> Iterator[Finding]:
    """Mail that programs here hand to `sendmail`: judged where the other ways have milters that this one could have."""
    by_milter = bool(server.value("smtpd_milters")) and not server.value("content_filter")
    if by_milter and not local_filters(snapshot, server, own):
        says = "Mail that programs of this machine hand in (webmail, scripts) passes no filter."
        fix = server.setting_command("non_smtpd_milters", "$smtpd_milters")
        evidence = server.evidence("non_smtpd_milters")
        yield SCANNER_IN_EVERY_PATH.finding(State.WARN, says, evidence, target="postfix sendmail", next_command=fix)


def _fails_closed(snapshot: Snapshot, server: Postfix, service: Service, own: Gateway | Unknown) -> Finding:
    found = filters(snapshot, server, service, own)
    scanners = [one for one in found if one.kind not in (Kind.IDENTITY, Kind.SPAMASSASSIN)]
    if not scanners:
        says = "No scanner stands there, so none can fail."
        return FAILS_CLOSED.finding(
            State.NOT_APPLICABLE, says, server.evidence("smtpd_milters", service), target=_target(service)
        )
    for one in scanners:
        if one.way is Way.MILTER and one.default_action == "accept":
            says = f"When {one.address} does not answer, mail passes unread."
            name = "milter_default_action"
            fix = server.setting_command(name, "tempfail", service)
            if one.has_own_action:
                name, fix = "smtpd_milters", f"take default_action=accept out of {one.evidence.text[:100]}"
            evidence = (server.evidence(name, service),)
            return FAILS_CLOSED.finding(State.FAIL, says, *evidence, target=_target(service), next_command=fix)
    says = "When the scanner does not answer, mail is put off, refused or held."
    all_of_them = (one.evidence for one in scanners)
    return FAILS_CLOSED.finding(State.PASS, says, *all_of_them, target=_target(service))
