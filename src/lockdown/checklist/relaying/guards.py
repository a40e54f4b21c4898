"""Guards of a Postfix service beside its relay rule: ends of messages, claimed addresses, nameless log-ins, greetings.

Each gives one finding for one service; what main.cf alone says raises NotGiven where it is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockdown.checklist.relaying.controls import BOUNCES_GET_IN, NO_ANONYMOUS, NO_SMUGGLING, QUIET_BANNER, XCLIENT
from lockdown.checklist.relaying.reach import lets_strangers_in
from lockdown.config import Settings
from lockdown.facts.access_tables import access_entries
from lockdown.facts.networks import NetworkEntry, Width, width
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_restrictions import LISTS, flat_elements
from lockdown.facts.upstream import Here, Upstream
from lockdown.model.finding import Finding, State
from lockdown.model.unknown import Unknown

BARE_NEWLINE = "smtpd_forbid_bare_newline"
PIPELINING = "smtpd_forbid_unauth_pipelining"


def _where(service: Service) -> str:
    return f"postfix {service.label}"


def no_smuggling(server: Postfix, service: Service, behind: Sequence[Upstream], policy: Settings) -> Finding:
    """Whether only CR LF . CR LF ends a message."""

    def says(state: State, text: str, *names: str, fix: str = "") -> Finding:
        evidence = [server.evidence(name, service) for name in names]
        return NO_SMUGGLING.finding(state, text, *evidence, target=_where(service), next_command=fix)

    if not lets_strangers_in(server, service):
        return says(State.PASS, "Strangers leave no mail here.")
    value = server.value(BARE_NEWLINE, service).lower()
    if value in ("yes", "normalize", "reject"):
        return says(State.PASS, f"Only the standard end ends a message ({BARE_NEWLINE} = {value}).", BARE_NEWLINE)
    if _is_behind(server, service, behind):
        return says(State.PASS, "The gateway in front takes only the standard end of a message.", BARE_NEWLINE)
    fix = server.setting_command(BARE_NEWLINE, "normalize", service)
    if name := _stops_the_published_attack(server, service):
        text = f"The published attack is stopped by {name}; variants of it only by {BARE_NEWLINE} = normalize."
        return says(State.WARN if policy.site.profile == "strict" else State.PASS, text, name, BARE_NEWLINE, fix=fix)
    if server.depends_on_version(BARE_NEWLINE):
        text = "Another end of a message may be taken: Postfix takes none by default since 3.9, and any before."
        return says(State.UNKNOWN, text, BARE_NEWLINE, fix=f"postconf {BARE_NEWLINE} mail_version")
    if BARE_NEWLINE not in server.parameters:
        text = "This Postfix is older than the guard against smuggled messages: a second one may hide in the first."
        fix = "apt-get install --only-upgrade postfix     (the guard is in 3.5.23, 3.6.13, 3.7.9, 3.8.4 and 3.9)"
        return says(State.WARN, text, fix=fix)
    text = "A bare newline may end a message, so that a second one with a forged sender can hide in it."
    return says(State.FAIL if policy.site.profile == "strict" else State.WARN, text, BARE_NEWLINE, fix=fix)


def _is_behind(server: Postfix, service: Service, behind: Sequence[Upstream]) -> bool:
    """Whether all that it hears comes through the gateway: whoever can connect past it, is judged by it alone."""
    leads_here = (one for one in behind if isinstance(one, Here) and server.service_on_port(one.port) == service)
    return not server.is_reachable(service) and any(True for _ in leads_here)


def _stops_the_published_attack(server: Postfix, service: Service) -> str:
    """The setting that hangs up on a client that sends on before it was answered; empty if there is none."""
    if server.is_on(PIPELINING, service) and not server.depends_on_version(PIPELINING):
        return PIPELINING
    for element in flat_elements(server, service, "smtpd_data_restrictions"):
        if element.name == "permit":
            return ""
        if element.name == "reject_unauth_pipelining" and not element.warns_only:
            return "smtpd_data_restrictions"
    return ""


def xclient(server: Postfix, service: Service) -> Finding:
    """Who may say that he is somebody else: by XCLIENT, or by a PROXY header."""
    name = "smtpd_authorized_xclient_hosts"
    evidence, where = server.evidence(name, service), _where(service)
    entries = [entry for entry in server.networks(name, service) if not entry.excluded]
    wide = [entry for entry in entries if entry.network and _is_wide(entry)]
    if wide:
        says = f"Everyone in {wide[0].text} may claim any address by XCLIENT, one of mynetworks too, and so relay."
        everyone = any(entry.network and width(entry.network) >= Width.PUBLIC for entry in wide)
        fix = server.setting_command(name, "", service)
        return XCLIENT.finding(State.FAIL if everyone else State.WARN, says, evidence, target=where, next_command=fix)
    if unread := next((entry for entry in entries if entry.network is None and _may_be_wide(entry)), None):
        says = f"A part of {name} could not be read: {unread.unknown}."
        return XCLIENT.finding(State.UNKNOWN, says, evidence, target=where, next_command=f"postconf {name}")
    proxied = server.value("smtpd_upstream_proxy_protocol", service)
    if proxied and server.is_reachable(service):
        says = "Whoever reaches this port says in a PROXY header who he is; that only the proxy does is not told here."
        evidence = server.evidence("smtpd_upstream_proxy_protocol", service)
        ask = "ss -lnt; nft list ruleset     (only the proxy may reach this port)"
        return XCLIENT.finding(State.UNKNOWN, says, evidence, target=where, next_command=ask)
    says = "Only single hosts may say that they are somebody else." if entries else "Nobody may claim another address."
    return XCLIENT.finding(State.PASS, says, evidence, target=where)


def _is_wide(entry: NetworkEntry) -> bool:
    return entry.network is not None and width(entry.network) > Width.LOOPBACK and entry.network.num_addresses > 16


def _may_be_wide(entry: NetworkEntry) -> bool:
    """A table, or a name with a dot in front (a domain and all below); a plain name is a single host."""
    word = entry.text.lstrip("!")
    return ":" in word or word.startswith(("/", "."))


def no_anonymous(server: Postfix, service: Service) -> Finding:
    """Whether a log-in needs a name."""
    where = _where(service)
    if not server.is_on("smtpd_sasl_auth_enable", service):
        evidence = server.evidence("smtpd_sasl_auth_enable", service)
        return NO_ANONYMOUS.finding(State.NOT_APPLICABLE, "Users do not log in here.", evidence, target=where)
    names = ["smtpd_sasl_tls_security_options"]
    if not _only_inside_tls(server, service):
        names.append("smtpd_sasl_security_options")
    for name in names:
        if "noanonymous" not in re.split(r"[\s,]+", server.value(name, service).lower()):
            says = f"{name} lacks `noanonymous`: where the log-in service offers ANONYMOUS, strangers count as users."
            evidence = server.evidence(name, service)
            fix = server.setting_command("smtpd_sasl_security_options", "noanonymous", service)
            return NO_ANONYMOUS.finding(State.WARN, says, evidence, target=where, next_command=fix)
    evidence = server.evidence("smtpd_sasl_security_options", service)
    return NO_ANONYMOUS.finding(State.PASS, "Nobody logs in without a name.", evidence, target=where)


def _only_inside_tls(server: Postfix, service: Service) -> bool:
    wrapped = server.is_on("smtpd_tls_wrappermode", service) or server.is_on("smtpd_tls_auth_only", service)
    return wrapped or server.value("smtpd_tls_security_level", service) == "encrypt"


_VERSION = re.compile(r"\$[{(]?mail_version|postfix[ /(-]*v?\d+\.\d|\b\d+\.\d+\.\d+\b(?!\.)", re.IGNORECASE)
_DISTRIBUTION = re.compile(r"debian|ubuntu|centos|red ?hat|fedora|alpine|freebsd|rocky|suse", re.IGNORECASE)


def quiet_banner(server: Postfix, service: Service, policy: Settings) -> Finding:
    """Whether the greeting tells more than a name."""
    evidence, where = server.evidence("smtpd_banner", service), _where(service)
    # The host's own name comes first, and may have numbers in it.
    said = " ".join(server.value("smtpd_banner", service).split()[1:])
    if not server.is_reachable(service):
        return QUIET_BANNER.finding(State.PASS, "Strangers do not see the greeting.", evidence, target=where)
    fix = server.setting_command("smtpd_banner", "$myhostname ESMTP", service)
    if _VERSION.search(said) or _VERSION.search(server.raw("smtpd_banner", service).partition(" ")[2]):
        says = "The greeting tells everyone which version of Postfix runs here."
        return QUIET_BANNER.finding(State.WARN, says, evidence, target=where, next_command=fix)
    if policy.site.profile == "strict" and _DISTRIBUTION.search(said):
        says = "The greeting tells everyone which system runs here."
        return QUIET_BANNER.finding(State.WARN, says, evidence, target=where, next_command=fix)
    return QUIET_BANNER.finding(State.PASS, "The greeting names no version.", evidence, target=where)


def bounces(server: Postfix, service: Service) -> Finding:
    """Whether the empty sender, that bounces have, is let in."""
    where = _where(service)
    if not lets_strangers_in(server, service):
        return BOUNCES_GET_IN.finding(State.NOT_APPLICABLE, "Strangers leave no mail here.", target=where)
    key = server.value("smtpd_null_access_lookup_key", service) or "<>"
    unread = ""
    for parameter, table in _sender_tables(server, service):
        match access_entries(table, server.table):
            case Unknown(why):
                unread = unread or f"`{table}` in {parameter} may refuse the empty sender, and was not read: {why}."
            case entries:
                if any(entry.key == key and entry.rejects for entry in entries):
                    says = "The empty sender is refused: your users never learn that their mail did not arrive."
                    fix = f"take the line for {key} out of {table}, then: postfix reload"
                    evidence = server.evidence(parameter, service)
                    return BOUNCES_GET_IN.finding(State.WARN, says, evidence, target=where, next_command=fix)
    if unread:
        ask = "sudo lockdown audit     (on the machine itself)"
        return BOUNCES_GET_IN.finding(State.UNKNOWN, unread, target=where, next_command=ask)
    evidence = server.evidence("smtpd_sender_restrictions", service)
    return BOUNCES_GET_IN.finding(State.PASS, "Nothing refuses the empty sender.", evidence, target=where)


def _sender_tables(server: Postfix, service: Service) -> Iterator[tuple[str, str]]:
    """The tables that a sender is looked up in, each with the list that names it."""
    for parameter in LISTS:
        for element in flat_elements(server, service, parameter):
            if element.name == "check_sender_access" and not element.warns_only:
                yield parameter, element.argument
