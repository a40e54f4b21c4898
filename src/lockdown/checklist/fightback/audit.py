"""Audit of item 12: can you be reached, and could you prove what happened? What only people know is their word.

Every control that a machine shows gives one finding; unread is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.fightback.controls import CLOCK_NAMED, LOGS_KEPT, REACHABLE
from lockdown.config import Settings
from lockdown.facts.accounts import JOURNAL, JOURNAL_KEPT, ROTATION
from lockdown.facts.aliases import Aliases, aliases
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

KEPT = {"starter": timedelta(days=14), "business": timedelta(days=28), "strict": timedelta(days=90)}
NOWHERE = ("/dev/null", '"|/dev/null"', ":blackhole:")
_EVERY = {"daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}
_ROOT = "sudo lockdown audit --item fightback"


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control that a machine can show."""
    yield _reachable(snapshot)
    yield _logs(snapshot, policy)
    yield _own_log(snapshot, policy)


def _reachable(snapshot: Snapshot) -> Finding:
    match aliases(snapshot):
        case Unknown(why):
            return REACHABLE.finding(
                State.UNKNOWN, f"Who gets postmaster's mail could not be read: {why}.", next_command=_ROOT
            )
        case Absent(why):
            says = "There is no /etc/aliases here: who gets postmaster's and abuse's mail is not told by this machine."
            ask = "write audit.waivers, or try it: swaks --to postmaster@YOUR.DOMAIN"
            return REACHABLE.finding(State.UNKNOWN, says, Evidence("/etc/aliases", why), next_command=ask)
        case Aliases() as found:
            return _two_names(found)


def _two_names(found: Aliases) -> Finding:
    for name in ("postmaster", "abuse"):
        ends = found.ends(name)
        evidence = found.evidence(name)
        if ends and all(end in NOWHERE for end in ends):
            return REACHABLE.finding(State.FAIL, f"Mail to {name} is thrown away.", evidence)
        if name not in found.targets and name == "abuse":
            return REACHABLE.finding(State.WARN, "abuse is nobody: who wants to warn you cannot.", evidence)
        if ends <= {"root", "postmaster"}:
            says = f"Mail to {name} ends with {', '.join(sorted(ends))}: nobody is named who reads it."
            return REACHABLE.finding(State.WARN, says, evidence, found.evidence("root"))
    return REACHABLE.finding(
        State.PASS, "postmaster and abuse reach somebody.", found.evidence("postmaster"), found.evidence("abuse")
    )


def _logs(snapshot: Snapshot, policy: Settings) -> Finding:
    least = KEPT[policy.site.profile]
    kept = [term for term in (_rotated(snapshot), _journal(snapshot)) if term is not None]
    unknown = next((term for term in kept if isinstance(term, Unknown)), None)
    terms = [term for term in kept if not isinstance(term, Unknown)]
    if terms:
        longest, evidence = max(terms, key=lambda term: term[0])
        says = f"The log of mail is kept for {longest.days} days"
        if longest >= least:
            return LOGS_KEPT.finding(State.PASS, f"{says}.", evidence)
        if unknown is None:
            return LOGS_KEPT.finding(State.WARN, f"{says}; {least.days} are wanted.", evidence)
    if unknown is not None:
        return LOGS_KEPT.finding(
            State.UNKNOWN, f"How long logs are kept could not be read: {unknown.why}.", next_command=_ROOT
        )
    return LOGS_KEPT.finding(
        State.WARN, "No log of mail that is kept was found: neither a file that is rotated nor a journal on disk."
    )


def _rotated(snapshot: Snapshot) -> tuple[timedelta, Evidence] | Unknown | None:
    """The term of the first block of logrotate that names a log of mail, or the system's log."""
    listing = snapshot.reading(ROTATION)
    if isinstance(listing, Unknown):
        return listing
    defaults = {"every": 7, "rotate": 0}
    main = snapshot.below(ROTATION).get("/etc/logrotate.conf")
    if isinstance(main, str):
        defaults = _terms(re.sub(r"\{.*?\}", "", main, flags=re.DOTALL), defaults)
    for path, reading in snapshot.below(ROTATION).items():
        if isinstance(reading, Unknown):
            return reading
        for block in re.finditer(r"([^{}]*)\{([^{}]*)\}", reading):
            if re.search(r"/var/log/(?:mail\.log|mail\.\*|maillog|mail\b|syslog\b)", block[1]):
                terms = _terms(block[2], defaults)
                days = terms["every"] * terms["rotate"]
                line = reading[: block.start(2)].count("\n") + 1
                return timedelta(days=days), Evidence(
                    path, f"rotate {terms['rotate']}, every {terms['every']} days", line
                )
    return None


def _terms(text: str, defaults: dict[str, int]) -> dict[str, int]:
    found = dict(defaults)
    for line in text.splitlines():
        word = line.strip().split()
        if len(word) == 1 and word[0] in _EVERY:
            found["every"] = _EVERY[word[0]]
        if len(word) == 2 and word[0] == "rotate" and word[1].isascii() and word[1].isdigit() and len(word[1]) < 6:
            found["rotate"] = int(word[1])
    return found


_SPAN = re.compile(r"(\d{1,6})\s*(year|month|week|day|hour|y|M|w|d|h|s)?", re.ASCII)
_DAYS = {
    "year": 365.0,
    "y": 365.0,
    "month": 30.0,
    "M": 30.0,
    "week": 7.0,
    "w": 7.0,
    "day": 1.0,
    "d": 1.0,
    "hour": 1 / 24,
    "h": 1 / 24,
}


def _journal(snapshot: Snapshot) -> tuple[timedelta, Evidence] | Unknown | None:
    """A journal on disk is bounded by its size alone unless a term is written."""
    folder = snapshot.reading(JOURNAL_KEPT)
    if isinstance(folder, Unknown):
        return folder
    if not any(line.split("\t")[6:7] == ["/var/log/journal"] for line in folder.splitlines()):
        return None
    for path, reading in snapshot.below(JOURNAL).items():
        if isinstance(reading, str) and (found := re.search(r"(?m)^\s*MaxRetentionSec\s*=\s*(\S.*)$", reading)):
            span = _SPAN.match(found[1].strip())
            days = int(span[1]) * _DAYS.get(span[2] or "s", 1 / 86400) if span else 0.0
            if days:
                return timedelta(days=min(days, 36500)), Evidence(path, found[0].strip())
    return timedelta(days=30), Evidence(
        "/var/log/journal", "a journal on disk, bounded by its size alone: taken as 30 days"
    )


def _own_log(snapshot: Snapshot, policy: Settings) -> Finding:
    found = gateway(snapshot)
    if not isinstance(found, Gateway):
        says = f"The gateway's settings could not be read: {found.why}."
        return CLOCK_NAMED.finding(State.UNKNOWN, says, target="gateway", next_command="lockdown config check")
    least, keep = KEPT[policy.site.profile], found.settings.log.keep
    evidence = (found.evidence("log.keep"), found.evidence("log.addresses"))
    if keep < least:
        says = f"The gateway's log is kept for {keep.days} days; {least.days} are wanted."
        return CLOCK_NAMED.finding(State.WARN, says, *evidence, target="gateway")
    says = f"The gateway's log, with the address and the time of each client, is kept for {keep.days} days."
    return CLOCK_NAMED.finding(State.PASS, says, *evidence, target="gateway")
