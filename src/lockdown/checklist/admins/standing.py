"""Standing: how everyone on the machine gets in now, gathered once, so that nobody needed is shut out by a change.

What could not be read makes nobody safe: a way in counts only where it is known to be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from lockdown.checklist.admins.audit_access import LEAST_RSA
from lockdown.checklist.admins.audit_accounts import administrators, unused
from lockdown.config import Settings
from lockdown.facts.accounts import ROOT_GROUPS, Accounts, Password, accounts, in_use, keys, last_use, passwords
from lockdown.facts.sshd import Sshd, sshd
from lockdown.facts.sudoers import Sudo, sudo
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of everyone; what could not be read is empty, and `unread` says it."""

    snapshot: Snapshot
    policy: Settings
    found: Accounts
    kept: Mapping[str, Password]
    admins: Mapping[str, Evidence]
    idle: Mapping[str, datetime | None]
    """Administrators that were not seen for so long."""
    used: Mapping[str, datetime | None]
    busy: frozenset[str]
    """Signed in now, or with processes of their own."""
    with_key: frozenset[str]
    """Whoever sshd lets in by a key that is not weak."""
    unread: str

    @property
    def by_key(self) -> frozenset[str]:
        """Administrators that come in by a key, become root, and are not about to be locked."""
        return frozenset(
            name for name in self.admins if name in self.with_key and name not in self.idle and self._rises(name)
        )

    @property
    def by_password(self) -> frozenset[str]:
        """The same by a password."""
        return frozenset(name for name in self.admins if name not in self.idle and self.has_password(name))

    @property
    def staying(self) -> list[str]:
        """Administrators in use that have a way in and one to root."""
        return [
            name
            for name in self.admins
            if name not in self.idle and (name in self.with_key or self.has_password(name)) and self._rises(name)
        ]

    def has_password(self, name: str) -> bool:
        """Whether one lets it in."""
        return name in self.kept and self.kept[name].lets_in

    def _rises(self, name: str) -> bool:
        """sudo asks for a password: whoever has none that works cannot answer, unless he is not asked."""
        if self.has_password(name):
            return True
        groups = {group for group, members in self.found.members.items() if name in members}
        rules = sudo(self.snapshot)
        free = {rule.who for rule in rules.rules if rule.no_password} if isinstance(rules, Sudo) else set[str]()
        return bool(groups & set(ROOT_GROUPS[3:])) or bool(free & {name, *(f"%{group}" for group in groups)})

    def protected(self, name: str) -> str:
        """Why this account is not to be locked; empty: it may be."""
        if name in self.policy.admins.keep:
            return f"admins.keep names {name}"
        if self.unread:
            return self.unread
        return f"somebody is signed in as {name}, or something runs as {name}" if name in self.busy else ""


def standing(snapshot: Snapshot, policy: Settings) -> Standing:
    """As far as it could be read."""
    found, kept, who = accounts(snapshot), passwords(snapshot), administrators(snapshot)
    used, busy, let_in = last_use(snapshot), in_use(snapshot), keys(snapshot)
    unread = next((one.why for one in (found, kept, who, busy, let_in) if isinstance(one, Unknown)), "")
    people = {} if isinstance(who, Unknown) else who
    seen = {} if isinstance(used, Unknown) else used
    return Standing(
        snapshot, policy,
        Accounts((), {}) if isinstance(found, Unknown) else found,
        {} if isinstance(kept, Unknown) else kept,
        people, unused(snapshot.taken_at, people, seen), seen,
        frozenset() if isinstance(busy, Unknown) else busy,
        frozenset(_let_in_by_key(snapshot, found)),
        f"what must be known first could not be read: {unread}" if unread else "",
    )  # fmt: skip


# ── who comes in by a key ──


def _let_in_by_key(snapshot: Snapshot, found: Accounts | Unknown) -> Iterator[str]:
    server, let_in = sshd(snapshot), keys(snapshot)
    if not isinstance(server, Sshd) or isinstance(let_in, Unknown) or isinstance(found, Unknown) or server.unread:
        return
    if why_keys_are_no_way(server):
        return
    for name in dict.fromkeys(
        key.account for key in let_in if key.kind != "damaged" and not key.is_tied and not _is_weak(key.kind, key.bits)
    ):
        if _may_sign_in(server, found, name):
            yield name


def _is_weak(kind: str, bits: int) -> bool:
    return kind == "ssh-dss" or (kind == "ssh-rsa" and bits < LEAST_RSA)


def why_keys_are_no_way(server: Sshd) -> str:
    """What makes the keys in the homes worth nothing by themselves; empty: nothing."""
    if server.value("pubkeyauthentication") == "no" or server.in_match("pubkeyauthentication"):
        return "sshd takes no keys (PubkeyAuthentication)"
    place = server.value("authorizedkeysfile")
    if place and not re.search(r"(?:^|\s|%h/)\.ssh/authorized_keys(?:\s|\Z)", place):
        return f"sshd looks for keys elsewhere (AuthorizedKeysFile {place})"
    if "password" in (how := server.value("authenticationmethods")) or "keyboard" in how:
        return f"sshd wants a password besides the key (AuthenticationMethods {how})"
    return ""


def _may_sign_in(server: Sshd, found: Accounts, name: str) -> bool:
    """AllowUsers and its kin, read strictly: a pattern with a host, or a Match block about it, lets nobody in."""
    groups = [group for group, members in found.members.items() if name in members]
    asked = (
        ("denyusers", [name], False), ("allowusers", [name], True),
        ("denygroups", groups, False), ("allowgroups", groups, True),
    )  # fmt: skip
    for keyword, names, is_allowed in asked:
        written = server.written.get(keyword, ())
        if any(one.match for one in written):
            return False
        patterns = [word for one in written for word in one.value.split()]
        hit = any(_matches(pattern, one, is_allowed) for pattern in patterns for one in names)
        if patterns and hit is not is_allowed:
            return False
    account = found.named(name)
    return account is not None and account.has_shell


def _matches(pattern: str, name: str, is_allowed: bool) -> bool:
    """`ada@192.0.2.*` allows ada from there only, which is no way in that can be counted on; but it may deny her."""
    user, at, _ = pattern.partition("@")
    return not (at and is_allowed) and fnmatchcase(name, user)
