"""Audit of item 7: who can become root on this machine, how they prove who they are, and which doors are left open.

Every control gives at least one finding; what may not be read as this user is UNKNOWN, and says that root can.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.admins.audit_access import audit_keys, audit_sshd
from lockdown.checklist.admins.audit_accounts import audit_accounts, audit_passwords
from lockdown.checklist.admins.audit_local import audit_local
from lockdown.checklist.admins.controls import CONSOLE, NO_SETUP_PAGES
from lockdown.config import Settings
from lockdown.facts.accounts import PANELS
from lockdown.facts.gateway import Gateway, gateway
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

AS_ROOT = "sudo lockdown audit --item admins"


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item."""
    yield from audit_accounts(snapshot, policy)
    yield from audit_passwords(snapshot, policy)
    yield from audit_sshd(snapshot, policy)
    yield from audit_keys(snapshot)
    yield _panels(snapshot)
    yield _console(snapshot)
    yield from audit_local(snapshot, policy)


def _panels(snapshot: Snapshot) -> Finding:
    reading = snapshot.reading(PANELS)
    if isinstance(reading, Unknown):
        says = f"Whether a panel lies open could not be told: {reading.why}."
        return NO_SETUP_PAGES.finding(State.UNKNOWN, says, next_command=AS_ROOT)
    found = [fields[6] for line in reading.splitlines() if len(fields := line.split("\t")) == 8]
    if not found:
        return NO_SETUP_PAGES.finding(State.PASS, "No phpMyAdmin and no setup page lies in the usual places.")
    says = f"{', '.join(found[:3])} is there: see that strangers do not reach it."
    return NO_SETUP_PAGES.finding(State.WARN, says, *(Evidence(path, "is there") for path in found[:3]))


def _console(snapshot: Snapshot) -> Finding:
    found = gateway(snapshot)
    if not isinstance(found, Gateway):
        says = f"The gateway's settings could not be read: {found.why}."
        return CONSOLE.finding(State.UNKNOWN, says, target="gateway", next_command="lockdown config check")
    listen, evidence = found.settings.console.listen, found.evidence("console.listen")
    if listen.startswith(("127.", "[::1]", "localhost:")):
        return CONSOLE.finding(State.PASS, "The console listens on loopback only.", evidence, target="gateway")
    return CONSOLE.finding(
        State.FAIL, f"The console listens on {listen}, and asks nobody who he is.", evidence, target="gateway"
    )
