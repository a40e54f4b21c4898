"""Whether security updates install themselves, whether they really did, and whether anybody hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockdown.checklist.patches.controls import AUTOMATIC, AUTOMATIC_RAN, AUTOMATIC_TOLD
from lockdown.config import Settings
from lockdown.facts.automatic_updates import Automatic, automatic, is_set, last_run
from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MISSED = timedelta(days=3)
"""It runs daily, and a machine may be off for a weekend."""


def audit_automatic(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on automatic updates."""
    found = automatic(snapshot)
    if isinstance(found, Absent):
        says = f"This machine has no apt that could be told to: {found.why}."
        yield from (control.finding(State.NOT_APPLICABLE, says) for control in _CONTROLS)
    elif isinstance(found, Unknown):
        says = f"apt.conf could not be read: {found.why}."
        yield from (control.finding(State.UNKNOWN, says, next_command="sudo lockdown audit") for control in _CONTROLS)
    else:
        yield _is_on(found, policy)
        yield _ran(snapshot, found)
        yield _told(found)


_CONTROLS: tuple[Control, ...] = (AUTOMATIC, AUTOMATIC_RAN, AUTOMATIC_TOLD)


def _is_on(found: Automatic, policy: Settings) -> Finding:
    shown = [word.evidence for word in (found.refreshes, found.upgrades) if word]
    if found.masked:
        says = f"The timer of the automatic updates was taken away: {found.masked[0]}."
        evidence = Evidence(found.masked[0], "a link to /dev/null")
        unmask = "systemctl unmask apt-daily.timer apt-daily-upgrade.timer"
        return AUTOMATIC.finding(State.FAIL, says, evidence, next_command=unmask)
    if found.is_on:
        return _covers(found, shown)
    if found.other:
        says = f"{found.other} is here and may install updates: what it does is not read."
        return AUTOMATIC.finding(State.UNKNOWN, says, *shown, next_command="see patches.exposed-updates for what waits")
    why = "unattended-upgrades is not installed" if not found.installed else "APT::Periodic::Unattended-Upgrade is off"
    says = f"Security updates wait for a person: {why}."
    # On a small site nobody else is there to do it; a strict one may have a window of its own.
    state = State.WARN if policy.site.profile == "starter" else State.FAIL
    return AUTOMATIC.finding(state, says, *(shown or [Evidence("apt.conf", why)]))


def _covers(found: Automatic, shown: list[Evidence]) -> Finding:
    if not is_set(found.refreshes):
        says = "Updates install themselves, but the lists they come from are never fetched."
        fix = 'write APT::Periodic::Update-Package-Lists "1"; in /etc/apt/apt.conf.d/20auto-upgrades'
        return AUTOMATIC.finding(State.FAIL, says, *shown, next_command=fix)
    if not found.takes_security:
        says = "Updates install themselves, but none of their origins is the security suite."
        shown += [word.evidence for word in found.origins[:3]]
        fix = 'write "origin=Debian,codename=${distro_codename},label=Debian-Security"; into Origins-Pattern'
        return AUTOMATIC.finding(State.FAIL, says, *shown, next_command=fix)
    origin = next(word for word in found.origins if "security" in word.value.lower())
    return AUTOMATIC.finding(State.PASS, "Security updates install themselves.", *shown, origin.evidence)


def _ran(snapshot: Snapshot, found: Automatic) -> Finding:
    if not found.is_on:
        return AUTOMATIC_RAN.finding(State.NOT_APPLICABLE, "Updates do not install themselves here.")
    run = last_run(snapshot)
    if isinstance(run, Absent):
        return AUTOMATIC_RAN.finding(State.WARN, f"They are switched on and never ran: {run.why}.")
    if isinstance(run, Unknown):
        says = f"Whether they ran could not be read: {run.why}."
        return AUTOMATIC_RAN.finding(State.UNKNOWN, says, next_command="sudo lockdown audit")
    if run.errors:
        says = f"Their last run, of {run.when:%Y-%m-%d}, ended in errors."
        return AUTOMATIC_RAN.finding(State.FAIL, says, *run.errors)
    age = snapshot.taken_at - run.when
    if age > MISSED:
        says = f"They last ran {age.days} days ago, on {run.when:%Y-%m-%d}."
        return AUTOMATIC_RAN.finding(State.FAIL, says, run.evidence)
    return AUTOMATIC_RAN.finding(State.PASS, f"They last ran on {run.when:%Y-%m-%d}.", run.evidence)


def _told(found: Automatic) -> Finding:
    if not found.is_on:
        return AUTOMATIC_TOLD.finding(State.NOT_APPLICABLE, "Updates do not install themselves here.")
    if found.mail and found.mail.value:
        says = f"{found.mail.value} is told what was updated."
        return AUTOMATIC_TOLD.finding(State.PASS, says, found.mail.evidence)
    says = "Nobody is told what was updated, or that it failed."
    return AUTOMATIC_TOLD.finding(State.WARN, says, Evidence("apt.conf", "Unattended-Upgrade::Mail is not written"))
