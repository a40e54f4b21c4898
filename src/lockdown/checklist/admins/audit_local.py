"""What local accounts may do with the mail of others, and how the passwords of mailboxes are kept."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.admins.audit_accounts import FIRST_PERSON, administrators
from lockdown.checklist.admins.controls import LOCAL_QUEUE, LOCAL_SUBMISSION, MAILBOX_SCHEMES
from lockdown.config import Settings
from lockdown.facts.accounts import accounts, shut_accounts
from lockdown.facts.listeners import listeners
from lockdown.facts.mailbox_passwords import Kept, Worth, mailbox_passwords
from lockdown.facts.postfix import MAIN, Postfix, postfix
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

QUEUE_RIGHTS = ("authorized_mailq_users", "authorized_flush_users")
SUBMIT_RIGHT = "authorized_submit_users"
ANYONE = "static:anyone"
NOBODY = 65534
WEB_USERS = ("www-data", "nginx", "apache", "caddy", "lighttpd")
_ROOT = "sudo lockdown audit --item admins"


def audit_local(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Two controls of the local Postfix, and one of Dovecot's own files."""
    found = postfix(snapshot)
    if isinstance(found, Postfix) and found.not_given != MAIN:
        yield _queue(snapshot, policy, found)
        yield _submission(snapshot, found)
    else:
        why = f"{MAIN} was not given" if isinstance(found, Postfix) else found.why
        unknown = isinstance(found, Unknown | Postfix)
        for control in (LOCAL_QUEUE, LOCAL_SUBMISSION):
            state = State.UNKNOWN if unknown else State.NOT_APPLICABLE
            says = f"Who may use the queue could not be read: {why}." if unknown else "There is no Postfix."
            yield control.finding(state, says, next_command="postconf authorized_mailq_users" if unknown else "")
    yield _schemes(snapshot)


# ── the queue ──


def is_open(found: Postfix, name: str) -> bool:
    """Whether it says that everyone may."""
    return ANYONE in found.value(name).replace(",", " ").split()


def onlookers(snapshot: Snapshot) -> list[str] | Unknown:
    """Accounts that are neither administrators nor shut, and that somebody or a web page may work as."""
    found, who, heard = accounts(snapshot), administrators(snapshot), listeners(snapshot)
    for one in (found, who, heard):
        if isinstance(one, Unknown):
            return one
    assert not isinstance(found, Unknown) and not isinstance(who, Unknown) and not isinstance(heard, Unknown)
    shut = shut_accounts(snapshot)
    has_web = any(one.protocol == "tcp" and one.port in (80, 443) for one in heard)
    people = [
        one.name for one in found.accounts
        if FIRST_PERSON <= one.uid < NOBODY and one.has_shell and one.name not in who and one.name not in shut
    ]  # fmt: skip
    return people + [name for name in WEB_USERS if has_web and found.named(name)]


def _line(found: Postfix, name: str) -> Evidence:
    written = found.main_lines.get(name)
    return Evidence(
        f"{found.config_directory}/{MAIN}", f"{name} = {found.value(name)}", written.line if written else None
    )


def _queue(snapshot: Snapshot, policy: Settings, found: Postfix) -> Finding:
    wide = [name for name in QUEUE_RIGHTS if is_open(found, name)]
    evidence = [_line(found, name) for name in QUEUE_RIGHTS]
    if not wide:
        return LOCAL_QUEUE.finding(State.PASS, "Not everyone on the machine may look into the queue.", *evidence)
    others = onlookers(snapshot)
    if isinstance(others, Unknown):
        says = f"Everyone on the machine may look into the queue; who that is could not be read: {others.why}."
        return LOCAL_QUEUE.finding(State.UNKNOWN, says, next_command=_ROOT)
    if others or policy.site.profile == "strict":
        who = f"{', '.join(others[:3])} and every other account" if others else "Every account"
        says = f"{who} may see who writes to whom, or set the queue going."
        return LOCAL_QUEUE.finding(State.WARN, says, *evidence)
    says = "Every account may look into the queue, and only administrators have one that is for people."
    return LOCAL_QUEUE.finding(State.PASS, says, *evidence)


def _submission(snapshot: Snapshot, found: Postfix) -> Finding:
    evidence = _line(found, SUBMIT_RIGHT)
    if not is_open(found, SUBMIT_RIGHT):
        return LOCAL_SUBMISSION.finding(State.PASS, "Not every account on the machine may send mail.", evidence)
    others = onlookers(snapshot)
    if isinstance(others, Unknown):
        says = f"Every account may send mail; which there are could not be read: {others.why}."
        return LOCAL_SUBMISSION.finding(State.UNKNOWN, says, next_command=_ROOT)
    web = [name for name in others if name in WEB_USERS]
    if web:
        says = f"{web[0]} may send any mail: a hole in one web page is a spam source of yours."
        return LOCAL_SUBMISSION.finding(State.WARN, says, evidence)
    return LOCAL_SUBMISSION.finding(State.PASS, "No web server runs here whose pages could send mail.", evidence)


# ── mailboxes ──


def _schemes(snapshot: Snapshot) -> Finding:
    found = mailbox_passwords(snapshot)
    if isinstance(found, Unknown):
        says = f"How the passwords of mailboxes are kept could not be read: {found.why}."
        return MAILBOX_SCHEMES.finding(State.UNKNOWN, says, next_command=_ROOT)
    if isinstance(found, Absent):
        says = "No file of Dovecot's own holds passwords; databases and directories are not looked into."
        return MAILBOX_SCHEMES.finding(State.NOT_APPLICABLE, says, Evidence("/etc/dovecot", found.why))
    worst = max((one.worth for one in found), default=Worth.SLOW)
    named = [one for one in found if one.worth is worst]
    if worst is Worth.OPEN:
        return MAILBOX_SCHEMES.finding(State.FAIL, f"{_told(named)}: whoever gets the file has them.", *_shown(named))
    if worst is Worth.FAST:
        says = f"{_told(named)}: whoever gets the file has most of them in a day."
        return MAILBOX_SCHEMES.finding(State.WARN, says, *_shown(named))
    if worst is Worth.UNKNOWN:
        says = f"{_told(named)}: what that is depends on a default, or is not known."
        return MAILBOX_SCHEMES.finding(State.UNKNOWN, says, next_command="doveconf default_password_scheme")
    return MAILBOX_SCHEMES.finding(State.PASS, "Every guess at a password of a mailbox costs time.", *_shown(named))


def _told(named: list[Kept]) -> str:
    count = sum(one.count for one in named)
    return f"{count} passwords of mailboxes are kept as {', '.join(sorted({one.scheme for one in named}))}"


def _shown(named: list[Kept]) -> list[Evidence]:
    return [one.evidence for one in named[:3]]
