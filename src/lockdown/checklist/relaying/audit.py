"""Audit of item 8: can strangers send their mail through the gateway, or through the Postfix of this machine?

Every control gives at least one finding, one for each SMTP service where they may differ. Unread is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.relaying.audit_exim import audit_exim
from lockdown.checklist.relaying.audit_gateway import GATEWAY_CONTROLS, audit_gateway
from lockdown.checklist.relaying.audit_opensmtpd import audit_opensmtpd
from lockdown.checklist.relaying.audit_postfix import audit_postfix
from lockdown.checklist.relaying.audit_probe import audit_probe
from lockdown.checklist.relaying.controls import CONTROLS
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.mail_server import NoMailServer, mail_server
from lockdown.facts.opensmtpd import OpenSmtpd
from lockdown.facts.postfix import Postfix, services_alone
from lockdown.facts.upstream import Upstream, upstreams_of
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

POSTFIX_CONTROLS = tuple(control for control in CONTROLS if control not in GATEWAY_CONTROLS and not control.in_flight)


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item, for what is on the machine of the snapshot."""
    match gateway(snapshot):
        case Unknown(why):
            yield from (
                control.finding(State.UNKNOWN, f"The gateway's settings could not be read: {why}.", target="gateway")
                for control in GATEWAY_CONTROLS
            )
            behind: tuple[Upstream, ...] = ()
        case Gateway() as found:
            behind = upstreams_of(snapshot, found.settings)
            yield from audit_gateway(snapshot, found, behind)
    # A master.cf alone still decides what it overrides; the rest of each service is then UNKNOWN.
    match services_alone(snapshot) or mail_server(snapshot):
        case Unknown(why):
            yield from _not_told(State.UNKNOWN, f"{why}.")
        case NoMailServer(says, evidence):
            yield from _not_told(State.NOT_APPLICABLE, f"{says}.", evidence)
        case Exim() as server:
            yield from audit_exim(server, behind, policy, POSTFIX_CONTROLS)
        case OpenSmtpd() as server:
            yield from audit_opensmtpd(server, POSTFIX_CONTROLS)
        case Postfix() as server:
            yield from audit_postfix(snapshot, server, behind, policy)
    yield from audit_probe(snapshot, policy)


def _not_told(state: State, says: str, *evidence: Evidence) -> Iterator[Finding]:
    mend = "lockdown audit     (as root)" if "denied" in says else "postfix check     (Postfix's own words on it)"
    ask = mend if state is State.UNKNOWN else ""
    return (control.finding(state, says, *evidence, target="postfix", next_command=ask) for control in POSTFIX_CONTROLS)
