"""Statements about blocked networks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, insert, or_, select, update

from lockdown.model.mail import Block
from lockdown.model.record import BlockRecord
from lockdown.state.sql.tables import blocks


def block(link: Connection, host: str, network: str, why: str, until: datetime | None, by: str, now: datetime) -> Block:
    """Begin a term; one that runs for the same network ends."""
    unblock(link, host, network, by, now)
    row = {"network": network, "why": why, "since": now, "until": until, "by": by, "ended_by": ""}
    link.execute(insert(blocks).values(host_id=host, **row))
    return Block(network, why, until, by)


def unblock(link: Connection, host: str, network: str, by: str, now: datetime) -> bool:
    """End the term that runs; False when none does."""
    running = and_(blocks.c.host_id == host, blocks.c.network == network, _runs(now))
    return bool(link.execute(update(blocks).where(running).values(ended_at=now, ended_by=by)).rowcount)


def active(link: Connection, host: str, now: datetime) -> list[Block]:
    """The terms that run, in the order they began."""
    wanted = select(blocks).where(blocks.c.host_id == host, _runs(now)).order_by(blocks.c.number)
    return [Block(row.network, row.why, row.until, row.by) for row in link.execute(wanted)]


def history(link: Connection, host: str, network: str) -> list[BlockRecord]:
    """All terms of a network, the newest first."""
    wanted = select(blocks).where(blocks.c.host_id == host, blocks.c.network == network)
    return [
        BlockRecord(row.network, row.why, row.since, row.until, row.by, row.ended_at, row.ended_by)
        for row in link.execute(wanted.order_by(blocks.c.number.desc()))
    ]


def _runs(now: datetime):  # type: ignore[no-untyped-def]
    return and_(blocks.c.ended_at.is_(None), or_(blocks.c.until.is_(None), blocks.c.until > now))
