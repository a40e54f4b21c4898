"""Faults in mailboxes and in TLS: each planted alone in files that are well."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts import certificates, disks, dovecot, quotas
from lockdown.model.finding import State

FAIL, WARN = State.FAIL, State.WARN
CERT = "/etc/ssl/certs/mail.pem"
DOVECOT = f"""\
protocols = imap lmtp
ssl = required
ssl_cert = <{CERT}
ssl_min_protocol = TLSv1.2
mail_plugins = $mail_plugins quota
passdb {{
  driver = pam
}}
userdb {{
  driver = static
}}
service quota-status {{
  executable = quota-status -p postfix
  inet_listener {{
    port = 12340
  }}
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=5G
  quota_rule2 = Trash:storage=+100M
  quota_warning = storage=95%% quota-warning 95 %u
}}
"""
NEW = f"""\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
ssl = required
ssl_server_cert_file = {CERT}
mail_plugins {{
  quota = yes
}}
quota "User quota" {{
  storage_size = 5G
  warning warn-95 {{
    quota_storage_percentage = 95
  }}
}}
service quota-status {{
  executable = quota-status -p postfix
  inet_listener policy {{
    port = 12340
  }}
}}
"""
MAIN = f"""\
smtpd_tls_security_level = may
smtpd_tls_cert_file = {CERT}
smtp_tls_security_level = may
smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service inet:127.0.0.1:12340
"""
GOOD_CERT = """\
notAfter=Jun  1 12:00:00 2027 GMT
subject=CN = mail.example.org
        Public Key Algorithm: rsaEncryption
            Public-Key: (2048 bit)
                DNS:mail.example.org, DNS:example.org
"""
DISKS = (
    "/ 1000000 600000 1000 900 /\n/var/vmail 9000000 6000000 1000 900 /var/vmail\n/var/log 1000000 600000 1000 900 /\n"
)
SIZES = "200000 20000 /var/vmail/example.org/anna\n"


@dataclass(frozen=True)
class Fault:
    """What differs, and what must be said of it."""

    name: str
    control: str
    state: State
    conf: str = DOVECOT
    main: str = MAIN
    certificate: str = GOOD_CERT
    disks: str = DISKS
    sizes: str = SIZES


def conf(old: str, new: str, base: str = DOVECOT) -> str:
    assert old in base
    return base.replace(old, new)


def main(old: str, new: str) -> str:
    assert old in MAIN
    return MAIN.replace(old, new)


def readings(fault: Fault | None = None) -> dict[str, str]:
    """What the machine would say."""
    told = fault or Fault("", "", State.PASS)
    return {
        dovecot.FILES: f"{dovecot.MAIN}\n",
        f"{dovecot.FILES}{dovecot.MAIN}": told.conf,
        f"{certificates.FOLDER}{CERT}": told.certificate,
        disks.SOURCE: told.disks,
        quotas.SOURCE: told.sizes,
    }


FAULTS = (
    Fault("no quota plugin", "mailboxes.quota-is-on", FAIL, conf("$mail_plugins quota", "$mail_plugins")),
    Fault("a quota of nothing", "mailboxes.quota-is-finite", FAIL, conf("*:storage=5G", "*:storage=0")),
    Fault("a quota without a rule", "mailboxes.quota-is-finite", FAIL, conf("  quota_rule = *:storage=5G\n", "")),
    Fault("a quota without end", "mailboxes.quota-is-finite", WARN, conf("storage=5G", "storage=900T")),
    Fault("nobody is warned", "mailboxes.users-are-warned", WARN, conf("  quota_warning", "  # quota_warning")),
    Fault("mail past the warnings", "mailboxes.users-are-warned", WARN, conf("driver = static", "driver = passwd")),
    Fault("a mailbox below a message", "mailboxes.message-fits", WARN, conf("storage=5G", "storage=5M")),
    Fault(
        "full is noticed too late",
        "mailboxes.full-is-refused-at-rcpt",
        WARN,
        main=main(", check_policy_service inet:127.0.0.1:12340", ""),
    ),
    Fault("2.4 without quota", "mailboxes.quota-is-on", FAIL, conf("quota = yes", "acl = yes", NEW)),
    Fault(
        "2.4 without a limit",
        "mailboxes.quota-is-finite",
        FAIL,
        conf("  storage_size = 5G\n", "  storage_size = unlimited\n", NEW),
    ),
    Fault("limits beyond the disk", "mailboxes.sum-fits-the-disk", WARN, sizes=SIZES + SIZES.replace("anna", "bert")),
    Fault("a full disk", "mailboxes.disk-has-room", FAIL, disks=DISKS.replace("6000000", "100000")),
    Fault("a disk that fills", "mailboxes.disk-has-room", WARN, disks=DISKS.replace("6000000", "2000000")),
    Fault("no inodes left", "mailboxes.disk-has-room", FAIL, disks=DISKS.replace("1000 900 /var", "1000 10 /var")),
    Fault("mailboxes without TLS", "dmz.mailbox-passwords-need-tls", FAIL, conf("ssl = required", "ssl = no")),
    Fault(
        "passwords in the open",
        "dmz.mailbox-passwords-need-tls",
        FAIL,
        conf("ssl = required", "ssl = yes\ndisable_plaintext_auth = no"),
    ),
    Fault(
        "2.4 with passwords in the open",
        "dmz.mailbox-passwords-need-tls",
        FAIL,
        conf("ssl = required", "ssl = yes\nauth_allow_cleartext = yes", NEW),
    ),
    Fault(
        "one network in the open",
        "dmz.mailbox-passwords-need-tls",
        WARN,
        conf("ssl = required", "ssl = yes\nremote 192.0.2.0/24 {\n  disable_plaintext_auth = no\n}"),
    ),
    Fault("SSL 3 in Dovecot", "dmz.old-tls-is-off", FAIL, conf("TLSv1.2", "SSLv3")),
    Fault("TLS 1.0 in Dovecot", "dmz.old-tls-is-off", WARN, conf("TLSv1.2", "TLSv1")),
    Fault(
        "no STARTTLS",
        "dmz.starttls-is-offered",
        FAIL,
        main=main("smtpd_tls_security_level = may", "smtpd_tls_security_level = none"),
    ),
    Fault(
        "TLS without a certificate", "dmz.starttls-is-offered", FAIL, main=main(f"smtpd_tls_cert_file = {CERT}\n", "")
    ),
    Fault(
        "TLS demanded of everyone",
        "dmz.tls-is-not-forced-on-port-25",
        WARN,
        main=main("smtpd_tls_security_level = may", "smtpd_tls_security_level = encrypt"),
    ),
    Fault("SSL 3 in Postfix", "dmz.old-tls-is-off", FAIL, main=MAIN + "smtpd_tls_protocols = !SSLv2\n"),
    Fault("mail goes out in the open", "dmz.outgoing-tls", WARN, main=main("smtp_tls_security_level = may\n", "")),
    Fault("an expired certificate", "dmz.certificates-are-good", FAIL, certificate=GOOD_CERT.replace("2027", "2025")),
    Fault(
        "a certificate that ends soon",
        "dmz.certificates-are-good",
        WARN,
        certificate=GOOD_CERT.replace("Jun  1 12:00:00 2027", "Jan 20 12:00:00 2026"),
    ),
    Fault(
        "TLS off for one protocol",
        "dmz.mailbox-passwords-need-tls",
        FAIL,
        conf("ssl = required", "ssl = required\nprotocol imap {\n  ssl = no\n}"),
    ),
    Fault(
        "a certificate of another",
        "dmz.certificates-are-good",
        WARN,
        certificate=GOOD_CERT.replace("example.org", "example.net"),
    ),
    Fault("a weak key", "dmz.certificates-are-good", FAIL, certificate=GOOD_CERT.replace("2048", "1024")),
)
