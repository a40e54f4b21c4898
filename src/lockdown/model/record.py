"""What the store hands back of judgements and decisions: an audit that was taken, a waiver, a block's story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lockdown.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Audit:
    """All findings of one host at one moment."""

    host: str
    taken_at: datetime
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody bears with a control that does not hold, for a reason and until a day."""

    control: str
    target: str
    reason: str
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One term of a network's block. `ended_at` is set when it was ended by hand; else it ends at `until`."""

    network: str
    why: str
    since: datetime
    until: datetime | None
    by: str
    ended_at: datetime | None
    ended_by: str
