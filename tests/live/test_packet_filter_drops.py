"""The real packet filter of the kernel: whom we shut out is shut out, at those doors, until then, and nobody else."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.agent.packet_filter import Dropped, PacketFilter, ports_of
from lockdown.config import Settings
from lockdown.model.traffic import Doors
from lockdown.model.unknown import Unknown
from tests.live.test_packet_filter import run, why_no_namespaces
from tests.rig.network import eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_namespaces()), reason=why_no_namespaces() or "namespaces are there"),
]

MAIL, SIGN_IN = 25, 587
BAD = {"ip": "192.0.2.66", "ip6": "2001:db8::66"}
GOOD = {"ip": "192.0.2.2", "ip6": "2001:db8::2"}
SERVER = {"ip": "192.0.2.1", "ip6": "2001:db8::1"}
_LISTEN = f"""
import selectors, socket
selector = selectors.DefaultSelector()
for port in ({MAIL}, {SIGN_IN}):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
    selector.register(server, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        key.fileobj.accept()[0].close()
"""
_KNOCK = """
import socket, sys
server, port, source = sys.argv[1:]
try:
    socket.create_connection((server, int(port)), 0.7, (source, 0)).close()
except OSError:
    sys.exit(3)
"""


@dataclass(frozen=True)
class House:
    """The server's end, with two doors, and the strangers' end, with two addresses of each family."""

    server: str
    stranger: str
    packets: PacketFilter

    def is_open(self, source: dict[str, str], family: str, port: int = MAIL) -> bool:
        """Whether a TCP connection from there comes to be."""
        words = [sys.executable, "-c", _KNOCK, SERVER[family], str(port), source[family]]
        code = subprocess.run(
            ["ip", "netns", "exec", self.stranger, *words], capture_output=True, timeout=20
        ).returncode
        assert code in (0, 3), f"the knocking itself failed: {code}"
        return code == 0

    def nft(self, *words: str) -> str:
        return run("ip", "netns", "exec", self.server, "nft", *words)


@pytest.fixture
def house() -> Iterator[House]:
    server, stranger = f"ld{os.getpid()}d", f"ld{os.getpid()}e"
    with ExitStack() as stack:
        for name in (server, stranger):
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "del", name)
        run("ip", "link", "add", "eth0", "netns", server, "type", "veth", "peer", "name", "eth0", "netns", stranger)
        for name, addresses in ((server, (SERVER,)), (stranger, (GOOD, BAD))):
            for one in addresses:
                run("ip", "-n", name, "addr", "add", f"{one['ip']}/24", "dev", "eth0")
                run("ip", "-n", name, "addr", "add", f"{one['ip6']}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        words = ["ip", "netns", "exec", server, sys.executable, "-c", _LISTEN]
        listener = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        stack.callback(listener.wait, 10)
        stack.callback(listener.kill)
        assert listener.stdout and listener.stdout.readline() == "ready\n"
        packets = PacketFilter(ports_of(Settings()), nft=("ip", "netns", "exec", server, "nft"))
        yield House(server, stranger, packets)


def dropped(address: str, doors: Doors = Doors.MAIL, seconds: float = 3600.0) -> Dropped:
    return Dropped(ipaddress.ip_network(address), doors, datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_whom_we_shut_out_is_refused_by_the_kernel_and_his_neighbour_is_not(house: House, family: str) -> None:
    eventually(lambda: house.is_open(BAD, family), "he gets in before")  # an address of IPv6 takes a moment
    assert house.packets.drop(dropped(BAD[family]), datetime.now(UTC)) is None

    assert not house.is_open(BAD, family)
    eventually(lambda: house.is_open(GOOD, family), "his neighbour gets in")
    eventually(lambda: house.is_open(BAD, family, SIGN_IN), "the other doors stay open to him")

    assert house.packets.let_go(ipaddress.ip_network(BAD[family]), Doors.MAIL, datetime.now(UTC)) is True
    eventually(lambda: house.is_open(BAD, family), "and afterwards")


def test_who_guesses_passwords_may_still_deliver_mail(house: House) -> None:
    assert house.packets.drop(dropped(BAD["ip"], Doors.SIGN_IN), datetime.now(UTC)) is None

    assert not house.is_open(BAD, "ip", SIGN_IN)
    assert house.is_open(BAD, "ip", MAIL)


def test_a_term_ends_by_itself_though_nobody_is_there_to_end_it(house: House) -> None:
    assert house.packets.drop(dropped(BAD["ip"], seconds=3), datetime.now(UTC)) is None
    assert not house.is_open(BAD, "ip")

    eventually(lambda: house.is_open(BAD, "ip"), "the kernel has ended it")


def test_a_network_and_an_address_within_it_may_both_be_shut_out(house: House) -> None:
    assert house.packets.drop(dropped("192.0.2.64/30"), datetime.now(UTC)) is None
    assert house.packets.drop(dropped(BAD["ip"]), datetime.now(UTC)) is None
    assert not house.is_open(BAD, "ip")

    assert house.packets.let_go(ipaddress.ip_network("192.0.2.64/30"), Doors.MAIL, datetime.now(UTC)) is True
    assert not house.is_open(BAD, "ip"), "the address has a term of its own"


def test_after_another_firewall_has_emptied_all_tables_it_is_put_back(house: House) -> None:
    wanted = [dropped(BAD["ip"])]
    assert house.packets.follow(wanted, datetime.now(UTC)) is None
    house.nft("flush", "ruleset")
    assert house.is_open(BAD, "ip"), "it is gone"

    assert house.packets.follow(wanted, datetime.now(UTC)) is None
    assert not house.is_open(BAD, "ip")


def test_an_element_that_somebody_else_took_out_is_seen_as_missing(house: House) -> None:
    one = dropped(BAD["ip"])
    assert house.packets.drop(one, datetime.now(UTC)) is None
    house.nft("delete", "element", "inet", "lockdown", "mail4", f"{{ {BAD['ip']} }}")

    assert house.packets.listed() == frozenset()
    assert house.packets.follow([one], datetime.now(UTC)) is None
    assert not house.is_open(BAD, "ip")


def test_a_port_that_is_published_from_elsewhere_is_shut_too_as_containers_do_it(house: House) -> None:
    house.nft("add", "table", "ip", "nat")
    house.nft("add", "chain", "ip", "nat", "in", "{ type nat hook prerouting priority dstnat; }")
    house.nft("add", "rule", "ip", "nat", "in", "tcp", "dport", "25", "redirect", "to", f":{SIGN_IN}")
    assert house.packets.drop(dropped(BAD["ip"]), datetime.now(UTC)) is None

    assert not house.is_open(BAD, "ip"), "though behind the door another port answers"
    assert house.is_open(GOOD, "ip")


def test_our_table_leaves_the_rules_of_others_alone(house: House) -> None:
    house.nft("add", "table", "inet", "theirs")
    assert house.packets.drop(dropped(BAD["ip"]), datetime.now(UTC)) is None

    assert "table inet theirs" in house.nft("list", "ruleset")


def test_a_kernel_that_takes_nothing_is_unknown_and_not_shut(house: House) -> None:
    nobody = (
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
        *("ip", "netns", "exec", house.server),
        "nft",
    )
    failed = PacketFilter(ports_of(Settings()), nft=nobody).drop(dropped(BAD["ip"]), datetime.now(UTC))

    assert isinstance(failed, Unknown)
    assert house.is_open(BAD, "ip")
