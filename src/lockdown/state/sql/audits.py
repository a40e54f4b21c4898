"""Statements about audits and waivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.record import Audit, Waiver
from lockdown.state.sql.tables import audits, findings, waivers


def record(link: Connection, here: str, found: Sequence[Finding], host: str, taken_at: datetime) -> None:
    """Keep an audit with its findings in their order."""
    entered = link.execute(insert(audits).values(host_id=here, host=host, taken_at=taken_at))
    assert entered.inserted_primary_key is not None
    number = entered.inserted_primary_key[0]
    rows = [
        asdict(finding) | {"audit": number, "place": place, "host_id": here, "state": finding.state.value}
        for place, finding in enumerate(found)
    ]
    if rows:
        link.execute(insert(findings), [row | {"evidence": list(row["evidence"])} for row in rows])


def audit(link: Connection, here: str, host: str, back: int) -> Audit | None:
    """The latest audit of a host (back = 0), or the one before it (1), and so on."""
    wanted = select(audits).where(audits.c.host_id == here, audits.c.host == host)
    row = link.execute(
        wanted.order_by(audits.c.taken_at.desc(), audits.c.number.desc()).offset(back).limit(1)
    ).one_or_none()
    if row is None:
        return None
    found = link.execute(select(findings).where(findings.c.audit == row.number).order_by(findings.c.place))
    return Audit(row.host, row.taken_at, tuple(_finding(entry) for entry in found))


def audited_hosts(link: Connection, here: str) -> list[str]:
    """Every host that has been audited, by name."""
    return list(link.scalars(select(audits.c.host).where(audits.c.host_id == here).distinct().order_by(audits.c.host)))


def waive(link: Connection, here: str, waiver: Waiver) -> None:
    """Enter the waiver, or put it in the place of the one that the control has for this target."""
    at = (waivers.c.host_id == here, waivers.c.control == waiver.control, waivers.c.target == waiver.target)
    row = {"reason": waiver.reason, "owner": waiver.owner, "until": waiver.until}
    if not link.execute(update(waivers).where(*at).values(row)).rowcount:
        link.execute(insert(waivers).values(host_id=here, control=waiver.control, target=waiver.target, **row))


def active_waivers(link: Connection, here: str, now: datetime) -> list[Waiver]:
    """Those whose day has not come."""
    wanted = select(waivers).where(waivers.c.host_id == here, waivers.c.until > now)
    return [
        Waiver(row.control, row.target, row.reason, row.owner, row.until)
        for row in link.execute(wanted.order_by(waivers.c.control, waivers.c.target))
    ]


def _finding(row: Row[tuple[object, ...]]) -> Finding:
    evidence = tuple(Evidence(**entry) for entry in row.evidence)
    return Finding(row.control, State(row.state), row.says, evidence, row.next_command, row.target)
