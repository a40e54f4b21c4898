"""Which mail server the machine runs: Postfix, surely none, or one that could not be read or told.

A machine without Postfix may still take mail by another program: that is Unknown, since silence is not health.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts.listeners import listeners
from lockdown.facts.postfix import WHERE, Absent, Postfix, postfix
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MAIL_PORTS = (25, 465, 587)


@dataclass(frozen=True, slots=True)
class NoMailServer:
    """Postfix is not there, and nothing listens where mail comes in."""

    says: str
    evidence: Evidence


def mail_server(snapshot: Snapshot) -> Postfix | NoMailServer | Unknown:
    """The server to judge, or why there is none, as a sentence without its full stop."""
    match postfix(snapshot):
        case Unknown(why):
            return Unknown(f"Postfix could not be read: {why}")
        case Absent(why):
            return _without_postfix(snapshot, why)
        case Postfix() as server:
            return server


def _without_postfix(snapshot: Snapshot, why: str) -> NoMailServer | Unknown:
    match listeners(snapshot):
        case Unknown(reason):
            return Unknown(f"Postfix is not here, and what listens could not be read: {reason}")
        case found:
            others = [other for other in found if other.protocol == "tcp" and other.port in MAIL_PORTS]
    if not others:
        says = "No mail server on this machine: no Postfix, nothing on ports 25, 465, 587"
        return NoMailServer(says, Evidence(WHERE, why))
    names = ", ".join(sorted({f"{other.process or 'a program unknown'} on port {other.port}" for other in others}))
    return Unknown(f"Mail is taken by {names}, and only Postfix is judged in this version")
