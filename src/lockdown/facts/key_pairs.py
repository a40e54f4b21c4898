"""Certificates that lie on the machine with their keys, named by a server or not: from the listing `certificates-here`.

Fails as: Unknown("no certificate lies here …"), or the reason of the reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.model.snapshot import Snapshot, absent
from lockdown.model.unknown import Unknown

SOURCE = "certificates-here"
MADE_HERE = ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key")
"""What Debian's ssl-cert makes when it is installed."""
SIGNED = ("/etc/letsencrypt/live/", "/fullchain.pem", "/privkey.pem")
PATTERNS = (*MADE_HERE, f"{SIGNED[0]}*{SIGNED[1]}", f"{SIGNED[0]}*{SIGNED[2]}")


@dataclass(frozen=True, slots=True)
class Pair:
    """The paths of a certificate and of its key."""

    certificate: str
    key: str

    @property
    def is_made_here(self) -> bool:
        """Signed by nobody else."""
        return self.certificate == MADE_HERE[0]


def pairs(snapshot: Snapshot, name: str) -> Pair | Unknown:
    """The best one for a server of this name: signed for it, else the one that was made here."""
    reading = snapshot.reading(SOURCE)
    if isinstance(reading, Unknown):
        return Unknown(f"which certificates lie here was not read ({reading.why})")
    paths = (
        set() if absent(reading) else {parts[6] for line in reading.splitlines() if len(parts := line.split("\t")) > 6}
    )
    signed = Pair(f"{SIGNED[0]}{name}{SIGNED[1]}", f"{SIGNED[0]}{name}{SIGNED[2]}")
    for pair in (signed, Pair(*MADE_HERE)):
        if {pair.certificate, pair.key} <= paths:
            return pair
    return Unknown(
        "no certificate with its key lies in /etc/letsencrypt/live for this name, or in /etc/ssl (apt install ssl-cert)"
    )
