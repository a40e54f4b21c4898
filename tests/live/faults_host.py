"""Faults in what stands at the doors of a machine: each planted alone in readings that are well."""

from __future__ import annotations

from dataclasses import dataclass

from lockdown.facts import firewall, interfaces, listeners, units
from lockdown.model.finding import State
from lockdown.model.snapshot import Reading

FAIL, WARN = State.FAIL, State.WARN
RULES = """\
table inet filter {
	set doors {
		type inet_service
		elements = { 22, 25, 465, 587, 993 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { invalid : drop, established : accept, related : accept }
		iifname "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept comment "neighbours; and # errors"
		tcp dport @doors counter packets 12 bytes 720 accept
		jump more
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
	}

	chain output {
		type filter hook output priority filter; policy drop;
		oifname "lo" accept
		ct state established,related accept
		udp dport { 53, 123 } accept
		tcp dport { 25, 53, 80, 443 } accept
	}

	chain more {
		ip saddr 198.51.100.0/24 tcp dport 161 accept
	}
}
"""
LISTENING = """\
tcp 0.0.0.0:22 1 sshd
tcp [::]:25 2 master
tcp 0.0.0.0:587 2 master
tcp [::]:993 3 dovecot
tcp 127.0.0.1:6379 4 redis-server
tcp [::ffff:127.0.0.1]:9200 5 java
udp 127.0.0.53%lo:53 6 systemd-resolve
udp 0.0.0.0:123 7 ntpd
"""
LOG_FILE = "/etc/rsyslog.d/90-remote.conf"
SCORES = """\
→ Overall exposure level for postfix@-.service: 7.1 MEDIUM
→ Overall exposure level for dovecot.service: 6.2 MEDIUM
"""
ENABLED = "cron.service enabled enabled\nssh.service enabled enabled\npostfix.service enabled enabled\n"
NONE = "not installed: no iptables-save in /usr/sbin\n"

WELL: dict[str, Reading] = {
    firewall.NFT: RULES,
    firewall.IPTABLES: NONE,
    firewall.IP6TABLES: NONE,
    firewall.FILES: "not installed: no /etc/nftables.conf\n",
    firewall.SYSCTL: "net/ipv4/ip_forward 0\nnet/ipv6/conf/all/forwarding 0\nnet/ipv6/conf/all/disable_ipv6 0\n",
    firewall.LOG_CONFIG: f"{LOG_FILE}\n",
    f"{firewall.LOG_CONFIG}{LOG_FILE}": "*.* @@loghost.example.org:6514\n",
    firewall.DOCKER: "not installed: no /etc/docker/daemon.json\n",
    units.ENABLED: ENABLED,
    units.SCORES: SCORES,
    units.SCRIPTS: "",
    listeners.SOURCE: LISTENING,
    interfaces.SOURCE: "lo 127.0.0.1/8\nlo ::1/128\neth0 192.0.2.7/24\neth0 2001:db8::7/64\neth0 fe80::7/64\n",
}
"""A machine that is everything in one, closed both ways, with logs elsewhere: nothing to say, however strict."""


@dataclass(frozen=True)
class Fault:
    """Readings that differ, and what must be said of them where the profile is strict."""

    name: str
    readings: dict[str, Reading]
    control: str
    state: State


def rules(old: str, new: str) -> dict[str, Reading]:
    assert old in RULES
    return {firewall.NFT: RULES.replace(old, new)}


def heard(line: str) -> dict[str, Reading]:
    return {listeners.SOURCE: LISTENING + line + "\n"}


def logs(text: str) -> dict[str, Reading]:
    return {f"{firewall.LOG_CONFIG}{LOG_FILE}": text}


def enabled(unit: str) -> dict[str, Reading]:
    return {units.ENABLED: f"{ENABLED}{unit} enabled enabled\n"}


IN, THROUGH = "dmz.inbound-is-closed-by-default", "dmz.forwarding-is-closed-by-default"
OUT = "dmz.outbound-is-limited"
INNER, PUBLISHED, LOGS = "dmz.inner-doors-are-closed", "dmz.published-ports-are-wanted", "dmz.logs-leave-the-server"
DECLARED, OLD = "services.only-what-is-declared", "services.nothing-dangerous"
CLEAR, BACK = "services.no-clear-mailbox-ports", "services.stopped-stays-stopped"
_ROADS = {firewall.SYSCTL: "net/ipv4/ip_forward 1\nnet/ipv6/conf/all/forwarding 0\n"}
DNAT = """\
table ip nat {
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 dnat to 10.0.0.2:80
	}
}
"""


def accepting(hook: str) -> dict[str, Reading]:
    head = f"hook {hook} priority filter; policy"
    return rules(f"{head} drop", f"{head} accept")


FAULTS = (
    Fault("no rules at all", {firewall.NFT: ""}, IN, WARN),
    Fault(
        "a policy that accepts",
        accepting("input"),
        IN,
        WARN,
    ),
    Fault("IPv6 forgotten", rules("table inet", "table ip"), IN, FAIL),
    Fault("a table that sleeps", rules("\tset doors", "\tflags dormant\n\tset doors"), IN, WARN),
    Fault("a machine that is a road", {**_ROADS, **accepting("forward")}, THROUGH, WARN),
    Fault(
        "a way out for everything",
        accepting("output"),
        OUT,
        WARN,
    ),
    Fault("redis for strangers", heard("tcp 0.0.0.0:6379 4 redis-server"), INNER, FAIL),
    Fault("rspamd's page for strangers", heard("tcp [::]:11334 8 rspamd"), INNER, FAIL),
    Fault("a milter for strangers", heard("tcp 192.0.2.7:8891 9 opendkim"), INNER, FAIL),
    Fault("a port that docker publishes", heard("tcp 0.0.0.0:8080 9 docker-proxy"), PUBLISHED, WARN),
    Fault("a port that a rule leads on", {firewall.NFT: RULES + DNAT}, PUBLISHED, WARN),
    Fault("logs nowhere else", logs("mail.* -/var/log/mail.log\n"), LOGS, WARN),
    Fault("logs sent to oneself", logs("*.* @@127.0.0.1:514\n"), LOGS, WARN),
    Fault("the sending of logs commented out", logs('# action(type="omfwd" target="loghost")\n'), LOGS, WARN),
    Fault(
        "a program that may do everything", {units.SCORES: SCORES.replace("7.1", "9.8")}, "dmz.units-are-shut-in", WARN
    ),
    Fault("a program that nobody declared", heard("tcp 0.0.0.0:8081 9 python3"), DECLARED, FAIL),
    Fault("one that is not named", heard("udp 0.0.0.0:1194 - -"), DECLARED, FAIL),
    Fault("telnet", heard("tcp 0.0.0.0:23 9 inetd"), OLD, FAIL),
    Fault("rpcbind", heard("udp [::]:111 9 rpcbind"), OLD, FAIL),
    Fault("IMAP in the open", heard("tcp 0.0.0.0:143 3 dovecot"), CLEAR, WARN),
    Fault("POP3 in the open", heard("tcp [::]:110 3 dovecot"), CLEAR, WARN),
    Fault("a socket that comes back", enabled("rpcbind.socket"), BACK, WARN),
    Fault("a service that comes back", enabled("snmpd.service"), BACK, WARN),
)
