"""The agent keeps its bounds itself, whoever asks."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from lockdown.agent import verbs
from lockdown.agent.deeds import MOST_BLOCKS, Deeds
from lockdown.engine.blocking import Protected
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ADMIN = Protected(ipaddress.ip_network("198.51.100.7/32"), "the admin")


class Blocks:
    """A block list in a dict."""

    def __init__(self) -> None:
        self.active: dict[str, datetime] = {}

    def block(self, network: str, why: str, until: datetime, by: str, now: datetime) -> None:
        self.active[network] = until

    def unblock(self, network: str, by: str, now: datetime) -> bool:
        return self.active.pop(network, None) is not None


def _deeds(blocks: Blocks) -> Deeds:
    snapshot = Snapshot("vm", NOW, "0", {"a": "text", "b": Unknown("permission denied")})
    return Deeds(blocks, lambda: (ADMIN,), lambda: snapshot, NOW)


def _block(network: str, seconds: int = 3600) -> verbs.Block:
    return verbs.Block(network=network, seconds=seconds, why="floods", by="gateway")


def test_a_block_is_made_for_its_term() -> None:
    blocks = Blocks()
    reply = _deeds(blocks).answer(_block("203.0.113.0/24"), NOW)
    assert reply == verbs.Done("203.0.113.0/24 is blocked", NOW + timedelta(hours=1))
    assert blocks.active == {"203.0.113.0/24": NOW + timedelta(hours=1)}


def test_the_admin_is_never_blocked() -> None:
    blocks = Blocks()
    reply = _deeds(blocks).answer(_block("198.51.100.0/24"), NOW)
    assert isinstance(reply, verbs.Refused)
    assert "the admin" in reply.why
    assert not blocks.active


def test_a_term_beyond_thirty_days_is_refused() -> None:
    assert isinstance(_deeds(Blocks()).answer(_block("203.0.113.7", 31 * 86400), NOW), verbs.Refused)


def test_a_runaway_asker_is_stopped_and_may_go_on_a_minute_later() -> None:
    blocks = Blocks()
    deeds = _deeds(blocks)
    for number in range(MOST_BLOCKS):
        assert isinstance(deeds.answer(_block(f"203.0.113.{number}"), NOW), verbs.Done)
    assert isinstance(deeds.answer(_block("203.0.113.200"), NOW), verbs.Refused)
    assert len(blocks.active) == MOST_BLOCKS
    assert isinstance(deeds.answer(_block("203.0.113.200"), NOW + timedelta(minutes=1)), verbs.Done)


def test_unblocking_says_whether_there_was_a_block() -> None:
    blocks = Blocks()
    deeds = _deeds(blocks)
    deeds.answer(_block("203.0.113.7"), NOW)
    assert isinstance(deeds.answer(verbs.Unblock(network="203.0.113.7", by="admin"), NOW), verbs.Done)
    assert isinstance(deeds.answer(verbs.Unblock(network="203.0.113.7", by="admin"), NOW), verbs.Refused)
    assert isinstance(deeds.answer(verbs.Unblock(network="nonsense", by="admin"), NOW), verbs.Refused)


def test_a_snapshot_keeps_what_is_unknown_apart_from_what_was_read() -> None:
    reply = _deeds(Blocks()).answer(verbs.TakeSnapshot(), NOW)
    assert isinstance(reply, verbs.Taken)
    assert reply.readings == {"a": "text"}
    assert reply.unknown == {"b": "permission denied"}


def test_status_counts_the_blocks_that_were_made() -> None:
    deeds = _deeds(Blocks())
    deeds.answer(_block("203.0.113.7"), NOW)
    status = deeds.answer(verbs.Status(), NOW)
    assert isinstance(status, verbs.Running)
    assert status.blocks_made == 1
