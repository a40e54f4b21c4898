"""Of mail that Postfix puts into mailboxes itself nobody is warned; where both mean the same one, Dovecot takes over.

It is counted all the same, when Dovecot next looks, and a full mailbox is refused at RCPT.

Fails as: a sentence why a person must do it.
"""

from __future__ import annotations

import re

from lockdown.checklist.mailboxes.controls import WARNED
from lockdown.facts.dovecot import Dovecot
from lockdown.facts.postfix import Postfix
from lockdown.facts.postfix_change import set_where_written
from lockdown.model.change import Change, PutFile

COMMAND = '/usr/lib/dovecot/dovecot-lda -e -f "$SENDER" -a "$RECIPIENT"'
LOGS = "/etc/dovecot/conf.d/99-lockdown-delivery.conf"
VIRTUAL, LOCAL = "mail for virtual_mailbox_domains", "mail for users of this machine"
_ELSEWHERE = ("mailbox_transport", "mailbox_transport_maps", "mailbox_command", "mailbox_command_maps")


def past_dovecot(found: Dovecot, server: Postfix) -> str:
    """Which mail Postfix puts into mailboxes of Dovecot itself; empty where Dovecot gets all of it."""
    if server.value("virtual_mailbox_domains") and server.value("virtual_transport").split(":")[0] == "virtual":
        return VIRTUAL
    elsewhere = any(server.value(name) for name in _ELSEWHERE) or not server.value("mydestination")
    by_local = server.value("local_transport").split(":")[0] == "local"
    return LOCAL if by_local and not elsewhere and _has_system_users(found) else ""


def delivery_by_dovecot(found: Dovecot, server: Postfix) -> tuple[Change, ...] | str:
    """The changes; none where Dovecot gets all mail already."""
    past = past_dovecot(found, server)
    if not past:
        return ()
    if past == VIRTUAL or not _same_maildir(found, server):
        return f"Postfix puts {past} into mailboxes itself, and not into a Maildir in the home that Dovecot could write"
    change = set_where_written(server, "mailbox_command", COMMAND)
    # It runs as the user, who may not write into a log of root; a log that cannot be opened would put off the mail.
    logs = found.top("log_path")
    return (change, PutFile(LOGS, _LOG)) if logs and logs.value.startswith("/") else (change,)


_LOG = (
    f"# Lockdown: {WARNED.id}: delivery runs as the user, who may not write into a log of root.\n"
    "# What was changed, and when: lockdown history. To undo it: lockdown rollback.\n"
    "protocol lda {\n  log_path = syslog\n}\n"
)


def _has_system_users(found: Dovecot) -> bool:
    return any(one.value == "passwd" for one in found.all("driver") if one.within[:1] == ("userdb",)) or any(
        path[0] == "userdb passwd" for path in found.sections
    )


def _same_maildir(found: Dovecot, server: Postfix) -> bool:
    """Whether both mean the same Maildir below the home; another is not taken over unseen.

    Into a file below /var/mail, dovecot-lda cannot write: it runs as the user, and the folder belongs to a group.
    """
    kind, _, rest = _written(found, "mail_location").partition(":")
    path = rest.split(":")[0]
    if found.is_new:
        kind, path = _written(found, "mail_driver"), _written(found, "mail_path")
    home = server.value("home_mailbox")
    in_home = re.sub(r"\A(~|%h|%\{home\})/", "", path).strip("/")
    return home.endswith("/") and kind == "maildir" and in_home == home.strip("/")


def _written(found: Dovecot, name: str) -> str:
    setting = found.top(name)
    return setting.value if setting else ""
