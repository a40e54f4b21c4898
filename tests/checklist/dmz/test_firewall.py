"""The packet filter: closed is said only where no rule may let everyone in; what is not followed here is unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockdown.checklist.dmz.audit_firewall import audit_firewall
from lockdown.config import Settings
from lockdown.facts import firewall
from lockdown.model.finding import State
from lockdown.model.unknown import Unknown
from tests.recordings.literal import host

DROP = (
    "table inet f {{\n{flags}\tchain input {{\n"
    "\t\ttype filter hook input priority filter; policy drop;\n{rule}\t}}\n}}\n"
)
NONE = "not installed: no iptables-save in /usr/sbin\n"


def inbound(nft: object, iptables: str = NONE) -> State:
    base = host("")
    told = {firewall.NFT: nft, firewall.IPTABLES: iptables, firewall.IP6TABLES: NONE}
    snapshot = replace(base, readings={**base.readings, **told})  # type: ignore[arg-type]
    found = list(audit_firewall(snapshot, Settings()))
    return next(one.state for one in found if one.control == "dmz.inbound-is-closed-by-default")


def ruled(rule: str, flags: str = "") -> str:
    return DROP.format(rule=f"\t\t{rule}\n", flags=flags)


@pytest.mark.parametrize(
    "rule", ["tcp dport { 22, 25 } accept", "ct state established,related accept", 'iifname "lo" accept', "counter"]
)
def test_a_chain_that_drops_and_lets_in_what_it_names_is_closed(rule: str) -> None:
    assert inbound(ruled(rule)) is State.PASS


@pytest.mark.parametrize(
    "rule",
    ["accept", "tcp dport 1-65535 accept", "meta l4proto tcp accept", "jump other", 'iifname "eth*" accept'],
)
def test_a_rule_that_may_let_everyone_in_is_never_called_closed(rule: str) -> None:
    assert inbound(ruled(rule)) is State.UNKNOWN


def test_a_table_that_sleeps_closes_nothing() -> None:
    assert inbound(ruled("counter", "\tflags dormant\n")) is State.WARN


def test_nothing_at_all_is_a_warning_and_denied_is_unknown() -> None:
    assert inbound("") is State.WARN
    assert inbound(Unknown("nft ended with 1: Operation not permitted")) is State.UNKNOWN


def test_of_iptables_a_bare_accept_is_never_called_closed() -> None:
    saved = "*filter\n:INPUT DROP [0:0]\n-A INPUT {rule}\nCOMMIT\n"
    assert inbound(NONE, saved.format(rule="-p tcp -m tcp --dport 25 -j ACCEPT")) is State.PASS
    assert inbound(NONE, saved.format(rule="-j ACCEPT")) is State.UNKNOWN
