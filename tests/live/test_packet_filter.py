"""The real packet filter of the kernel: what is called closed is closed to a stranger, over IPv4 and over IPv6.

Two network namespaces of the test's own, a pair of virtual cables between them, a door that no rule means to open.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import pytest

from lockdown.facts import firewall as facts
from lockdown.model.snapshot import Snapshot

DOOR = 4444
ADDRESSES = {"ip": "192.0.2.1", "ip6": "2001:db8::1"}
NONE = "not installed: there is none in this test\n"
_LISTEN = f"""
import socket
server = socket.create_server(("::", {DOOR}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
print("ready", flush=True)
while True:
    server.accept()[0].close()
"""
_KNOCK = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], {DOOR}), 1).close()
except OSError:
    sys.exit(3)
"""


def run(*words: str, stdin: str | None = None) -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@cache
def why_no_namespaces() -> str:
    """Why the test cannot run here; empty when it can."""
    if missing := [one for one in ("ip", "nft", "iptables-restore") if not shutil.which(one)]:
        return f"{', '.join(missing)} is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"ld{os.getpid()}t"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=20)
    if done.returncode:
        return f"no network namespaces here: {done.stderr.strip()}"
    try:
        words = ["ip", "netns", "exec", name, "nft", "list", "ruleset"]
        listed = subprocess.run(words, capture_output=True, timeout=20)
    finally:
        run("ip", "netns", "del", name)
    return "" if listed.returncode == 0 else "nft cannot speak with this kernel"


pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_namespaces()), reason=why_no_namespaces() or "namespaces are there"),
]


@dataclass(frozen=True)
class Cable:
    """The server's end and the stranger's end: the names of two namespaces."""

    server: str
    stranger: str

    def at_server(self, *words: str, stdin: str | None = None) -> str:
        return run("ip", "netns", "exec", self.server, *words, stdin=stdin)

    def load_nft(self, rules: str) -> None:
        self.at_server("nft", "-f", "-", stdin=f"flush ruleset\n{rules}")

    def is_open(self, family: str) -> bool:
        """Whether a stranger's TCP connection to the door comes to be."""
        words = ["ip", "netns", "exec", self.stranger, sys.executable, "-c", _KNOCK, ADDRESSES[family]]
        code = subprocess.run(words, capture_output=True, timeout=20).returncode
        assert code in (0, 3), f"the knocking itself failed: {code}"
        return code == 0

    def snapshot(self, *, saved: bool = False) -> Snapshot:
        """What an audit reads there; of iptables too, where `saved`."""
        readings = {
            facts.NFT: self.at_server("nft", "list", "ruleset"),
            facts.IPTABLES: self.at_server("iptables-save") if saved else NONE,
            facts.IP6TABLES: self.at_server("ip6tables-save") if saved else NONE,
        }
        return Snapshot("server", datetime.now(UTC), "1", readings)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    """A cable with somebody who listens at the server's end; both ends are gone afterwards."""
    server, stranger = f"ld{os.getpid()}s", f"ld{os.getpid()}c"
    with ExitStack() as stack:
        for name in (server, stranger):
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "del", name)
        run("ip", "link", "add", "eth0", "netns", server, "type", "veth", "peer", "name", "eth0", "netns", stranger)
        for name, last in ((server, 1), (stranger, 2)):
            run("ip", "-n", name, "addr", "add", f"192.0.2.{last}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"2001:db8::{last}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        words = ["ip", "netns", "exec", server, sys.executable, "-c", _LISTEN]
        listener = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        stack.callback(listener.wait, 10)
        stack.callback(listener.kill)
        assert listener.stdout and listener.stdout.readline() == "ready\n"
        for family in ADDRESSES:
            assert Cable(server, stranger).is_open(family), f"the cable itself does not carry {family}"
        yield Cable(server, stranger)


def judged(cable: Cable, *, saved: bool = False) -> dict[str, str]:
    """By family: closed, open, or doubt."""
    found = facts.firewall(cable.snapshot(saved=saved))
    assert isinstance(found, facts.Firewall), found
    says = {}
    for family in ADDRESSES:
        doubt = found.doubt(family, "input")
        says[family] = "closed" if found.stops(family, "input") else "doubt" if doubt else "open"
    return says


def agree(cable: Cable, told: dict[str, str]) -> None:
    """Closed is closed and open is open; a doubt may be either."""
    seen = {family: "open" if cable.is_open(family) else "closed" for family in ADDRESSES}
    wrong = {family: (told[family], seen[family]) for family in seen if told[family] not in ("doubt", seen[family])}
    assert not wrong, f"told and seen differ: {wrong}"


def ruled(rules: str, *, policy: str = "drop", family: str = "inet", more: str = "") -> str:
    return (
        f"table {family} f {{\n{more}\n  chain input {{\n    type filter hook input priority filter; policy {policy};\n"
        f"    meta l4proto ipv6-icmp accept\n    {rules}\n  }}\n}}\n"
    )


V4 = "table ip f { chain input { type filter hook input priority filter; policy drop; }; }\n"
PORTS = "set ports { type inet_service; flags interval; elements = { %s }; }"
JUMPS = "chain doors { %s; }"
# By what a reader would tell at a glance; the kernel is the judge of every one.
CLEAR = {
    "nothing at all": ("", "open", "open"),
    "a policy that accepts": (ruled("tcp dport 22 accept", policy="accept"), "open", "open"),
    "a policy that drops": (
        ruled("ct state established,related accept\n tcp dport { 22, 25 } accept"),
        *["closed"] * 2,
    ),
    "IPv4 alone": (V4, "closed", "open"),
    "a last rule that drops": (
        ruled('tcp dport 22 accept\n counter log prefix "no: " drop', policy="accept"),
        *["closed"] * 2,
    ),
    "a last rule that rejects": (
        ruled("tcp dport 22 accept\n reject with icmpx port-unreachable", policy="accept"),
        *["closed"] * 2,
    ),
    "a rejection of IPv4 alone": (ruled("reject with icmp port-unreachable", policy="accept"), "closed", "open"),
    "a rejection of IPv6 alone": (ruled("reject with icmpv6 port-unreachable", policy="accept"), "open", "closed"),
    "a set of ports over many lines": (
        ruled("tcp dport { " + ", ".join(map(str, range(20, 60))) + " } accept"),
        *["closed"] * 2,
    ),
    "a named set of ports": (ruled("tcp dport @ports accept", more=PORTS % "22, 25"), *["closed"] * 2),
    "states by a map": (
        ruled("ct state vmap { established : accept, related : accept, invalid : drop }"),
        *["closed"] * 2,
    ),
    "a jump to doors that are named": (ruled("jump doors", more=JUMPS % "tcp dport 22 accept"), *["closed"] * 2),
    "a table that sleeps": (ruled("", more="flags dormant"), "open", "open"),
    "a word in a prefix of the log": (ruled('log prefix "accept all; # jump } " drop'), *["closed"] * 2),
    "two tables of which one drops": (
        V4 + ruled("", policy="accept", family="inet").replace(" f ", " g "),
        "closed",
        "open",
    ),
}
# A rule that lets the stranger in, in a chain whose policy drops: never closed.
WIDE = {
    "everything": "accept",
    "every port": "tcp dport 1-65535 accept",
    "every port but one": "tcp dport != 22 accept",
    "every port above": "tcp dport >= 1024 accept",
    "every port but a set": "tcp dport != { 22, 25 } accept",
    "new connections": "ct state new accept",
    "new ones among others": "ct state { established, related, new } accept",
    "what is not invalid": "ct state != invalid accept",
    "every sender": "ip saddr 0.0.0.0/1 accept; ip saddr 128.0.0.0/1 accept; ip6 saddr ::/0 accept",
    "every sender but one": "ip saddr != 198.51.100.1 accept; ip6 saddr != 2001:db8:1::1 accept",
    "a word of ICMP in the comment": 'accept comment "icmp"',
    "a port in the comment": 'accept comment "tcp dport 22"',
    "a sign of comment in the prefix": 'log prefix "seen # " accept',
    "ICMP and TCP": "meta l4proto { icmp, tcp } accept",
    "every cable but loopback": "iif != lo accept",
    "a way back": "fib saddr . iif oif exists accept",
    "a set of every port": "tcp dport @ports accept",
    "a cable and a port": 'iifname . tcp dport { "eth0" . 1-65535 } accept',
    "a map of ports": "tcp dport vmap { 22 : drop, 1024-65535 : accept }",
    "a map of families": "meta protocol vmap { ip : jump doors, ip6 : jump doors }",
    "a jump": "jump doors",
    "a goto": "goto doors",
}
SAVED = {
    "ports that are named": ("-p tcp -m tcp --dport 22 -j ACCEPT", "closed"),
    "many ports": ("-p tcp -m multiport --dports 22,25 -j ACCEPT", "closed"),
    "a chain of its own": ("-j DOORS", "closed"),
    "everything": ("-j ACCEPT", "wide"),
    "not loopback": ("! -i lo -j ACCEPT", "wide"),
    "not one port": ("-p tcp -m tcp ! --dport 22 -j ACCEPT", "wide"),
    "new": ("-m conntrack --ctstate NEW,RELATED,ESTABLISHED -j ACCEPT", "wide"),
    "a range": ("-p tcp -m multiport --dports 22,1024:65535 -j ACCEPT", "wide"),
    "a word in the comment": ('-m comment --comment "-i lo --dport 22 icmp" -j ACCEPT', "wide"),
    "one word in the comment": ("-m comment --comment icmp -j ACCEPT", "wide"),
    "not ICMP": ("! -p icmp -j ACCEPT", "wide"),
}


@pytest.mark.parametrize("name", CLEAR)
def test_what_is_plain_is_told_as_the_kernel_does_it(cable: Cable, name: str) -> None:
    rules, *expected = CLEAR[name]
    cable.load_nft(rules)
    told = judged(cable)
    agree(cable, told)
    assert list(told.values()) == expected


@pytest.mark.parametrize("name", WIDE)
def test_a_rule_that_lets_strangers_in_is_never_called_closed(cable: Cable, name: str) -> None:
    cable.load_nft(ruled(WIDE[name], more=f"{PORTS % '1-65535'}\n{JUMPS % 'accept'}"))
    told = judged(cable)
    assert cable.is_open("ip") and cable.is_open("ip6"), "the rule was meant to let the stranger in"
    assert "closed" not in told.values()


@pytest.mark.parametrize("rule", ["return", "ct state new return", "tcp dport 1-65535 return", "goto doors"])
def test_what_goes_round_the_last_rule_is_never_called_closed(cable: Cable, rule: str) -> None:
    cable.load_nft(ruled(f"{rule}\n drop", policy="accept", more=JUMPS % "counter"))
    told = judged(cable)
    assert cable.is_open("ip") and cable.is_open("ip6")
    assert "closed" not in told.values()


@pytest.mark.parametrize("name", SAVED)
def test_rules_of_iptables_are_told_as_the_kernel_does_them(cable: Cable, name: str) -> None:
    rule, expected = SAVED[name]
    cable.load_nft("")
    for program in ("iptables-restore", "ip6tables-restore"):
        icmp = "-A INPUT -p ipv6-icmp -j ACCEPT\n" if program.startswith("ip6") else ""
        rules = f"*filter\n:INPUT DROP [0:0]\n:DOORS - [0:0]\n-A DOORS -p tcp -m tcp --dport 25 -j ACCEPT\n{icmp}"
        cable.at_server(program, stdin=f"{rules}-A INPUT {rule}\nCOMMIT\n")
    told = judged(cable, saved=True)
    agree(cable, told)
    assert told == dict.fromkeys(ADDRESSES, "closed") if expected == "closed" else "closed" not in told.values()


def test_the_return_of_iptables_goes_round_a_last_drop(cable: Cable) -> None:
    cable.load_nft("")
    for program in ("iptables-restore", "ip6tables-restore"):
        cable.at_server(
            program, stdin="*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j RETURN\n-A INPUT -j DROP\nCOMMIT\n"
        )
    told = judged(cable, saved=True)
    agree(cable, told)
    assert "closed" not in told.values()
