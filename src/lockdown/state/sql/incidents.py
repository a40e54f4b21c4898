"""Statements about incidents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Evidence, Severity
from lockdown.state.sql.tables import incidents


def tell(link: Connection, host: str, key: str, story: Callable[[Incident | None], Incident]) -> Incident:
    """Go on with the latest incident of this key, or begin one: `story` says how, and may give it no number."""
    wanted = select(incidents).where(incidents.c.host_id == host, incidents.c.key == key)
    row = link.execute(wanted.order_by(incidents.c.number.desc()).limit(1)).one_or_none()
    told = story(_incident(row) if row is not None else None)
    if told.number:
        _update(link, host, told)
        return told
    entered = link.execute(insert(incidents).values(host_id=host, **_columns(told)))
    assert entered.inserted_primary_key is not None
    return replace(told, number=int(entered.inserted_primary_key[0]))


def change(link: Connection, host: str, number: int, to: Callable[[Incident], Incident]) -> Incident | None:
    """Change one; None when there is no such incident."""
    found = incident(link, host, number)
    if found is None:
        return None
    changed = to(found)
    _update(link, host, changed)
    return changed


def incident(link: Connection, host: str, number: int) -> Incident | None:
    """One, open or closed."""
    wanted = select(incidents).where(incidents.c.host_id == host, incidents.c.number == number)
    row = link.execute(wanted).one_or_none()
    return _incident(row) if row is not None else None


def listed(link: Connection, host: str, limit: int, *, only_open: bool) -> list[Incident]:
    """The newest first."""
    wanted = select(incidents).where(incidents.c.host_id == host)
    if only_open:
        wanted = wanted.where(incidents.c.closed_at.is_(None))
    return [_incident(row) for row in link.execute(wanted.order_by(incidents.c.number.desc()).limit(limit))]


def forget(link: Connection, host: str, before: datetime) -> int:
    """Remove those that were closed before then; how many."""
    return link.execute(delete(incidents).where(incidents.c.host_id == host, incidents.c.closed_at < before)).rowcount


def _update(link: Connection, host: str, told: Incident) -> None:
    at = (incidents.c.host_id == host, incidents.c.number == told.number)
    link.execute(update(incidents).where(*at).values(**_columns(told)))


def _columns(told: Incident) -> dict[str, Any]:
    columns = asdict(told) | {
        "severity": told.severity.value,
        "evidence": [asdict(one) for one in told.evidence],
        "answers": [_answer_in_json(one) for one in told.answers],
    }
    del columns["number"]
    return columns


def _answer_in_json(answer: Answer) -> dict[str, Any]:
    until = answer.until.isoformat() if answer.until else None
    return asdict(answer) | {"at": answer.at.isoformat(), "until": until}


def _answer(entry: dict[str, Any]) -> Answer:
    until = datetime.fromisoformat(entry["until"]) if entry["until"] else None
    return Answer(datetime.fromisoformat(entry["at"]), entry["says"], entry["done"], until, entry["undo"])


def _incident(row: Row[Any]) -> Incident:
    fields = dict(row._mapping)
    del fields["host_id"]
    return Incident(
        **fields
        | {
            "severity": Severity(row.severity),
            "evidence": tuple(Evidence(**entry) for entry in row.evidence),
            "answers": tuple(_answer(entry) for entry in row.answers),
        }
    )
