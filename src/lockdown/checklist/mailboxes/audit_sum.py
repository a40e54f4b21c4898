"""Do all mailboxes fit onto their disk when each is full, which are the largest, and when is the disk full?"""

from __future__ import annotations

from lockdown.checklist.mailboxes.controls import SUM_FITS
from lockdown.checklist.mailboxes.quota import quota
from lockdown.checklist.mailboxes.room import Room, room
from lockdown.facts.dovecot import Dovecot, as_far_as_read, dovecot
from lockdown.facts.quotas import DAYS, days_to_full
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

WORST = 10
_ASK = "du -sk /var/mail/* /var/vmail/*/* /home/*/Maildir | sort -n     (as root)"


def audit_sum(snapshot: Snapshot) -> Finding:
    """One finding; the largest mailboxes are its evidence."""
    found = dovecot(snapshot)
    match found:
        case Dovecot():
            return as_far_as_read(found, _sum(found, room(snapshot, found)))
        case Unknown(why):
            says = f"Dovecot could not be read: {why}."
            return SUM_FITS.finding(State.UNKNOWN, says, target="disks", next_command="doveconf -n     (as root)")
        case _:
            return SUM_FITS.finding(
                State.NOT_APPLICABLE, "Without Dovecot there are no limits to add up.", target="disks"
            )


def _sum(found: Dovecot, there: Room | Unknown) -> Finding:
    counted = quota(found)
    if isinstance(there, Unknown):
        says = f"What lies in the mailboxes could not be read: {there.why}."
        return SUM_FITS.finding(State.UNKNOWN, says, target="disks", next_command=_ASK)
    evidence = (there.disk.evidence, *worst(there))
    if counted.storage is None or counted.unlimited:
        state = State.UNKNOWN if counted.from_database and not counted.unlimited else State.NOT_APPLICABLE
        says = f"There is no limit for everyone to add up.{pace(there)}"
        return SUM_FITS.finding(
            state, says, *evidence, target="disks", next_command="doveadm quota get -A" * (state is State.UNKNOWN)
        )
    limit, all_of_them = ByteSize(counted.storage), ByteSize(counted.storage * there.count)
    says = (
        f"{there.count} mailboxes of {limit} may come to {all_of_them}; for mail there is {ByteSize(there.kib << 10)}."
    )
    state = State.PASS if all_of_them <= there.kib << 10 else State.WARN
    return SUM_FITS.finding(state, says + pace(there), *counted.rules[:1], *evidence, target="disks")


def pace(there: Room) -> str:
    """When the disk is full, as a sentence with what it rests on; empty where nothing tells."""
    days = days_to_full(there.boxes, there.disk.free)
    if days is None:
        return ""
    return f" At the pace of the mail of the last {DAYS} days the disk is full in {days} days, if nothing is deleted."


def worst(there: Room) -> tuple[Evidence, ...]:
    """The largest mailboxes."""
    return tuple(Evidence(one.path, f"holds {ByteSize(one.size << 10)}") for one in there.boxes[:WORST])
