"""A mail server as it is often found: installed in an afternoon, everything open, nobody has looked since.

Real Postfix and Dovecot in a machine of their own (`Machine`), users with mailboxes, an ssh daemon. `set_up` writes it,
`start` starts it; each careless thing is named in `CARELESS`, so that a test can say which of them was mended.
"""

from __future__ import annotations

import time

from tests.rig.machine import Machine
from tests.rig.network import eventually

DOMAIN = "example.org"
PASSWORD = "correct horse battery"
"""Of every user; a test's world needs no secrets."""

CARELESS: tuple[tuple[str, str], ...] = (
    ("relaying.open-to-strangers", "everybody is in mynetworks, and may relay"),
    ("relaying.mynetworks-are-narrow", "mynetworks is the whole Internet"),
    ("relaying.no-user-probing", "VRFY answers"),
    ("relaying.quiet-banner", "the greeting names the version"),
    ("relaying.passwords-need-tls", "AUTH is offered in clear text"),
    ("relaying.no-smuggling", "a bare newline may end a message"),
    ("attachments.message-limit", "a message may be of any size"),
    ("attachments.client-rates", "no client is limited"),
    ("mailboxes.quota-is-on", "nobody counts what lies in a mailbox"),
    ("services.no-clear-mailbox-ports", "IMAP is open in clear text"),
    ("admins.no-root-by-ssh", "root signs in over ssh with a password"),
    ("admins.no-passwords-over-ssh", "ssh takes passwords"),
    ("dmz.mailbox-passwords-need-tls", "Dovecot takes passwords in clear text"),
)
"""The controls that do not hold, and how it came to be."""

_MAIN = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = example.org, mail.example.org, localhost
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 0.0.0.0/0
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_banner = $myhostname ESMTP $mail_name $mail_version (Debian/GNU)
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_tls_auth_only = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/ssl/private/mail.pem
# somebody wrote this by hand, and would like to find it again
disable_vrfy_command = no
smtpd_forbid_bare_newline = no
message_size_limit = 0
mailbox_size_limit = 0
home_mailbox = Maildir/
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
maillog_file = /var/log/mail.log
smtpd_client_connection_rate_limit = 0
"""

_DOVECOT = """\
protocols = imap lmtp
listen = *
mail_location = maildir:~/Maildir
disable_plaintext_auth = no
ssl = yes
ssl_cert = </etc/ssl/private/mail.pem
ssl_key = </etc/ssl/private/mail.pem
log_path = /var/log/dovecot.log
auth_username_format = %Ln
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
!include conf.d/*.conf
"""

_SSHD = """\
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes
PasswordAuthentication yes
UsePAM no
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def set_up(machine: Machine, users: tuple[str, ...] = ("anna", "bert")) -> None:
    """Write everything; nothing runs yet."""
    for path in ("/etc/dovecot/conf.d", "/etc/ssh/sshd_config.d"):
        machine.run("sh", "-c", f"mkdir -p {path} && rm -f {path}/*.conf")
    machine.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
        "-subj", "/CN=mail.example.org", "-addext", "subjectAltName=DNS:mail.example.org",
        "-keyout", "/etc/ssl/private/mail.key", "-out", "/etc/ssl/private/mail.crt",
    )  # fmt: skip
    machine.run("sh", "-c", "cd /etc/ssl/private && cat mail.key mail.crt > mail.pem && chmod 600 mail.*")
    machine.write("/etc/postfix/main.cf", _MAIN)
    machine.write("/etc/dovecot/dovecot.conf", _DOVECOT)
    machine.write("/etc/dovecot/conf.d/10-logging.conf", "auth_verbose = yes\n")
    machine.write("/etc/ssh/sshd_config", _SSHD)
    machine.write("/etc/aliases", "postmaster: anna\nroot: anna\nabuse: anna\n")
    machine.write("/etc/mailname", "example.org\n")
    lines = []
    for user in users:
        machine.run("useradd", "--create-home", "--shell", "/bin/bash", user)
        lines.append(f"{user}:{{PLAIN}}{PASSWORD}\n")
    machine.write("/etc/dovecot/users", "".join(lines))
    machine.run("sh", "-c", "chgrp dovecot /etc/dovecot/users && chmod 640 /etc/dovecot/users")
    machine.run("newaliases")


def administrator(machine: Machine, name: str = "carla") -> None:
    """Somebody who may become root, and signs in with a key: whoever mends the server must not be shut out."""
    machine.run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", name)
    machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"/root/{name}")
    machine.run(
        "sh", "-c",
        f"install -d -m 700 -o {name} -g {name} /home/{name}/.ssh && "
        f"install -m 600 -o {name} -g {name} /root/{name}.pub /home/{name}/.ssh/authorized_keys",
    )  # fmt: skip
    machine.run("sh", "-c", f"usermod -p '*' {name}")


def start(machine: Machine, *, ssh: bool = False) -> None:
    """Start Postfix and Dovecot (and sshd), and wait until they answer."""
    machine.run("postfix", "start")
    machine.run("dovecot")
    if ssh:
        machine.run("sh", "-c", "mkdir -p /run/sshd && ssh-keygen -A && /usr/sbin/sshd")
    for port in (25, 143, *((22,) if ssh else ())):
        eventually(lambda port=port: _answers(machine, port), f"port {port} of the machine answers")  # type: ignore[misc]


def _answers(machine: Machine, port: int) -> bool:
    tried = machine.run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port} && head -c 3 <&3", check=False, seconds=10)
    return tried.returncode == 0 and bool(tried.stdout)


def mail_of(machine: Machine, user: str) -> list[str]:
    """The letters in a user's mailbox."""
    folder = machine.path(f"/home/{user}/Maildir/new")
    return [path.read_text(errors="replace") for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def wait_for_mail(machine: Machine, user: str, words: str, seconds: float = 20.0) -> str:
    """Until a letter with these words lies in the mailbox."""
    end = time.monotonic() + seconds

    def found() -> str | None:
        return next((letter for letter in mail_of(machine, user) if words in letter), None)

    return eventually(found, f"a letter with {words!r} for {user}", end - time.monotonic())
