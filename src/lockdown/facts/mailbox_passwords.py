"""Under which schemes the passwords of mailboxes lie in Dovecot's own files: counts of schemes, never a password.

Databases and directories are not asked: reading them needs passwords of their own.
Fails as: Absent where no such file lies in the usual places, Unknown with the reason of a reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from lockdown.facts.scanner_files import Absent
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

SOURCE = "accounts/mailbox-passwords"
UNSTATED, NONE = "UNSTATED", "NONE"


class Worth(IntEnum):
    """What a stolen file is worth to the thief."""

    SLOW = 0
    """Each guess costs: bcrypt, Argon2, crypt with rounds."""
    UNKNOWN = 1
    FAST = 2
    """One round of a hash: a graphics card tries billions in a second."""
    OPEN = 3
    """The password itself, or what is as good as the password."""


# doc.dovecot.org, "Password Schemes"; CRAM-MD5 and DIGEST-MD5 sign in with what is stored.
_SLOW = "SHA256-CRYPT SHA512-CRYPT BLF-CRYPT ARGON2I ARGON2ID PBKDF2 SCRAM-SHA-1 SCRAM-SHA-256 YESCRYPT NONE"
_FAST = "DES-CRYPT MD5 MD5-CRYPT PLAIN-MD5 LDAP-MD5 SMD5 SHA SHA1 SHA256 SHA512 SSHA SSHA256 SSHA512"
_OPEN = "PLAIN CLEAR CLEARTEXT PLAIN-TRUNC CRAM-MD5 HMAC-MD5 DIGEST-MD5 LANMAN NTLM RPA"
_WORTH = {
    **dict.fromkeys(_SLOW.split(), Worth.SLOW),
    **dict.fromkeys(_FAST.split(), Worth.FAST),
    **dict.fromkeys(_OPEN.split(), Worth.OPEN),
}
KNOWN = frozenset(_WORTH)
"""Any other word in brackets may be a part of a password."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How many passwords of a file lie under a scheme."""

    path: str
    scheme: str
    count: int

    @property
    def worth(self) -> Worth:
        return _WORTH.get(self.scheme, Worth.UNKNOWN)

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.path, f"{self.scheme}: {self.count}")


def mailbox_passwords(snapshot: Snapshot) -> tuple[Kept, ...] | Absent | Unknown:
    """Of each file each scheme, as often as it stands there."""
    listing = snapshot.reading(SOURCE)
    if isinstance(listing, Unknown):
        return listing
    if gone := absent(listing):
        return Absent(gone)
    found: list[Kept] = []
    for path, reading in snapshot.below(SOURCE).items():
        if isinstance(reading, Unknown):
            return reading
        for line in reading.splitlines():
            parts = re.fullmatch(r"([A-Z0-9-]{1,30}) (\d{1,9})", line, re.ASCII)
            if not parts:
                return Unknown(f"{path}: {line[:40]!r} is not understood")
            found.append(Kept(path, parts[1], int(parts[2])))
    return tuple(found)
