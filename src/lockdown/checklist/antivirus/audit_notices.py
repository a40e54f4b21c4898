"""What becomes of an infected message at a filter of Postfix: refused or held, never answered with a new message."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.antivirus.audit_controls import NO_NOTIFICATION
from lockdown.facts.amavis import notices as amavis_notices
from lockdown.facts.clamav import milter
from lockdown.facts.filters import Filter, Kind, Way
from lockdown.facts.scanner_files import Absent, Words
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_LOUD_OR_LOST = {"accept": "delivered", "blackhole": "taken and thrown away: neither side ever learns of it"}


def notices(snapshot: Snapshot, used: tuple[Filter, ...]) -> Iterator[Finding]:
    """The findings on each filter that Postfix uses and that has a say in it."""
    if any(one.kind is Kind.CLAMAV_MILTER for one in used):
        yield _of_milter(milter(snapshot))
    if amavis := [one for one in used if one.kind is Kind.AMAVIS]:
        yield _of_amavis(snapshot, after_queue=any(one.way is Way.CONTENT_FILTER for one in amavis))


def _of_milter(conf: Words | Absent | Unknown) -> Finding:
    target = "clamav-milter"
    if not isinstance(conf, Words):
        says = f"What becomes of an infected message cannot be told: {conf.why}."
        return NO_NOTIFICATION.finding(State.UNKNOWN, says, target=target, next_command="clamconf -n")
    evidence = conf.evidence("OnInfected", "not written, Quarantine is the default")
    if bad := _LOUD_OR_LOST.get((conf.last("OnInfected") or "").lower()):
        return NO_NOTIFICATION.finding(State.FAIL, f"An infected message is {bad}.", evidence, target=target)
    if conf.last("VirusAction"):
        says = f"A program is started for each virus ({conf.last('VirusAction')}); see whom it writes to."
        return NO_NOTIFICATION.finding(State.WARN, says, conf.evidence("VirusAction"), target=target)
    return NO_NOTIFICATION.finding(State.PASS, "An infected message is refused or held.", evidence, target=target)


def _of_amavis(snapshot: Snapshot, *, after_queue: bool) -> Finding:
    target = "amavis"
    match amavis_notices(snapshot, of_spam=False, after_queue=after_queue):
        case Absent(why) | Unknown(why):
            says = f"What becomes of an infected message cannot be told: {why}."
            ask = "grep -r final_ /etc/amavis"
            return NO_NOTIFICATION.finding(State.UNKNOWN, says, target=target, next_command=ask)
        case ():
            says = "Nobody outside is written to for a virus."
            return NO_NOTIFICATION.finding(State.PASS, says, target=target)
        case evidence:
            says = "A virus is answered with a message to its forged sender, or is let in."
            return NO_NOTIFICATION.finding(State.FAIL, says, *evidence, target=target)
