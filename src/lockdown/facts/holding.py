"""What holding one account rests on: two tables that Postfix and Dovecot ask, written from the record of held accounts.

A table that is asked and not there is worse than none: Postfix puts off every signed-in user, Dovecot lets nobody in.

Fails as: Unknown("…: Permission denied"). Never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

from lockdown.facts.dovecot import EFFECTIVE, FILES, Dovecot, Setting, dovecot
from lockdown.facts.listings import entries
from lockdown.facts.postfix import Postfix, Service
from lockdown.facts.postfix_words import words
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

TABLES = "accounts/held-tables"
HOLD_TABLE = "/etc/postfix/lockdown-held-users"
DENY_TABLE = "/etc/dovecot/lockdown-locked-users"
EMPTY_TABLE = "# Written by Lockdown from its record of held accounts; to let one go: lockdown user release USER\n"
"""A table of nobody, octet for octet as it is again once the last one was let go."""
LIST = "smtpd_end_of_data_restrictions"
ASKS = f"check_sasl_access texthash:{HOLD_TABLE}"
WIRE_HOLD = (
    "set monitoring.hold_accounts = true and type once: lockdown plan monitoring     "
    f"(or: touch {HOLD_TABLE} && postconf -e '{LIST} = {ASKS}' && postfix reload)"
)
WIRE_DENY = f"put once before its other databases: passdb {{ driver = passwd-file, deny = yes, args = {DENY_TABLE} }}"


def tables(snapshot: Snapshot) -> frozenset[str] | Unknown:
    """Which of the two are there."""
    found = entries(snapshot, TABLES)
    return found if isinstance(found, Unknown) else frozenset(one.path for one in found if one.kind == "f")


# ── Postfix ──


def signed_in(server: Postfix) -> tuple[Service, ...]:
    """The services that take mail of users who signed in."""
    return tuple(one for one in server.smtp_services() if server.is_on("smtpd_sasl_auth_enable", one))


def asks(server: Postfix, service: Service | None) -> bool:
    """Whether the table is asked, of every message and before anything that ends the list."""
    written = words(server.value(LIST, service))
    before = list(takewhile(lambda word: word not in _ENDS, written))
    return any(pair == tuple(ASKS.split()) for pair in pairwise(before))


_ENDS = ("permit", "reject", "defer", "permit_mynetworks", "permit_sasl_authenticated")


# ── Dovecot ──


@dataclass(frozen=True, slots=True)
class Database:
    """One database of passwords, as far as it may be read."""

    settings: tuple[Setting, ...]

    def value(self, name: str) -> str:
        return next((one.value for one in self.settings if one.name in (name, f"passdb_{name}")), "")

    @property
    def denies_held(self) -> bool:
        """Whether it is ours: who stands in it is refused."""
        path = self.value("passwd_file_path") or self.value("args")
        return self.value("driver") == "passwd-file" and self.value("deny") == "yes" and path == DENY_TABLE

    @property
    def evidence(self) -> Evidence:
        return self.settings[0].evidence


def databases(found: Dovecot) -> tuple[Database, ...]:
    """In the order in which they are asked. 2.3 gives them no names: where a setting comes again, another begins."""
    groups: list[list[Setting]] = []
    for one in found.settings:
        if not _is_passdb(one.within):
            continue
        same = groups and groups[-1][0].within == one.within and one.name not in {it.name for it in groups[-1]}
        if same:
            groups[-1].append(one)
        else:
            groups.append([one])
    return tuple(Database(tuple(group)) for group in groups)


def _is_passdb(within: tuple[str, ...]) -> bool:
    return bool(within) and within[0].split()[:1] == ["passdb"]


def knows_passwords(found: Dovecot) -> bool:
    """Whether there is a database at all; in 2.4 one may have no setting of its own: `passdb pam { }`."""
    return any(_is_passdb(path) for path in found.sections)


def first_denies(found: Dovecot) -> Database | None:
    """The database that is asked first, if it is ours."""
    heads = [path[0] for path in found.sections if _is_passdb(path)]
    asked = databases(found)
    is_ours = bool(asked) and asked[0].denies_held and asked[0].settings[0].within[0] == heads[0]
    return asked[0] if is_ours else None


def with_file(snapshot: Snapshot, path: str, text: str) -> Dovecot | None:
    """Dovecot with this file beside its others, read from its files in their order; None where they cannot be."""
    readings = {**snapshot.readings, EFFECTIVE: Unknown("its files alone are asked"), f"{FILES}{path}": text}
    found = dovecot(replace(snapshot, readings=readings))
    return found if isinstance(found, Dovecot) and not found.unread else None
