"""What turns the findings of item 3 on TLS: offered and not forced, no broken versions, passwords over TLS only.

Judged by the room's own audit, so that plan and audit cannot disagree. A firewall, a certificate and a network are
for people: of them is said what to type. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.dmz.audit import audit
from lockdown.checklist.dmz.controls import CONTROLS, OWN_CONTROLS
from lockdown.checklist.dmz.enforce_dovecot import enforce_dovecot
from lockdown.checklist.dmz.enforce_postfix import enforce_postfix
from lockdown.checklist.dmz.server_tls_controls import (
    CERTIFICATE,
    MAILBOX_TLS,
    NOT_FORCED,
    OUTGOING,
    STARTTLS,
    VERSIONS,
)
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, dovecot
from lockdown.facts.postfix import Postfix, postfix
from lockdown.model.change import Left, Proposal
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot

_BAD = (State.FAIL, State.WARN)
_OF_SERVERS = frozenset(one.id for one in (STARTTLS, NOT_FORCED, OUTGOING, VERSIONS, MAILBOX_TLS))
_FIREWALL = "Lockdown writes no firewall rules: a wrong one shuts you out."
_SEEN = "This was seen from outside; on the server itself the audit of its settings says which one it is."
_WHY = {
    **{control.id: _SEEN for control in CONTROLS},
    **{control.id: _FIREWALL for control in OWN_CONTROLS},
    CERTIFICATE.id: "A certificate comes from your authority.",
}
_FIX = {control.id: control.fix for control in CONTROLS}


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding that does not hold: the changes that turn it, or why there is none."""
    bad = [finding for finding in audit(snapshot, policy) if finding.state in _BAD]
    yield from (_left(finding) for finding in bad if finding.control not in _OF_SERVERS)
    of_servers = {(finding.control, finding.target) for finding in bad if finding.control in _OF_SERVERS}
    server, mailboxes = postfix(snapshot), dovecot(snapshot)
    if isinstance(server, Postfix) and any(target.startswith("postfix") for _, target in of_servers):
        yield from enforce_postfix(snapshot, server, policy)
    if isinstance(mailboxes, Dovecot) and any(target == "dovecot" for _, target in of_servers):
        yield from enforce_dovecot(snapshot, mailboxes)


def _left(finding: Finding) -> Left:
    try_this = finding.next_command or _FIX[finding.control]
    return Left(finding.control, f"{finding.says} {_WHY[finding.control]}", try_this, finding.target)
