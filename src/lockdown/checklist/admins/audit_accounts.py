"""Who can become root, under which names, and how their passwords are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from lockdown.checklist.admins.controls import (
    BY_NAME,
    FEW,
    LENGTH,
    NO_AGEING,
    NO_EMPTY,
    ONE_ROOT,
    SERVICE_SHELLS,
    STRONG_HASHES,
    SUDO_PASSWORD,
    UNUSED,
)
from lockdown.config import Settings
from lockdown.facts.accounts import (
    LEAST_LENGTH,
    ROOT_GROUPS,
    Account,
    Accounts,
    Password,
    accounts,
    last_use,
    least_length,
    passwords,
    shut_accounts,
)
from lockdown.facts.scanner_files import Absent
from lockdown.facts.sudoers import Rule, Sudo, sudo
from lockdown.model.finding import Control, Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MOST = {"starter": 6, "business": 4, "strict": 3}
"""People who can become root, root itself not counted."""
UNUSED_FOR = timedelta(days=90)
FIRST_PERSON = 1000
_SHARED = frozenset(
    {"admin", "administrator", "test", "user", "support", "ubuntu", "debian", "guest", "mailadmin", "it"}
)
_ROOT = "sudo lockdown audit --item admins"


def audit_accounts(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """What /etc/passwd, the groups and sudo say."""
    found, rules = accounts(snapshot), sudo(snapshot)
    if isinstance(found, Unknown):
        yield from _unknown(
            (ONE_ROOT, FEW, BY_NAME, SERVICE_SHELLS, UNUSED), f"Who is on the machine could not be read: {found.why}."
        )
    else:
        yield _one_root(snapshot, found)
        yield from _service_shells(snapshot, found)
        yield from _admins(snapshot, policy, found, rules)
    yield _sudo_asks(rules)


def _unknown(controls: tuple[Control, ...], says: str) -> Iterator[Finding]:
    return (control.finding(State.UNKNOWN, says, next_command=_ROOT) for control in controls)


def second_roots(found: Accounts) -> list[Account]:
    """Who has uid 0 under another name."""
    return [one for one in found.accounts if one.uid == 0 and one.name != "root"]


def _one_root(snapshot: Snapshot, found: Accounts) -> Finding:
    shut = shut_accounts(snapshot)
    others = [one for one in second_roots(found) if one.name not in shut]
    closed = [one for one in second_roots(found) if one.name in shut]
    if others:
        names = ", ".join(one.name for one in others)
        return ONE_ROOT.finding(
            State.FAIL, f"{names} is root under another name.", *(one.evidence for one in others),
            next_command=f"usermod -u 2000 {others[0].name}     (or userdel {others[0].name})",
        )  # fmt: skip
    root = found.named("root")
    if closed:
        says = f"Only root gets in with uid 0: {', '.join(one.name for one in closed)} is locked and expired."
        return ONE_ROOT.finding(State.PASS, says, *(one.evidence for one in closed))
    return ONE_ROOT.finding(State.PASS, "Only root has uid 0.", *((root.evidence,) if root else ()))


def _admins(snapshot: Snapshot, policy: Settings, found: Accounts, rules: Sudo | Absent | Unknown) -> Iterator[Finding]:
    if isinstance(rules, Unknown):
        yield from _unknown((FEW, BY_NAME, UNUSED), f"Who may use sudo could not be read: {rules.why}.")
        return
    admins = _administrators(snapshot, found, rules)
    yield _few(admins, policy, rules)
    yield _by_name(admins)
    yield _unused(snapshot, admins)


def administrators(snapshot: Snapshot) -> Mapping[str, Evidence] | Unknown:
    """Everyone who can become root but root itself, and why; whoever is locked and expired no longer can."""
    found, rules = accounts(snapshot), sudo(snapshot)
    if isinstance(found, Unknown):
        return found
    if isinstance(rules, Unknown):
        return rules
    return _administrators(snapshot, found, rules)


def _administrators(snapshot: Snapshot, found: Accounts, rules: Sudo | Absent) -> Mapping[str, Evidence]:
    shut = shut_accounts(snapshot)
    given = rules.rules if isinstance(rules, Sudo) else ()
    return {name: evidence for name, evidence in _who(found, given) if name not in shut}


def _who(found: Accounts, rules: tuple[Rule, ...]) -> Iterator[tuple[str, Evidence]]:
    """A name and how it becomes root: a rule, a group of a rule, or a group that leads to root by itself."""
    numbers = {f"#{one.uid}": one.name for one in found.accounts}
    by_rule = {numbers.get(rule.who, rule.who): rule.evidence for rule in rules}
    people = [one for one in found.accounts if one.uid != 0 and one.has_shell]
    for one in people:
        if one.name in by_rule:
            yield one.name, by_rule[one.name]
            continue
        groups = [name for name, members in found.members.items() if one.name in members]
        for group in groups:
            if f"%{group}" in by_rule or group in ROOT_GROUPS[3:]:
                yield one.name, Evidence("/etc/group", f"{one.name} is in {group}")
                break
    if "ALL" in by_rule:
        yield "everyone", by_rule["ALL"]


def _few(admins: Mapping[str, Evidence], policy: Settings, rules: Sudo | Absent) -> Finding:
    most = MOST[policy.site.profile]
    names = ", ".join(admins)
    if "everyone" in admins:
        return FEW.finding(State.FAIL, "Every account may become root.", admins["everyone"], next_command="visudo")
    if isinstance(rules, Sudo) and rules.unread:
        says = f"A part of sudo's rules was not read: {', '.join(rules.unread[:3])}."
        return FEW.finding(State.UNKNOWN, says, next_command=_ROOT)
    if len(admins) > most:
        says = f"{len(admins)} people can become root ({names}); {most} are enough for most."
        last = list(admins)[-1]
        return FEW.finding(
            State.WARN, says, *admins.values(), next_command=f"gpasswd -d {last} sudo     (whoever is one too many)"
        )
    says = f"{len(admins)} people can become root besides root itself{f': {names}' if names else ''}."
    return FEW.finding(State.PASS, says, *list(admins.values())[:3])


def _by_name(admins: Mapping[str, Evidence]) -> Finding:
    shared = [name for name in admins if name.lower() in _SHARED]
    if shared:
        says = f"{', '.join(shared)} can become root, and is a name for several people or for none."
        return BY_NAME.finding(State.WARN, says, *(admins[name] for name in shared))
    return BY_NAME.finding(State.PASS, "Whoever can become root has a name of his own.", *list(admins.values())[:3])


def _unused(snapshot: Snapshot, admins: Mapping[str, Evidence]) -> Finding:
    used = last_use(snapshot)
    if not admins:
        return UNUSED.finding(State.NOT_APPLICABLE, "Nobody but root itself can become root.")
    if isinstance(used, Unknown):
        says = f"When administrators last signed in could not be read: {used.why}."
        return UNUSED.finding(State.UNKNOWN, says, next_command="lastlog     (package login)")
    idle = unused(snapshot.taken_at, admins, used)
    if idle:
        name = next(iter(idle))
        others = f" So it is with {', '.join(list(idle)[1:])}." if len(idle) > 1 else ""
        says = f"{name} can become root and {seen_last(idle[name])}.{others}"
        command = f"usermod -L -e 1 {name}     (when its owner has left)"
        return UNUSED.finding(State.WARN, says, *(admins[one] for one in list(idle)[:5]), next_command=command)
    missing = [name for name in admins if name not in used]
    if missing:
        says = f"When {', '.join(missing)} last signed in is not told by lastlog."
        return UNUSED.finding(State.UNKNOWN, says, next_command=f"last {missing[0]}")
    return UNUSED.finding(State.PASS, f"Every administrator has signed in within {UNUSED_FOR.days} days.")


def unused(
    now: datetime, admins: Mapping[str, Evidence], used: Mapping[str, datetime | None]
) -> Mapping[str, datetime | None]:
    """Of administrators that lastlog knows, those who have not signed in for so long, and when they last did."""
    return {
        name: used[name]
        for name in admins
        if name in used and ((last := used[name]) is None or now - last > UNUSED_FOR)
    }


def seen_last(last: datetime | None) -> str:
    """When somebody signed in, in words."""
    return f"last signed in on {last:%Y-%m-%d}" if last else "has never signed in"


def _service_shells(snapshot: Snapshot, found: Accounts) -> Iterator[Finding]:
    kept = passwords(snapshot)
    if isinstance(kept, Unknown):
        yield from _unknown((SERVICE_SHELLS,), f"Which accounts have a password could not be read: {kept.why}.")
        return
    open_ones = open_services(found, kept)
    if open_ones:
        names = ", ".join(one.name for one in open_ones)
        yield SERVICE_SHELLS.finding(
            State.FAIL, f"{names} belongs to a program, and can sign in with a password.",
            *(one.evidence for one in open_ones), next_command=f"usermod -L -s /usr/sbin/nologin {open_ones[0].name}",
        )  # fmt: skip
        return
    yield SERVICE_SHELLS.finding(State.PASS, "No account of a program can sign in with a password.")


def open_services(found: Accounts, kept: Mapping[str, Password]) -> list[Account]:
    """Accounts of programs that can sign in with a password."""
    return [one for one in found.accounts if 0 < one.uid < FIRST_PERSON and one.has_shell and _lets_in(one, kept)]


def _lets_in(account: Account, kept: Mapping[str, Password]) -> bool:
    return account.name in kept and kept[account.name].lets_in


def _sudo_asks(rules: Sudo | Absent | Unknown) -> Finding:
    match rules:
        case Unknown(why):
            return SUDO_PASSWORD.finding(State.UNKNOWN, f"sudo's rules could not be read: {why}.", next_command=_ROOT)
        case Absent(why):
            return SUDO_PASSWORD.finding(State.NOT_APPLICABLE, "There is no sudo.", Evidence("/etc/sudoers", why))
        case Sudo(found, unread):
            free = [rule for rule in found if rule.no_password and rule.who != "root"]
            if free:
                names = ", ".join(dict.fromkeys(rule.who for rule in free))
                says = f"{names} becomes root without a password."
                return SUDO_PASSWORD.finding(State.FAIL, says, *(rule.evidence for rule in free[:3]))
            if unread:
                says = f"A part of sudo's rules was not read: {', '.join(unread[:3])}."
                return SUDO_PASSWORD.finding(State.UNKNOWN, says, next_command=_ROOT)
            return SUDO_PASSWORD.finding(
                State.PASS, "sudo asks for a password.", *(rule.evidence for rule in found[:3])
            )


# ── passwords ──


def audit_passwords(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """What the shadow file and PAM say."""
    kept = passwords(snapshot)
    if isinstance(kept, Unknown):
        yield from _unknown(
            (NO_EMPTY, STRONG_HASHES, NO_AGEING), f"The kinds of passwords could not be read: {kept.why}."
        )
    else:
        kept = {**kept, **_of_old(snapshot)}
        yield _no_empty(kept)
        yield _strong(kept)
        yield _ageing(kept, policy)
    yield _length(snapshot, policy)


def _of_old(snapshot: Snapshot) -> dict[str, Password]:
    """Passwords that stand in /etc/passwd itself, which everyone can read."""
    found = accounts(snapshot)
    if isinstance(found, Unknown):
        return {}
    kinds = {one.name: one for one in found.accounts if one.password not in ("x", "*", "!", "none")}
    return {name: Password(one.password, None, one.evidence) for name, one in kinds.items()}


def _no_empty(kept: Mapping[str, Password]) -> Finding:
    empty = [name for name, password in kept.items() if password.kind == "empty"]
    if empty:
        return NO_EMPTY.finding(
            State.FAIL, f"{', '.join(empty)} signs in without a password.", *(kept[name].evidence for name in empty),
            next_command=f"passwd -l {empty[0]}",
        )  # fmt: skip
    return NO_EMPTY.finding(State.PASS, "No password is empty.")


def _strong(kept: Mapping[str, Password]) -> Finding:
    weak = [name for name, password in kept.items() if password.is_weak]
    strange = [name for name, password in kept.items() if password.kind in ("unknown", "damaged")]
    if weak:
        kinds = ", ".join(f"{name} ({kept[name].kind})" for name in weak)
        return STRONG_HASHES.finding(
            State.FAIL, f"Under an old hash: {kinds}.", *(kept[name].evidence for name in weak),
            next_command=f"passwd {weak[0]}     (a new password gets the hash of /etc/login.defs)",
        )  # fmt: skip
    if strange:
        says = f"How the password of {', '.join(strange)} is kept is not understood."
        return STRONG_HASHES.finding(State.UNKNOWN, says, next_command=f"passwd -S {strange[0]}")
    kinds = ", ".join(sorted({password.kind for password in kept.values() if password.lets_in})) or "none is in use"
    return STRONG_HASHES.finding(State.PASS, f"Passwords are kept as: {kinds}.")


def forced_to_change(kept: Mapping[str, Password]) -> list[str]:
    """Accounts whose password ends by the calendar."""
    return [name for name, one in kept.items() if one.lets_in and one.longest_days and one.longest_days < 366]


def _ageing(kept: Mapping[str, Password], policy: Settings) -> Finding:
    aged = forced_to_change(kept)
    if aged and policy.site.profile != "strict":
        days = kept[aged[0]].longest_days
        says = f"{', '.join(aged)} must change the password every {days} days: that makes weaker ones."
        return NO_AGEING.finding(State.WARN, says, *(kept[name].evidence for name in aged[:3]))
    if aged:
        says = "Passwords expire, as CIS asks; NIST advises against it."
        return NO_AGEING.finding(State.PASS, says, *(kept[name].evidence for name in aged[:3]))
    return NO_AGEING.finding(State.PASS, "No password expires by the calendar alone.")


def _length(snapshot: Snapshot, policy: Settings) -> Finding:
    found, least = least_length(snapshot), LEAST_LENGTH[policy.site.profile]
    if isinstance(found, Unknown):
        says = f"What PAM demands of passwords could not be read: {found.why}."
        return LENGTH.finding(State.UNKNOWN, says, next_command=_ROOT)
    length, evidence = found
    if length is None:
        return LENGTH.finding(State.WARN, "Nothing demands a length of new passwords.", evidence)
    if length < least:
        return LENGTH.finding(State.WARN, f"New passwords may have {length} signs; {least} are wanted.", evidence)
    return LENGTH.finding(State.PASS, f"New passwords have at least {length} signs.", evidence)
