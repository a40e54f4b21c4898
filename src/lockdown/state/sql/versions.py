"""One number that differs after people, or answers in their name, have decided something."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from lockdown.state.sql.tables import versions


def bump(link: Connection, host: str) -> None:
    """To be part of the transaction that decides."""
    if not link.execute(
        update(versions).where(versions.c.host_id == host).values(number=versions.c.number + 1)
    ).rowcount:
        link.execute(insert(versions).values(host_id=host, number=1))


def version(link: Connection, host: str) -> int:
    """0 while nothing has been decided."""
    return link.scalar(select(versions.c.number).where(versions.c.host_id == host)) or 0
