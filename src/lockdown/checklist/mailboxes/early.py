"""Postfix asks Dovecot whether a mailbox is full: the service there, the question here, and the name of who is asked.

Fails as: a sentence why it cannot be set up without a person.
"""

from __future__ import annotations

import re

from lockdown.checklist.mailboxes import drop_ins
from lockdown.facts.dovecot import Dovecot
from lockdown.facts.postfix import Postfix
from lockdown.model.change import Change, EditPostfixList

LIST = "smtpd_recipient_restrictions"
_LAST = ("permit", "permit_auth_destination", "reject", "defer")
"""What ends the list: after it nothing is asked."""
# Where Dovecot does not answer, mail is taken as before: a second behind, but not put off.
_ASK = "check_policy_service {{ unix:private/{socket}, timeout=10s, default_action=DUNNO }}"
_OLD_ASK = "check_policy_service unix:private/{socket}"
_WITHOUT_DOMAIN = re.compile(r"%L?n\b|%\{(user \| )?username\b", re.IGNORECASE)


def refuse_early(found: Dovecot, server: Postfix) -> tuple[Change, ...] | str:
    """The changes, or why not."""
    service = server.service_on_port(25)
    if service is None:
        return "no service of Postfix answers on port 25"
    names = names_of(found, server)
    if isinstance(names, str):
        return names
    override = service.label if LIST in service.overrides else ""
    ask = (_ASK if server.version >= (3, 0) else _OLD_ASK).format(socket=drop_ins.SOCKET)
    queue = server.value("queue_directory") or "/var/spool/postfix"
    return (
        drop_ins.status(found, names, queue, server.value("mail_owner") or "postfix"),
        EditPostfixList(LIST, ask, _LAST, service=override, config_directory=server.config_directory),
    )


def names_of(found: Dovecot, server: Postfix) -> drop_ins.Names | str:
    """How Dovecot knows whom Postfix asks for: with the domain, or without."""
    delimiter = server.value("recipient_delimiter")[:1] or "+"
    if _WITHOUT_DOMAIN.search(found.value("auth_username_format", "")):
        return drop_ins.Names(delimiter=delimiter)
    kinds = _kinds(found)
    if not kinds & {"passwd", "pam", "nss"}:
        return drop_ins.Names(delimiter=delimiter)
    if kinds <= {"passwd", "pam", "nss", "prefetch"}:
        return drop_ins.Names(all_local=True, delimiter=delimiter)
    if found.is_new:
        return "users of the machine and users with a domain are mixed, whose names only a person can tell apart"
    words = re.findall(r"[^\s,]+", server.value("mydestination"))
    if any(re.search(r"[:/!\"]", word) for word in words):
        return "mydestination names a table, so whose users are known without their domain is not known"
    return drop_ins.Names(domains=tuple(dict.fromkeys(word.lower() for word in words)), delimiter=delimiter)


def _kinds(found: Dovecot) -> set[str]:
    """The drivers of the databases of users: `userdb { driver = passwd }`, in 2.4 also `userdb passwd { }`."""
    heads = {path[0].split()[1] for path in found.sections if re.match(r"userdb\s+\S", path[0])}
    drivers = {one.value for one in found.all("driver") if one.within and one.within[0].split()[0] == "userdb"}
    return drivers | (heads if found.is_new and not drivers else set())
