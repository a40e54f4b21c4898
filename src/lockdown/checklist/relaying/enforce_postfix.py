"""The changes that item 8 makes to a Postfix: one table of controls, each with the settings that turn its finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lockdown.checklist.relaying.audit_postfix import MISMATCH
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
from lockdown.checklist.relaying.enforce_lists import open_to_strangers, own_mail
from lockdown.checklist.relaying.enforce_trust import gateway_trust, mynetworks, xclient
from lockdown.checklist.relaying.guards import BARE_NEWLINE
from lockdown.checklist.relaying.mend import Answer, Mend
from lockdown.checklist.relaying.reach import lets_strangers_in
from lockdown.facts.certificates import certificate
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_change import list_words, set_back, set_for_service, set_where_written
from lockdown.facts.postfix_restrictions import elements
from lockdown.model.change import Risk, SetPostfix
from lockdown.model.unknown import Unknown


def enforce_postfix(mend: Mend) -> Answer:
    """What turns one finding."""
    return _MENDED[mend.found.control](mend)


def _relay_domains(mend: Mend) -> Answer:
    yield mend.left("Which domains are yours, only you can say.")


def _routing(mend: Mend) -> Answer:
    for name in ("allow_untrusted_routing", "allow_percent_hack", "swap_bangpath"):
        if mend.server.is_on(name, mend.service) and (name == "allow_untrusted_routing" or _is_strict(mend)):
            change = set_where_written(mend.server, name, "no", mend.service)
            yield mend.propose(change, Risk.NONE, "user%host and host!user are no routes any more")


def _is_strict(mend: Mend) -> bool:
    return mend.policy.site.profile == "strict"


# ── who logs in ──


def _passwords(mend: Mend) -> Answer:
    server, service = mend.server, mend.service
    if why := _no_tls(mend, service):
        yield mend.left(
            f"Users could not log in at all: {why}.",
            "set smtpd_tls_cert_file and smtpd_tls_key_file, and smtpd_tls_security_level=may; then: lockdown plan",
        )
        return
    effects = "mail programs that are set up without TLS must be set up again, with STARTTLS"
    if server.value("smtpd_tls_security_level", service) not in ("may", "encrypt"):
        level = set_where_written(server, "smtpd_tls_security_level", "may", service)
        yield mend.propose(level, Risk.NONE, "TLS is offered")
    yield mend.propose(set_where_written(server, "smtpd_tls_auth_only", "yes", service), Risk.HIGH, effects)


_CERTIFICATES = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file")


def _no_tls(mend: Mend, service: Service | None) -> str:
    """Why TLS is not to be had at a service; empty where a certificate is there, and has not ended."""
    paths = [path for name in _CERTIFICATES for path in list_words(mend.server.value(name, service)) if path != "none"]
    if not paths:
        return "no certificate is set up"
    shown = [certificate(mend.snapshot, path) for path in paths]
    if broken := next((one for one in shown if isinstance(one, Unknown)), None):
        return broken.why
    ended = next((one for one in shown if not isinstance(one, Unknown) and one.ends <= mend.snapshot.taken_at), None)
    return f"the certificate in {ended.path} has ended" if ended else ""


def _anonymous(mend: Mend) -> Answer:
    first, inside_tls = "smtpd_sasl_security_options", "smtpd_sasl_tls_security_options"
    for name in (first, inside_tls):
        follows = name == inside_tls and f"${first}" in mend.server.raw(name, mend.service)
        words = list_words(mend.server.value(name, mend.service))
        if not follows and "noanonymous" not in (word.lower() for word in words):
            change = set_where_written(mend.server, name, ", ".join((*words, "noanonymous")), mend.service)
            yield mend.propose(change, Risk.NONE, "who logged in without a name is refused")


def _senders(mend: Mend) -> Answer:
    server, service = mend.server, mend.service
    assert service is not None
    if not server.value("smtpd_sender_login_maps", service):
        yield mend.left("Which addresses are whose, Postfix does not tell: a map that is guessed locks people out.")
        return
    # A list of senders binds strangers too where they come in: an honest forward keeps its sender, and must pass there.
    word = MISMATCH[1] if lets_strangers_in(server, service) else MISMATCH[0]
    name = "smtpd_sender_restrictions"
    others = (one.text for one in elements(server.value(name, service)) if one.name not in MISMATCH)
    value = ", ".join((word, *others))
    effects = "users who send in the name of another, a shared mailbox for one, are refused until the map lists them"
    yield mend.propose(set_for_service(server, name, value, service), Risk.HIGH, effects)


# ── what strangers may do and hear ──

_NORMALIZES = {(3, 5): 24, (3, 6): 14, (3, 7): 10, (3, 8): 5}
"""The first patch level of each release that knows `normalize` (postconf(5)); before, `yes` alone is understood."""


def _smuggling(mend: Mend) -> Answer:
    if BARE_NEWLINE not in mend.server.parameters:
        yield mend.left("This Postfix does not know the guard: a newer one must be installed.")
        return
    value = "normalize" if _knows_normalize(mend.server) else "yes"
    change = set_where_written(mend.server, BARE_NEWLINE, value, mend.service)
    effects = f"programs that end a message by a bare newline wait in vain; list them in {BARE_NEWLINE}_exclusions"
    yield mend.propose(change, Risk.LOW, effects)


def _knows_normalize(server: Postfix) -> bool:
    major, minor, patch = (*server.version, 0, 0, 0)[:3]
    return (major, minor) >= (3, 9) or patch >= _NORMALIZES.get((major, minor), 1000)


def _vrfy(mend: Mend) -> Answer:
    change = set_where_written(mend.server, "disable_vrfy_command", "yes", mend.service)
    yield mend.propose(change, Risk.NONE, "none known")


def _banner(mend: Mend) -> Answer:
    name, quiet, service = "smtpd_banner", "$myhostname ESMTP", mend.service
    if service and name in service.overrides:
        # postconf writes no blanks into master.cf, so what main.cf says has to count.
        yield mend.propose(SetPostfix(name, None, service.label, mend.server.config_directory), Risk.NONE, "none known")
    if mend.server.raw(name) != quiet:
        change = SetPostfix(name, quiet, config_directory=mend.server.config_directory)
        yield mend.propose(change, Risk.NONE, "none known")


def _bounces(mend: Mend) -> Answer:
    yield mend.left("The line stands in a table that a person writes.")


_ELSEWHERE = ("luser_relay", "fallback_transport", "mailbox_transport")


def _unknown_recipients(mend: Mend) -> Answer:
    server, service = mend.server, mend.service
    local = server.value("local_transport", service).startswith("local")
    others = [name for name in _ELSEWHERE if server.value(name, service)]
    nobody_is_unknown = not server.value("local_recipient_maps", service) and server.value("mydestination", service)
    if nobody_is_unknown and (others or not local):
        by = others[0] if others else "local_transport"
        yield mend.left(f"Mail of local names goes on by {by}, which may know more names than this machine has.")
        return
    if mend.found.evidence and mend.found.next_command.startswith("set relay_recipient_maps"):
        yield mend.left("Which names the server behind has, is known there; asking it for each is for you to decide.")
        return
    effects = "mail to names that do not exist is refused, not bounced; check that every real one is listed"
    asks_nobody = not server.is_on("smtpd_reject_unlisted_recipient", service)
    if asks_nobody:
        change = set_where_written(server, "smtpd_reject_unlisted_recipient", "yes", service)
        yield mend.propose(change, Risk.LOW, effects)
    if nobody_is_unknown:
        yield mend.propose(set_back(server, "local_recipient_maps", service), Risk.LOW, effects)


_MENDED: Mapping[str, Callable[[Mend], Answer]] = {
    control.id: mended
    for control, mended in (
        (OPEN_TO_STRANGERS, open_to_strangers),
        (MYNETWORKS, mynetworks),
        (GATEWAY_NOT_TRUSTED, gateway_trust),
        (RELAY_DOMAINS, _relay_domains),
        (SENDER_ROUTING, _routing),
        (PASSWORDS_NEED_TLS, _passwords),
        (NO_ANONYMOUS, _anonymous),
        (SENDERS_MATCH, _senders),
        (XCLIENT, xclient),
        (NO_SMUGGLING, _smuggling),
        (NO_VRFY, _vrfy),
        (QUIET_BANNER, _banner),
        (UNKNOWN_RECIPIENT, _unknown_recipients),
        (BOUNCES_GET_IN, _bounces),
        (TAKES_OWN_MAIL, own_mail),
    )
}
