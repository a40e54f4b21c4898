"""Mail that Postfix puts into mailboxes itself is not counted: where both mean the same mailbox, Dovecot takes it over.

Fails as: a sentence why a person must do it.
"""

from __future__ import annotations

import re

from lockdown.checklist.mailboxes.controls import QUOTA_ON
from lockdown.facts.dovecot import Dovecot
from lockdown.facts.postfix import Postfix
from lockdown.facts.postfix_change import set_where_written
from lockdown.model.change import Change, PutFile

COMMAND = '/usr/lib/dovecot/dovecot-lda -e -f "$SENDER" -a "$RECIPIENT"'
LOGS = "/etc/dovecot/conf.d/99-lockdown-delivery.conf"
_ELSEWHERE = ("mailbox_transport", "mailbox_transport_maps", "mailbox_command", "mailbox_command_maps")


def delivery_by_dovecot(found: Dovecot, server: Postfix) -> tuple[Change, ...] | str:
    """The changes; none where Postfix hands mail over already, or has no users of the machine to deliver to."""
    if server.value("virtual_mailbox_domains") and server.value("virtual_transport").split(":")[0] == "virtual":
        return "Postfix delivers to virtual mailboxes itself, past Dovecot, and what comes so is not counted in time"
    if any(server.value(name) for name in _ELSEWHERE) or not server.value("mydestination"):
        return ()
    if not server.value("local_transport").startswith("local") or not _has_system_users(found):
        return ()
    if not _same_place(found, server):
        return "Postfix delivers to other mailboxes than those that Dovecot opens, so they are not counted"
    change = set_where_written(server, "mailbox_command", COMMAND)
    # It runs as the user, who may not write into a log of root; a log that cannot be opened would put off the mail.
    logs = found.top("log_path")
    return (change, PutFile(LOGS, _LOG)) if logs and logs.value.startswith("/") else (change,)


_LOG = (
    f"# Lockdown: {QUOTA_ON.id}: delivery runs as the user, who may not write into a log of root.\n"
    "# What was changed, and when: lockdown history. To undo it: lockdown rollback.\n"
    "protocol lda {\n  log_path = syslog\n}\n"
)


def _has_system_users(found: Dovecot) -> bool:
    return any(one.value == "passwd" for one in found.all("driver") if one.within[:1] == ("userdb",)) or any(
        path[0] == "userdb passwd" for path in found.sections
    )


def _same_place(found: Dovecot, server: Postfix) -> bool:
    """Maildir in the home of both, or the mbox below /var/mail of both."""
    location = found.top("mail_location")
    kind, _, rest = (location.value if location else "").partition(":")
    path, inbox = rest.split(":")[0], next((part[6:] for part in rest.split(":") if part.startswith("INBOX=")), "")
    if found.is_new:
        kind, path, inbox = (_written(found, name) for name in ("mail_driver", "mail_path", "mail_inbox_path"))
    home, spool = server.value("home_mailbox"), server.value("mail_spool_directory") or "/var/mail"
    if home.endswith("/"):
        return kind == "maildir" and re.sub(r"\A(~|%h|%\{home\})/", "", path).strip("/") == home.strip("/")
    return (
        kind == "mbox"
        and not home
        and inbox in tuple(f"{spool.rstrip('/')}/{user}" for user in ("%u", "%n", "%{user}"))
    )


def _written(found: Dovecot, name: str) -> str:
    setting = found.top(name)
    return setting.value if setting else ""
