"""sshd: root and passwords are shut out by drop-ins, where somebody who can become root comes in by a key.

What a drop-in would do is not guessed: it is laid into the readings, and the audit judges again. Where that does not
hold (a line above it counts first, a Match block excepts somebody), nothing is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lockdown.checklist.admins.audit_access import audit_sshd
from lockdown.checklist.admins.standing import Standing, why_keys_are_no_way
from lockdown.facts.sshd import PARTS, Sshd, sshd
from lockdown.model.change import Left, Proposal, PutFile, Risk
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot, absent

ROOT_FILE = "/etc/ssh/sshd_config.d/10-lockdown-root.conf"
PASSWORDS_FILE = "/etc/ssh/sshd_config.d/10-lockdown-passwords.conf"
_UNDO = "# What was done when: lockdown history. The way back: lockdown rollback.\n"


def no_root(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """root keeps his keys, unless the profile wants a name for everyone: scripts come in by them."""
    is_strict = now.policy.site.profile == "strict"
    value = "no" if is_strict else "prohibit-password"
    text = f"# Lockdown: {finding.control}: root does not sign in with a password.\n{_UNDO}PermitRootLogin {value}\n"
    remains = now.trusted or ([] if is_strict else sorted(now.with_key & {"root"}))
    side = "whoever comes in as root, with a key too, must use a name of his own" if is_strict else "root needs a key"
    yield _proposed(now, finding, ROOT_FILE, text, remains, side)


def no_passwords(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Questions of PAM are passwords too."""
    text = (
        f"# Lockdown: {finding.control}: ssh takes keys, not passwords.\n{_UNDO}"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitEmptyPasswords no\n"
    )
    root = sorted(now.with_key & {"root"}) if _root_may_use_keys(now) else []
    side = "whoever has no key on this machine cannot sign in by ssh any more"
    yield _proposed(now, finding, PASSWORDS_FILE, text, now.trusted or root, side)


def _root_may_use_keys(now: Standing) -> bool:
    found = sshd(now.snapshot)
    may = isinstance(found, Sshd) and found.value("permitrootlogin") in ("yes", "prohibit-password", "without-password")
    return may and now.policy.site.profile != "strict"


def _proposed(
    now: Standing, finding: Finding, path: str, text: str, remains: list[str], side_effects: str
) -> Proposal | Left:
    if why := _why_not(now, finding, path, text, remains):
        return Left(finding.control, f"{finding.says} {why[0]}", why[1], finding.target)
    keys = f"{', '.join(remains[:3])} {'has a key' if len(remains) == 1 else 'have keys'} and can become root"
    return Proposal(
        finding.control, PutFile(path, text), f"{finding.says} {keys}.", Risk.HIGH, side_effects, finding.target,
        on_probation=True,
    )  # fmt: skip


def _why_not(now: Standing, finding: Finding, path: str, text: str, remains: list[str]) -> tuple[str, str] | None:
    found = sshd(now.snapshot)
    if not isinstance(found, Sshd) or found.unread:
        return "Not all of sshd's settings were read.", "sudo sshd -T"
    if now.unread:
        return f"Who would still get in is not known: {now.unread}.", "sudo lockdown plan"
    if why := why_keys_are_no_way(found):
        return f"Nobody comes in by a key alone: {why}.", "sudo sshd -T     (then decide by hand)"
    if not remains:
        says = "Nobody who can become root has a key here that lets in: you would be locked out."
        return says, "ssh-copy-id YOU@HOST     (from your own machine; then: lockdown plan)"
    after = next(
        one for one in audit_sshd(_with(now.snapshot, path, text), now.policy) if one.control == finding.control
    )
    if after.state is not State.PASS:
        line = after.evidence[0] if after.evidence else None
        where = f" ({line.source}: {line.text})" if line else ""
        return f"A drop-in would not change it: {after.says}{where}", finding.next_command
    return None


def _with(snapshot: Snapshot, path: str, text: str) -> Snapshot:
    """The readings as they will be when the file lies there."""
    listing = snapshot.reading(PARTS)
    listed = set() if not isinstance(listing, str) or absent(listing) else set(listing.split())
    paths = "".join(f"{one}\n" for one in sorted(listed | {path}))
    return replace(snapshot, readings={**snapshot.readings, PARTS: paths, f"{PARTS}{path}": text})
