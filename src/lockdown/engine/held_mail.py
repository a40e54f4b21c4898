"""Mail that the table of held accounts has held, written down as a deed on the queue: then it is deleted, archived and
put back like all other mail that we hold, and has a term.

Fails as: OperatorError where the record cannot be written; the mail stays in hold.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from lockdown.engine.queue import HandsOrWhy
from lockdown.engine.queue_record import begin, in_order
from lockdown.model.unknown import Unknown


def written_down(directory: Path, hands: HandsOrWhy, ids: Collection[str], user: str, by: str, now: datetime) -> str:
    """In words, what stays in hold and what to type for it."""
    if not ids:
        return "nothing that it has handed in is held"
    if isinstance(hands, Unknown):
        return f"{len(ids)} messages stay in hold; they are in no record, since the queue cannot be read: {hands.why}"
    wanted = frozenset(ids)
    found = [one.message.fingerprint for one in hands.find(lambda it: it.queue == "hold" and it.id in wanted)]
    octets = sum(one.size for one in found)
    kept = begin(directory, now)
    with kept.alone():
        kept.write_messages(in_order(found))
        kept.append(
            "intended", server=hands.kind, what=f"what the account {user} has handed in while it was held", by=by,
            why="it stayed when the account was let go", count=len(found), octets=octets,
        )  # fmt: skip
        kept.append("held", count=len(found), octets=octets, gone=len(wanted) - len(found), failed=0, said="")
    return (
        f"{len(found)} messages stay in hold; to delete them, archived: lockdown queue delete {kept.id}; "
        f"to send them: lockdown queue undo {kept.id}"
    )
