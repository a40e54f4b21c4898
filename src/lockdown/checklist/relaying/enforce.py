"""What turns each finding of item 8: the relay closed, trust narrowed, guards put up; mail and its owner still get in.

Judged by the room's own audit, so that plan and audit cannot disagree. By itself only what is provably wrong is
taken away; who must still send from a private network, or which domains are yours, is left to a person. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.relaying.audit import audit
from lockdown.checklist.relaying.audit_gateway import GATEWAY_CONTROLS
from lockdown.checklist.relaying.enforce_exim import enforce_exim
from lockdown.checklist.relaying.enforce_postfix import enforce_postfix
from lockdown.checklist.relaying.mend import Mend
from lockdown.checklist.relaying.probe_controls import PROBE_CONTROLS
from lockdown.config import Settings
from lockdown.facts.exim import Exim
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.mail_server import mail_server
from lockdown.facts.postfix import Postfix
from lockdown.facts.upstream import upstreams_of
from lockdown.model.change import Left, Proposal
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot

_BAD = (State.FAIL, State.WARN)
_TOML = "lockdown.toml is written by people, and Lockdown does not change it."
_SEEN = "This was heard from outside; on the server itself the audit of its settings says which one it is."
_OTHER = "Lockdown does not change this server in this version."
_BY_HAND = {
    **{control.id: _TOML for control in GATEWAY_CONTROLS},
    **{control.id: _SEEN for control in PROBE_CONTROLS},
}


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """For each finding that does not hold: the changes that turn it, or why there is none."""
    own, server = gateway(snapshot), mail_server(snapshot)
    behind = upstreams_of(snapshot, own.settings) if isinstance(own, Gateway) else ()
    for found in audit(snapshot, policy):
        if found.state not in _BAD:
            continue
        if found.control in _BY_HAND or found.target == "gateway":
            yield Left(found.control, _BY_HAND.get(found.control, _TOML), found.next_command, found.target)
        elif isinstance(server, Postfix):
            yield from enforce_postfix(Mend(found, snapshot, server, behind, policy))
        elif isinstance(server, Exim):
            yield from enforce_exim(found, server, snapshot)
        else:
            yield Left(found.control, _OTHER, found.next_command, found.target)
