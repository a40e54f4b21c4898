"""What nft is told and what it says, without a kernel; the kernel itself has its own test among the live ones."""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lockdown.agent import verbs
from lockdown.agent.deeds import Deeds
from lockdown.agent.following import Follower, shut_out
from lockdown.agent.packet_filter import Dropped, PacketFilter, ports_of, read_listing, script
from lockdown.config import Gateway, Settings
from lockdown.engine.blocking import Network, Protected
from lockdown.model.restraint import Restraint
from lockdown.model.snapshot import Snapshot
from lockdown.model.traffic import Dimension, Doors, Rung
from lockdown.model.unknown import Unknown
from lockdown.state.store import open_store

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PORTS = ports_of(Settings())
ADMIN = Protected(ipaddress.ip_network("198.51.100.7/32"), "the admin")


def dropped(network: str, doors: Doors = Doors.MAIL, until: datetime = NOW + HOUR) -> Dropped:
    return Dropped(ipaddress.ip_network(network), doors, until)


def test_mail_and_signing_in_have_their_own_doors() -> None:
    ports = ports_of(Settings(gateway=Gateway(listen=("127.0.0.1:2525", "[::1]:587"))))

    assert ports[Doors.MAIL] == (25, 587, 2525)
    assert 993 in ports[Doors.SIGN_IN]
    assert not set(ports[Doors.MAIL]) & set(ports[Doors.SIGN_IN])


def test_one_transaction_shuts_the_doors_before_all_other_chains() -> None:
    told = script(PORTS, [dropped("203.0.113.0/24"), dropped("2001:db8::/64", Doors.SIGN_IN)], NOW)

    assert "hook prerouting priority raw" in told
    assert "add element inet lockdown mail4 { 203.0.113.0/24 timeout 3600s }" in told
    assert "add element inet lockdown sign_in6 { 2001:db8::/64 timeout 3600s }" in told


def test_a_listing_without_our_chain_or_its_rules_is_no_proof() -> None:
    assert isinstance(read_listing(json.dumps({"nftables": []})), Unknown)
    chain = {"chain": {"name": "doors", "hook": "prerouting", "prio": -300}}
    assert isinstance(read_listing(json.dumps({"nftables": [chain]})), Unknown)


WORDS = ["nftables", "chain", "set", "rule", "elem", "val", "prefix", "name"]
NESTED = st.recursive(
    st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.sampled_from(WORDS), x)
)


@given(st.text() | NESTED.map(json.dumps))
def test_whatever_nft_says_is_read_or_unknown(text: str) -> None:
    assert isinstance(read_listing(text), frozenset | Unknown)


def test_without_nft_it_says_what_to_install_and_nothing_is_believed_to_be_shut() -> None:
    packets = PacketFilter(PORTS, nft=("/nowhere/nft",))

    failed = packets.drop(dropped("203.0.113.0/24"), NOW)
    assert isinstance(failed, Unknown)
    assert "apt-get install nftables" in failed.why
    assert packets.let_go(ipaddress.ip_network("203.0.113.0/24"), Doors.MAIL, NOW) is False


def test_where_nothing_was_ever_wanted_nft_need_not_be_there() -> None:
    assert PacketFilter(PORTS, nft=("/nowhere/nft",)).follow([], NOW) is None


def restraint(value: str, rung: Rung = Rung.DROP, **changes: object) -> Restraint:
    dimension = Dimension.NETWORK if "/" in value else Dimension.CLIENT
    fields = {"by": "lockdown", "why": "a flood", "since": NOW, "until": NOW + HOUR} | changes
    return Restraint(match=((dimension, value),), rung=rung, **fields)  # type: ignore[arg-type]


def test_only_what_runs_and_is_meant_and_may_be_is_shut_out() -> None:
    told = [
        restraint("203.0.113.0/24"),
        restraint("2001:db8::1", doors=Doors.SIGN_IN),
        restraint("192.0.2.0/24", Rung.REJECT),
        restraint("192.0.2.0/24", shadow=True),
        restraint("192.0.2.0/24", until=NOW),
        restraint("192.0.2.0/24", ended_at=NOW),
        restraint("198.51.100.0/24"),
        restraint("10.0.0.0/8"),
        restraint("nonsense"),
    ]

    assert list(shut_out(told, [ADMIN], NOW)) == [
        dropped("203.0.113.0/24"),
        dropped("2001:db8::1/128", Doors.SIGN_IN),
    ]


class Kernel(PacketFilter):
    """Takes all that it is told."""

    def __init__(self) -> None:
        super().__init__(PORTS)
        self.followed: list[list[Dropped]] = []

    def follow(self, wanted, now):  # type: ignore[no-untyped-def]
        self.followed.append(list(wanted))

    def drop(self, one: Dropped, now: datetime) -> Unknown | None:
        self.followed.append([one])
        return None

    def let_go(self, network: Network, doors: Doors, now: datetime) -> bool | Unknown:
        return bool(self.followed)


def test_the_kernel_follows_the_store_after_a_start_and_after_each_change(tmp_path: Path) -> None:
    store, kernel = open_store(tmp_path), Kernel()
    entered = store.restrain(restraint("203.0.113.0/24")).result()
    follower = Follower(store, kernel, lambda: (ADMIN,), acts=True)

    follower.look(NOW)
    follower.look(NOW)
    store.end_restraint(entered.number, "anna", NOW).result()
    follower.look(NOW)
    store.close()

    assert kernel.followed == [[dropped("203.0.113.0/24")], []], "and nothing is told twice"


def test_in_the_mode_to_look_on_nobody_is_shut_out(tmp_path: Path) -> None:
    store, kernel = open_store(tmp_path), Kernel()
    store.restrain(restraint("203.0.113.0/24")).result()
    Follower(store, kernel, tuple, acts=False).look(NOW)
    store.close()

    assert kernel.followed == [[]]


class NoBlocks:
    def block(self, network: str, why: str, until: datetime, by: str, now: datetime) -> None:
        raise AssertionError("what the packet filter drops is no block of the gateway")

    unblock = block  # type: ignore[assignment]


def test_the_agent_keeps_its_bounds_for_the_packet_filter_too() -> None:
    kernel = Kernel()
    deeds = Deeds(NoBlocks(), lambda: (ADMIN,), lambda: Snapshot("vm", NOW, "0", {}), NOW, packets=kernel)  # type: ignore[arg-type]

    def ask(network: str) -> verbs.Reply:
        return deeds.answer(verbs.Block(network=network, seconds=3600, why="x", by="y", doors="mail"), NOW)

    assert ask("203.0.113.0/24") == verbs.Done("203.0.113.0/24 is shut out at mail", NOW + HOUR)
    assert isinstance(ask("198.51.100.0/24"), verbs.Refused)
    assert isinstance(ask("203.0.0.0/8"), verbs.Refused)
    assert kernel.followed == [[dropped("203.0.113.0/24")]]
