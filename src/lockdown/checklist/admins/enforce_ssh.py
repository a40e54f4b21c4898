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
_ASKS = ("passwordauthentication", "kbdinteractiveauthentication")
_ROOT_BY_KEY = ("yes", "prohibit-password", "without-password")
_UNDO = "# What was done when: lockdown history. The way back: lockdown rollback.\n"


def no_root(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """root keeps his keys, unless the profile wants a name for everyone: scripts come in by them."""
    is_strict = now.policy.site.profile == "strict"
    value = "no" if is_strict else "prohibit-password"
    text = f"# Lockdown: {finding.control}: root does not sign in with a password.\n{_UNDO}PermitRootLogin {value}\n"
    side = "whoever comes in as root, with a key too, must use a name of his own" if is_strict else "root needs a key"
    yield _proposed(now, finding, ROOT_FILE, text, side)


def no_passwords(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Questions of PAM are passwords too."""
    text = (
        f"# Lockdown: {finding.control}: ssh takes keys, not passwords.\n{_UNDO}"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitEmptyPasswords no\n"
    )
    side = "whoever has no key on this machine cannot sign in by ssh any more"
    yield _proposed(now, finding, PASSWORDS_FILE, text, side)


def _ways(now: Standing, server: Sshd) -> frozenset[str]:
    """Who comes in over ssh as sshd is set up there, and is root or becomes it."""
    root, passwords = server.value("permitrootlogin"), "yes" in [server.value(name) for name in _ASKS]
    found = now.by_key | (now.by_password if passwords else frozenset())
    if root in _ROOT_BY_KEY and "root" in now.with_key:
        found |= {"root"}
    if root == "yes" and passwords and now.has_password("root"):
        found |= {"root"}
    return found


def _proposed(now: Standing, finding: Finding, path: str, text: str, side_effects: str) -> Proposal | Left:
    if why := _why_not(now, finding, path, text):
        return Left(finding.control, f"{finding.says} {why[0]}", why[1], finding.target)
    who = sorted(now.with_key)
    remains = f"{', '.join(who[:3])} {'has a key' if len(who) == 1 else 'have keys'} that lets in"
    return Proposal(
        finding.control, PutFile(path, text), f"{finding.says} {remains}.", Risk.HIGH, side_effects, finding.target,
        on_probation=True,
    )  # fmt: skip


def _why_not(now: Standing, finding: Finding, path: str, text: str) -> tuple[str, str] | None:
    found, then = sshd(now.snapshot), _with(now.snapshot, path, text)
    later = sshd(then)
    if not isinstance(found, Sshd) or not isinstance(later, Sshd) or found.unread:
        return "Not all of sshd's settings were read.", "sudo sshd -T"
    if now.unread:
        return f"Who would still get in is not known: {now.unread}.", "sudo lockdown plan"
    if why := why_keys_are_no_way(found):
        return f"Nobody comes in by a key alone: {why}.", "sudo sshd -T     (then decide by hand)"
    if not now.with_key or (_ways(now, found) and not _ways_after_both(now)):
        says = "Nobody who can become root would surely still get in by a key: you may be locked out."
        return says, "ssh-copy-id YOU@HOST     (from your own machine; then: lockdown plan)"
    after = next(one for one in audit_sshd(then, now.policy) if one.control == finding.control)
    if after.state is not State.PASS:
        line = after.evidence[0] if after.evidence else None
        where = f" ({line.source}: {line.text})" if line else ""
        return f"A drop-in would not change it: {after.says}{where}", finding.next_command
    return None


def _ways_after_both(now: Standing) -> frozenset[str]:
    """Both drop-ins may be done together, so the one is judged as if the other were there."""
    root = now.with_key & {"root"} if now.policy.site.profile != "strict" else frozenset[str]()
    return now.by_key | root


def _with(snapshot: Snapshot, path: str, text: str) -> Snapshot:
    """The readings as they will be when the file lies there."""
    listing = snapshot.reading(PARTS)
    listed = set() if not isinstance(listing, str) or absent(listing) else set(listing.split())
    paths = "".join(f"{one}\n" for one in sorted(listed | {path}))
    return replace(snapshot, readings={**snapshot.readings, PARTS: paths, f"{PARTS}{path}": text})
