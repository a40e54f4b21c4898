"""Ask Dovecot how much still fits into one mailbox. Asked only for one that just got mail: of others it would make one.

Fails as: Unknown where there is no Dovecot, no such user, or no answer in time.
"""

from __future__ import annotations

from lockdown.facts.mailbox_room import free_octets
from lockdown.host.commands import run
from lockdown.model.unknown import Unknown

_SECONDS = 5.0


def room_of(address: str) -> int | Unknown | None:
    """Octets; None where no limit is set. By its address, else by the name before the @."""
    found: int | Unknown | None = Unknown("nobody was asked")
    for user in dict.fromkeys((address, address.partition("@")[0])):
        said = run(["doveadm", "-f", "tab", "quota", "get", "-u", user], _SECONDS, 64 * 1024)
        found = said if isinstance(said, Unknown) else free_octets(said)
        if not isinstance(found, Unknown):
            return found
    return found
