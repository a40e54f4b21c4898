"""What turns each finding of item 4: limits that agree along the way, clients that are counted, bounds put back.

Judged by the room's own audit, so that plan and audit cannot disagree. What only a person can decide, or what lies in
a file that a person writes, is left with its reason. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.audit import audit
from lockdown.checklist.attachments.audit_gateway import GATEWAY_CONTROLS
from lockdown.checklist.attachments.audit_probe import SEEN_SIZE
from lockdown.checklist.attachments.controls import LIMITS_AGREE, WEB_UPLOAD
from lockdown.checklist.attachments.enforce_exim import enforce_exim
from lockdown.checklist.attachments.enforce_postfix import Mend, enforce_postfix
from lockdown.checklist.attachments.enforce_web import enforce_web
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.mail_server import mail_server
from lockdown.facts.postfix import Postfix
from lockdown.facts.upstream import Here, upstreams_of
from lockdown.model.change import Left, Proposal
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot

_BAD = (State.FAIL, State.WARN)
_TOML = "lockdown.toml is written by people, and Lockdown does not change it."
_SEEN = "This was heard from outside; on the server itself attachments.message-limit says which setting it is."
_OTHER = "Lockdown does not change this server in this version."
_BY_HAND = {**{control.id: _TOML for control in GATEWAY_CONTROLS}, SEEN_SIZE.id: _SEEN}


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding that does not hold: the changes that turn it, or why there is none."""
    own, server = gateway(snapshot), mail_server(snapshot)
    for found in audit(snapshot, policy):
        if found.state not in _BAD:
            continue
        if found.control == WEB_UPLOAD.id:
            yield from enforce_web(found, snapshot, policy)
        elif found.control in _BY_HAND:
            yield Left(found.control, _BY_HAND[found.control], found.next_command, found.target)
        elif isinstance(server, Postfix) and (found.target != "gateway" or found.control == LIMITS_AGREE.id):
            known = own if isinstance(own, Gateway) else None
            yield from enforce_postfix(Mend(found, snapshot, server, known, _behind(snapshot, known), policy))
        elif isinstance(server, Exim):
            yield from enforce_exim(found, server, policy)
        else:
            yield Left(found.control, _OTHER, found.next_command, found.target)


def _behind(snapshot: Snapshot, own: Gateway | None) -> Here | None:
    """The gateway's upstream, when it is on this machine."""
    upstreams = upstreams_of(snapshot, own.settings) if own else ()
    return next((one for one in upstreams if isinstance(one, Here)), None)
