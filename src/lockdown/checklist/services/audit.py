"""Audit of item 6: what listens to strangers, whether somebody has said why, and what comes back by itself.

A port is known by its number and its protocol, never by a process id. Unread is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.services.audit_probe import audit_probe
from lockdown.checklist.services.controls import CLEAR_MAILBOXES, COMES_BACK, DECLARED, NOTHING_OLD
from lockdown.config import Settings
from lockdown.facts.listeners import Listener, listeners
from lockdown.facts.scanner_files import Absent
from lockdown.facts.units import ENABLED, boot_scripts, enabled_units
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MAIL = {"gateway": (25,), "mx": (25,), "backend": (25, 143, 465, 587, 993, 995), "all-in-one": (25, 465, 587, 993, 995)}
EVERYWHERE = (22,)
OFTEN = (80, 443, 4190)
"""A web mailer, its certificates, and rules that users write themselves: common on a server that is everything."""
OLD = {
    ("tcp", 7): "echo", ("tcp", 9): "discard", ("tcp", 13): "daytime", ("tcp", 19): "chargen", ("tcp", 21): "ftp",
    ("tcp", 23): "telnet", ("udp", 69): "tftp", ("tcp", 79): "finger", ("tcp", 111): "rpcbind", ("udp", 111): "rpcbind",
    ("tcp", 139): "samba", ("tcp", 445): "samba", ("udp", 161): "snmp", ("tcp", 512): "rexec", ("tcp", 513): "rlogin",
    ("tcp", 514): "rsh", ("tcp", 631): "cups", ("tcp", 873): "rsync", ("tcp", 2049): "nfs", ("udp", 5353): "avahi",
    ("tcp", 5900): "vnc", ("tcp", 6000): "x11",
}  # fmt: skip
_SOCKETS = re.compile(
    r"(?:rpcbind|cups|cups-browsed|avahi-daemon|telnet|tftp|tftpd-hpa|finger|rsync|inetd|openbsd-inetd|inetutils-inetd"
    r"|xinetd|vsftpd|proftpd|pure-ftpd|smbd|nmbd|snmpd|nfs-server)\.(?:socket|service)\Z"
)
_UDP_QUIET = (68, 123, 546)
"""Clients of DHCP and NTP listen for answers."""


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control of the item."""
    found = listeners(snapshot)
    if isinstance(found, Unknown):
        for control in (DECLARED, NOTHING_OLD, CLEAR_MAILBOXES):
            says = f"What listens could not be read: {found.why}."
            yield control.finding(State.UNKNOWN, says, next_command="ss -ltnup     (as root)")
    else:
        outward = [one for one in found if not one.is_loopback]
        yield from _undeclared(outward, policy)
        yield from _old(outward)
        yield _clear(outward)
    yield _comes_back(snapshot)
    yield from audit_probe(snapshot, policy)


def _shown(one: Listener) -> Evidence:
    return Evidence("host/listeners", f"{one.protocol} {one.address}:{one.port} {one.process}".strip())


def declared(policy: Settings) -> frozenset[tuple[str, int]]:
    """What may listen: by the role, and by the settings."""
    roles = set(MAIL[policy.site.role]) | set(EVERYWHERE) | (set(OFTEN) if policy.site.role == "all-in-one" else set())
    known = {("tcp", port) for port in roles}
    for line in (*policy.services.declared, *(f"tcp/{place.rpartition(':')[2]}" for place in policy.gateway.listen)):
        if found := re.match(r"(tcp|udp)/(\d{1,5})\b", line):
            known.add((found[1], int(found[2])))
    return frozenset(known)


def _undeclared(outward: list[Listener], policy: Settings) -> Iterator[Finding]:
    known = declared(policy)
    strange: dict[tuple[str, int], Listener] = {}
    for one in outward:
        key = one.protocol, one.port
        quiet = one.protocol == "udp" and (one.port in _UDP_QUIET or one.port >= 32768)
        if key not in known and not quiet:
            strange.setdefault(key, one)
    if not strange:
        yield DECLARED.finding(State.PASS, "Only what is declared listens to strangers.", *map(_shown, outward[:3]))
    for (protocol, port), one in sorted(strange.items()):
        name = one.process or "a program that is not named"
        state = State.FAIL if policy.site.profile == "strict" else State.WARN
        yield DECLARED.finding(
            state,
            f"{name} listens to strangers on {protocol}/{port}, and nobody has said why.",
            _shown(one),
            target=f"{protocol}/{port}",
        )


def _old(outward: list[Listener]) -> Iterator[Finding]:
    found = {OLD[one.protocol, one.port]: one for one in outward if (one.protocol, one.port) in OLD}
    for name, one in sorted(found.items()):
        yield NOTHING_OLD.finding(State.FAIL, f"{name} listens to strangers.", _shown(one), target=name)
    if not found:
        yield NOTHING_OLD.finding(State.PASS, "No service of another time listens to strangers.")


def _clear(outward: list[Listener]) -> Finding:
    found = [one for one in outward if one.protocol == "tcp" and one.port in (110, 143)]
    if found:
        ports = " and ".join(str(port) for port in sorted({one.port for one in found}))
        return CLEAR_MAILBOXES.finding(
            State.WARN, f"Mailboxes are open on {ports}, where TLS comes second.", *map(_shown, found[:2])
        )
    return CLEAR_MAILBOXES.finding(State.PASS, "Neither 110 nor 143 is open to strangers.")


def _comes_back(snapshot: Snapshot) -> Finding:
    units = starting(snapshot)
    if isinstance(units, Unknown):
        return COMES_BACK.finding(
            State.UNKNOWN,
            f"What starts by itself could not be read: {units.why}.",
            next_command="systemctl list-unit-files --state=enabled     (without systemd: ls /etc/rc2.d)",
        )
    found = unwanted_units(units)
    if found:
        return COMES_BACK.finding(
            State.WARN,
            f"{', '.join(found)} starts by itself.",
            Evidence(ENABLED, ", ".join(found)),
            next_command=f"systemctl mask --now {found[0]}",
        )
    return COMES_BACK.finding(State.PASS, "Nothing that a mail server does not need starts by itself.")


def starting(snapshot: Snapshot) -> frozenset[str] | Unknown:
    """What starts with the machine: enabled units or, without systemd, the init scripts of a runlevel."""
    units = enabled_units(snapshot)
    return boot_scripts(snapshot) if isinstance(units, Absent) else units


def unwanted_units(units: frozenset[str]) -> list[str]:
    """Of units that start by themselves, those of services that a mail server does not need."""
    return sorted(unit for unit in units if _SOCKETS.match(unit))
