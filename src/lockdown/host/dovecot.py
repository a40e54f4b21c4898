"""What is asked about Dovecot, its disks and the certificates that it and Postfix show: settings without passwords."""

from __future__ import annotations

import re

from lockdown.facts import certificates, disks, dovecot, postfix
from lockdown.host.asked import Command, Files, Script, Sources
from lockdown.model.snapshot import Snapshot

_PLACES = ("/", "/var", "/var/spool/postfix", "/var/mail", "/var/vmail", "/srv/mail", "/home", "/var/log", "/tmp")
# path, KiB in all, KiB that are free, inodes in all and free, where it is mounted
_DISKS = """
for place; do
    [ -d "$place" ] || continue
    space=$(df -Pk "$place" | awk 'NR == 2 { print $2, $4 }')
    inodes=$(df -Pi "$place" | awk 'NR == 2 { print $2, $4 }')
    echo "$place $space $inodes $(df -P "$place" | awk 'NR == 2 { print $6 }')"
done
"""
_SECRET = re.compile(r"(?im)^(\s*\S*(?:password|passwd|secret|_key|apikey|token|dnpass|connect)\S*\s*=\s*)(?!<)\S.*$")
_MOST_CERTIFICATES = 10


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        dovecot.EFFECTIVE: Command(("doveconf", "-n"), reduce=without_passwords),
        dovecot.VERSION: Command(("dovecot", "--version")),
        dovecot.FILES: Files(
            ("/etc/dovecot/dovecot.conf", "/etc/dovecot/conf.d/*.conf", "/etc/dovecot/local.conf"),
            reduce=without_passwords,
        ),
        disks.SOURCE: Script(_DISKS, _PLACES),
    }  # fmt: skip


def more(snapshot: Snapshot) -> Sources:
    """The certificates that the servers name: what is public of them."""
    paths: list[str] = []
    server = postfix.postfix(snapshot)
    if isinstance(server, postfix.Postfix):
        paths += certificates.of_postfix(server)
    mailboxes = dovecot.dovecot(snapshot)
    if isinstance(mailboxes, dovecot.Dovecot):
        paths += certificates.of_dovecot(mailboxes)
    shown = ("-noout", "-enddate", "-subject", "-text")
    return {
        f"{certificates.FOLDER}{path}": Command(("openssl", "x509", "-in", path, *shown), reduce=certificates.reduced)
        for path in dict.fromkeys(paths[:_MOST_CERTIFICATES])
        if path.startswith("/")
    }


def without_passwords(text: str) -> str:
    """Settings named after secrets keep their names only; the name of a file (`<…`) is none."""
    return _SECRET.sub(r"\1***", text)
