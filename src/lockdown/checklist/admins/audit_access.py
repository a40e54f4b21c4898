"""How people get in: sshd, and the keys that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lockdown.checklist.admins.controls import KEYS, PASSWORD_SSH, ROOT_SSH
from lockdown.config import Settings
from lockdown.facts.accounts import Key, keys
from lockdown.facts.scanner_files import Absent
from lockdown.facts.sshd import Sshd, sshd
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

LEAST_RSA = 3072
"""NIST SP 800-57 part 1: 112 bits of strength (RSA 2048) end with 2030."""
_BROKEN = ("ssh-dss", "damaged")
_ROOT = "sudo lockdown audit --item admins"
_PASSWORDS = ("passwordauthentication", "kbdinteractiveauthentication")
_ROOT_OK = ("no", "forced-commands-only")


def audit_sshd(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Root, and passwords, over ssh."""
    match sshd(snapshot):
        case Unknown(why):
            says = f"sshd's settings could not be read: {why}."
            yield ROOT_SSH.finding(State.UNKNOWN, says, next_command=_ROOT)
            yield PASSWORD_SSH.finding(State.UNKNOWN, says, next_command=_ROOT)
        case Absent(why):
            for control in (ROOT_SSH, PASSWORD_SSH):
                yield control.finding(State.NOT_APPLICABLE, "There is no sshd.", Evidence("/etc/ssh/sshd_config", why))
        case Sshd() as found:
            yield _as_far_as_read(found, _root(found, policy))
            yield _as_far_as_read(found, _passwords(found, policy))


def _as_far_as_read(found: Sshd, finding: Finding) -> Finding:
    """What is included and was not read may let in whom the rest keeps out."""
    if not found.unread or finding.state is not State.PASS:
        return finding
    says = f"sshd includes {found.unread[0]}, which was not read."
    return replace(finding, state=State.UNKNOWN, says=says, next_command="sudo sshd -T")


def _root(found: Sshd, policy: Settings) -> Finding:
    value, evidence = found.value("permitrootlogin"), found.evidence("permitrootlogin")
    excepted = [one for one in found.in_match("permitrootlogin") if one.value.lower() == "yes"]
    takes_passwords = "yes" in (found.value(_PASSWORDS[0]), found.value(_PASSWORDS[1]))
    if value == "yes" and takes_passwords:
        return ROOT_SSH.finding(State.FAIL, "root signs in over ssh with a password.", evidence)
    if excepted:
        says = f"root signs in over ssh with a password where: {excepted[0].match}."
        return ROOT_SSH.finding(State.WARN, says, excepted[0].evidence)
    if value not in _ROOT_OK and policy.site.profile == "strict":
        return ROOT_SSH.finding(State.WARN, "root signs in over ssh with a key, so nobody knows who it was.", evidence)
    says = "Nobody signs in as root over ssh." if value in _ROOT_OK else "root signs in over ssh with a key only."
    return ROOT_SSH.finding(State.PASS, says, evidence)


def _passwords(found: Sshd, policy: Settings) -> Finding:
    names = _PASSWORDS
    if found.value("permitemptypasswords") == "yes":
        return PASSWORD_SSH.finding(State.FAIL, "ssh takes empty passwords.", found.evidence("permitemptypasswords"))
    excepted = [one for name in names for one in found.in_match(name) if one.value.lower() == "yes"]
    if excepted and "yes" not in (found.value(name) for name in names):
        says = f"ssh takes passwords where: {excepted[0].match}."
        return PASSWORD_SSH.finding(State.WARN, says, excepted[0].evidence)
    open_ones = [name for name in names if found.value(name) == "yes"]
    evidence = [found.evidence(name) for name in names]
    if names[0] in open_ones and policy.site.profile != "starter":
        return PASSWORD_SSH.finding(State.WARN, "ssh takes passwords, which are guessed all day long.", *evidence)
    if open_ones and policy.site.profile == "strict":
        return PASSWORD_SSH.finding(State.WARN, "ssh asks questions of PAM, which may be a password.", *evidence)
    says = "ssh takes keys only." if not open_ones else "ssh takes no plain passwords."
    return PASSWORD_SSH.finding(
        State.PASS, says if names[0] not in open_ones else "ssh takes passwords; this profile lets it.", *evidence
    )


def audit_keys(snapshot: Snapshot) -> Iterator[Finding]:
    """The keys that let somebody in."""
    found = keys(snapshot)
    if isinstance(found, Unknown):
        yield KEYS.finding(State.UNKNOWN, f"Which keys let in could not be read: {found.why}.", next_command=_ROOT)
        return
    if not found:
        yield KEYS.finding(State.NOT_APPLICABLE, "No key lets anyone in: no authorized_keys of root or in /home.")
        return
    weak = [key for key in found if _is_weak(key)]
    nameless = [key for key in found if not key.comment and not _is_weak(key)]
    for key in weak[:5]:
        yield KEYS.finding(
            State.FAIL, f"A key of {key.account} is weak: {_shown(key)}.", key.evidence, target=f"keys of {key.account}"
        )
    if nameless:
        says = f"{len(nameless)} keys say nobody's name."
        yield KEYS.finding(State.WARN, says, *(key.evidence for key in nameless[:3]))
    if not weak and not nameless:
        yield KEYS.finding(State.PASS, f"{len(found)} keys let in; each is strong, and says whose it is.")


def _is_weak(key: Key) -> bool:
    return key.kind in _BROKEN or (key.kind == "ssh-rsa" and key.bits < LEAST_RSA)


def _shown(key: Key) -> str:
    return f"RSA of {key.bits} bits" if key.kind == "ssh-rsa" else "DSA" if key.kind == "ssh-dss" else "not understood"
