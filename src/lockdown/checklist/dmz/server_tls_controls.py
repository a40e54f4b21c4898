"""Controls of item 3 on what crosses the network in the open: TLS as the mail servers of this machine are set up."""

from __future__ import annotations

from lockdown.model.finding import Control, Severity

STARTTLS = Control(
    id="dmz.starttls-is-offered",
    title="Mail from other servers may come over TLS",
    severity=Severity.HIGH,
    why="Without STARTTLS every message from outside can be read on its way.",
    fix="postconf -e smtpd_tls_security_level=may && postfix reload",
    evidence="smtpd_tls_security_level and the certificate of each SMTP service that strangers reach",
    references=("RFC 3207", "RFC 7435"),
)
NOT_FORCED = Control(
    id="dmz.tls-is-not-forced-on-port-25",
    title="Port 25 takes mail without TLS too",
    severity=Severity.MEDIUM,
    why="A public server must not demand TLS (RFC 3207 4): mail from older servers would not come at all.",
    fix="postconf -e smtpd_tls_security_level=may && postfix reload     (DANE and MTA-STS protect those who ask)",
    evidence="smtpd_tls_security_level of the service on port 25, and site.role",
    references=("RFC 3207 4",),
)
OUTGOING = Control(
    id="dmz.outgoing-tls",
    title="Mail to other servers goes over TLS where they offer it",
    severity=Severity.MEDIUM,
    why="With TLS off every message that you send can be read on its way.",
    fix="postconf -e smtp_tls_security_level=may && postfix reload     (dane, where your resolver validates DNSSEC)",
    evidence="smtp_tls_security_level of Postfix",
    references=("RFC 7435", "RFC 7672"),
)
VERSIONS = Control(
    id="dmz.old-tls-is-off",
    title="Broken versions of TLS are off",
    severity=Severity.MEDIUM,
    why="SSL 2 and 3 are broken, TLS 1.0 and 1.1 are not to be used (RFC 8996).",
    fix="postconf -e 'smtpd_tls_protocols = >=TLSv1.2' 'smtpd_tls_mandatory_protocols = >=TLSv1.2' && postfix reload",
    evidence="smtpd_tls_protocols and smtpd_tls_mandatory_protocols of Postfix, ssl_min_protocol of Dovecot",
    side_effects="programs of before 2012 cannot connect over TLS",
    references=("RFC 8996",),
)
CERTIFICATE = Control(
    id="dmz.certificates-are-good",
    title="Certificates are valid and strong",
    severity=Severity.HIGH,
    why="An expired certificate stops mail programs, and teaches users to click warnings away.",
    fix="renew it (certbot renew, or your own authority), then: postfix reload && doveadm reload",
    evidence="the certificates that Postfix and Dovecot name: their end, their names, their key",
    references=("RFC 9525", "BSI TR-03108"),
    maps=("BSI TR-03108",),
)
MAILBOX_TLS = Control(
    id="dmz.mailbox-passwords-need-tls",
    title="Mailboxes are opened over TLS only",
    severity=Severity.HIGH,
    why="A password that crosses the network in clear is read once; then somebody else reads the mail.",
    fix="write ssl = required and disable_plaintext_auth = yes (2.4: auth_allow_cleartext = no), then: doveadm reload",
    evidence="ssl, disable_plaintext_auth or auth_allow_cleartext of Dovecot, sections for single networks included",
    side_effects="mail programs set up without TLS must be set up again",
    references=("RFC 8314 3",),
)

SERVER_TLS_CONTROLS = (STARTTLS, NOT_FORCED, OUTGOING, VERSIONS, CERTIFICATE, MAILBOX_TLS)
