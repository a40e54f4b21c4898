"""The files that bind mailboxes: quota, its limit, its warnings, its answer to Postfix; in the words of 2.3 and of 2.4.

Each is a file of its own, so that one can be taken back without the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockdown.checklist.mailboxes.controls import QUOTA_FINITE, QUOTA_ON, REFUSED_EARLY, WARNED
from lockdown.facts.dovecot import Dovecot
from lockdown.model.change import PutFile
from lockdown.model.finding import Control
from lockdown.model.units import ByteSize

_FOLDER = "/etc/dovecot/conf.d/99-lockdown-"
COUNT, LIMIT = f"{_FOLDER}quota.conf", f"{_FOLDER}quota-limit.conf"
WARNINGS, STATUS = f"{_FOLDER}quota-warnings.conf", f"{_FOLDER}quota-status.conf"
SCRIPT = "/etc/dovecot/lockdown-quota-warning.sh"
AT = (95, 90, 80)
"""Per cent; the highest first, as Dovecot runs the first that is crossed."""
FULL = "552 5.2.2 Mailbox is full"
SOCKET = "lockdown-quota-status"
"""Below Postfix's `private`; a name that nobody else uses."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a recipient of Postfix is called in Dovecot's user database."""

    domains: tuple[str, ...] = ()
    """Whose users are system users: known without their domain."""
    all_local: bool = False
    """No user has a domain in its name."""
    delimiter: str = "+"


def _head(control: Control, what: str) -> str:
    return (
        f"# Lockdown: {control.id}: {what}\n"
        "# What was changed, and when: lockdown history. To undo it: lockdown rollback.\n"
    )


def _block(head: str, *lines: str) -> str:
    return f"{head} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def count(found: Dovecot) -> PutFile:
    """Quota is counted, for every way into a mailbox."""
    text = _head(QUOTA_ON, "what lies in a mailbox is counted.")
    if found.is_new:
        text += _block("mail_plugins", "quota = yes")
        text += "protocol imap {\n  mail_plugins {\n    imap_quota = yes\n  }\n}\n"
        return PutFile(COUNT, text + (_block(f'quota "{_root(found)}"') if not _has_root(found) else ""))
    text += "mail_plugins = $mail_plugins quota\n"
    # A protocol that has a list of plugins of its own, written before this file, does not hear of the line above.
    own = {one.within[-1] for one in found.all("mail_plugins") if one.within and one.within[-1].startswith("protocol ")}
    for protocol in sorted(own - {"protocol imap"}):
        text += _block(protocol, "mail_plugins = $mail_plugins quota")
    text += _block("protocol imap", "mail_plugins = $mail_plugins quota imap_quota")
    if not _has_root(found):
        text += _block("plugin", "quota = count:User quota", "quota_vsizes = yes")
    return PutFile(COUNT, text)


def limit(found: Dovecot, size: ByteSize) -> PutFile:
    """The limit of everyone who has none of his own."""
    text = _head(QUOTA_FINITE, f"a mailbox ends at {size}.")
    size_mib = f"{int(size) >> 20}M"
    if found.is_new:
        return PutFile(LIMIT, text + _block(f'quota "{_root(found)}"', f"storage_size = {size_mib}"))
    root = [] if _has_root(found) else ["quota = count:User quota", "quota_vsizes = yes"]
    return PutFile(LIMIT, text + _block("plugin", *root, f"quota_rule = *:storage={size_mib}"))


def warnings(found: Dovecot) -> tuple[PutFile, PutFile]:
    """At 80, 90 and 95 % the user gets a letter, also where it no longer fits."""
    text = _head(WARNED, "a user is told at 80, 90 and 95 %, once for each time that it is reached.")
    if found.is_new:
        inner = "".join(
            f"  warning lockdown-{part} {{\n    quota_storage_percentage = {part}\n"
            f"    execute lockdown-quota-warning {{\n      args = {part} %{{user}}\n    }}\n  }}\n"
            for part in AT
        )
        text += f'quota "{_root(found)}" {{\n{inner}}}\n'
    else:
        lines = [
            f"quota_warning{number if number > 1 else ''} = storage={part}%% lockdown-quota-warning {part} %u"
            for number, part in enumerate(AT, start=1)
        ]
        text += _block("plugin", *lines)
    text += (
        "# Whoever delivers mail runs as the owner of the mailbox and must reach it. What it says is fixed: the\n"
        "# worst that a user of this machine can do with it is to have this notice sent.\n"
        "service lockdown-quota-warning {\n"
        f"  executable = script {SCRIPT}\n  user = root\n"
        "  unix_listener lockdown-quota-warning {\n    mode = 0666\n  }\n}\n"
    )
    return PutFile(WARNINGS, text), PutFile(SCRIPT, _script(found), 0o755)


def _script(found: Dovecot) -> str:
    ease = "quota_enforce=no" if found.is_new else f"plugin/quota={_backend(found)}:noenforcing"
    return f"""\
#!/bin/sh
# Lockdown: {WARNED.id}: tells a user how full the mailbox is. Called by Dovecot with the percentage and the user.
# What was changed, and when: lockdown history. To undo it: lockdown rollback.
percent=$1
user=$2
case $percent in 80|90|95) ;; *) exit 64 ;; esac
case $user in ''|-*|*[!A-Za-z0-9@._+=-]*) exit 64 ;; esac
for lda in /usr/lib/dovecot/dovecot-lda /usr/libexec/dovecot/dovecot-lda /usr/local/libexec/dovecot/dovecot-lda; do
    [ -x "$lda" ] && break
done
# Without the limit for this one letter: it must arrive though the mailbox is full.
exec "$lda" -d "$user" -f "" -o "{ease}" <<END
From: Mail system <postmaster>
Subject: Your mailbox is $percent % full
Date: $(date -R)
Message-ID: <lockdown-quota-$percent-$(date +%s)-$$@$(uname -n)>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Your mailbox is $percent % full. When it is full, mail to you is refused, and
whoever writes to you is told so at once.

Please delete what you no longer need, above all large attachments and the
trash, or ask the people who run this mail server for more room.
END
"""


def status(found: Dovecot, names: Names, queue: str, user: str) -> PutFile:
    """Dovecot answers Postfix whether a mailbox is full."""
    text = _head(REFUSED_EARLY, "Postfix asks here whether a mailbox is full, before it takes a message.")
    answers = (
        "quota_status_success = DUNNO",
        "quota_status_nouser = DUNNO",
        f'quota_status_overquota = "{FULL}"',
    )
    text += "".join(f"{line}\n" for line in answers) if found.is_new else _block("plugin", *answers)
    text += (
        "service quota-status {\n  executable = quota-status -p postfix\n  client_limit = 1\n"
        f"  unix_listener {queue}/private/{SOCKET} {{\n"
        f"    user = {user}\n    group = {user}\n    mode = 0600\n  }}\n}}\n"
    )
    own = [f"auth_username_format = {form}"] if (form := _format(found, names)) else []
    own += [f"recipient_delimiter = {names.delimiter}"] if names.delimiter not in ("", "+") else []
    if own:
        text += "# Postfix asks for user@domain, whom Dovecot may know by another name.\n"
        text += _block("protocol quota-status", *own)
    return PutFile(STATUS, text)


def _format(found: Dovecot, names: Names) -> str:
    if names.all_local:
        return "%{user | username | lower}" if found.is_new else "%Ln"
    if not names.domains or found.is_new:
        return ""
    quoted = "\\|".join(re.sub(r"([.+?*()\[\]{}^$\\|])", r"\\\1", domain) for domain in names.domains)
    return f"%{{if;%Ld;~;^({quoted})$;%Ln;%Lu}}"


def _has_root(found: Dovecot) -> bool:
    """Whether somebody has said already what is counted by what."""
    if found.is_new:
        return any(re.match(r"quota\s", path[0]) for path in found.sections)
    return any(one.name == "quota" and one.within == ("plugin",) for one in found.settings)


def _root(found: Dovecot) -> str:
    heads = [path[0] for path in found.sections if re.match(r"quota\s", path[0])]
    return heads[0].split(None, 1)[1].strip('"') if heads else "User quota"


def _backend(found: Dovecot) -> str:
    """`count:User quota`, or as it is written, without what follows the name of the root."""
    written = [one.value for one in found.settings if one.name == "quota" and one.within == ("plugin",)]
    kind, _, name = (written[-1] if written else "count:User quota").partition(":")
    safe = re.sub(r"[^\w .-]", "", name.partition(":")[0]) or "User quota"
    return f"{re.sub(r'[^a-z]', '', kind) or 'count'}:{safe}"
