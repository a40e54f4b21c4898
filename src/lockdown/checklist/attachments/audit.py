"""Audit of item 4: are large messages bounded, do the limits along the way agree, and is repetition bounded too?

Sizes are said twice: on the wire, and as attachments (base64 makes them 1.37 times as large).
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.audit_gateway import GATEWAY_CONTROLS, audit_gateway
from lockdown.checklist.attachments.audit_others import audit_others
from lockdown.checklist.attachments.audit_postfix import audit_postfix
from lockdown.checklist.attachments.audit_probe import audit_probe
from lockdown.checklist.attachments.audit_web import audit_web
from lockdown.checklist.attachments.controls import CONTROLS, WEB_UPLOAD
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.gateway import gateway
from lockdown.facts.mail_server import NoMailServer, mail_server
from lockdown.facts.opensmtpd import OpenSmtpd
from lockdown.facts.postfix import Postfix, services_alone
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

POSTFIX_CONTROLS = tuple(control for control in CONTROLS if control not in (*GATEWAY_CONTROLS, WEB_UPLOAD))


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item, for what is on the machine of the snapshot."""
    own = gateway(snapshot)
    if isinstance(own, Unknown):
        says = f"The gateway's settings could not be read: {own.why}."
        yield from (control.finding(State.UNKNOWN, says, target="gateway") for control in GATEWAY_CONTROLS)
    else:
        yield from audit_gateway(own, policy)
    # A master.cf alone still decides what it overrides; the rest of each service is then UNKNOWN.
    match services_alone(snapshot) or mail_server(snapshot):
        case Unknown(why):
            yield from _not_told(State.UNKNOWN, f"{why}.")
        case NoMailServer(says, evidence):
            yield from _not_told(State.NOT_APPLICABLE, f"{says}.", evidence)
        case (Exim() | OpenSmtpd()) as server:
            yield from audit_others(server, policy, POSTFIX_CONTROLS)
        case Postfix() as server:
            yield from audit_postfix(snapshot, server, own, policy)
    yield from audit_web(snapshot, policy)
    yield from audit_probe(snapshot, policy)


def _not_told(state: State, says: str, *evidence: Evidence) -> Iterator[Finding]:
    mend = "lockdown audit     (as root)" if "denied" in says else "postfix check     (Postfix's own words on it)"
    ask = mend if state is State.UNKNOWN else ""
    return (control.finding(state, says, *evidence, target="postfix", next_command=ask) for control in POSTFIX_CONTROLS)
