"""Whether the watch sees what the mail server does: it reads one log, as one user, and both may be others than meant.

Judged where a gateway of Lockdown starts by itself beside a Postfix; anywhere else nobody looks.
"""

from __future__ import annotations

from lockdown.checklist.monitoring.server_controls import EYES
from lockdown.config import Settings
from lockdown.facts.accounts import Accounts, accounts
from lockdown.facts.listings import Entry, entries
from lockdown.facts.mail_log.place import AUTO, JOURNAL, OF_SYSLOG, auto, is_journal, listed, living_of
from lockdown.facts.postfix import Absent, Postfix, postfix
from lockdown.facts.scanner_files import Absent as NotInstalled
from lockdown.facts.units import enabled_units, unit_groups
from lockdown.facts.watchers import LOGS
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

GATEWAY, USER = "lockdown-gateway.service", "lockdown"
_OF_SYSLOG = (*OF_SYSLOG, "/var/log/syslog", "/var/log/messages")
"""Where syslog puts mail, by distribution; the first that is there has it."""
_READ_JOURNALS = ("adm", "wheel")
"""Beside the group of the file: systemd gives them the right by an access list, which no listing shows."""
_OTHERS_MAY, _GROUP_MAY, _OWNER_MAY = 0o004, 0o040, 0o400


def audit_eyes(snapshot: Snapshot, policy: Settings) -> Finding:
    """The one control."""
    units = enabled_units(snapshot)
    if isinstance(units, Unknown):
        return _unknown(units.why)
    if isinstance(units, NotInstalled) or GATEWAY not in units:
        return EYES.finding(State.NOT_APPLICABLE, "No gateway of Lockdown starts here.", target="log")
    match postfix(snapshot):
        case Unknown(why):
            return _unknown(why)
        case Absent():
            return EYES.finding(State.NOT_APPLICABLE, "Postfix is not here.", target="log")
        case Postfix() as found:
            return _judged(found.value("maillog_file"), snapshot, policy)


def _judged(written: str, snapshot: Snapshot, policy: Settings) -> Finding:
    read, found = policy.monitoring.mail_logs, entries(snapshot, LOGS)
    if isinstance(found, Unknown):
        return _unknown(found.why)
    there = listed(found)
    logs = [written] if written else living_of(there, _OF_SYSLOG)
    if not logs:
        says = "Postfix logs to syslog, and neither a file of syslog nor a journal is here."
        return EYES.finding(State.WARN, says, Evidence("/var/log", "no mail.log"), target="log", next_command=_SYSLOG)
    reads = [auto(there) if name == AUTO else name for name in read]
    log = next((name for name in logs if name in reads), logs[0])
    evidence = Evidence("lockdown.toml", f"monitoring.mail_logs = {', '.join(read)}")
    if log not in reads:
        says = f"Postfix writes {_shown(log)}, and the watch reads {', '.join(map(_shown, reads)) or 'nothing'}."
        mends = f'set monitoring.mail_logs = ["{log}"] in lockdown.toml'
        return EYES.finding(State.WARN, says, evidence, target="log", next_command=mends)
    if log not in there:
        return _unknown(f"whether {log} may be read was not asked")
    return _may_read(there[log], evidence, accounts(snapshot), unit_groups(snapshot))


_SYSLOG = "apt-get install rsyslog     (or maillog_file = /var/log/postfix.log, and the same in monitoring.mail_logs)"


def _shown(log: str) -> str:
    return "the journal" if log == JOURNAL else log


def _may_read(log: Entry, evidence: Evidence, found: Accounts | Unknown, unit: frozenset[str]) -> Finding:
    if isinstance(found, Unknown):
        return _unknown(found.why)
    if found.named(USER) is None:
        return _unknown(f"the gateway's user {USER} is not among the accounts")
    groups = {log.group, *(_READ_JOURNALS if is_journal(log) else ())}
    by_group = log.mode & _GROUP_MAY and any(one in unit or USER in found.members.get(one, ()) for one in groups)
    if log.mode & _OTHERS_MAY or by_group or (log.mode & _OWNER_MAY and log.user == USER):
        return EYES.finding(State.PASS, f"The watch may read {log.path}, which Postfix writes.", evidence, target="log")
    says = f"The gateway's user may not read {log.path}: nobody watches the accounts."
    rights = Evidence(log.path, f"mode {log.mode:o}, {log.user}:{log.group}")
    mends = f"usermod -aG {log.group} {USER} && systemctl restart lockdown-gateway"
    return EYES.finding(State.WARN, says, rights, target="log", next_command=mends)


def _unknown(why: str) -> Finding:
    says = f"It could not be read: {why.rstrip('.')}."
    return EYES.finding(State.UNKNOWN, says, target="log", next_command="sudo lockdown audit")
