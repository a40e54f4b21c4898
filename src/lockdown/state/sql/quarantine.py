"""Statements about held messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from lockdown.model.held import HeldMessage, HeldState, QuarantineTotals
from lockdown.state.sql.tables import held

_INSERT = insert(held)
_FIELDS = tuple(field.name for field in fields(HeldMessage))


def hold(link: Connection, host: str, message: HeldMessage) -> HeldMessage:
    """Enter the row. A second one of the same id is refused by the key."""
    # The values apart from the statement: building it anew costs more than running it.
    link.execute(_INSERT, {name: getattr(message, name) for name in _FIELDS} | {"host_id": host})
    return message


def messages(link: Connection, host: str, states: Iterable[HeldState], limit: int) -> list[HeldMessage]:
    """The newest first."""
    wanted = select(held).where(held.c.host_id == host, held.c.state.in_([state.value for state in states]))
    return [_message(row) for row in link.execute(wanted.order_by(held.c.at.desc(), held.c.id.desc()).limit(limit))]


def message(link: Connection, host: str, id: str) -> HeldMessage | None:
    """Whatever its state."""
    row = link.execute(select(held).where(held.c.host_id == host, held.c.id == id)).one_or_none()
    return _message(row) if row else None


def message_of_key(link: Connection, host: str, key: str) -> HeldMessage | None:
    """The sending that an identical retry repeats, as long as it is held: what is gone answers for nothing."""
    wanted = select(held).where(held.c.host_id == host, held.c.key == key, held.c.state == HeldState.HELD.value)
    row = link.execute(wanted.limit(1)).one_or_none()
    return _message(row) if row else None


def expired(link: Connection, host: str, before: datetime) -> list[HeldMessage]:
    """Held since before then, the oldest first."""
    wanted = select(held).where(held.c.host_id == host, held.c.state == HeldState.HELD.value, held.c.at < before)
    return [_message(row) for row in link.execute(wanted.order_by(held.c.at))]


def ids_with_bytes(link: Connection, host: str) -> set[str]:
    """Rows whose octets must lie in the spool."""
    return set(link.scalars(select(held.c.id).where(held.c.host_id == host, held.c.state == HeldState.HELD.value)))


def totals(link: Connection, host: str) -> QuarantineTotals:
    """What is held now."""
    wanted = select(func.count(), func.coalesce(func.sum(held.c.size_bytes), 0), func.min(held.c.at))
    count, size, oldest = link.execute(wanted.where(held.c.host_id == host, held.c.state == HeldState.HELD.value)).one()
    return QuarantineTotals(count, int(size), oldest)


def change(link: Connection, host: str, id: str, state: HeldState, by: str, now: datetime) -> bool:
    """Move a held message on; False when it was not held (any more), so a second release does nothing."""
    moved = link.execute(
        update(held)
        .where(held.c.host_id == host, held.c.id == id, held.c.state == HeldState.HELD.value)
        .values(state=state.value, changed_at=now, changed_by=by)
    )
    return bool(moved.rowcount)


def _message(row: Row[tuple[object, ...]]) -> HeldMessage:
    values = dict(row._mapping)
    del values["host_id"]
    values["recipients"], values["parameters"] = tuple(values["recipients"]), tuple(values["parameters"])
    values["state"] = HeldState(values["state"])
    return HeldMessage(**values)
