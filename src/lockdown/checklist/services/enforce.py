"""What item 6 would change: what listens and is not wanted is stopped and kept from starting again.

Never proposed: whatever the role needs, whatever an administrator may be coming in by, and whatever nobody knows the
owner of. Those are left, with what to type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lockdown.checklist.services.audit import OLD, audit, declared, starting, unwanted_units
from lockdown.checklist.services.audit_probe import SEEN_NAMES_KEPT
from lockdown.checklist.services.controls import CLEAR_MAILBOXES, COMES_BACK, DECLARED, NOTHING_OLD
from lockdown.checklist.services.enforce_mailboxes import WITH_TLS, shut_clear_ports
from lockdown.config import Settings
from lockdown.facts.owners import Owner, owners
from lockdown.facts.packages import packages
from lockdown.facts.postfix import Postfix, postfix
from lockdown.model.change import Left, Proposal, Risk, SetPackage, SetPostfix, SetUnit, Unit
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_MAIL = "postfix master smtpd exim4 exim opensmtpd dovecot dovecot-core imap-login pop3-login lockdown rspamd clamd"
_ADMINS = (
    "sshd ssh openssh-server dropbear openvpn wireguard wg-quick tailscaled zerotier-one charon strongswan cockpit"
    " cockpit-ws webmin agetty getty serial-getty console-setup"
)
_MACHINE = (
    "systemd init dhclient dhcpcd systemd-networkd NetworkManager networking ifupdown systemd-resolved systemd-resolve"
    " named bind9 unbound pdns_recursor dnsmasq stubby chronyd chrony chrony ntpd ntpsec ntp systemd-timesyncd rsyslogd"
    " rsyslog syslog-ng systemd-journald cron anacron atd dbus dbus-daemon"
)
_BEHIND = (
    "redis-server redis valkey-server valkey mariadbd mysqld mariadb mysql mariadb-server postgres postgresql slapd"
    " memcached amavisd amavisd-new amavis spamd spamassassin opendkim opendmarc postsrsd postgrey policyd-spf"
    " clamav-daemon rspamd docker-proxy dockerd containerd podman rootlessport"
)
NEEDED: Mapping[str, str] = {
    **dict.fromkeys(_MAIL.split(), "it is a part of the mail server"),
    **dict.fromkeys(_ADMINS.split(), "it may be how the administrators come in"),
    **dict.fromkeys(_MACHINE.split(), "the machine itself needs it"),
    **dict.fromkeys(_BEHIND.split(), "what it serves may be a part of the mail server"),
}
"""Names of programs, units and packages that are never stopped, and why."""

_OLD_PACKAGES = frozenset(
    {
        "telnetd", "inetutils-telnetd", "rsh-server", "rsh-redone-server", "inetutils-inetd", "fingerd", "efingerd",
        "cfingerd", "tftpd", "tftpd-hpa", "atftpd", "ftpd", "inetutils-ftpd", "nis", "talkd", "inetutils-talkd",
        "rwhod", "rusersd", "xinetd", "openbsd-inetd", "rpcbind", "vsftpd", "proftpd-core", "pure-ftpd", "x11vnc",
    }
)  # fmt: skip
"""Whole packages of another time: where nothing starts them that could be masked, they are taken out."""


def enforce(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    """What would turn the findings of the audit that do not hold."""
    bad = [one for one in audit(snapshot, policy) if one.state in (State.FAIL, State.WARN)]
    yield from _listening(snapshot, policy, [one for one in bad if one.control in (NOTHING_OLD.id, DECLARED.id)])
    for finding in bad:
        if finding.control == CLEAR_MAILBOXES.id:
            yield from shut_clear_ports(snapshot)
        elif finding.control == COMES_BACK.id:
            yield from _coming_back(snapshot, policy)
        elif finding.control == SEEN_NAMES_KEPT.id:
            yield _names_kept(snapshot, finding)


# ── what listens ──


def _listening(snapshot: Snapshot, policy: Settings, bad: list[Finding]) -> Iterator[Proposal | Left]:
    """First what is of another time: it is also not declared, and is told once."""
    found, done = owners(snapshot), dict[str, None]()
    # 110 and 143 are answered by the drop-in that shuts them.
    told = {("tcp", port) for port in WITH_TLS}
    for finding in sorted(bad, key=lambda one: one.control != NOTHING_OLD.id):
        for place in _places(finding):
            if place in told:
                continue
            told.add(place)
            if _is_meant(place, policy):
                yield _declared_and_old(finding, place)
            elif isinstance(found, Unknown):
                yield _of_nobody(finding, place, f"whose it is could not be read: {found.why}")
            else:
                yield from _stopped(snapshot, finding, place, found.get(place, ()), done)


def _places(finding: Finding) -> list[tuple[str, int]]:
    """The ports that a finding is about: a name of another time may have several."""
    if finding.control == DECLARED.id:
        protocol, _, port = finding.target.partition("/")
        return [(protocol, int(port))]
    shown = [re.match(r"(tcp|udp) \S*:(\d+)\b", one.text) for one in finding.evidence]
    return [place for one in shown if one and (place := (one[1], int(one[2]))) in OLD]


def _is_meant(place: tuple[str, int], policy: Settings) -> bool:
    """Somebody has given a reason for it."""
    return place in declared(policy)


def _declared_and_old(finding: Finding, place: tuple[str, int]) -> Left:
    where = f"{place[0]}/{place[1]}"
    return Left(
        finding.control, f"services.declared says that {where} is wanted.",
        f"take {where} out of services.declared in lockdown.toml, then: lockdown plan", finding.target,
    )  # fmt: skip


def _of_nobody(finding: Finding, place: tuple[str, int], why: str) -> Left:
    where = f"{place[0]}/{place[1]}"
    command = f"ss -lnp 'sport = :{place[1]}'     (as root; then systemctl mask --now UNIT, or write services.declared)"
    return Left(finding.control, f"{where} is open, and {why}.", command, finding.target)


def _stopped(
    snapshot: Snapshot, finding: Finding, place: tuple[str, int], found: tuple[Owner, ...], done: dict[str, None]
) -> Iterator[Proposal | Left]:
    """All or none of those who share a port: one that must stay keeps it open."""
    if not found or all(not one.names for one in found):
        yield _of_nobody(finding, place, "whose it is, is not known")
        return
    for one in found:
        if why := next((NEEDED[name] for name in sorted(one.names) if name in NEEDED), ""):
            yield _needed(finding, place, one, why)
            return
    for one in found:
        made = _ending(snapshot, one)
        if made is None:
            yield _of_nobody(finding, place, f"nothing is known that starts {one.program}")
        elif (key := str(made)) not in done:
            done[key] = None
            yield _proposal(finding, place, one, made)


def _ending(snapshot: Snapshot, one: Owner) -> SetUnit | SetPackage | None:
    if one.starter:
        return SetUnit(one.starter, Unit.MASKED)
    known = packages(snapshot)
    if one.package in _OLD_PACKAGES and isinstance(known, Mapping) and one.package in known:
        return SetPackage(one.package, present=False)
    return None


def _needed(finding: Finding, place: tuple[str, int], one: Owner, why: str) -> Left:
    where, name = f"{place[0]}/{place[1]}", one.unit or one.program
    return Left(
        finding.control, f"{name} listens on {where}; {why}, so it is not stopped.",
        f'let it listen on 127.0.0.1 only, or write services.declared = ["{where} WHY"] in lockdown.toml',
        finding.target,
    )  # fmt: skip


def _proposal(finding: Finding, place: tuple[str, int], one: Owner, change: SetUnit | SetPackage) -> Proposal:
    is_old = finding.control == NOTHING_OLD.id
    where = f"{place[0]}/{place[1]}"
    name = OLD[place] if is_old else one.program.rpartition("/")[2] or one.starter
    why = f"{name} listens to strangers on {where}, started by {one.starter or one.package}"
    return Proposal(
        finding.control, change, f"{why}.",
        Risk.LOW if is_old else Risk.HIGH,
        f"whoever uses {name} on {where} no longer reaches it",
        finding.target,
        also=(DECLARED.id, COMES_BACK.id) if is_old else (),
        # What nobody has declared may be what the administrator comes in by.
        on_probation=not is_old,
    )  # fmt: skip


# ── what starts by itself ──


def _coming_back(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal | Left]:
    units = starting(snapshot)
    if isinstance(units, Unknown):
        return
    wanted = {OLD[place] for place in OLD if _is_meant(place, policy)}
    for unit in unwanted_units(units):
        if kept := next((name for name in wanted if unit.startswith(name)), ""):
            yield Left(
                COMES_BACK.id, f"{unit} starts by itself, and services.declared says that {kept} is wanted.",
                f"take {kept} out of services.declared in lockdown.toml, then: lockdown plan",
            )  # fmt: skip
            continue
        yield Proposal(
            COMES_BACK.id, SetUnit(unit, Unit.MASKED), f"{unit} is enabled: it comes back with the next start.",
            Risk.LOW, f"whoever uses {unit.partition('.')[0]} here no longer can",
        )  # fmt: skip


# ── what a stranger was told ──


def _names_kept(snapshot: Snapshot, finding: Finding) -> Proposal | Left:
    """VRFY of a Postfix; anything else (EXPN, times of answers, another server) is for a person."""
    found = postfix(snapshot)
    told_by_vrfy = any(one.text.startswith("VRFY:") for one in finding.evidence)
    if isinstance(found, Postfix) and told_by_vrfy and not found.not_given and not found.is_on("disable_vrfy_command"):
        return Proposal(
            SEEN_NAMES_KEPT.id, SetPostfix("disable_vrfy_command", "yes", config_directory=found.config_directory),
            "VRFY tells strangers who has a mailbox here: disable_vrfy_command = no.", Risk.NONE, "none known",
            finding.target,
        )  # fmt: skip
    return Left(
        SEEN_NAMES_KEPT.id, f"{finding.says} It is not VRFY of the Postfix here that could be switched off.",
        "lockdown explain services.seen-no-user-probing", finding.target,
    )  # fmt: skip
