"""What there is for mail on the disk of the mailboxes, and which mailboxes share it.

Fails as: Unknown, with the reason of the reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.checklist.mailboxes.audit_disks import MAILBOXES
from lockdown.facts.disks import Disk, disks
from lockdown.facts.dovecot import Dovecot
from lockdown.facts.quotas import Mailbox, mailboxes
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for mail: KiB on the disk of mailboxes, and who shares it."""

    disk: Disk
    boxes: tuple[Mailbox, ...]

    @property
    def kib(self) -> int:
        """What all mailboxes together can come to: what they hold and what is free."""
        return self.disk.free + sum(one.size for one in self.boxes)

    @property
    def count(self) -> int:
        return max(1, len(self.boxes))


def room(snapshot: Snapshot, found: Dovecot | None) -> Room | Unknown:
    """The disk of the mailboxes, and the mailboxes."""
    of_machine, boxes = disks(snapshot), mailboxes(snapshot)
    if isinstance(of_machine, Unknown):
        return of_machine
    if isinstance(boxes, Unknown):
        return boxes
    return Room(_disk(of_machine, boxes, found), boxes)


def _disk(of_machine: dict[str, Disk], boxes: tuple[Mailbox, ...], found: Dovecot | None) -> Disk:
    """Where the mail is; where there is none yet, where Dovecot would put it; else the scarcest place of mail."""
    written = [one.value for one in found.settings if one.name in ("mail_location", "mail_path")] if found else []
    hints = [one.path for one in boxes[:1]] + ["/home" if "~" in text or "%h" in text else text for text in written]
    for hint in hints:
        if place := next((place for place in MAILBOXES if place in hint and place in of_machine), ""):
            return of_machine[place]
    places = [of_machine[place] for place in MAILBOXES if place in of_machine] or list(of_machine.values())
    return min(places, key=lambda one: one.free)
