"""Faults in who administers, who can be reached and what is kept: each planted alone in readings that are well."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts import accounts, aliases, mailbox_passwords, sshd, sudoers
from lockdown.host.accounts import keys_shown, schemes_counted, shadow_kinds
from lockdown.model.finding import State

FAIL, WARN = State.FAIL, State.WARN
YESCRYPT = "$y$j9T$abcdefghijklmnopqrstuv$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIZ2bEgYkNPqFyOoVCVSXCNbGQdLG9sEi7LhBpQ1aF3r ada@laptop"
PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
postfix:x:106:113::/var/spool/postfix:/usr/sbin/nologin
ada:x:1000:1000:Ada Byron:/home/ada:/bin/bash
"""
GROUP = "root:x:0:\ndaemon:x:1:\nsudo:x:27:ada\ndocker:x:990:\nada:x:1000:\n"
SHADOW = f"""\
root:*:19900:0:99999:7:::
daemon:*:19900:0:99999:7:::
postfix:!:19900::::::
ada:{YESCRYPT}:19900:0:99999:7:::
"""
SUDOERS = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
SSHD = "PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
LAST = """\
Username         Port     From                                       Latest
root                                                                 **Never logged in**
ada              pts/0    192.0.2.9                                  Mon Jan 12 08:00:00 +0000 2026
"""
KEYS_FILE = "/home/ada/.ssh/authorized_keys"
ALIASES = "postmaster: root\nabuse: postmaster\nroot: ada@example.org\n"
ROTATE = "/var/log/mail.log\n{\n\trotate 8\n\tweekly\n}\n"
PAM = (
    "password requisite pam_pwquality.so retry=3 minlen=12\npassword [success=1 default=ignore] pam_unix.so yescrypt\n"
)

WELL: dict[str, str] = {
    accounts.PASSWD: PASSWD,
    accounts.GROUP: GROUP,
    accounts.SHADOW: shadow_kinds(SHADOW),
    accounts.LAST: LAST,
    accounts.KEYS: f"{KEYS_FILE}\n",
    f"{accounts.KEYS}{KEYS_FILE}": keys_shown(f"{ED25519}\n"),
    sudoers.MAIN: SUDOERS,
    sudoers.PARTS: "not installed: no /etc/sudoers.d/*\n",
    sshd.MAIN: SSHD,
    sshd.PARTS: "not installed: no /etc/ssh/sshd_config.d/*.conf\n",
    accounts.LOGIN_DEFS: "ENCRYPT_METHOD YESCRYPT\n",
    accounts.QUALITY: "not installed: no /etc/security/pwquality.conf\n",
    accounts.COMMON_PASSWORD: PAM,
    accounts.PANELS: "",
    mailbox_passwords.SOURCE: "not installed: no /etc/dovecot/users\n",
    aliases.ALIASES: ALIASES,
    accounts.ROTATION: "/etc/logrotate.d/rsyslog\n",
    f"{accounts.ROTATION}/etc/logrotate.d/rsyslog": ROTATE,
    accounts.JOURNAL: "not installed: no /etc/systemd/journald.conf\n",
    accounts.JOURNAL_KEPT: "f\t640\troot\tadm\t1\t1768200000.000000\t/var/log/mail.log\t\n",
}
"""A machine with one administrator, whose doors are shut."""


@dataclass(frozen=True)
class Fault:
    """One reading that differs, and what must be said of it."""

    name: str
    readings: dict[str, str]
    control: str
    state: State


def shadow(line: str) -> dict[str, str]:
    return {accounts.SHADOW: shadow_kinds(SHADOW + line)}


def sudo(line: str) -> dict[str, str]:
    return {sudoers.MAIN: SUDOERS + line}


def key(line: str) -> dict[str, str]:
    return {f"{accounts.KEYS}{KEYS_FILE}": keys_shown(line)}


def mailbox(secret: str) -> dict[str, str]:
    path = "/etc/dovecot/users"
    source = mailbox_passwords.SOURCE
    return {
        source: f"{path}\n",
        f"{source}{path}": schemes_counted(f"ada:{secret}:1000:1000\neve:{{BLF-CRYPT}}$2y$x\n"),
    }


RSA_1024 = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC" + "A" * 170 + "= ada@old"
)  # a modulus whose first bits are low: shorter still than 1,024
FAULTS = (
    Fault("a second root", {accounts.PASSWD: PASSWD + "toor:x:0:0::/root:/bin/sh\n"}, "admins.one-root", FAIL),
    Fault("an empty password", shadow("test::19900:0:99999:7:::\n"), "admins.no-empty-password", FAIL),
    Fault(
        "an MD5 hash", shadow("old:$1$abc$0123456789abcdefghijkl:19900:0:99999:7:::\n"), "admins.strong-hashes", FAIL
    ),
    Fault("a DES hash", shadow("old:ab0123456789.:19900:0:99999:7:::\n"), "admins.strong-hashes", FAIL),
    Fault("a password that expires", shadow(f"bob:{YESCRYPT}:19900:0:60:7:::\n"), "admins.no-forced-ageing", WARN),
    Fault("sudo without a password", sudo("ada ALL=(ALL) NOPASSWD: ALL\n"), "admins.sudo-asks", FAIL),
    Fault("a web user who becomes root", sudo("www-data ALL=NOPASSWD: /bin/bash\n"), "admins.sudo-asks", FAIL),
    Fault("sudo for everyone", sudo("ALL ALL=(ALL) ALL\n"), "admins.few", FAIL),
    Fault(
        "five administrators",
        {
            accounts.PASSWD: PASSWD + "".join(f"p{n}:x:{1001 + n}:100::/home/p{n}:/bin/bash\n" for n in range(5)),
            accounts.GROUP: GROUP.replace("sudo:x:27:ada", "sudo:x:27:ada,p0,p1,p2,p3,p4"),
        },
        "admins.few",
        WARN,
    ),
    Fault(
        "a shared administrator",
        {
            accounts.PASSWD: PASSWD + "admin:x:1001:1001::/home/admin:/bin/bash\n",
            accounts.GROUP: GROUP.replace("docker:x:990:", "docker:x:990:admin"),
        },
        "admins.by-name",
        WARN,
    ),
    Fault("root by password over ssh", {sshd.MAIN: "PermitRootLogin yes\n"}, "admins.no-root-by-ssh", FAIL),
    Fault(
        "root by password from one network",
        {sshd.MAIN: SSHD + "Match Address 192.0.2.0/24\n  PermitRootLogin yes\n"},
        "admins.no-root-by-ssh",
        WARN,
    ),
    Fault("passwords over ssh", {sshd.MAIN: "PermitRootLogin no\n"}, "admins.no-passwords-over-ssh", WARN),
    Fault(
        "empty passwords over ssh",
        {sshd.MAIN: SSHD + "PermitEmptyPasswords yes\n"},
        "admins.no-passwords-over-ssh",
        FAIL,
    ),
    Fault("a weak RSA key", key(RSA_1024 + "\n"), "admins.strong-keys", FAIL),
    Fault("a key of nobody", key(ED25519.replace(" ada@laptop", "") + "\n"), "admins.strong-keys", WARN),
    Fault(
        "an administrator who has left",
        {accounts.LAST: LAST.replace("Jan 12 08:00:00 +0000 2026", "Jan 12 08:00:00 +0000 2025")},
        "admins.none-unused",
        WARN,
    ),
    Fault(
        "a program that can sign in",
        {
            accounts.PASSWD: PASSWD + "vmail:x:150:150::/var/vmail:/bin/bash\n",
            **shadow(f"vmail:{YESCRYPT}:19900:0:99999:7:::\n"),
        },
        "admins.no-service-shells",
        FAIL,
    ),
    Fault(
        "no length of passwords",
        {accounts.COMMON_PASSWORD: "password required pam_unix.so\n"},
        "admins.password-length",
        WARN,
    ),
    Fault("short passwords", {accounts.COMMON_PASSWORD: PAM.replace("12", "6")}, "admins.password-length", WARN),
    Fault(
        "a forgotten installer",
        {accounts.PANELS: "f\t644\troot\troot\t1\t1.000000\t/var/www/html/installer/index.php\t\n"},
        "admins.no-open-panels",
        WARN,
    ),
    Fault("passwords of mailboxes in the open", mailbox("{PLAIN}secret"), "admins.mailbox-password-schemes", FAIL),
    Fault("passwords of mailboxes for CRAM", mailbox("{CRAM-MD5}abc"), "admins.mailbox-password-schemes", FAIL),
    Fault("passwords of mailboxes under one round", mailbox("{SSHA512}abc"), "admins.mailbox-password-schemes", WARN),
    Fault("passwords of mailboxes of old", mailbox("{CRYPT}$1$a$b"), "admins.mailbox-password-schemes", WARN),
    Fault(
        "somebody who may look into the queue",
        {accounts.PASSWD: PASSWD + "guest:x:1007:1007::/home/guest:/bin/bash\n"},
        "admins.local-queue-is-narrow",
        WARN,
    ),
    Fault(
        "postmaster's mail thrown away",
        {aliases.ALIASES: "postmaster: /dev/null\nabuse: ada\n"},
        "fightback.can-be-reached",
        FAIL,
    ),
    Fault("nobody is abuse", {aliases.ALIASES: "postmaster: ada@example.org\n"}, "fightback.can-be-reached", WARN),
    Fault(
        "mail that ends with root",
        {aliases.ALIASES: "postmaster: root\nabuse: root\n"},
        "fightback.can-be-reached",
        WARN,
    ),
    Fault(
        "logs for a week",
        {f"{accounts.ROTATION}/etc/logrotate.d/rsyslog": ROTATE.replace("weekly", "daily")},
        "fightback.logs-are-kept",
        WARN,
    ),
)
