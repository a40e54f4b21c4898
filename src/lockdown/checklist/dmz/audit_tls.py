"""TLS as Postfix and Dovecot are set up on this machine: offered, not forced on strangers, no broken versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.dmz.server_tls_controls import (
    CERTIFICATE,
    MAILBOX_TLS,
    NOT_FORCED,
    OUTGOING,
    STARTTLS,
    VERSIONS,
)
from lockdown.config import Settings
from lockdown.facts.certificates import Certificate, certificate, of_dovecot
from lockdown.facts.certificates import of_postfix as shown_by_postfix
from lockdown.facts.dovecot import Dovecot, as_far_as_read, dovecot
from lockdown.facts.postfix import Absent as NoPostfix
from lockdown.facts.postfix import Postfix, Service, postfix
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

LEAST_LEFT = timedelta(days=14)
LEAST_BITS = {"rsaEncryption": 2048, "id-ecPublicKey": 224}
_OLD = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_OF_POSTFIX = (STARTTLS, NOT_FORCED, OUTGOING, VERSIONS)
_ASK = "sudo lockdown audit --item dmz"


def audit_tls(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on TLS."""
    server = postfix(snapshot)
    match server:
        case Unknown(why):
            yield from _each(_OF_POSTFIX, State.UNKNOWN, f"Postfix could not be read: {why}.", _ASK)
        case NoPostfix(why):
            yield from _each(
                _OF_POSTFIX, State.NOT_APPLICABLE, "There is no Postfix here.", "", Evidence("postfix", why)
            )
        case Postfix():
            yield from of_postfix(server, policy)
    mailboxes = dovecot(snapshot)
    match mailboxes:
        case Unknown(why):
            yield from _each(
                (MAILBOX_TLS,),
                State.UNKNOWN,
                f"Dovecot could not be read: {why}.",
                "doveconf -n     (as root)",
                target="dovecot",
            )
        case Absent(why):
            yield from _each(
                (MAILBOX_TLS,),
                State.NOT_APPLICABLE,
                "There is no Dovecot here.",
                "",
                Evidence("dovecot", why),
                target="dovecot",
            )
        case Dovecot():
            yield as_far_as_read(mailboxes, mailboxes_over_tls(mailboxes))
            yield as_far_as_read(mailboxes, dovecot_versions(mailboxes))
    yield from _certificates(snapshot, server, mailboxes, policy)


def _each(
    controls: tuple[Control, ...], state: State, says: str, ask: str, *evidence: Evidence, target: str = "postfix"
) -> Iterator[Finding]:
    return (control.finding(state, says, *evidence, target=target, next_command=ask) for control in controls)


# ── Postfix ──


def of_postfix(server: Postfix, policy: Settings) -> Iterator[Finding]:
    """The findings on its services, and on what it sends."""
    public = [one for one in server.smtp_services() if server.is_reachable(one)]
    if not public:
        says = "Strangers reach no SMTP service of Postfix."
        yield from _each(
            (STARTTLS, NOT_FORCED, VERSIONS), State.NOT_APPLICABLE, says, "", server.evidence("inet_interfaces")
        )
    for service in public:
        yield _offered(server, service)
        yield _not_forced(server, service, policy)
        yield _versions(server, service, policy)
    yield _outgoing(server)


def _level(server: Postfix, service: Service | None) -> str:
    level = server.value("smtpd_tls_security_level", service)
    old = (
        "encrypt"
        if server.is_on("smtpd_enforce_tls", service)
        else "may"
        if server.is_on("smtpd_use_tls", service)
        else "none"
    )
    return level or old


def _offered(server: Postfix, service: Service) -> Finding:
    target = f"postfix {service.label}"
    name = "smtpd_tls_security_level"
    evidence = server.evidence(name, service)
    if server.is_on("smtpd_tls_wrappermode", service):
        return STARTTLS.finding(
            State.PASS, "TLS from the first octet.", server.evidence("smtpd_tls_wrappermode", service), target=target
        )
    if _level(server, service) == "none":
        fix = server.setting_command(name, "may", service)
        return STARTTLS.finding(
            State.FAIL, "STARTTLS is not offered: mail comes in the open.", evidence, target=target, next_command=fix
        )
    names = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")
    if not any(server.value(one, service) not in ("", "none") for one in names):
        says = "TLS is wanted, and no certificate is named: STARTTLS is not offered."
        return STARTTLS.finding(
            State.FAIL,
            says,
            evidence,
            server.evidence(names[1], service),
            target=target,
            next_command="postfix tls enable-server",
        )
    return STARTTLS.finding(State.PASS, "STARTTLS is offered.", evidence, target=target)


def _not_forced(server: Postfix, service: Service, policy: Settings) -> Finding:
    target, evidence = f"postfix {service.label}", server.evidence("smtpd_tls_security_level", service)
    if service.port not in (25, None) or (service.type == "pass" and service.port):
        return NOT_FORCED.finding(
            State.NOT_APPLICABLE, "Not a port that other servers use.", server.service_evidence(service), target=target
        )
    if policy.site.role == "backend":
        return NOT_FORCED.finding(
            State.NOT_APPLICABLE, "A server behind a gateway may demand TLS of it.", evidence, target=target
        )
    if _level(server, service) == "encrypt":
        fix = server.setting_command("smtpd_tls_security_level", "may", service)
        return NOT_FORCED.finding(
            State.WARN,
            "Port 25 demands TLS: mail of servers without it does not come.",
            evidence,
            target=target,
            next_command=fix,
        )
    return NOT_FORCED.finding(State.PASS, "Servers without TLS may deliver.", evidence, target=target)


def old_versions(value: str) -> list[str]:
    """Which broken versions a list of Postfix allows by name: `!SSLv2, !SSLv3`, `>=TLSv1.2` or `TLSv1.2 TLSv1.3`."""
    words = [word for word in re.split(r"[\s,:]+", value) if word]
    least = next((word[2:] for word in words if word.startswith(">=")), None)
    if least is not None:
        order = [*_OLD, "TLSv1.2", "TLSv1.3"]
        return [one for one in _OLD if least in order and order.index(one) >= order.index(least)]
    named = [word for word in words if not word.startswith(("!", "<="))]
    refused = {word[1:] for word in words if word.startswith("!")}
    return [one for one in _OLD if (one in named if named else one not in refused)]


def uses_tls_always(server: Postfix, service: Service) -> bool:
    """Whether nobody gets through without TLS: then another list of versions counts."""
    return _level(server, service) == "encrypt" or server.is_on("smtpd_tls_wrappermode", service)


def _versions(server: Postfix, service: Service, policy: Settings) -> Finding:
    mandatory = uses_tls_always(server, service)
    name = "smtpd_tls_mandatory_protocols" if mandatory else "smtpd_tls_protocols"
    target, evidence = f"postfix {service.label}", server.evidence(name, service)
    if _level(server, service) == "none" and not server.is_on("smtpd_tls_wrappermode", service):
        return VERSIONS.finding(State.NOT_APPLICABLE, "No TLS here at all.", evidence, target=target)
    old = old_versions(server.value(name, service))
    fix = server.setting_command(name, ">=TLSv1.2", service)
    if broken := [
        one for one in old if one.startswith("SSL") and (name in server.explicit or name in service.overrides)
    ]:
        return VERSIONS.finding(
            State.FAIL,
            f"{' and '.join(broken)} is allowed, which is broken.",
            evidence,
            target=target,
            next_command=fix,
        )
    written = name in server.explicit or name in service.overrides
    if old and written and policy.site.profile != "starter" and (mandatory or policy.site.profile == "strict"):
        return VERSIONS.finding(
            State.WARN, f"{' and '.join(old)} is allowed.", evidence, target=target, next_command=fix
        )
    if old and policy.site.profile == "strict":
        return VERSIONS.finding(
            State.WARN,
            f"{' and '.join(old)} is left to OpenSSL's own settings.",
            evidence,
            target=target,
            next_command=fix,
        )
    says = (
        "Old versions are off."
        if not old
        else "Old versions are left to OpenSSL, which refuses them on Debian and Ubuntu."
    )
    return VERSIONS.finding(State.PASS, says, evidence, target=target)


def _outgoing(server: Postfix) -> Finding:
    evidence = server.evidence("smtp_tls_security_level")
    level = server.value("smtp_tls_security_level")
    level = level or ("may" if server.is_on("smtp_use_tls") else "none")
    if level == "none":
        fix = server.setting_command("smtp_tls_security_level", "may")
        return OUTGOING.finding(
            State.WARN,
            "Mail goes out in the open, even to servers that offer TLS.",
            evidence,
            target="postfix",
            next_command=fix,
        )
    return OUTGOING.finding(State.PASS, f"Mail goes out over TLS: {level}.", evidence, target="postfix")


# ── Dovecot ──


def mailboxes_over_tls(found: Dovecot) -> Finding:
    """Whether a password may come in the open."""
    clear, default = ("auth_allow_cleartext", "no") if found.is_new else ("disable_plaintext_auth", "yes")
    allows = "yes" if found.is_new else "no"
    # A section for one network only, such as `remote 192.0.2.0/24 { }`, is an exception that is shown.
    excepted = [one for one in found.all(clear, "auth_allow_cleartext") if one.within and one.value.lower() == allows]
    evidence = (found.evidence("ssl", "yes"), found.evidence(clear, default))
    if found.value("ssl", "yes") == "no":
        return MAILBOX_TLS.finding(
            State.FAIL, "TLS is off: passwords and mail are read on the way.", *evidence, target="dovecot"
        )
    # For an `inet_listener` the word says only whether TLS begins with the first octet.
    sections = [one for one in found.all("ssl") if one.within and not one.within[-1].startswith("inet_listener")]
    if off := [one for one in sections if one.value.lower() == "no"]:
        says = f"TLS is off for {' '.join(off[0].within)}: passwords and mail are read on the way."
        return MAILBOX_TLS.finding(State.FAIL, says, off[0].evidence, target="dovecot")
    loosened = any(one.value.lower() == "yes" for one in sections)
    if found.value("ssl", "yes") == "required" and not loosened:
        return MAILBOX_TLS.finding(State.PASS, "Mailboxes are opened over TLS only.", *evidence, target="dovecot")
    if found.value(clear, default) == allows:
        return MAILBOX_TLS.finding(State.FAIL, "Passwords are taken in the open.", *evidence, target="dovecot")
    if excepted:
        where = " ".join(excepted[0].within)
        return MAILBOX_TLS.finding(
            State.WARN, f"Passwords are taken in the open for {where}.", excepted[0].evidence, target="dovecot"
        )
    return MAILBOX_TLS.finding(State.PASS, "No password is taken before TLS.", *evidence, target="dovecot")


def dovecot_versions(found: Dovecot) -> Finding:
    """The least version that it takes."""
    least = found.value("ssl_min_protocol", "tlsv1.2" if found.version >= (2, 3, 14) or found.is_new else "tlsv1")
    evidence = found.evidence("ssl_min_protocol", "TLSv1.2")
    if found.value("ssl", "yes") == "no":
        return VERSIONS.finding(State.NOT_APPLICABLE, "No TLS in Dovecot at all.", evidence, target="dovecot")
    if least in ("sslv2", "sslv3", "any"):
        return VERSIONS.finding(
            State.FAIL,
            f"Dovecot takes {least}, which is broken.",
            evidence,
            target="dovecot",
            next_command="write ssl_min_protocol = TLSv1.2, then: doveadm reload",
        )
    if least in ("tlsv1", "tlsv1.0", "tlsv1.1") and found.top("ssl_min_protocol"):
        return VERSIONS.finding(
            State.WARN,
            f"Dovecot takes {least}.",
            evidence,
            target="dovecot",
            next_command="write ssl_min_protocol = TLSv1.2, then: doveadm reload",
        )
    return VERSIONS.finding(State.PASS, "Dovecot takes TLS 1.2 and newer.", evidence, target="dovecot")


# ── certificates ──


def _certificates(snapshot: Snapshot, server: object, mailboxes: object, policy: Settings) -> Iterator[Finding]:
    paths = shown_by_postfix(server) if isinstance(server, Postfix) else []
    paths += of_dovecot(mailboxes) if isinstance(mailboxes, Dovecot) else []
    if not paths:
        unread = [one.why for one in (server, mailboxes) if isinstance(one, Unknown)]
        state = State.UNKNOWN if unread else State.NOT_APPLICABLE
        says = f"Which certificates are shown could not be read: {unread[0]}." if unread else "No certificate is named."
        yield CERTIFICATE.finding(state, says, target="certificates", next_command=_ASK if unread else "")
    for path in dict.fromkeys(paths):
        found = certificate(snapshot, path)
        if isinstance(found, Unknown):
            ask = f"openssl x509 -in {path} -noout -enddate -subject"
            yield CERTIFICATE.finding(
                State.UNKNOWN, f"The certificate could not be read: {found.why}.", target=path, next_command=ask
            )
        else:
            yield _certificate(found, snapshot, server, policy)


def _is_ours(found: Certificate, own: str, policy: Settings) -> bool:
    """Whether a name on it is the server's, or of one of the domains; where neither is known, that is not asked."""
    domains = [one for one in policy.site.domains if one != "example.org"]
    if not own and not domains:
        return True
    if own and found.covers(own):
        return True
    return any(name == domain or name.endswith(f".{domain}") for name in found.names for domain in domains)


def _certificate(found: Certificate, snapshot: Snapshot, server: object, policy: Settings) -> Finding:
    left = found.ends - snapshot.taken_at
    evidence = Evidence(
        found.path,
        f"ends {found.ends:%Y-%m-%d}, for {', '.join(found.names[:4])}, {found.algorithm} of {found.bits} bits",
    )
    if left <= timedelta(0):
        return CERTIFICATE.finding(
            State.FAIL, f"The certificate ended on {found.ends:%Y-%m-%d}.", evidence, target=found.path
        )
    if left < LEAST_LEFT:
        return CERTIFICATE.finding(
            State.WARN, f"The certificate ends in {left.days} days.", evidence, target=found.path
        )
    if found.bits < LEAST_BITS.get(found.algorithm, 0):
        return CERTIFICATE.finding(
            State.FAIL, f"The key has {found.bits} bits: that is broken.", evidence, target=found.path
        )
    own = server.value("myhostname") if isinstance(server, Postfix) else ""
    if not _is_ours(found, own, policy):
        return _another_name(found, own, evidence)
    return CERTIFICATE.finding(
        State.PASS, f"The certificate is good until {found.ends:%Y-%m-%d}.", evidence, target=found.path
    )


def _another_name(found: Certificate, own: str, evidence: Evidence) -> Finding:
    names = ", ".join(found.names[:3]) or "nobody"
    if not own:
        says = f"The certificate is made out to {names}; what this server is called could not be told."
        ask = "postconf myhostname     (and see that users and other servers reach it by a name on the certificate)"
        return CERTIFICATE.finding(State.UNKNOWN, says, evidence, target=found.path, next_command=ask)
    says = f"The certificate is made out to {names}, and neither to {own} nor to your domains."
    return CERTIFICATE.finding(State.WARN, says, evidence, target=found.path)
