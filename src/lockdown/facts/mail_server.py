"""Which mail server the machine runs: Postfix, Exim, OpenSMTPD, surely none, or one that could not be read or told.

A machine without these may still take mail by another program: that is Unknown, since silence is not health.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts.exim import WHERE as EXIM
from lockdown.facts.exim import Exim, exim
from lockdown.facts.listeners import listeners
from lockdown.facts.opensmtpd import WHERE as OPENSMTPD
from lockdown.facts.opensmtpd import OpenSmtpd, opensmtpd
from lockdown.facts.postfix import WHERE, Absent, Postfix, postfix
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MAIL_PORTS = (25, 465, 587)


@dataclass(frozen=True, slots=True)
class NoMailServer:
    """None that we know is there, and nothing listens where mail comes in."""

    says: str
    evidence: Evidence


def mail_server(snapshot: Snapshot) -> Postfix | Exim | OpenSmtpd | NoMailServer | Unknown:
    """The server to judge, or why there is none, as a sentence without its full stop."""
    match postfix(snapshot):
        case Unknown(why):
            return _other(snapshot) or Unknown(f"Postfix could not be read: {why}")
        case Absent(why):
            return _other(snapshot) or _unread(snapshot) or _without_postfix(snapshot, why)
        case Postfix() as server:
            return server


def _other(snapshot: Snapshot) -> Exim | OpenSmtpd | None:
    """Exim or OpenSMTPD, where it could be read."""
    for found in (exim(snapshot), opensmtpd(snapshot)):
        if isinstance(found, Exim | OpenSmtpd):
            return found
    return None


def _unread(snapshot: Snapshot) -> Unknown | None:
    """A server whose program is there, and whose configuration could not be read."""
    for name, where, found in (("Exim", EXIM, exim(snapshot)), ("OpenSMTPD", OPENSMTPD, opensmtpd(snapshot))):
        if isinstance(found, Unknown) and isinstance(snapshot.reading(where), str):
            return Unknown(f"{name} could not be read: {found.why}")
    return None


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
    return Unknown(f"Mail is taken by {names}, whose settings were not found where they are looked for")
