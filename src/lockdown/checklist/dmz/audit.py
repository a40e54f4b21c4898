"""Audit of item 3: is the server shielded both ways, are its inner doors closed, does what crosses the network use TLS?

Every control gives at least one finding; unread is UNKNOWN, with what to type.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.dmz.audit_firewall import audit_firewall
from lockdown.checklist.dmz.audit_probe import audit_probe
from lockdown.checklist.dmz.audit_reach import audit_reach
from lockdown.checklist.dmz.audit_tls import audit_tls
from lockdown.config import Settings
from lockdown.model.finding import Finding
from lockdown.model.snapshot import Snapshot


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item."""
    yield from audit_firewall(snapshot, policy)
    yield from audit_reach(snapshot, policy)
    yield from audit_tls(snapshot, policy)
    yield from audit_probe(snapshot, policy)
