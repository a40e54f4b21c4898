"""What is asked about the packet filter, and about who may sign what on the network: rules as the kernel has them."""

from __future__ import annotations

from lockdown.facts import firewall, units
from lockdown.host.asked import Command, File, Files, Listing, Script, Sources

_SYSCTL = """
for name in net/ipv4/ip_forward net/ipv6/conf/all/forwarding net/ipv6/conf/all/disable_ipv6; do
    [ -r "/proc/sys/$name" ] && echo "$name $(cat "/proc/sys/$name")"
done
true
"""
# What systemd thinks of each mail unit; without a running systemd there is no answer.
_SCORES = """
[ -d /run/systemd/system ] || { echo 'not installed: systemd does not run here'; exit 0; }
for unit in postfix@- postfix dovecot exim4 opensmtpd rspamd clamav-daemon; do
    systemctl is-active --quiet "$unit" 2>/dev/null || continue
    systemd-analyze security --no-pager "$unit.service" 2>/dev/null | tail -n 1
done
true
"""
_UNITS = """
[ -d /run/systemd/system ] || { echo 'not installed: systemd does not run here'; exit 0; }
systemctl list-unit-files --no-legend --no-pager --type=service,socket,timer --state=enabled
"""
_GROUPS = """
[ -d /run/systemd/system ] || { echo 'not installed: systemd does not run here'; exit 0; }
systemctl show --value --property=SupplementaryGroups lockdown-gateway.service
"""


def sources() -> Sources:
    """Each reading, and how it is taken."""
    return {
        firewall.NFT: Command(("nft", "list", "ruleset"), seconds=5),
        firewall.IPTABLES: Command(("iptables-save",), seconds=5),
        firewall.IP6TABLES: Command(("ip6tables-save",), seconds=5),
        firewall.FILES: Files(("/etc/nftables.conf", "/etc/iptables/rules.v4", "/etc/iptables/rules.v6")),
        firewall.SYSCTL: Script(_SYSCTL),
        firewall.LOG_CONFIG: Files(("/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf", "/etc/systemd/journal-upload.conf")),
        firewall.DOCKER: File("/etc/docker/daemon.json"),
        units.ENABLED: Script(_UNITS),
        units.SCORES: Script(_SCORES),
        units.GATEWAY_GROUPS: Script(_GROUPS),
        units.SCRIPTS: Listing(("/etc/rc2.d/S*",)),
    }
