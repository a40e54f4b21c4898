"""What item 8 demands of a Postfix: each SMTP service is judged with its own overrides, as Postfix runs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lockdown.checklist.relaying.controls import (
    BOUNCES_GET_IN,
    GATEWAY_NOT_TRUSTED,
    MYNETWORKS,
    NO_ANONYMOUS,
    NO_SMUGGLING,
    NO_VRFY,
    OPEN_TO_STRANGERS,
    PASSWORDS_NEED_TLS,
    QUIET_BANNER,
    RELAY_DOMAINS,
    SENDER_ROUTING,
    SENDERS_MATCH,
    TAKES_OWN_MAIL,
    UNKNOWN_RECIPIENT,
    XCLIENT,
)
from lockdown.checklist.relaying.domain_lists import Matches, domain_lists
from lockdown.checklist.relaying.guards import bounces, no_anonymous, no_smuggling, quiet_banner, xclient
from lockdown.checklist.relaying.reach import lets_strangers_in
from lockdown.checklist.relaying.trust import gateway_trust, mynetworks
from lockdown.config import Settings
from lockdown.facts.postfix import MAIN, MASTER, NotGiven, Postfix, Service
from lockdown.facts.postfix_restrictions import (
    LISTS,
    Client,
    Outcome,
    Recipient,
    Walk,
    answer,
    flat_elements,
    starts,
)
from lockdown.facts.upstream import Here, Upstream
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot

PER_SERVICE = (
    OPEN_TO_STRANGERS, MYNETWORKS, PASSWORDS_NEED_TLS, NO_ANONYMOUS, SENDERS_MATCH, SENDER_ROUTING, XCLIENT,
    NO_SMUGGLING, NO_VRFY, QUIET_BANNER, UNKNOWN_RECIPIENT, BOUNCES_GET_IN,
)  # fmt: skip
Judge = Callable[[], Finding]


def audit_postfix(
    snapshot: Snapshot, server: Postfix, behind: Sequence[Upstream], policy: Settings
) -> Iterator[Finding]:
    """The findings on Postfix."""
    services = server.smtp_services()
    if not services:
        evidence = Evidence(f"{server.config_directory}/master.cf", "no service runs smtpd")
        for control in PER_SERVICE:
            yield control.finding(State.NOT_APPLICABLE, "Postfix takes no mail over SMTP.", evidence, target="postfix")
    for service in services:
        for control, judge in _of_service(snapshot, server, service, behind, policy).items():
            yield _or_not_given(control, target(service), judge)
    if server.not_given == MASTER:
        yield from (_overrides_unread(control) for control in PER_SERVICE)
    whole: dict[Control, Judge] = {
        GATEWAY_NOT_TRUSTED: lambda: gateway_trust(server, behind),
        RELAY_DOMAINS: lambda: _relay_domains(server),
        TAKES_OWN_MAIL: lambda: _own_mail(server, behind, policy),
    }
    yield from (_or_not_given(control, "postfix", judge) for control, judge in whole.items())


def _of_service(
    snapshot: Snapshot, server: Postfix, service: Service, behind: Sequence[Upstream], policy: Settings
) -> dict[Control, Judge]:
    """What is asked of each service that takes mail."""
    return {
        OPEN_TO_STRANGERS: lambda: _open_to_strangers(server, service),
        MYNETWORKS: lambda: mynetworks(snapshot, server, service),
        PASSWORDS_NEED_TLS: lambda: _passwords(server, service),
        NO_ANONYMOUS: lambda: no_anonymous(server, service),
        SENDERS_MATCH: lambda: _senders(server, service),
        SENDER_ROUTING: lambda: _routing(server, service, policy),
        XCLIENT: lambda: xclient(server, service),
        NO_SMUGGLING: lambda: no_smuggling(server, service, behind, policy),
        NO_VRFY: lambda: _vrfy(server, service),
        QUIET_BANNER: lambda: quiet_banner(server, service, policy),
        UNKNOWN_RECIPIENT: lambda: _unknown_recipients(server, service),
        BOUNCES_GET_IN: lambda: bounces(server, service),
    }


def _or_not_given(control: Control, where: str, judge: Judge) -> Finding:
    """A judgement, or that the file it needs was not given: Postfix's defaults are then no answer."""
    try:
        return judge()
    except NotGiven as why:
        ask = f"lockdown audit FOLDER     (with {MAIN} beside {MASTER})"
        return control.finding(State.UNKNOWN, f"{why}.", target=where, next_command=ask)


def _overrides_unread(control: Control) -> Finding:
    says = f"{MASTER} was not given: what its services override could not be read."
    ask = f"lockdown audit FOLDER     (with {MASTER} beside {MAIN})"
    return control.finding(State.UNKNOWN, says, target=f"postfix {MASTER}", next_command=ask)


def target(service: Service) -> str:
    """How a service is named on the screen."""
    return f"postfix {service.label}"


def _open_to_strangers(server: Postfix, service: Service) -> Finding:
    found = answer(server, service, Client.STRANGER, Recipient.FOREIGN)
    state, says = _relay_answer(server, service, found)
    name, fix = _culprit(server, service, found)
    evidence = [server.evidence(name, service)]
    if server.not_given == MASTER:
        evidence.append(server.service_evidence(service))
    fix = {State.PASS: "", State.UNKNOWN: "sudo lockdown audit     (on the machine itself)"}.get(state, fix)
    return OPEN_TO_STRANGERS.finding(state, says, *evidence, target=target(service), next_command=fix)


def _culprit(server: Postfix, service: Service, found: Walk) -> tuple[str, str]:
    """The setting that decides, and what to type there."""
    domains = domain_lists(server, service) if _rests_on_domains(found) else Matches()
    if domains.matches_everything:
        return domains.parameter, RELAY_DOMAINS.fix
    if found.element == "permit_mynetworks":
        return "mynetworks", server.setting_command("mynetworks", "127.0.0.0/8 [::1]/128", service)
    rule = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
    return found.parameter, server.setting_command("smtpd_relay_restrictions", rule, service)


def _rests_on_domains(found: Walk) -> bool:
    """Whether strangers are refused only for what is not one of the listed domains."""
    return found.outcome is Outcome.REJECTS and "unauth_destination" in found.element


def _relay_answer(server: Postfix, service: Service, found: Walk) -> tuple[State, str]:
    if not server.is_reachable(service):
        return State.PASS, "Strangers do not reach this service: it listens on this machine only."
    if not starts(server, service):
        return State.PASS, "Nothing is relayed: smtpd does not start here, for want of a working relay rule."
    everything = domain_lists(server, service).matches_everything if _rests_on_domains(found) else ""
    because = f": {found.why}" if found.why else ""
    match found.outcome:
        case Outcome.REJECTS if everything:
            return State.FAIL, f"Anyone may relay: {everything}, so `{found.element}` refuses nobody."
        case Outcome.REJECTS:
            return State.PASS, f"Strangers are refused for foreign recipients, by `{found.element}`."
        case Outcome.PERMITS:
            return (
                State.FAIL,
                f"Anyone may relay: `{found.element}` in {found.parameter} lets strangers through{because}.",
            )
        case Outcome.FALLS_THROUGH:
            return State.FAIL, f"Anyone may relay: nothing in {found.parameter} refuses foreign recipients."
        case Outcome.DOUBTFUL:
            return State.WARN, f"`{found.element}` decides before the relay rule in {found.parameter}{because}."
        case Outcome.UNREAD if not found.element:
            return State.UNKNOWN, f"{found.parameter} decides, and could not be read{because}."
        case Outcome.UNREAD:
            return (
                State.UNKNOWN,
                f"`{found.element}` decides first in {found.parameter}, and could not be read{because}.",
            )


def _elements(server: Postfix, service: Service) -> Iterator[str]:
    """The names of all restrictions that apply to a service."""
    return (element.name for parameter in LISTS for element in flat_elements(server, service, parameter))


_IN_CLEAR = (
    ("smtpd_sasl_auth_enable", "no", "No passwords are taken here: AUTH is off."),
    ("smtpd_tls_wrappermode", "yes", "Passwords are taken inside TLS from the first octet."),
    ("smtpd_tls_security_level", "encrypt", "Nothing is taken here without TLS."),
    ("smtpd_enforce_tls", "yes", "Nothing is taken here without TLS."),
    ("smtpd_tls_auth_only", "yes", "AUTH is offered only after STARTTLS."),
)
"""Settings of which any one keeps passwords out of the clear."""


def _passwords(server: Postfix, service: Service) -> Finding:
    def says(state: State, text: str, *names: str) -> Finding:
        evidence = [server.evidence(name, service) for name in names]
        fix = server.setting_command("smtpd_tls_auth_only", "yes", service) if state is State.FAIL else ""
        return PASSWORDS_NEED_TLS.finding(state, text, *evidence, target=target(service), next_command=fix)

    not_given: NotGiven | None = None
    for name, value, text in _IN_CLEAR:
        try:
            if server.value(name, service) == value:
                return says(State.PASS, text, name)
        except NotGiven as why:
            not_given = not_given or why
    if not_given:
        raise not_given
    if not server.is_reachable(service):
        return says(State.PASS, "AUTH without TLS, but this machine alone can connect.", "smtpd_tls_auth_only")
    text = "AUTH is offered in clear: passwords can be read on the way."
    return says(State.FAIL, text, "smtpd_sasl_auth_enable", "smtpd_tls_auth_only")


MISMATCH = ("reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch")


def _senders(server: Postfix, service: Service) -> Finding:
    where = target(service)
    if not server.is_on("smtpd_sasl_auth_enable", service):
        evidence = server.evidence("smtpd_sasl_auth_enable", service)
        return SENDERS_MATCH.finding(State.NOT_APPLICABLE, "Users do not log in here.", evidence, target=where)
    evidence = server.evidence("smtpd_sender_login_maps", service)
    if not server.value("smtpd_sender_login_maps", service):
        says = "Any user may send as any other: Postfix is not told which addresses are whose."
        return SENDERS_MATCH.finding(State.WARN, says, evidence, target=where)
    if any(_asks_before_permitting(server, service, parameter) for parameter in LISTS):
        says = "Users may use only the sender addresses that are theirs."
        return SENDERS_MATCH.finding(State.PASS, says, evidence, target=where)
    says = "Sender addresses are listed, but no restriction asks: any user may send as any other."
    return SENDERS_MATCH.finding(State.WARN, says, server.evidence("smtpd_sender_restrictions", service), target=where)


def _asks_before_permitting(server: Postfix, service: Service, parameter: str) -> bool:
    """A mismatch rule works only where no permission ends its list before it."""
    for element in flat_elements(server, service, parameter):
        if element.name in MISMATCH and not element.warns_only:
            return True
        if element.name in ("permit", "permit_sasl_authenticated"):
            return False
    return False


def _routing(server: Postfix, service: Service, policy: Settings) -> Finding:
    names = ("allow_untrusted_routing", "allow_percent_hack", "swap_bangpath")
    if server.is_on(names[0], service):
        says = "Strangers may write a route into an address, and Postfix follows it."
        fix = server.setting_command(names[0], "no", service)
        return SENDER_ROUTING.finding(
            State.FAIL, says, server.evidence(names[0], service), target=target(service), next_command=fix
        )
    old_forms = [name for name in names[1:] if server.is_on(name, service)]
    if old_forms and policy.site.profile == "strict":
        says = "Old address forms (user%host, host!user) are rewritten; a server that trusts this one may follow them."
        return SENDER_ROUTING.finding(
            State.WARN, says, *(server.evidence(name, service) for name in old_forms), target=target(service)
        )
    says = "Routes written by strangers are refused."
    return SENDER_ROUTING.finding(State.PASS, says, server.evidence(names[0], service), target=target(service))


def _vrfy(server: Postfix, service: Service) -> Finding:
    evidence = server.evidence("disable_vrfy_command", service)
    if server.is_on("disable_vrfy_command", service):
        return NO_VRFY.finding(State.PASS, "VRFY is off.", evidence, target=target(service))
    if not lets_strangers_in(server, service):
        return NO_VRFY.finding(State.PASS, "VRFY answers no stranger.", evidence, target=target(service))
    fix = server.setting_command("disable_vrfy_command", "yes", service)
    says = "VRFY tells strangers which mailboxes exist."
    return NO_VRFY.finding(State.WARN, says, evidence, target=target(service), next_command=fix)


def _unknown_recipients(server: Postfix, service: Service) -> Finding:
    state, says, name, fix = _recipient_answer(server, service)
    evidence = server.evidence(name, service)
    return UNKNOWN_RECIPIENT.finding(state, says, evidence, target=target(service), next_command=fix)


def _recipient_answer(server: Postfix, service: Service) -> tuple[State, str, str, str]:
    """How it stands, in words, by which setting, and what to type."""
    asked = set(_elements(server, service))
    if not lets_strangers_in(server, service):
        return State.PASS, "Strangers leave no mail here, for whomever.", "smtpd_client_restrictions", ""
    if "reject_unverified_recipient" in asked:
        return State.PASS, "Each recipient is verified before it is accepted.", "smtpd_recipient_restrictions", ""
    if "reject_unlisted_recipient" not in asked and not server.is_on("smtpd_reject_unlisted_recipient", service):
        says = "Unknown recipients are accepted, and bounced to whoever was named as sender."
        fix = server.setting_command("smtpd_reject_unlisted_recipient", "yes", service)
        return State.FAIL, says, "smtpd_reject_unlisted_recipient", fix
    if not server.value("local_recipient_maps", service) and server.value("mydestination", service):
        says = "Postfix is told not to know its local users: mail to any name is accepted, then bounced."
        return State.FAIL, says, "local_recipient_maps", server.default_command("local_recipient_maps")
    if _relays_for_unlisted(server, service):
        says = "Any name in a relay domain is accepted, and bounced when the server behind refuses it."
        fix = "set relay_recipient_maps, or add reject_unverified_recipient to smtpd_recipient_restrictions"
        return State.WARN, says, "relay_recipient_maps", fix
    return State.PASS, "Unknown recipients are refused.", "smtpd_reject_unlisted_recipient", ""


def _relays_for_unlisted(server: Postfix, service: Service) -> bool:
    """Domains of mydestination are judged as local ones, though old defaults list them in relay_domains again."""
    own = set(re.split(r"[\s,]+", server.value("mydestination", service)))
    relayed = set(re.split(r"[\s,]+", server.value("relay_domains", service))) - own - {""}
    return bool(relayed) and not server.value("relay_recipient_maps", service)


def _relay_domains(server: Postfix) -> Finding:
    found: Matches = domain_lists(server, None)
    if found.matches_everything:
        name = found.parameter
        says = f"Foreign domains count as yours: {found.matches_everything}."
        return RELAY_DOMAINS.finding(State.FAIL, says, server.evidence(name), target="postfix")
    if found.unread:
        says = f"Which domains count as yours could not be read: {found.unread}."
        return RELAY_DOMAINS.finding(State.UNKNOWN, says, server.evidence(found.parameter), target="postfix")
    says = "Every domain that counts as yours is listed by name."
    return RELAY_DOMAINS.finding(
        State.PASS, says, server.evidence("mydestination"), server.evidence("relay_domains"), target="postfix"
    )


def _own_mail(server: Postfix, behind: Sequence[Upstream], policy: Settings) -> Finding:
    service, port = _service_for_own_mail(server, behind, policy)
    broken = next((other for other in server.smtp_services() if not starts(server, other)), None)
    if broken and _started_by_older_defaults(server, broken):
        says = "No relay rule is written, so it hangs on Postfix's version whether smtpd starts, and what it refuses."
        evidence = server.evidence("smtpd_relay_restrictions", broken)
        ask = "postconf smtpd_relay_restrictions mail_version"
        return TAKES_OWN_MAIL.finding(State.UNKNOWN, says, evidence, target=target(broken), next_command=ask)
    if broken:
        says = "smtpd gives up at every connection: no working relay rule stands in the relay or recipient list."
        fix = server.setting_command("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination", broken)
        evidence = server.evidence("smtpd_relay_restrictions", broken)
        return TAKES_OWN_MAIL.finding(State.FAIL, says, evidence, target=target(broken), next_command=fix)
    if port is None:
        says = f"site.role is {policy.site.role}, and the gateway does not lead here: strangers need not get in."
        return TAKES_OWN_MAIL.finding(State.NOT_APPLICABLE, says, target="postfix")
    if service is None:
        says = f"Mail should come in on port {port}, and no service of Postfix answers there."
        evidence = Evidence(f"{server.config_directory}/master.cf", f"no smtpd on port {port}")
        return TAKES_OWN_MAIL.finding(State.FAIL, says, evidence, target="postfix", next_command="postconf -M")
    return _lets_in(server, service, policy)


def _started_by_older_defaults(server: Postfix, service: Service) -> bool:
    """Postfix 2.10 and 2.11 had a relay rule by default, before levels of compatibility made it depend on one."""
    written = ("smtpd_relay_restrictions", "compatibility_level")
    return server.from_files and not any(server.is_written(name, service) for name in written)


def _service_for_own_mail(
    server: Postfix, behind: Sequence[Upstream], policy: Settings
) -> tuple[Service | None, int | None]:
    """The service that must let mail in, and its port; no port where this Postfix need not."""
    here = next((upstream for upstream in behind if isinstance(upstream, Here)), None)
    if here:
        return server.service_on_port(here.port), here.port
    return (server.service_on_port(25), 25) if policy.site.role in ("mx", "all-in-one") else (None, None)


_LOCAL_ONLY = " (guides that ask for it mean machines that are no mail server)"


def _lets_in(server: Postfix, service: Service, policy: Settings) -> Finding:
    def says(state: State, text: str, name: str, fix: str = "") -> Finding:
        evidence = server.evidence(name, service)
        return TAKES_OWN_MAIL.finding(state, text, evidence, target=target(service), next_command=fix)

    if policy.site.role in ("mx", "all-in-one") and not server.is_reachable(service):
        text = (
            f"site.role is {policy.site.role}, but Postfix listens on this machine only: no mail comes in{_LOCAL_ONLY}."
        )
        return says(State.FAIL, text, "inet_interfaces", server.setting_command("inet_interfaces", "all", service))
    found = answer(server, service, Client.STRANGER, Recipient.OWN)
    if found.outcome is Outcome.REJECTS:
        text = f"All mail from outside is refused: `{found.element}` in {found.parameter} stands before any permission."
        fix = f"take `{found.element}` out of {found.parameter}, then: postfix reload"
        return says(State.FAIL, text, found.parameter, fix)
    if found.outcome is Outcome.UNREAD:
        text = f"`{found.element or found.parameter}` in {found.parameter} could not be read: {found.why}."
        return says(State.UNKNOWN, text, found.parameter)
    return says(State.PASS, "Nothing refuses all mail from outside.", found.parameter)
