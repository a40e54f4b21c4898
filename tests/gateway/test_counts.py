"""Who has done how much, over two workers that share their counts in files, and who is blocked."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.gateway.counts import Blocks, Counts, plain_address, prefix_of
from lockdown.model.mail import Block, Client, Repetition
from lockdown.smtp.address import Address, parse_path
from tests.gateway.house import settings_of

SETTINGS = settings_of('[gateway]\ntrusted_networks = ["192.0.2.0/28"]\n')
FAR = datetime.now(UTC) + timedelta(days=1)
PAST = datetime.now(UTC) - timedelta(days=1)


def worker(folder: Path, number: int = 0, workers: int = 2) -> Counts:
    return Counts(SETTINGS, folder, number, workers)


def address(text: str) -> Address:
    parsed = parse_path(f"<{text}>".encode(), allow_utf8=True, null_allowed=False)
    assert isinstance(parsed, tuple)
    return parsed[0]


def open_seen_by(counts: Counts, peer: str = "198.51.100.7") -> tuple[int, int]:
    """Connections of the address and of its prefix as a newcomer from it is told; he leaves at once."""
    client = counts.connected(peer)
    counts.disconnected(client)
    return client.connections - 1, client.prefix_connections - 1


def test_a_newcomer_is_counted_with_his_neighbours(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    counts.connected("198.51.100.7")
    counts.connected("198.51.100.8")
    client = counts.connected("198.51.100.7")
    assert (client.connections, client.prefix_connections, client.connects) == (2, 3, 2)
    assert (client.prefix, client.trusted) == ("198.51.100.0/24", False)


def test_what_one_worker_has_poured_out_another_sees_at_its_look(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    clients = [one.connected("198.51.100.7") for _ in range(3)]
    assert open_seen_by(two) == (0, 0)
    one.look()
    two.look()
    assert open_seen_by(two) == (3, 3)
    for client in clients:
        one.disconnected(client)
    one.look()
    two.look()
    assert open_seen_by(two) == (0, 0)


def test_messages_and_recipients_are_counted_over_both_workers(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    here, there = one.connected("198.51.100.7"), two.connected("198.51.100.9")
    one.message(here, [address("Anna@example.org")], 1000)
    one.look()
    two.look()
    network, mailbox = two.message(there, [address("anna@example.org"), address("bert@example.org")], 10)
    assert network == Repetition(2, 1010)
    assert mailbox == Repetition(2, 1010)


def test_what_was_vouched_for_counts_in_no_worker_and_the_rest_does(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    for number in range(5):
        here = one.connected("198.51.100.7")
        one.asked(here)
        one.message(here, [address(f"reader{number}@example.org")], 1000)
        if number:
            one.vouch(here, 1, 1000)
    assert one.from_network(here) == Repetition(1, 1000)
    one.look()
    two.look()
    there = two.connected("198.51.100.7")
    assert there.connects == 2
    assert two.from_network(there) == Repetition(1, 1000)
    assert two.asked(there) == (2, 0)


def test_what_is_vouched_for_after_its_count_has_expired_makes_nobody_owed(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    counts.vouch(counts.connected("198.51.100.7"), 3, 1000)
    client = counts.connected("198.51.100.7")
    assert counts.from_network(client) == Repetition(0, 0)
    assert counts.asked(client) == (1, 0)


def test_what_was_held_is_not_counted_for_whom_it_was_meant_and_still_is_for_who_sent_it(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    here = one.connected("198.51.100.7")
    for _ in range(5):
        one.message(here, [address("anna@example.org")], 1000)
        one.spare([address("Anna@example.org")], 1000)
    one.look()
    two.look()
    there = two.connected("198.51.100.8")
    assert two.message(there, [address("anna@example.org")], 10) == (Repetition(6, 5010), Repetition(1, 10))


def test_nothing_is_poured_out_twice(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    client = one.connected("198.51.100.7")
    one.asked(client)
    one.refused(client)
    for _ in range(60):
        one.look()
    assert two.asked(two.connected("198.51.100.7")) == (2, 1)


def test_a_client_that_is_refused_after_it_left_is_still_blamed(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    client = counts.connected("198.51.100.7")
    counts.disconnected(client)
    for _ in range(3):
        counts.look()
    counts.refused(client)
    assert counts.asked(counts.connected("198.51.100.7"))[1] == 1


def test_who_has_gone_is_forgotten_here_and_not_in_the_files(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    for number in range(50):
        counts.disconnected(counts.connected(f"198.51.100.{number}"))
    for _ in range(60):
        counts.look()
    assert not counts._hosts
    assert not counts._networks
    assert counts.connected("198.51.100.7").connects == 2


# ── one worker takes over from another ──


def test_a_reload_leaves_no_connection_counted_that_nobody_has(tmp_path: Path) -> None:
    old, other = worker(tmp_path, 0), worker(tmp_path, 1)
    new = worker(tmp_path, 0)
    for _ in range(5):
        old.connected("198.51.100.7")
    old.look()
    old.freeze()
    other.look()
    assert open_seen_by(other) == (0, 0)
    assert open_seen_by(new) == (0, 0)


def test_a_successors_connections_are_counted_although_the_old_worker_took_its_own_back(tmp_path: Path) -> None:
    old, other = worker(tmp_path, 0), worker(tmp_path, 1)
    for _ in range(5):
        old.connected("198.51.100.7")
    old.look()
    new = worker(tmp_path, 0)
    new.connected("198.51.100.7")
    new.look()
    old.freeze()
    for _ in range(60):
        new.look()
    other.connected("198.51.100.7")
    other.look()
    assert open_seen_by(other)[0] == 2


def test_a_frozen_worker_touches_no_file(tmp_path: Path) -> None:
    old, new = worker(tmp_path, 0), worker(tmp_path, 1)
    client = old.connected("198.51.100.7")
    old.freeze()
    old.asked(client)
    old.look()
    old.disconnected(client)
    assert new.asked(new.connected("198.51.100.7")) == (1, 0)


# ── many at once ──


def test_ten_thousand_silent_clients_cost_a_look_little(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    for number in range(10_000):
        counts.connected(f"10.{number >> 8}.{number & 255}.7")
    counts.look()
    looks = []
    for _ in range(10):
        begun = time.process_time()
        counts.look()
        looks.append(time.process_time() - begun)
    # Five of them a second; it was 0.25 s each when every look asked for every client.
    assert min(looks) < 0.05


def test_every_silent_client_is_looked_at_again_after_a_while(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 0), worker(tmp_path, 1)
    for number in range(100):
        one.connected(f"198.51.100.{number}")
        two.connected(f"198.51.100.{number}")
    one.look()
    for _ in range(60):
        two.look()
    assert {open_seen_by(two, f"198.51.100.{number}")[0] for number in range(100)} == {2}


# ── addresses ──


@pytest.mark.parametrize(
    ("peer", "address", "prefix"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
    ],
)
def test_one_owner_has_one_prefix(peer: str, address: str, prefix: str) -> None:
    assert plain_address(peer) == address
    assert prefix_of(plain_address(peer)) == prefix


def test_a_trusted_network_is_known_through_an_ipv6_socket_too(tmp_path: Path) -> None:
    counts = worker(tmp_path)
    found: list[Client] = [counts.connected(peer) for peer in ("192.0.2.3", "::ffff:192.0.2.3", "192.0.2.16")]
    assert [client.trusted for client in found] == [True, True, False]


# ── blocks ──


def blocks(*networks: tuple[str, datetime | None]) -> Blocks:
    found = Blocks()
    found.replace(Block(network, "a reason", until, "anna") for network, until in networks)
    return found


@pytest.mark.parametrize("network", ["198.51.100.7/32", "198.51.100.0/24", "198.0.0.0/8", "0.0.0.0/0"])
def test_an_address_lies_in_a_block_of_any_length(network: str) -> None:
    found = blocks((network, None), ("2001:db8::/32", None)).of("198.51.100.7")
    assert found is not None and found.network == network


@pytest.mark.parametrize("address", ["198.51.101.7", "2001:db9::1", "::1"])
def test_an_address_beside_a_block_is_free(address: str) -> None:
    assert blocks(("198.51.100.0/24", None), ("2001:db8::/32", None)).of(address) is None


def test_a_block_ends_with_its_term_although_the_store_has_not_changed() -> None:
    assert blocks(("198.51.100.0/24", PAST)).of("198.51.100.7") is None
    found = blocks(("198.51.0.0/16", PAST), ("198.51.100.0/24", FAR)).of("198.51.100.7")
    assert found is not None and found.until == FAR


class _TakenAway(datetime):
    """An end that is asked for while another thread takes all blocks away."""

    blocks: Blocks

    def __gt__(self, other: datetime) -> bool:
        self.blocks.replace([])
        return False


def test_a_block_that_is_taken_away_while_it_is_asked_for_is_no_crash() -> None:
    """The store is read in another thread."""
    ending = _TakenAway(2000, 1, 1, tzinfo=UTC)
    ending.blocks = blocks(("198.51.100.0/24", ending), ("198.51.100.7/32", FAR))
    found = ending.blocks.of("198.51.100.7")
    assert found is not None and found.until == FAR
    assert ending.blocks.of("198.51.100.7") is None
