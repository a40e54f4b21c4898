"""Room on the disks under the queue, the mailboxes and the logs."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.mailboxes.controls import DISK_ROOM, OWN_DISK
from lockdown.config import Settings
from lockdown.facts.disks import Disk, disks
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

WARN_BELOW, FAIL_BELOW = 0.30, 0.15
PLENTY_KIB = 200 << 20
"""With 200 GiB free a small share of a large disk is no trouble yet."""
MAILBOXES = ("/var/vmail", "/srv/mail", "/var/mail", "/home")


def audit_disks(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on disks."""
    found = disks(snapshot)
    if isinstance(found, Unknown):
        for control in (DISK_ROOM, OWN_DISK):
            says = f"The room on the disks could not be read: {found.why}."
            yield control.finding(State.UNKNOWN, says, target="disks", next_command="df -h")
        return
    yield _room(found)
    yield _own(found, policy)


def _room(found: dict[str, Disk]) -> Finding:
    by_mount = {disk.mount: disk for disk in found.values()}
    scarcest = min(by_mount.values(), key=lambda disk: disk.free_share)
    share = scarcest.free_share
    says = f"{scarcest.mount} has {share:.0%} of its room free."
    scarce = share < WARN_BELOW and not (scarcest.free > PLENTY_KIB and share > 0.05)
    state = State.PASS if not scarce else State.FAIL if share < FAIL_BELOW else State.WARN
    return DISK_ROOM.finding(state, says, scarcest.evidence, target="disks")


def _own(found: dict[str, Disk], policy: Settings) -> Finding:
    root = found.get("/")
    places = [found[place] for place in MAILBOXES if place in found]
    if root is None or not places:
        return OWN_DISK.finding(State.NOT_APPLICABLE, "No folder of mailboxes is in its usual place.", target="disks")
    apart = [disk for disk in places if disk.mount != "/"]
    if apart:
        return OWN_DISK.finding(
            State.PASS, f"{apart[0].place} lies on a file system of its own.", apart[0].evidence, target="disks"
        )
    says = "Mailboxes lie on the system's own disk."
    state = State.WARN if policy.site.profile == "strict" else State.PASS
    says += "" if state is State.WARN else " This profile lets that be, as quotas bound them."
    return OWN_DISK.finding(state, says, places[0].evidence, root.evidence, target="disks")
