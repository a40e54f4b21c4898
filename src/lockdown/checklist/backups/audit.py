"""Audit of item 11: is there a backup, does it run, does it hold what is needed, and does it lie elsewhere?

Only traces can be judged here. Machines whose copies are pulled by another, or made of the whole disk from below, show
none: that is said in the finding, and can be waived by whoever answers for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from lockdown.checklist.backups.controls import (
    CHECKED,
    COMPLETE,
    CONTROLS,
    DATABASES,
    EXIST,
    OFF_HOST,
    RECENT,
    RETENTION,
    SCHEDULED,
    TELLS,
)
from lockdown.config import Settings
from lockdown.facts.backups import PROGRAMS, Backups, backups
from lockdown.facts.packages import packages
from lockdown.facts.postfix import Postfix, postfix
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

DUE, OVERDUE = timedelta(hours=26), timedelta(days=7)
"""A daily run takes its time, hence the two hours; after a week it is no delay any more."""
AS_ROOT = "sudo lockdown audit"
_DATABASES = ("mariadb-server", "mysql-server", "postgresql", "mysql-server-8.0", "mariadb-server-10.11")
_MAIL_PLACES = ("/var/mail", "/var/vmail", "/home", "/srv/mail", "/var/spool/mail", "/srv/vmail")


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item that a machine can show."""
    found = backups(snapshot)
    if isinstance(found, Unknown):
        yield from _none(State.UNKNOWN, f"Whether backups exist could not be read: {found.why}.")
    elif not found.programs and found.unread:
        says = f"No backup was found, but not everything could be read: {found.unread.why}."
        yield from _none(State.UNKNOWN, says)
    elif not found.programs:
        says = f"No backup was found: none of {', '.join(PROGRAMS[:6])} and others is set up or scheduled here."
        looked = Evidence("/etc, /usr/local, /root, cron and timers", "nothing names a backup program")
        yield EXIST.finding(State.FAIL, says, looked)
        yield from _none(State.NOT_APPLICABLE, "No backup was found.", but=EXIST)
    else:
        yield from _of(found, snapshot, policy)


def _none(state: State, says: str, but: Control | None = None) -> Iterator[Finding]:
    ask = AS_ROOT if state is State.UNKNOWN else ""
    for control in CONTROLS:
        if not control.by_word and control is not but:
            yield control.finding(state, says, next_command=ask)


def _of(found: Backups, snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    shown = list(found.programs.values())[:3]
    yield EXIST.finding(State.PASS, f"Backups are set up with {', '.join(list(found.programs)[:4])}.", *shown)
    yield _written(SCHEDULED, found, next(iter(found.schedules), None), "No timer and no cron table runs the backup.")
    yield _recent(found, snapshot)
    yield _complete(found, snapshot, policy)
    yield _databases(found, snapshot)
    yield _off_host(found)
    yield _written(RETENTION, found, found.keeps, "How long backups are kept is written nowhere.")
    yield _written(CHECKED, found, found.checks, "Nothing checks the repository.")
    yield _written(TELLS, found, found.tells, "Nobody is told of a run that failed or was missed.")


def _written(control: Control, found: Backups, line: Evidence | None, otherwise: str) -> Finding:
    if line:
        return control.finding(State.PASS, f"{control.title}.", line)
    if found.unread:
        says = f"Not everything could be read: {found.unread.why}."
        return control.finding(State.UNKNOWN, says, next_command=AS_ROOT)
    return control.finding(State.WARN, otherwise, *list(found.programs.values())[:2])


def _recent(found: Backups, snapshot: Snapshot) -> Finding:
    if found.last is None:
        says = "No trace of a run was found: neither a log nor a cache nor a stamp."
        return RECENT.finding(State.UNKNOWN, says, next_command="ask the backup program for its last archive, as root")
    when, evidence = found.last
    age = snapshot.taken_at - when
    says = f"The newest trace of a run is {_in_words(age)} old."
    state = State.PASS if age <= DUE else State.WARN if age <= OVERDUE else State.FAIL
    return RECENT.finding(state, says, evidence)


def _in_words(age: timedelta) -> str:
    hours = max(0, int(age / timedelta(hours=1)))
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def _complete(found: Backups, snapshot: Snapshot, policy: Settings) -> Finding:
    if not found.paths:
        says = "What the backup holds could not be told from its settings."
        return COMPLETE.finding(State.UNKNOWN, says, next_command="compare its list of paths with /etc and the mail")
    held = [path for path, _ in found.paths]
    missing = [] if _covers(held, "/etc") else ["/etc (settings, keys, certificates)"]
    places = _mail_places(snapshot)
    # A relay keeps nobody's mail: its queue is of the moment.
    if policy.site.role in ("backend", "all-in-one") and not any(_covers(held, place) for place in places):
        missing.append(f"the mail ({places[0]} or where yours lies)")
    evidence = [line for _, line in found.paths[:4]]
    if missing:
        says = f"The backup does not hold {' nor '.join(missing)}."
        return COMPLETE.finding(State.WARN, says, *evidence)
    return COMPLETE.finding(State.PASS, "The backup holds the settings, and the mail where there is any.", *evidence)


def _covers(held: list[str], place: str) -> bool:
    return any(place == path.rstrip("/") or place.startswith(f"{path.rstrip('/')}/") for path in held)


def _mail_places(snapshot: Snapshot) -> tuple[str, ...]:
    server = postfix(snapshot)
    base = server.value("virtual_mailbox_base") if isinstance(server, Postfix) else ""
    return (base, *_MAIL_PLACES) if base else _MAIL_PLACES


def _databases(found: Backups, snapshot: Snapshot) -> Finding:
    known = packages(snapshot)
    if not isinstance(known, Mapping):
        says = f"Which databases are here could not be read: {known.why}."
        return DATABASES.finding(State.UNKNOWN, says, next_command=AS_ROOT)
    here = [name for name in _DATABASES if name in known and known[name].is_installed]
    if not here:
        return DATABASES.finding(State.NOT_APPLICABLE, "No database server is installed.")
    return _written(DATABASES, found, found.dumps, f"{here[0]} is here, and nothing dumps its databases.")


def _off_host(found: Backups) -> Finding:
    if found.remote:
        place, line = found.remote[0]
        return OFF_HOST.finding(State.PASS, f"A copy goes to {place.partition('?')[0]}.", line)
    if not found.repositories:
        says = "Where the backup goes could not be told from its settings."
        return OFF_HOST.finding(State.UNKNOWN, says, next_command="see where its repository lies")
    place, line = found.repositories[0]
    if place.startswith(("$", "*")):
        return OFF_HOST.finding(State.UNKNOWN, f"Where {place} leads could not be told.", line, next_command=AS_ROOT)
    # A path may be a disk of another machine; whoever knows that waives it.
    says = f"The backup goes to {place}, a path of this machine: no other place is named."
    return OFF_HOST.finding(State.WARN, says, line)
