"""The room of shields: whole machines by literals, the forms that rules come in, and what cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.checklist.dmz.audit_firewall import audit_firewall
from lockdown.checklist.dmz.audit_reach import audit_reach
from lockdown.checklist.dmz.controls import APART, OWN_CONTROLS
from lockdown.config import Settings, read_settings
from lockdown.engine.snapshots import snapshot_of
from lockdown.facts import firewall, listeners, units
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.live.faults_host import FAULTS, NONE, WELL, Fault

PASS, WARN, FAIL, UNKNOWN = State.PASS, State.WARN, State.FAIL, State.UNKNOWN
DENIED = Unknown("Operation not permitted")
OURS = [one for one in FAULTS if one.control.startswith("dmz.")]


def told(readings: Mapping[str, Reading], profile: str = "strict") -> list[Finding]:
    policy: Settings = read_settings([("lockdown.toml", f'[site]\nprofile = "{profile}"\n')]).settings
    snapshot = Snapshot("m", datetime(2026, 1, 13, tzinfo=UTC), "1", readings)
    return [*audit_firewall(snapshot, policy), *audit_reach(snapshot, policy)]


def states(readings: Mapping[str, Reading], profile: str = "strict") -> dict[str, State]:
    return {one.control: one.state for one in told(readings, profile)}


@pytest.mark.parametrize("profile", ["starter", "business", "strict"])
def test_a_machine_that_is_well_has_nothing_to_be_told(profile: str) -> None:
    assert [one.says for one in told(WELL, profile) if one.state is not PASS] == []


def test_every_control_that_a_machine_can_show_is_judged() -> None:
    assert set(states(WELL)) == {one.id for one in OWN_CONTROLS} - {APART.id}


@pytest.mark.parametrize("fault", OURS, ids=lambda fault: fault.name)
def test_a_fault_is_named_and_nothing_else(fault: Fault) -> None:
    raised = [(one.control, one.state) for one in told({**WELL, **fault.readings}) if one.state is not PASS]
    assert (fault.control, fault.state) in raised
    allowed = {fault.control} | (_FILTER if fault.control in _FILTER else set())
    assert {control for control, _ in raised} <= allowed


_FILTER = {one.id for one in OWN_CONTROLS[:3]}


def test_what_is_denied_is_unknown_and_says_what_to_type() -> None:
    found = told(dict.fromkeys(WELL, DENIED))
    assert {one.state for one in found} == {UNKNOWN}
    assert all(one.next_command for one in found)


def test_what_was_never_asked_is_unknown() -> None:
    assert set(states({}).values()) == {UNKNOWN}


# ── The forms that rules come in ──


def inbound(nft: Reading = NONE, v4: Reading = NONE, v6: Reading = NONE) -> State:
    return states({**WELL, firewall.NFT: nft, firewall.IPTABLES: v4, firewall.IP6TABLES: v6})[_IN]


_IN, _OUT = "dmz.inbound-is-closed-by-default", "dmz.outbound-is-limited"
UFW = """\
*mangle
:INPUT ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [12:720]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-skip-to-policy-input - [0:0]
:ufw-user-input - [0:0]
:ufw-track-input - [0:0]
:ufw-logging-deny - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-user-input
-A INPUT -j ufw-track-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-skip-to-policy-input -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment "ssh -j ACCEPT" -j ACCEPT
-A ufw-user-input -p tcp -m multiport --dports 25,465,587 -j ACCEPT
COMMIT
"""
FIREWALLD = """\
table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_INPUT_ZONES
		reject with icmpx admin-prohibited
	}

	chain filter_INPUT_ZONES {
		iifname "eth0" goto filter_IN_public
		goto filter_IN_public
	}

	chain filter_IN_public {
		jump filter_IN_public_allow
		meta l4proto { icmp, ipv6-icmp } accept
	}

	chain filter_IN_public_allow {
		tcp dport 22 accept
		ip6 daddr fe80::/64 udp dport 546 accept
	}
}
"""
BY_FAMILY = """\
table inet filter {
	chain v4 {
		icmp type echo-request limit rate 5/second accept
	}
	chain v6 {
		icmpv6 type { nd-neighbor-solicit, nd-router-advert, nd-neighbor-advert } accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		iifname vmap { "lo" : accept, "eth0" : jump world }
		meta protocol vmap { ip : jump v4, ip6 : jump v6 }
	}
	chain world {
		tcp dport {
			22, 25,
			587
		} accept
	}
}
"""
DOCKER = """\
*nat
:DOCKER - [0:0]
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""


@pytest.mark.parametrize("rules", [FIREWALLD, BY_FAMILY], ids=["firewalld", "maps and jumps"])
def test_common_rules_of_nft_are_closed(rules: str) -> None:
    assert inbound(rules) is PASS


def test_the_rules_of_ufw_are_closed_and_one_family_of_them_is_half() -> None:
    v6 = UFW.replace("-p icmp -m icmp --icmp-type 8", "-p ipv6-icmp")
    assert inbound(v4=UFW, v6=v6) is PASS
    assert inbound(v4=UFW) is FAIL
    assert inbound(v4=UFW, v6=DENIED) is UNKNOWN


def test_a_chain_of_ufw_that_lets_everyone_in_is_not_closed() -> None:
    wide = UFW.replace("-A ufw-user-input -p tcp -m tcp --dport 22", "-A ufw-user-input -p tcp")
    assert inbound(v4=wide, v6=wide) is UNKNOWN


def test_the_rules_of_docker_forward_only_what_they_publish_and_that_is_told() -> None:
    roads = "net/ipv4/ip_forward 1\n"
    found = states({**WELL, firewall.NFT: NONE, firewall.IPTABLES: DOCKER, firewall.SYSCTL: roads})
    assert found["dmz.forwarding-is-closed-by-default"] is PASS
    assert found["dmz.published-ports-are-wanted"] is WARN
    open_bridge = DOCKER.replace("-A FORWARD -o docker0 -j DOCKER\n", "-A FORWARD -o docker0 -j ACCEPT\n")
    found = states({**WELL, firewall.NFT: NONE, firewall.IPTABLES: open_bridge, firewall.SYSCTL: roads})
    assert found["dmz.forwarding-is-closed-by-default"] is UNKNOWN


def test_what_nft_cannot_say_of_a_rule_is_never_taken_for_harmless() -> None:
    rule = "tcp dport 22 accept\n\t\tmeta l4proto tcp # match multiport counter packets 0 bytes 0 accept"
    assert inbound(SINGLE % rule) is UNKNOWN


@pytest.mark.parametrize(
    "rule",
    [
        "tcp dport ne 22 accept", "tcp dport 22 - 65535 accept", "ct state established | new accept",
        "tcp dport @nowhere accept", "tcp dport $nothing accept", "jump nowhere", "jump input",
        "ip6 saddr 2000::/3 accept",
        "iifname { lo, eth0 } accept", "oifname docker0 accept", "tcp dport vmap @nowhere", 'include "/etc/more.nft"',
        "ip protocol { icmp, tcp } accept", "queue", "tcp dport { 22, 1000-2000 } accept",
    ],
)  # fmt: skip
def test_a_rule_that_is_not_understood_is_unknown_and_never_closed(rule: str) -> None:
    text = f"table inet f {{ chain input {{ type filter hook input priority 0; policy drop;\n{rule}\n }}\n}}\n"
    assert inbound(text) is UNKNOWN


def test_text_that_is_cut_off_or_of_something_else_is_unknown() -> None:
    assert inbound("table inet f {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n") is UNKNOWN
    assert inbound("<html>no</html>") is UNKNOWN
    assert inbound(v4=UFW.removesuffix("COMMIT\n"), v6=UFW) is UNKNOWN


def test_the_settings_of_forwarding_must_have_been_read() -> None:
    assert states({**WELL, firewall.SYSCTL: ""})["dmz.forwarding-is-closed-by-default"] is UNKNOWN


def test_the_way_out_counts_for_both_families() -> None:
    rules = str(WELL[firewall.NFT])
    assert states({**WELL, firewall.NFT: rules.replace("table inet", "table ip")})[_OUT] is WARN
    wide = rules.replace("udp dport { 53, 123 } accept", "meta nfproto ipv6 accept")
    assert states({**WELL, firewall.NFT: wide})[_OUT] is UNKNOWN


# ── Files ──

SINGLE = """\
flush ruleset
table inet f {
  chain input {
    type filter hook input priority filter; policy drop;
    %s
  }
}
"""


def of_file(tmp_path: Path, text: str, name: str = "nftables.conf") -> State:
    (tmp_path / name).write_text(text)
    found = audit_firewall(snapshot_of(str(tmp_path / name), datetime.now(UTC)), Settings())
    return next(one.state for one in found if one.control == _IN)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (SINGLE % "tcp dport { 22, 25 } accept", PASS),
        ("define doors = { 22, 25 }\n" + SINGLE % "tcp dport $doors accept", PASS),
        ("define doors = 1-65535\n" + SINGLE % "tcp dport $doors accept", UNKNOWN),
        (SINGLE % "tcp dport 22 accept" + "add rule inet f input accept\n", UNKNOWN),
        (SINGLE % "tcp dport 22 accept" + "table inet f {\n chain input {\n accept\n }\n}\n", UNKNOWN),
        (SINGLE % "tcp dport 22 accept" + "flush ruleset\n", UNKNOWN),
        (SINGLE % "tcp dport 22 accept" + 'include "/etc/nftables.d/*.nft"\n', UNKNOWN),
        ("table inet f {\n chain input {\n  type filter hook input priority 0;\n }\n}\n", WARN),
    ],
)  # fmt: skip
def test_a_single_file_of_nft_is_judged(tmp_path: Path, text: str, state: State) -> None:
    assert of_file(tmp_path, text) is state


ROUTER = """\
table inet nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname eth0 jump ports
  }
  chain ports {
    tcp dport 8022 mark set 1 dnat ip  to 10.200.200.2:ssh
    tcp dport 8022 mark set 1 dnat ip6 to [fd00::]:ssh
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    mark 1 accept
    iifname wg0 accept
  }
}
"""


def test_the_file_of_a_router_is_open_at_its_own_door_and_tells_what_it_leads_on(tmp_path: Path) -> None:
    (tmp_path / "nftables.conf").write_text(ROUTER)
    snapshot = snapshot_of(str(tmp_path / "nftables.conf"), datetime.now(UTC))
    found = {one.control: one for one in audit_firewall(snapshot, Settings())}
    assert found[_IN].state is WARN
    assert found["dmz.published-ports-are-wanted"].state is WARN
    assert [one.line for one in found["dmz.published-ports-are-wanted"].evidence] == [7, 8]
    filtered = firewall.firewall(snapshot)
    assert isinstance(filtered, firewall.Firewall)
    assert filtered.stops("ip", "forward") is None
    doubt = filtered.doubt("ip", "forward")
    assert doubt and (doubt.text, doubt.line) == ("mark 1 accept", 12)


def test_a_file_says_nothing_of_a_kernel_that_was_not_asked() -> None:
    files = {firewall.FILES: "/etc/nftables.conf\n", f"{firewall.FILES}/etc/nftables.conf": SINGLE % "counter"}
    denied = dict.fromkeys((firewall.NFT, firewall.IPTABLES, firewall.IP6TABLES), DENIED)
    assert states({**WELL, **files, **denied})[_IN] is UNKNOWN
    absent = dict.fromkeys(denied, NONE)
    assert states({**WELL, **files, **absent})[_IN] is WARN


# ── Garbage ──

_SAID = """\
table inet f chain input { } ; NL type filter hook input priority 0 policy drop accept jump goto a vmap : , @s
$d set elements = { " # BS include define flush add rule *filter COMMIT :INPUT DROP -A INPUT -j ACCEPT -g ! -s
10.0.0.0/8 --dport 22 [0:0]
"""
WORDS = [{"NL": "\n", "BS": "\\"}.get(word, word) for word in _SAID.split()]
GARBAGE = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(GARBAGE, GARBAGE)
def test_garbage_never_raises(one: str, other: str) -> None:
    names = (firewall.NFT, firewall.IPTABLES, firewall.IP6TABLES, firewall.SYSCTL, f"{firewall.LOG_CONFIG}/a")
    more = {units.SCORES: other, units.ENABLED: one, listeners.SOURCE: other, firewall.LOG_CONFIG: "/a\n"}
    assert told({**WELL, **dict.fromkeys(names, one), firewall.IPTABLES: other, **more})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_a_bare_accept_before_anything_else_is_never_closed(junk: str) -> None:
    text = f"table inet f {{\nchain input {{\ntype filter hook input priority 0; policy drop;\naccept\n}}\n}}\n{junk}\n"
    assert inbound(text) is not PASS
