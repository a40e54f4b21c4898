"""Judge the three controls."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.config import Settings
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from tests.rig.double import ACCOUNT, LOGINS, VRFY

DROP_IN = "/etc/dovecot/conf.d/98-lockdown-double.conf"
SHUT = "/usr/sbin/nologin"


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """A finding for each."""
    postfix = str(snapshot.reading("postfix/postconf-n"))
    yield VRFY.finding(
        State.PASS if "disable_vrfy_command = yes" in postfix else State.FAIL, "VRFY tells who has a mailbox."
    )
    told = isinstance(snapshot.below("dovecot/files").get(DROP_IN), str)
    yield LOGINS.finding(State.PASS if told else State.WARN, "Failed logins are not told.")
    shut = any(line.startswith("surplus:") and line.endswith(SHUT) for line in _passwd(snapshot))
    yield ACCOUNT.finding(State.PASS if shut else State.FAIL, "The account surplus is open.")


def _passwd(snapshot: Snapshot) -> list[str]:
    return str(snapshot.reading("accounts/passwd")).splitlines()
