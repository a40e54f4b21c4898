"""The rest of a machine that is well kept: what rooms besides mail itself ask of it, the same on every recording."""

from __future__ import annotations

from lockdown.engine.audit import cards
from lockdown.facts import firewall, units
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown
from tests.live import faults_accounts, faults_dovecot
from tests.recordings.upkeep import BACKED_UP, PATCHED, WATCHED

OF_THE_REST = (
    "accounts/", "dovecot/", "certificates/", "packages/", "backups/", "queue/", "exim/", "opensmtpd/",
    "clock/", "kernel/", "logs/", "watchers/", "mailboxes/", "certificates-here",
    "host/nft", "host/ip", "host/firewall", "host/sysctl", "host/log-config", "host/docker", "host/unit", "host/disks",
    "host/owners", "host/boot-scripts",
)  # fmt: skip
"""Readings that are of the machine that records, and not of the case."""

RULES = """\
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport { 22, 25, 587 } accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
"""
_NO_SYSTEMD = "not installed: systemd does not run here\n"
SHIELDED: dict[str, Reading] = {
    firewall.NFT: RULES,
    firewall.IPTABLES: "not installed: no iptables-save in /usr/sbin\n",
    firewall.IP6TABLES: "not installed: no ip6tables-save in /usr/sbin\n",
    firewall.FILES: "not installed: no /etc/nftables.conf\n",
    firewall.SYSCTL: "net/ipv4/ip_forward 0\nnet/ipv6/conf/all/forwarding 0\n",
    firewall.LOG_CONFIG: "not installed: no /etc/rsyslog.conf\n",
    firewall.DOCKER: "not installed: no /etc/docker/daemon.json\n",
    units.ENABLED: _NO_SYSTEMD,
    units.SCORES: _NO_SYSTEMD,
    units.SCRIPTS: "",
}
WHOLE: dict[str, Reading] = {
    **PATCHED, **BACKED_UP, **WATCHED, **faults_accounts.WELL, **faults_dovecot.readings(), **SHIELDED,
}  # fmt: skip


def the_rest(*, denied: bool) -> dict[str, Reading]:
    """The readings; on a machine whose reader may not look, that they are denied."""
    if denied:
        return {name: Unknown(f"{name}: Permission denied") for name in WHOLE}
    return dict(WHOLE)


def attested() -> str:
    """Lines for `[audit]`: every word that only a person can give."""
    words = [control.id for card in cards() for control in card.controls if control.by_word]
    return (
        "attested = [\n"
        + "".join(f'  "{word} by Ada Byron until 2099-12-31: seen by her",\n' for word in words)
        + "]\n"
    )
