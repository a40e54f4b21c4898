"""The controls of item 6: what listens is wanted, known, and nothing from another time."""

from __future__ import annotations

from lockdown.checklist.services.audit_probe import PROBE_CONTROLS
from lockdown.model.finding import Control, Severity

DECLARED = Control(
    id="services.only-what-is-declared",
    title="Only what is declared listens to strangers",
    severity=Severity.MEDIUM,
    why="A program that nobody knows of is a door that nobody guards.",
    fix='stop it (systemctl disable --now UNIT), or write services.declared = ["tcp/PORT WHY"] in lockdown.toml',
    evidence="what listens beyond loopback, against the ports of mail by site.role and services.declared",
    undo="systemctl enable --now UNIT",
    maps=("CIS Debian Linux 12 (draft) 2.1.22",),
)
NOTHING_OLD = Control(
    id="services.nothing-dangerous",
    title="No service of another time runs",
    severity=Severity.HIGH,
    why="telnet, ftp, rsh and their kin send passwords in the open, and are old doors with old holes.",
    fix="apt-get purge PACKAGE     (systemctl disable --now UNIT, when it must stay)",
    evidence="what listens beyond loopback: telnet, ftp, rsh, finger, rpcbind, snmp, nfs, samba, cups, vnc …",
    undo="apt-get install PACKAGE",
    maps=(
        "CIS Debian Linux 12 (draft) 2.1.2",
        "CIS Debian Linux 12 (draft) 2.1.6",
        "CIS Debian Linux 12 (draft) 2.1.12",
        "CIS Debian Linux 12 (draft) 2.1.16",
    ),
)
CLEAR_MAILBOXES = Control(
    id="services.no-clear-mailbox-ports",
    title="POP3 and IMAP are open over TLS only",
    severity=Severity.MEDIUM,
    why="On 110 and 143 a mail program that is set up wrongly sends the password before TLS.",
    fix="write port = 0 in inet_listener imap and pop3 of Dovecot's 10-master.conf, then: doveadm reload",
    evidence="what listens on 110 and 143 beyond loopback",
    side_effects="programs that use STARTTLS on 143 must be set to 993",
    references=("RFC 8314 3",),
)
COMES_BACK = Control(
    id="services.stopped-stays-stopped",
    title="What was stopped does not come back",
    severity=Severity.LOW,
    why="A socket or a timer that is still enabled starts the service again.",
    fix="systemctl mask --now UNIT",
    evidence="enabled units of systemd (init scripts, without it) of services that a mail server does not need",
    undo="systemctl unmask UNIT",
)

OWN_CONTROLS = (DECLARED, NOTHING_OLD, CLEAR_MAILBOXES, COMES_BACK)
CONTROLS = (*OWN_CONTROLS, *PROBE_CONTROLS)
