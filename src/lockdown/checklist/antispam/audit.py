"""Audit of item 2: is spam weighed on every way in, do the filters work, and is your own name protected?

What the settings promise, what the engines and the DNS said when they were asked, and what Postfix does beside the
gateway are judged each for itself; unread is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.antispam.audit_controls import (
    ALLOW_NARROW,
    AUDITED,
    FAILS_AS_STATED,
    FILTER_IN_EVERY_PATH,
    NO_BACKSCATTER,
)
from lockdown.checklist.antispam.audit_engines import audit_engines
from lockdown.checklist.antispam.audit_gateway import audit_gateway
from lockdown.checklist.antispam.audit_identity import audit_identity
from lockdown.checklist.antispam.audit_names import audit_names
from lockdown.checklist.antispam.audit_postfix import audit_postfix
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.mail_server import NoMailServer, mail_server
from lockdown.facts.opensmtpd import OpenSmtpd
from lockdown.facts.postfix import Postfix
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

POSTFIX_CONTROLS = (FILTER_IN_EVERY_PATH, FAILS_AS_STATED, ALLOW_NARROW, NO_BACKSCATTER)


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item, for what is on the machine of the snapshot."""
    yield from audit_names(snapshot, policy)
    own = gateway(snapshot)
    match own:
        case Unknown(why):
            says = f"The gateway's settings could not be read: {why}."
            yield from (control.finding(State.UNKNOWN, says, target="gateway") for control in AUDITED)
        case Gateway():
            yield from audit_gateway(snapshot, own)
            yield from audit_engines(snapshot, own)
            yield from audit_identity(snapshot, own)
    match mail_server(snapshot):
        case Unknown(why):
            yield from _not_told(State.UNKNOWN, f"{why}.")
        case NoMailServer(says, evidence):
            yield from _not_told(State.NOT_APPLICABLE, f"{says}.", evidence)
        case Exim():
            yield from _not_told(State.UNKNOWN, "This is not judged for Exim in this version.")
        case OpenSmtpd():
            yield from _not_told(State.UNKNOWN, "This is not judged for OpenSMTPD in this version.")
        case Postfix() as server:
            yield from audit_postfix(snapshot, server, own)


def _not_told(state: State, says: str, *evidence: Evidence) -> Iterator[Finding]:
    mend = "lockdown audit     (as root)" if "denied" in says else "postfix check     (Postfix's own words on it)"
    ask = mend if state is State.UNKNOWN else ""
    return (control.finding(state, says, *evidence, target="postfix", next_command=ask) for control in POSTFIX_CONTROLS)
