"""How 110 and 143 are shut: by a drop-in of Dovecot, and only where the doors with TLS are open already.

Where a web server runs, a web mailer may ask 143 over loopback: there the ports stay open for this machine alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.services.controls import CLEAR_MAILBOXES, DECLARED
from lockdown.facts.certificates import of_dovecot
from lockdown.facts.dovecot import FILES, MAIN, Dovecot, dovecot
from lockdown.facts.listeners import Listener, listeners
from lockdown.model.change import Left, Proposal, PutFile, Risk
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

DROP_IN = "/etc/dovecot/conf.d/99-lockdown-ports.conf"
WITH_TLS = {143: ("imap", 993), 110: ("pop3", 995)}
"""The ports that are shut, what is spoken there, and the port with TLS that its users go to."""
_WEB = (80, 443)


def shut_clear_ports(snapshot: Snapshot) -> Iterator[Proposal | Left]:
    """One drop-in for both; nothing at all where one of them cannot be shut."""
    found, heard = dovecot(snapshot), listeners(snapshot)
    if isinstance(heard, Unknown):
        return
    outward = [one for one in heard if one.protocol == "tcp" and not one.is_loopback]
    ports = sorted({one.port for one in outward if one.port in WITH_TLS})
    why = _why_not(snapshot, found, outward, ports) if isinstance(found, Dovecot) else "it is no Dovecot that is read"
    if why or not isinstance(found, Dovecot):
        shown = " and ".join(map(str, ports))
        yield Left(CLEAR_MAILBOXES.id, f"{shown} stay open: {why}.", CLEAR_MAILBOXES.fix)
        return
    has_web = any(one.protocol == "tcp" and one.port in _WEB for one in heard)
    names = [WITH_TLS[port][0] for port in ports]
    shown = " and ".join(f"{port} ({name})" for port, name in zip(ports, names, strict=True))
    keeps = "; this machine itself may still use them, for a web server runs here" if has_web else ""
    yield Proposal(
        CLEAR_MAILBOXES.id, PutFile(DROP_IN, _text(names, found, has_web)),
        f"Strangers reach {shown}, where a password may be sent before TLS{keeps}.", Risk.LOW,
        f"mail programs set to {' or '.join(map(str, ports))} must be set to"
        f" {' or '.join(str(WITH_TLS[port][1]) for port in ports)} with TLS",
        also=(DECLARED.id,),
    )  # fmt: skip


def _why_not(snapshot: Snapshot, found: Dovecot, outward: list[Listener], ports: list[int]) -> str:
    """What keeps the ports from being shut; empty: nothing."""
    others = [one.process for one in outward if one.port in ports and one.process not in ("dovecot", "")]
    if others:
        return f"{others[0]} listens there, not Dovecot"
    if found.unread:
        return f"{found.unread[0]} was not read"
    if found.value("ssl", "yes") == "no" or not of_dovecot(found):
        return "Dovecot has no TLS set up, so users would have no way in at all"
    without = [name for port in ports for name, door in (WITH_TLS[port],) if not _is_open(outward, door)]
    if without:
        return f"nothing listens on the port of {without[0]}s, so its users would have no way in at all"
    main = snapshot.reading(f"{FILES}{MAIN}")
    if not isinstance(main, str) or not re.search(
        r"(?m)^\s*!include(?:_try)?\s+(?:/etc/dovecot/)?conf\.d/\*\.conf", main
    ):
        return "dovecot.conf does not include conf.d/*.conf"
    return ""


def _is_open(outward: list[Listener], port: int) -> bool:
    return any(one.port == port and one.process in ("dovecot", "") for one in outward)


def _text(names: list[str], found: Dovecot, has_web: bool) -> str:
    """2.4 calls the addresses of a listener `listen`, 2.3 `address`; a port of 0 is shut in both."""
    shut = f"{'listen' if found.is_new else 'address'} = 127.0.0.1" if has_web else "port = 0"
    blocks = "".join(f"service {name}-login {{\n  inet_listener {name} {{\n    {shut}\n  }}\n}}\n" for name in names)
    return (
        f"# Lockdown: {CLEAR_MAILBOXES.id}: mailboxes are open to strangers over TLS only.\n"
        f"# What was done when: lockdown history. The way back: lockdown rollback.\n{blocks}"
    )
