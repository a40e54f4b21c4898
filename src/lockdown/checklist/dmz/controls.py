"""The controls of item 3: the server stands apart, shielded both ways, and its inner doors open inwards only."""

from __future__ import annotations

from lockdown.checklist.dmz.audit_probe import PROBE_CONTROLS
from lockdown.checklist.dmz.server_tls_controls import SERVER_TLS_CONTROLS
from lockdown.model.finding import Control, Severity

_NFT = "write a table with `policy drop` into /etc/nftables.conf, try it: nft -c -f /etc/nftables.conf"

DROPS_IN = Control(
    id="dmz.inbound-is-closed-by-default",
    title="What is not wanted is stopped at the door",
    severity=Severity.HIGH,
    why="Every program that ever listens is open to the world until somebody notices; on IPv6 nobody looks.",
    fix=_NFT,
    evidence="chains at the hook input of nft and iptables, for IPv4 and IPv6",
    side_effects="a rule too many locks you out: keep a session open, and have the old rules come back by themselves",
    undo="nft -f /root/rules.before     (saved with: nft list ruleset > /root/rules.before)",
    maps=(
        "CIS Debian Linux 12 (draft) 4.2.7",
        "CIS Debian Linux 12 (draft) 4.3.8",
        "CIS Debian Linux 12 (draft) 4.4.2.1",
        "CIS Debian Linux 12 (draft) 4.4.3.1",
    ),
)
DROPS_THROUGH = Control(
    id="dmz.forwarding-is-closed-by-default",
    title="The server is no road to your other machines",
    severity=Severity.MEDIUM,
    why="A mail server that forwards packets leads whoever breaks into it on to everyone behind.",
    fix="sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0     (or a forward chain with policy drop)",
    evidence="forwarding of the kernel, and chains at the hook forward",
    side_effects="containers need forwarding: keep it, and drop what is not theirs",
    maps=("CIS Debian Linux 12 (draft) 3.3.1",),
)
OUTBOUND = Control(
    id="dmz.outbound-is-limited",
    title="The server may not go everywhere",
    severity=Severity.LOW,
    why="A server that was broken into sends spam past the mail server, and looks around in your network.",
    fix="an output chain that lets out DNS, NTP, updates, and port 25 of the mail server's user only",
    evidence="chains at the hook output",
)
INNER_DOORS = Control(
    id="dmz.inner-doors-are-closed",
    title="Databases, filters and panels listen inwards only",
    severity=Severity.CRITICAL,
    why="Redis, a database, rspamd's or clamd's port open to strangers is the whole server in their hands.",
    fix="bind it to loopback: bind 127.0.0.1 ::1     (in the settings of that program), then restart it",
    evidence="what listens beyond loopback on the ports of databases, filters, panels and milters",
)
PUBLISHED = Control(
    id="dmz.published-ports-are-wanted",
    title="Ports that containers publish are known",
    severity=Severity.MEDIUM,
    why="Docker opens a published port past the input chain; behind its bridge every stranger looks local.",
    fix="publish to loopback only: -p 127.0.0.1:8080:8080     (or rules in DOCKER-USER)",
    evidence="docker-proxy among what listens, and rules that lead packets elsewhere",
)
LOGS_LEAVE = Control(
    id="dmz.logs-leave-the-server",
    title="Logs are kept on another machine too",
    severity=Severity.LOW,
    why="Whoever breaks in wipes the logs first.",
    fix="write *.* @@loghost:514 into /etc/rsyslog.d/90-remote.conf, then: systemctl restart rsyslog",
    evidence="rsyslog and journal-upload",
    maps=("CIS Debian Linux 12 (draft) 6.1.2.1.3", "CIS Debian Linux 12 (draft) 6.1.3.6"),
)
SHUT_IN = Control(
    id="dmz.units-are-shut-in",
    title="Mail programs are shut in by systemd",
    severity=Severity.LOW,
    why="What a broken program may not do, its attacker may not do either.",
    fix="systemd-analyze security UNIT     (shows what to add by: systemctl edit UNIT)",
    evidence="systemd-analyze security of each mail unit that runs",
)
APART = Control(
    id="dmz.stands-apart",
    title="The server stands in a network of its own",
    severity=Severity.MEDIUM,
    why="In the users' network one infected computer reaches everything, and a broken server reaches the users.",
    fix="a network (VLAN) of its own, with a firewall on either side",
    evidence="a person's word",
    by_word=True,
)

OWN_CONTROLS = (DROPS_IN, DROPS_THROUGH, OUTBOUND, INNER_DOORS, PUBLISHED, LOGS_LEAVE, SHUT_IN, APART)
CONTROLS = (*OWN_CONTROLS, *SERVER_TLS_CONTROLS, *PROBE_CONTROLS)
