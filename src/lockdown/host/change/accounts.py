"""An account locked, expired, given a shell, taken out of groups: by the system's own tools, which hold its locks.

What is kept for the undo are the words of its entries and its dates, never a hash: the tools keep that behind the mark
of a lock themselves.

Fails as: `OperatorError` for an account that is not there, for root, and for the last that can become root; and where
one of the files that tell who can cannot be read: nobody is shut out on a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockdown.host.change.programs import must
from lockdown.model.change import SetAccount
from lockdown.model.errors import OperatorError

PASSWD, SHADOW, GROUP = Path("/etc/passwd"), Path("/etc/shadow"), Path("/etc/group")
SUDOERS, SUDOERS_D = Path("/etc/sudoers"), Path("/etc/sudoers.d")
_RULE = re.compile(r"^[ \t]*(%?[a-z_][\w.-]*)[ \t]+\S+[ \t]*=.*\bALL[ \t]*$", re.MULTILINE)
_ADMIN_GROUPS = ("sudo", "admin", "wheel")
_NO_SHELLS = ("nologin", "false", "sync", "halt", "shutdown")
_CLOSED_ON, _CLOSED_DATE = "1", "1970-01-02"
_NEVER_DAYS = 99999
"""shadow(5), useradd: what stands where a password does not have to be changed."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is asked of one; `password` is a word, `expires` and `most_days` as they stand in the file."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str
    """open, empty, locked (with something behind the mark), or none (nothing can match)."""
    changed: str
    most_days: str
    expires: str


def account(name: str) -> Account | None:
    """The account as the files have it; None where it is not in both."""
    return account_in(_text(PASSWD), _text(SHADOW), name)


def account_in(passwd: str, shadow: str, name: str) -> Account | None:
    """As `account`, of these texts; a damaged line is no account."""
    entry, secret = _line(passwd, name), _line(shadow, name)
    if len(entry) < 7 or len(secret) < 8 or not (entry[2].isdecimal() and entry[3].isdecimal()):
        return None
    return Account(
        name, int(entry[2]), int(entry[3]), entry[5], entry[6], _word(secret[1]), secret[2], secret[4], secret[7]
    )


def _line(text: str, name: str) -> list[str]:
    return next((fields for fields in _lines(text) if fields[0] == name), [])


def _lines(text: str) -> Iterator[list[str]]:
    yield from (line.split(":") for line in text.split("\n") if line)


def _text(file: Path) -> str:
    """Empty where there is none; a file that is there and cannot be read says nothing, which is not the same."""
    try:
        return file.read_text(errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise OperatorError(
            "accounts-unread",
            what="no account is changed",
            why=f"{file} cannot be read: {error.strerror or error}",
            try_this=f"ls -l {file}",
        ) from error


def _word(secret: str) -> str:
    if not secret:
        return "empty"
    bare = secret.lstrip("!")
    if not (bare.startswith(("$", "_")) or len(bare) == 13):
        return "none"
    return "open" if bare == secret else "locked"


def refuse(change: SetAccount) -> None:
    """Not there; or closing it would close the host to whoever looks after it."""
    known = account(change.user)
    if known is None:
        raise _refused(
            change, "there is no such account in /etc/passwd and /etc/shadow", f"getent passwd {change.user}"
        )
    closes = change.locked or change.expired or change.leaves or _is_no_shell(change.shell or "")
    if change.user == "root" and closes:
        raise _refused(change, "root is never shut out by a program", "decide by hand: passwd -S root")
    able = set(who_can_become_root()) if closes else set()
    if able and able <= {change.user} and not _still_able(known, change):
        raise _refused(
            change, "it is the last account that can sign in and become root",
            "give another one the way in first: adduser NAME; usermod -aG sudo NAME",
        )  # fmt: skip


def who_can_become_root() -> Iterator[str]:
    """Accounts with uid 0 or in sudo's groups and rules, that have a way in."""
    names, groups = _named_in_sudoers()
    for fields in _lines(_text(PASSWD)):
        known = account(fields[0])
        if known and _has_a_way_in(known) and (known.uid == 0 or known.name in names or _is_in(known, groups)):
            yield known.name


def _has_a_way_in(known: Account) -> bool:
    if (known.expires.isdecimal() and int(known.expires) <= 1) or _is_no_shell(known.shell):
        return False
    return known.password in ("open", "empty") or _has_keys(known)


def _has_keys(known: Account) -> bool:
    try:
        return (Path(known.home) / ".ssh/authorized_keys").stat().st_size > 0
    except OSError:
        return False


def _still_able(known: Account, change: SetAccount) -> bool:
    if change.expired or _is_no_shell(change.shell or "") or set(change.leaves) & _named_in_sudoers()[1]:
        return False
    return not change.locked or _has_keys(known)


def _is_no_shell(shell: str) -> bool:
    return Path(shell).name in _NO_SHELLS


def _is_in(known: Account, names: set[str]) -> bool:
    groups = [fields for fields in _lines(_text(GROUP)) if len(fields) >= 4 and fields[0] in names]
    return any(known.name in fields[3].split(",") or fields[2] == str(known.gid) for fields in groups)


def _named_in_sudoers() -> tuple[set[str], set[str]]:
    """Accounts, and groups, that may do all: those that sudo comes with, and those that a rule names."""
    rules = [_text(file) for file in (SUDOERS, *(one for one in sorted(SUDOERS_D.glob("*")) if not one.is_dir()))]
    named = {name for text in rules for name in _RULE.findall(text)}
    groups = {name.removeprefix("%") for name in named if name.startswith("%")}
    return {name for name in named if not name.startswith("%")}, groups | set(_ADMIN_GROUPS)


def state(change: SetAccount) -> dict[str, Any]:
    """What the files hold of it now, as far as this change touches it."""
    known = account(change.user)
    if known is None:
        return {}
    return {
        "password": known.password, "changed": known.changed, "most_days": known.most_days,
        "expires": known.expires, "shell": known.shell, "groups": {name: _members(name) for name in change.leaves},
    }  # fmt: skip


def _members(group: str) -> str | None:
    fields = _line(_text(GROUP), group)
    return fields[3] if len(fields) >= 4 else None


def _is_member(user: str, group: str) -> bool:
    return user in (_members(group) or "").split(",")


def holds(change: SetAccount) -> bool:
    """Is all that it wants so already?"""
    known = account(change.user)
    return known is not None and not any(_steps(change, known))


def do(change: SetAccount, held: dict[str, Any]) -> None:
    """Each part of it that is not so yet."""
    known = account(change.user)
    if known is not None:
        for argv in _steps(change, known):
            must(*argv)


def _steps(change: SetAccount, known: Account) -> Iterator[tuple[str, ...]]:
    user = change.user
    if change.locked and known.password in ("open", "empty"):
        yield ("usermod", "-L", user)
    if change.locked is False and known.password == "locked":
        yield ("usermod", "-U", user)
    if change.expired is not None and change.expired != (known.expires == _CLOSED_ON):
        yield ("usermod", "-e", _CLOSED_DATE if change.expired else "", user)
    if change.shell is not None and change.shell != known.shell:
        yield ("usermod", "-s", change.shell, user)
    yield from (("gpasswd", "-d", user, group) for group in change.leaves if _is_member(user, group))
    if change.no_forced_change and known.most_days.isdecimal() and int(known.most_days) < _NEVER_DAYS:
        yield ("chage", "-M", "-1", user)


def undo(change: SetAccount, held: dict[str, Any]) -> str:
    """Back to what was held, part by part, where ours still stands."""
    known = account(change.user)
    if known is None or not held:
        return f"the account {change.user} is not there any more"
    left: list[str] = []
    for argv in _steps_back(change, known, held, left):
        must(*argv)
    return "; ".join(left)


def _steps_back(change: SetAccount, known: Account, held: dict[str, Any], left: list[str]) -> Iterator[tuple[str, ...]]:
    user = change.user
    if change.locked is not None:
        yield from _password_back(user, known, held)
    if change.expired is not None and known.expires != held["expires"]:
        if change.expired == (known.expires == _CLOSED_ON):
            yield ("chage", "-E", held["expires"] or "-1", user)
        else:
            left.append(f"the day on which {user} expires has been changed since, and is left so")
    if change.shell is not None and known.shell != held["shell"]:
        if known.shell == change.shell:
            yield ("usermod", "-s", held["shell"], user)
        else:
            left.append(f"the shell of {user} has been changed since, and is left so")
    for group, members in held["groups"].items():
        yield from _group_back(user, group, members)
    if change.no_forced_change and known.most_days != held["most_days"]:
        if not known.most_days:
            yield ("chage", "-M", held["most_days"], user)
        else:
            left.append(f"how long {user}'s password lasts has been changed since, and is left so")


def _password_back(user: str, known: Account, held: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """usermod -U takes the mark away, but not from nothing: an empty password is written as such, with its old date."""
    match known.password, held["password"]:
        case "locked", "open":
            yield ("usermod", "-U", user)
        case "open", "locked":
            yield ("usermod", "-L", user)
        case "none", "empty":
            yield ("usermod", "-p", "", user)
            yield ("chage", "-d", held["changed"] or "-1", user)


def _group_back(user: str, group: str, members: str | None) -> Iterator[tuple[str, ...]]:
    """The list as it was, in its order; where others have changed it since, only this member."""
    if members is None or user not in members.split(",") or _is_member(user, group) or _members(group) is None:
        return
    others = [name for name in members.split(",") if name != user]
    if [name for name in (_members(group) or "").split(",") if name] == others:
        yield ("gpasswd", "-M", members, group)
    else:
        yield ("gpasswd", "-a", user, group)


def _refused(change: SetAccount, why: str, try_this: str) -> OperatorError:
    return OperatorError("account-not-changed", what=f"{change.user} was not changed", why=why, try_this=try_this)
