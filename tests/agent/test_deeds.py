"""The agent keeps its bounds itself, whoever asks."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.agent import verbs
from lockdown.agent.acting import reply_of
from lockdown.agent.deeds import MOST_BLOCKS, Deeds, Peer
from lockdown.engine.blocking import Protected
from lockdown.model.snapshot import Snapshot
from lockdown.model.standing import HalfDone, Halfway, LastDrill, Standing
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


def _deeds(blocks: Blocks, standing: Standing | None = None) -> Deeds:
    snapshot = Snapshot("vm", NOW, "0", {"a": "text", "b": Unknown("permission denied")})
    return Deeds(blocks, lambda: (ADMIN,), lambda: snapshot, NOW, standing=lambda: standing)


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


@pytest.mark.parametrize(("free", "reply"), [
    (4096, verbs.Room(4096)), (None, verbs.Room(None)), (Unknown("no Dovecot"), verbs.Refused("no Dovecot")),
])  # fmt: skip
def test_how_much_fits_into_a_mailbox_is_told(free: int | Unknown | None, reply: verbs.Reply) -> None:
    deeds = Deeds(Blocks(), lambda: (), lambda: Snapshot("vm", NOW, "0", {}), NOW, room=lambda user: free)
    assert deeds.answer(verbs.AskRoom(user="anna@example.org"), NOW) == reply


@pytest.mark.parametrize("user", ["-A", "", "a b", "a\n", "x" * 200, "hashed:1"])
def test_nobody_is_asked_about_what_is_no_name_of_a_user(user: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        verbs.decode_request(verbs.encode(verbs.AskRoom(user=user)))


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


def test_status_tells_of_what_is_half_done_to_those_who_may_not_read_it() -> None:
    standing = Standing(HalfDone("20261124-115000", Halfway.PROBATION, NOW), LastDrill(NOW, True, False), {"x": "why"})
    told = _deeds(Blocks(), standing).answer(verbs.Status(), NOW)
    assert isinstance(told, verbs.Running)
    assert verbs.decode_reply(verbs.encode(told)) == told and told.standing == standing


# ── changing the machine ──

ROOT = Peer(0, os.getpid())
GATEWAY = Peer(4711, os.getpid())


class Acts:
    """Hears what would be run."""

    def __init__(self) -> None:
        self.run: list[tuple[str, ...]] = []

    def __call__(self, arguments: tuple[str, ...]) -> verbs.Reply:
        self.run.append(arguments)
        return verbs.Acted("20261124-120000", "applied", ["applied"], 0)


def _acting() -> tuple[Deeds, Acts]:
    acts = Acts()
    return Deeds(Blocks(), lambda: (ADMIN,), lambda: Snapshot("vm", NOW, "0", {}), NOW, acts), acts


APPLY = verbs.Apply(plan="q7x2mfk4ab", by="anna", items=["relaying"], without=["dmz.old-tls-is-off"])


def test_an_apply_is_run_by_the_plans_id_with_who_asked_and_over_which_connection() -> None:
    deeds, acts = _acting()
    assert isinstance(deeds.answer(APPLY, NOW, ROOT), verbs.Acted)
    told = acts.run[0]
    assert told[:2] == ("apply", "q7x2mfk4ab")
    assert told[2:6] == ("--item", "relaying", "--without", "dmz.old-tls-is-off")
    assert told[told.index("--by") + 1] == "anna"
    assert '"sessions"' in told[told.index("--origin") + 1]


@pytest.mark.parametrize(
    "request_",
    [
        APPLY,
        verbs.Confirm(apply="20261124-120000", by="gateway"),
        verbs.Rollback(apply="20261124-120000", by="gateway"),
    ],
    ids=["apply", "confirm", "rollback"],
)
def test_the_gateways_user_changes_nothing_although_it_may_ask_for_blocks(request_: verbs.Request) -> None:
    deeds, acts = _acting()
    assert isinstance(deeds.answer(_block("203.0.113.7"), NOW, GATEWAY), verbs.Done)
    refused = deeds.answer(request_, NOW, GATEWAY)
    assert isinstance(refused, verbs.Refused) and "only root" in refused.why
    assert acts.run == []


def test_one_apply_a_minute_is_enough() -> None:
    deeds, acts = _acting()
    deeds.answer(APPLY, NOW, ROOT)
    assert isinstance(deeds.answer(APPLY, NOW + timedelta(seconds=59), ROOT), verbs.Refused)
    assert isinstance(deeds.answer(APPLY, NOW + timedelta(seconds=60), ROOT), verbs.Acted)
    assert len(acts.run) == 2


@pytest.mark.parametrize(
    "raw",
    [
        {"verb": "apply", "plan": "../../etc", "by": "x"},
        {"verb": "apply", "plan": "q7x2mfk4ab; id", "by": "x"},
        {"verb": "apply", "plan": "q7x2mfk4ab", "by": "x", "items": ["--config"]},
        {"verb": "apply", "plan": "q7x2mfk4ab", "by": "x", "changes": []},
        {"verb": "rollback", "apply": "--interrupted", "by": "x"},
        {"verb": "confirm", "apply": "20261124-120000/../x", "by": "x"},
    ],
)
def test_nothing_that_is_no_id_comes_through(raw: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        verbs.decode_request(msgspec.json.encode(raw))


@pytest.mark.parametrize(
    ("out", "err", "words"),
    [
        (b"", "Traceback\nZeroDivisionError: x", "ZeroDivisionError"),
        (b"not json", "", "no word of it"),
        (b'{"says": ["stale: the machine has changed"], "exit_code": 2, "try_this": "lockdown plan"}', "", "stale"),
    ],
)
def test_what_did_not_work_is_a_refusal_in_words(out: bytes, err: str, words: str) -> None:
    reply = reply_of(out, err)
    assert isinstance(reply, verbs.Refused) and words in reply.why


@given(st.binary(max_size=200), st.text(max_size=50))
def test_whatever_the_command_says_is_an_answer(out: bytes, err: str) -> None:
    assert isinstance(reply_of(out, err), verbs.Refused | verbs.Acted)
