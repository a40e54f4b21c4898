"""Statements about restraints."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from lockdown.model.restraint import Restraint, read_match
from lockdown.model.traffic import Doors, Rung
from lockdown.model.unknown import Unknown
from lockdown.state.sql.tables import restraints

_MOST_TOLD = 1000
_log = logging.getLogger("lockdown.state")


def restrain(link: Connection, host: str, wanted: Restraint) -> Restraint:
    """Begin a term; one that runs for the same match and doors ends, and its hits are its own."""
    at = (restraints.c.host_id == host, restraints.c.match == _key(wanted), restraints.c.doors == wanted.doors.value)
    link.execute(update(restraints).where(*at, _runs(wanted.since)).values(ended_at=wanted.since, ended_by=wanted.by))
    entered = link.execute(insert(restraints).values(host_id=host, **_columns(wanted)))
    assert entered.inserted_primary_key is not None
    return replace(wanted, number=int(entered.inserted_primary_key[0]))


def end(link: Connection, host: str, number: int, by: str, now: datetime) -> bool:
    """End one that runs; False when it does not."""
    running = and_(restraints.c.host_id == host, restraints.c.number == number, _runs(now))
    return bool(link.execute(update(restraints).where(running).values(ended_at=now, ended_by=by)).rowcount)


def active(link: Connection, host: str, now: datetime) -> list[Restraint]:
    """Those that run, in the order they began."""
    wanted = select(restraints).where(restraints.c.host_id == host, _runs(now)).order_by(restraints.c.number)
    return list(_read(link.execute(wanted)))


def history(link: Connection, host: str, since: datetime) -> list[Restraint]:
    """Those that began since then, the newest first."""
    wanted = select(restraints).where(restraints.c.host_id == host, restraints.c.since >= since)
    return list(_read(link.execute(wanted.order_by(restraints.c.number.desc()).limit(_MOST_TOLD))))


def count(link: Connection, host: str, hits: Mapping[int, int]) -> None:
    """So many hits more, by number."""
    for number, more in hits.items():
        at = (restraints.c.host_id == host, restraints.c.number == number)
        link.execute(update(restraints).where(*at).values(hits=restraints.c.hits + more))


def forget(link: Connection, host: str, before: datetime) -> int:
    """Remove those whose term ended before then; how many."""
    return link.execute(delete(restraints).where(restraints.c.host_id == host, restraints.c.until < before)).rowcount


def _key(wanted: Restraint) -> str:
    return json.dumps([[dimension.value, value] for dimension, value in wanted.match])


def _columns(wanted: Restraint) -> dict[str, Any]:
    return {
        "match": _key(wanted),
        "rung": int(wanted.rung),
        "since": wanted.since,
        "until": wanted.until,
        "by": wanted.by,
        "why": wanted.why,
        "incident": wanted.incident,
        "shadow": int(wanted.shadow),
        "doors": wanted.doors.value,
        "hits": wanted.hits,
        "ended_at": wanted.ended_at,
        "ended_by": wanted.ended_by,
    }


def _read(rows: Iterable[Row[Any]]) -> Iterable[Restraint]:
    """A row that a newer Lockdown has written is left out, and said."""
    for row in rows:
        match = read_match(json.loads(row.match))
        if isinstance(match, Unknown):
            _log.error("restraint r%d is not in force: %s", row.number, match.why)
            continue
        fields = dict(row._mapping)
        del fields["host_id"]
        yield Restraint(
            **fields | {"match": match, "rung": Rung(row.rung), "shadow": bool(row.shadow), "doors": Doors(row.doors)}
        )


def _runs(now: datetime):  # type: ignore[no-untyped-def]
    return and_(restraints.c.ended_at.is_(None), restraints.c.until > now)
