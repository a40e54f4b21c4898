"""Accounts: whom to lock, and whom surely not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from lockdown.checklist.admins.audit_accounts import (
    MOST,
    UNUSED_FOR,
    forced_to_change,
    open_services,
    second_roots,
    seen_last,
)
from lockdown.checklist.admins.standing import Standing
from lockdown.facts.accounts import IN_USE, keys, shut_accounts
from lockdown.model.change import Left, Proposal, Risk, SetAccount
from lockdown.model.finding import Finding
from lockdown.model.unknown import Unknown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOLOGIN = "/usr/sbin/nologin"


def second_root(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Locked and expired, unless it may be the one that somebody administers with."""
    shut = shut_accounts(now.snapshot)
    others = [one.name for one in second_roots(now.found) if one.name not in shut]
    # A process of uid 0 is root's: by its number nobody can tell whose it is.
    signed_in = set(_signed_in(now))
    for name in others:
        why = now.protected(name) if name in now.policy.admins.keep or now.unread else ""
        why = why or ("" if name in now.kept else "/etc/shadow has no line for it, where it could be locked")
        why = why or (f"somebody is signed in as {name}" if name in signed_in else "") or _last_one(now, name)
        if why:
            yield Left(finding.control, f"{name} has uid 0, but {why}.", finding.next_command, finding.target)
            continue
        yield Proposal(
            finding.control, SetAccount(name, locked=True, expired=True), f"{name} is root under another name (uid 0).",
            Risk.HIGH, f"nobody signs in as {name} any more; its files stay root's", finding.target, on_probation=True,
        )  # fmt: skip


def _signed_in(now: Standing) -> list[str]:
    """By name, as `who` tells it."""
    reading = now.snapshot.reading(IN_USE)
    return reading.split() if isinstance(reading, str) else []


def _last_one(now: Standing, name: str) -> str:
    """Somebody must remain: an administrator in use with a way in, or root by a key."""
    if any(one != name for one in now.staying) or "root" in now.with_key:
        return ""
    return "nobody else is known to get in and become root"


def surplus(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Who is one too many, a person must say; whoever was not seen for longest is named first."""
    if "everyone" in now.admins:
        yield Left(finding.control, f"{finding.says} Who is meant, a person must say.", "visudo", finding.target)
        return
    never = datetime.min.replace(tzinfo=UTC)
    order = sorted(now.admins, key=lambda name: now.used.get(name) or never)
    told = ", ".join(f"{name} ({_seen(now, name)})" for name in order)
    most = MOST[now.policy.site.profile]
    yield Left(
        finding.control, f"{len(order)} people can become root, {most} are enough; by last use: {told}.",
        f"gpasswd -d {order[0] if order else 'NAME'} sudo     (whoever is one too many)", finding.target,
    )  # fmt: skip


def _seen(now: Standing, name: str) -> str:
    return seen_last(now.used[name]) if name in now.used else "last use not known"


def unused_administrators(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Locked and expired, if others remain."""
    for name, last in now.idle.items():
        if why := now.protected(name) or _is_new(now, name) or _last_one(now, name):
            says = f"{name} can become root and {seen_last(last)}, but {why}."
            command = f'usermod -L -e 1 {name}     (or admins.keep = ["{name}"] in lockdown.toml)'
            yield Left(finding.control, says, command, finding.target)
            continue
        yield Proposal(
            finding.control, SetAccount(name, locked=True, expired=True),
            f"{name} can become root ({now.admins[name].text}) and {seen_last(last)}.",
            Risk.HIGH, f"{name} gets in no more, by password or key, until unlocked", finding.target,
            on_probation=True,
        )  # fmt: skip


def _is_new(now: Standing, name: str) -> str:
    """An account that was made last week has had no time to be used."""
    changed = now.kept[name].changed if name in now.kept else None
    today = (now.snapshot.taken_at - _EPOCH).days
    if changed is not None and now.idle[name] is None and today - changed <= UNUSED_FOR.days:
        return f"its password was set {max(0, today - changed)} days ago"
    return ""


def empty_passwords(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Locked, but for those that administer: they set one themselves."""
    for name, password in now.kept.items():
        if password.kind != "empty":
            continue
        if name == "root" or name in now.admins:
            says = f"{name} has no password and administers: locking it may shut the administrator out."
            yield Left(finding.control, says, f"passwd {name}", finding.target)
        elif why := now.protected(name):
            yield Left(finding.control, f"{name} has no password, but {why}.", f"passwd {name}", finding.target)
        else:
            yield Proposal(
                finding.control, SetAccount(name, locked=True), f"{name} signs in without a password.", Risk.LOW,
                f"{name} gets in no more until a password is set (passwd {name}); keys still open it", finding.target,
            )  # fmt: skip
    in_passwd = [one.name for one in now.found.accounts if one.password == "empty"]
    if in_passwd:
        says = f"The password of {', '.join(in_passwd)} is empty in /etc/passwd itself, which has no shadow."
        yield Left(finding.control, says, f"pwconv && passwd -l {in_passwd[0]}", finding.target)


def forced_ageing(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """Nobody loses anything by it."""
    for name in forced_to_change(now.kept):
        yield Proposal(
            finding.control, SetAccount(name, no_forced_change=True),
            f"{name} must change the password every {now.kept[name].longest_days} days.", Risk.NONE, "none known",
            finding.target,
        )  # fmt: skip


def service_shells(now: Standing, finding: Finding) -> Iterator[Proposal | Left]:
    """The password is locked; the shell goes too, unless a key makes use of it."""
    known = keys(now.snapshot)
    with_keys = set[str]() if isinstance(known, Unknown) else {key.account for key in known}
    for one in open_services(now.found, now.kept):
        keeps = one.name in now.policy.admins.keep or one.name in now.admins or bool(now.unread)
        if keeps:
            why = now.protected(one.name) or f"{one.name} administers"
            yield Left(finding.control, f"{one.name} has a password and a shell, but {why}.", finding.next_command)
            continue
        shell = None if one.name in with_keys else NOLOGIN
        side = f"nobody signs in as {one.name} with a password"
        yield Proposal(
            finding.control, SetAccount(one.name, locked=True, shell=shell),
            f"{one.name} (uid {one.uid}) belongs to a program, and has a password and the shell {one.shell}.", Risk.LOW,
            f"{side}; scripts need su -s /bin/sh {one.name}" if shell else side, finding.target,
        )  # fmt: skip
