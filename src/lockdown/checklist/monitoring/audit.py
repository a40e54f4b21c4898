"""Audit of item 9: would a flood, a clog or a guesser be seen here, and would anybody hear of it?

The gateway's own gates are judged in flight; here it is what stands around them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.monitoring.audit_eyes import audit_eyes
from lockdown.checklist.monitoring.audit_holding import audit_holding
from lockdown.checklist.monitoring.audit_queue import audit_queue
from lockdown.checklist.monitoring.audit_queue_settings import audit_queue_settings
from lockdown.checklist.monitoring.watch_controls import (
    BANS_REACH,
    CLOCK,
    DISK_ROOM,
    GATEWAY_ANSWERS,
    GUESSING_BANNED,
    LOG_SIGNS,
    LOGS_FRESH,
    LOGS_ROTATE,
    SOMEBODY_TOLD,
)
from lockdown.config import Settings
from lockdown.facts.aliases import Aliases, aliases
from lockdown.facts.clock import clock
from lockdown.facts.dovecot import dovecot
from lockdown.facts.gateway import gateway
from lockdown.facts.listeners import listeners
from lockdown.facts.listings import entries
from lockdown.facts.mail_server import MAIL_PORTS
from lockdown.facts.postfix import Absent as NoPostfix
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.scanner_files import Absent
from lockdown.facts.watchers import CROWDSEC, LOG, LOGS, MAIL_JAILS, ROTATION, Jail, disks, jails
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

AS_ROOT = "sudo lockdown audit"
SILENT = timedelta(days=2)
FULL, NEARLY_FULL = 97, 90
_EVERYONE = ("0.0.0.0/0", "::/0")


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item that an audit judges."""
    yield from audit_queue(snapshot, policy)
    yield _signs(snapshot)
    yield _logs(snapshot)
    yield _rotation(snapshot)
    yield _room(snapshot)
    yield _clock(snapshot)
    yield from _bans(snapshot, policy)
    yield from _told(snapshot)
    yield _answers(snapshot)
    yield from audit_holding(snapshot, policy)
    yield from audit_queue_settings(snapshot, policy)
    yield audit_eyes(snapshot, policy)


def _unknown(control: Control, why: str) -> Finding:
    return control.finding(State.UNKNOWN, f"It could not be read: {why}.", next_command=AS_ROOT)


def _signs(snapshot: Snapshot) -> Finding:
    reading = snapshot.reading(LOG)
    if isinstance(reading, Unknown):
        return _unknown(LOG_SIGNS, reading.why)
    if gone := absent(reading):
        says = f"There is no mail log to look at: {gone}."
        return LOG_SIGNS.finding(State.UNKNOWN, says, next_command="postconf maillog_file")
    lines = [line for line in reading.splitlines() if line and not line.startswith("#")]
    if lines:
        says = f"The mail log has {len(lines)} lines of trouble, the last: {lines[-1][-100:]}."
        return LOG_SIGNS.finding(State.WARN, says, *(Evidence("mail log", line) for line in lines[-3:]))
    return LOG_SIGNS.finding(State.PASS, "The end of the mail log tells of no trouble.", Evidence("mail log", "end"))


def _logs(snapshot: Snapshot) -> Finding:
    found = entries(snapshot, LOGS)
    if isinstance(found, Unknown):
        return _unknown(LOGS_FRESH, found.why)
    lasting = [entry for entry in found if entry.path.startswith("/var/log/")]
    if not lasting:
        where = "only in memory, and is gone with a restart" if found else "nowhere that is known"
        evidence = Evidence("/var/log", "no mail.log, no syslog, no journal")
        return LOGS_FRESH.finding(State.FAIL, f"What happens is logged {where}.", evidence)
    newest = max(lasting, key=lambda entry: entry.changed)
    evidence = Evidence(newest.path, f"changed {newest.changed:%Y-%m-%d %H:%M} UTC")
    if snapshot.taken_at - newest.changed > SILENT:
        says = f"Nothing was logged since {newest.changed:%Y-%m-%d}."
        return LOGS_FRESH.finding(State.FAIL, says, evidence)
    return LOGS_FRESH.finding(State.PASS, "Logs are written, and survive a restart.", evidence)


def _rotation(snapshot: Snapshot) -> Finding:
    listed, found = snapshot.reading(ROTATION), entries(snapshot, LOGS)
    if isinstance(listed, Unknown):
        return _unknown(LOGS_ROTATE, listed.why)
    files = () if isinstance(found, Unknown) else [entry for entry in found if "/journal/" not in entry.path]
    if not absent(listed):
        return LOGS_ROTATE.finding(State.PASS, "logrotate is set up.", Evidence("/etc/logrotate.d", listed.split()[0]))
    if not files:
        return LOGS_ROTATE.finding(State.NOT_APPLICABLE, "Only the journal is written, which bounds itself.")
    evidence = Evidence("/etc/logrotate.d", "nothing lies there")
    return LOGS_ROTATE.finding(State.WARN, f"Nothing rotates {files[0].path}.", evidence)


def _room(snapshot: Snapshot) -> Finding:
    found = disks(snapshot)
    if isinstance(found, Unknown):
        return _unknown(DISK_ROOM, found.why)
    worst = max(found, key=lambda disk: disk.used)
    says = f"Of the {worst.what} on {worst.mount} {worst.used} % are used."
    state = State.FAIL if worst.used >= FULL else State.WARN if worst.used >= NEARLY_FULL else State.PASS
    return DISK_ROOM.finding(state, says, worst.evidence)


def _clock(snapshot: Snapshot) -> Finding:
    found = clock(snapshot)
    if isinstance(found, Unknown):
        says = f"Whether the clock is right could not be told: {found.why.rstrip('.')}."
        return CLOCK.finding(State.UNKNOWN, says, next_command="timedatectl")
    if found.synchronised is None:
        says = f"{found.keeper} is installed; whether it reaches its servers could not be told."
        return CLOCK.finding(State.UNKNOWN, says, found.evidence, next_command="timedatectl")
    says = "The clock is synchronised." if found.synchronised else "The clock is not synchronised."
    return CLOCK.finding(State.PASS if found.synchronised else State.WARN, says, found.evidence)


def _bans(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    found, crowdsec = jails(snapshot), snapshot.reading(CROWDSEC)
    on = [jail for jail in found if jail.is_on and MAIL_JAILS.search(jail.name)] if isinstance(found, tuple) else []
    yield _banned(snapshot, policy, found, on, _reads_mail(snapshot, crowdsec))
    if on:
        yield _reach(snapshot, on)
    elif isinstance(found, Unknown):
        yield _unknown(BANS_REACH, found.why)
    else:
        yield BANS_REACH.finding(State.NOT_APPLICABLE, "No jail of fail2ban is on for mail.")


def _reads_mail(snapshot: Snapshot, crowdsec: object) -> Evidence | None:
    if not isinstance(crowdsec, str) or absent(crowdsec):
        return None
    for path, text in snapshot.below(CROWDSEC).items():
        for number, line in enumerate(text.splitlines() if isinstance(text, str) else (), 1):
            if any(word in line for word in ("mail", "postfix", "dovecot", "exim", "syslog", "journalctl")):
                return Evidence(path, line.strip(), number)
    return None


def _nobody_logs_in(snapshot: Snapshot) -> bool:
    """Whether that is known: no Dovecot, and no service of Postfix that takes passwords."""
    server = postfix(snapshot)
    takes = isinstance(server, Postfix) and any(server.is_on("smtpd_sasl_auth_enable", one) for one in server.services)
    is_known = isinstance(server, NoPostfix) or (isinstance(server, Postfix) and not takes)
    return is_known and isinstance(dovecot(snapshot), Absent)


def _banned(snapshot: Snapshot, policy: Settings, found: object, on: list[Jail], crowdsec: Evidence | None) -> Finding:
    if on:
        names = ", ".join(jail.name for jail in on[:4])
        return GUESSING_BANNED.finding(State.PASS, f"fail2ban watches {names}.", *(jail.evidence for jail in on[:4]))
    if crowdsec:
        return GUESSING_BANNED.finding(State.PASS, "CrowdSec reads the mail log.", crowdsec)
    own = gateway(snapshot)
    limits = not isinstance(own, Unknown) and own.settings.monitoring.mode == "answer"
    if limits and not isinstance(own, Unknown) and policy.site.role == "gateway" and _nobody_logs_in(snapshot):
        says = "Nobody logs in here, and the gateway itself limits whoever knocks too often."
        return GUESSING_BANNED.finding(State.PASS, says, own.evidence("monitoring.mode"))
    if isinstance(found, Unknown):
        return _unknown(GUESSING_BANNED, found.why)
    says = "fail2ban is here, and none of its jails for mail is on." if isinstance(found, tuple) else ""
    evidence = Evidence("/etc/fail2ban, /etc/crowdsec", "no jail and no log source for mail")
    return GUESSING_BANNED.finding(State.WARN, says or "Nothing shuts out whoever guesses passwords.", evidence)


def _reach(snapshot: Snapshot, on: list[Jail]) -> Finding:
    for jail in on:
        value, evidence = jail.words.get("ignoreip", ("", jail.evidence))
        if any(word in _EVERYONE for word in value.replace(",", " ").split()):
            return BANS_REACH.finding(State.FAIL, f"{jail.name} bans nobody: ignoreip holds everyone.", evidence)
    heard = listeners(snapshot)
    if isinstance(heard, Unknown):
        return _unknown(BANS_REACH, heard.why)
    published = [other.port for other in heard if other.process == "docker-proxy" and other.port in (*MAIL_PORTS, 993)]
    here = [jail for jail in on if jail.value("chain").upper() not in ("DOCKER-USER", "FORWARD")]
    if published and here:
        says = f"Port {published[0]} is published by a container, and {here[0].name} bans in another chain."
        chain = Evidence("jail", f"chain = {here[0].value('chain') or 'INPUT'}")
        return BANS_REACH.finding(State.WARN, says, here[0].evidence, chain)
    says = "As written, bans stand where the packets go by; whether a packet is refused was not tried."
    return BANS_REACH.finding(State.PASS, says, on[0].evidence)


def _told(snapshot: Snapshot) -> Iterator[Finding]:
    found = aliases(snapshot)
    if isinstance(found, Unknown):
        yield _unknown(SOMEBODY_TOLD, found.why)
    elif isinstance(found, Absent):
        says = f"There are no aliases to follow: {found.why}."
        yield SOMEBODY_TOLD.finding(State.UNKNOWN, says, next_command="send a mail to root and see who gets it")
    else:
        yield from (_of(found, name) for name in ("root", "postmaster"))


def _of(found: Aliases, name: str) -> Finding:
    ends = found.ends(name)
    target = f"mail to {name}"
    if ends <= {"root", "postmaster", "/dev/null"}:
        says = f"Mail to {name} ends at {', '.join(sorted(ends)) or 'nothing'}, where nobody reads it."
        return SOMEBODY_TOLD.finding(State.WARN, says, found.evidence(name), target=target)
    says = f"Mail to {name} goes to {', '.join(sorted(ends)[:3])}."
    return SOMEBODY_TOLD.finding(State.PASS, says, found.evidence(name), target=target)


def _answers(snapshot: Snapshot) -> Finding:
    own = gateway(snapshot)
    if isinstance(own, Unknown):
        says = f"The gateway's settings could not be read: {own.why}."
        return GATEWAY_ANSWERS.finding(State.UNKNOWN, says, target="gateway", next_command="lockdown config check")
    evidence = own.evidence("monitoring.mode")
    if own.settings.monitoring.mode == "answer":
        return GATEWAY_ANSWERS.finding(State.PASS, "The gateway answers floods.", evidence, target="gateway")
    says = "The gateway only says what it would do against a flood."
    return GATEWAY_ANSWERS.finding(State.WARN, says, evidence, target="gateway")
