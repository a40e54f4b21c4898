"""The agent's hands on the queue: who may ask for what, how much, and what it understands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lockdown.agent import verbs
from lockdown.agent.deeds import Deeds, Peer
from lockdown.agent.queue_deeds import MOST_HOLDS, QueueDeeds, QueueKeeper
from lockdown.config import Monitoring
from lockdown.engine.queue import QueueSurgery
from lockdown.engine.queue_record import Deed, State, record
from lockdown.host.queue_hands import Found, Outcome, Restored
from lockdown.model.queued import Fingerprint, Held, Queued
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.rig.network import eventually

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GATEWAY, ROOT = Peer(4711, os.getpid()), Peer(0, os.getpid())


class Paper:
    """A queue on paper."""

    kind, unread, broken = "paper", 0, ""

    def __init__(self, *messages: Queued) -> None:
        self.messages = {it.id: it for it in messages}

    def read(self, *, with_subject: bool = False, with_reason: bool = False) -> Iterator[Found]:
        return iter([Found(it, it.id, 1, 1) for it in self.messages.values()])

    def find(
        self, takes: Callable[[Queued], bool], *, with_subject: bool = False, with_reason: bool = False
    ) -> list[Found]:
        return [one for one in self.read() if takes(one.message)]

    def _to(self, queue: str, messages: Sequence[Fingerprint]) -> Outcome:
        for one in messages:
            self.messages[one.id] = self.messages[one.id]._replace(queue=queue)
        return Outcome(done=list(messages))

    def hold(self, found: Sequence[Found]) -> Outcome:
        return self._to("hold", [one.message.fingerprint for one in found])

    def release(self, messages: Sequence[Fingerprint]) -> Outcome:
        return self._to("deferred", messages)

    def whole(self, one: Fingerprint, most: int = 0) -> bytes:
        return b"x"

    def archive(self, messages: Sequence[Fingerprint], to: Path, tell: object = None) -> tuple[list[Fingerprint], str]:
        if self.broken:
            raise OSError(28, self.broken)
        to.write_bytes(b"x")
        return list(messages), "0" * 64

    def remove(self, messages: Sequence[Fingerprint], tell: object = None) -> Outcome:
        for one in messages:
            del self.messages[one.id]
        return Outcome(done=list(messages))

    def restore(
        self, archive: Path, digest: str, already: Callable[[Fingerprint], bool], tell: object = None
    ) -> Restored:
        raise NotImplementedError


def queued(id: str, sender: str) -> Queued:
    return Queued(id, "deferred", 1, 10, sender, ("bob@example.org",))


@pytest.fixture
def paper() -> Paper:
    flood = [queued(f"FFFFF{number}", "flood@example.net") for number in range(40)]
    return Paper(*flood, queued("AAAAA1", "friend@example.com"))


def _deeds(paper: Paper | Unknown, state: Path) -> Deeds:
    class Nothing:
        def block(self, *_: object) -> None: ...

        def unblock(self, *_: object) -> bool:
            return False

    answer = QueueDeeds(state, lambda: paper).answer
    return Deeds(Nothing(), lambda: (), lambda: Snapshot("vm", NOW, "0", {}), NOW, queue=answer)


def _hold(*same: tuple[str, str]) -> verbs.HoldQueued:
    return verbs.HoldQueued(match=list(same), why="floods", by="lockdown, incident 7")


FLOOD = _hold(("sender", "flood@example.net"))


def test_the_gateway_may_have_a_flood_held_and_released_but_only_root_deletes(paper: Paper, tmp_path: Path) -> None:
    deeds = _deeds(paper, tmp_path)
    held = deeds.answer(FLOOD, NOW, GATEWAY)
    assert isinstance(held, verbs.QueueHeld) and held.count == 40
    assert [it.id for it in paper.messages.values() if it.queue != "hold"] == ["AAAAA1"]
    assert isinstance(deeds.answer(verbs.DeleteQueued(deed=held.deed, by="x"), NOW, GATEWAY), verbs.Refused)
    assert isinstance(deeds.answer(verbs.ReleaseQueued(deed=held.deed, by="x"), NOW, GATEWAY), verbs.Done)
    assert not [it for it in paper.messages.values() if it.queue == "hold"]
    again = deeds.answer(FLOOD, NOW, GATEWAY)
    assert isinstance(again, verbs.QueueHeld)
    assert isinstance(deeds.answer(verbs.DeleteQueued(deed=again.deed, by="root"), NOW, ROOT), verbs.Done)
    assert len(paper.messages) == 41  # nobody is kept waiting for it
    house(paper, tmp_path)
    assert list(paper.messages) == ["AAAAA1"] and deed_of(tmp_path, again.deed).state is State.DELETED


def test_what_the_real_sender_has_signed_in_for_is_not_held_with_what_bears_his_name(tmp_path: Path) -> None:
    forged = Queued("AAAAA1", "deferred", 1, 900, "boss@example.org", ("a@example.org",), "203.0.113.9")
    paper = Paper(forged, forged._replace(id="AAAAA2", user="boss"))
    answer = QueueDeeds(tmp_path, lambda: paper).answer
    held = answer(_hold(("sender", "boss@example.org"), ("user", "")), NOW)
    assert isinstance(held, verbs.QueueHeld) and held.count == 1
    assert [it.id for it in paper.messages.values() if it.queue == "hold"] == ["AAAAA1"]


@pytest.mark.parametrize("same", [[("user", "")], [("user", ""), ("user", "")], [("client", ""), ("user", "")]])
def test_mail_that_nobody_has_signed_in_for_is_no_choice_by_itself(same: list[tuple[str, str]], tmp_path: Path) -> None:
    paper = Paper(Queued("AAAAA1", "deferred", 1, 900, "a@example.net", ("a@example.org",), "203.0.113.9"))
    answer = QueueDeeds(tmp_path, lambda: paper).answer
    assert isinstance(answer(_hold(*same), NOW), verbs.Refused)


def house(paper: Paper, state: Path) -> list[str]:
    """Who keeps house looks."""
    return QueueDeeds(state, lambda: paper).keep_house(NOW, Monitoring())


def deed_of(state: Path, id: str) -> Deed:
    return record(state, id).deed()


def held_and_due(paper: Paper, state: Path) -> str:
    deeds = _deeds(paper, state)
    held = deeds.answer(FLOOD, NOW, ROOT)
    assert isinstance(held, verbs.QueueHeld)
    assert isinstance(deeds.answer(verbs.DeleteQueued(deed=held.deed, by="root"), NOW, ROOT), verbs.Done)
    assert deed_of(state, held.deed).state is State.DUE
    return held.deed


def test_who_changes_his_mind_before_it_is_deleted_lets_all_of_it_go(paper: Paper, tmp_path: Path) -> None:
    id = held_and_due(paper, tmp_path)
    QueueSurgery(tmp_path, paper).undo(id, "root")
    assert house(paper, tmp_path) == [] and len(paper.messages) == 41
    assert {it.queue for it in paper.messages.values()} == {"deferred"}


def test_what_was_asked_for_is_done_at_once_and_after_a_restart_too(paper: Paper, tmp_path: Path) -> None:
    """The agent ends after the answer, and before the deed; the next one begins with it."""
    held_and_due(paper, tmp_path)
    keeper = QueueKeeper(queue := QueueDeeds(tmp_path, lambda: paper), Monitoring())
    keeper.start()
    eventually(lambda: list(paper.messages) == ["AAAAA1"], "what was due is deleted")
    paper.messages["BBBBB1"] = queued("BBBBB1", "flood@example.net")
    held = queue.answer(FLOOD, NOW)
    assert isinstance(held, verbs.QueueHeld)
    queue.answer(verbs.DeleteQueued(deed=held.deed, by="root"), NOW)
    eventually(lambda: list(paper.messages) == ["AAAAA1"], "it is deleted, ten minutes before the next look")
    keeper.stop()
    keeper.join(10)
    assert not keeper.is_alive()


def test_why_it_is_not_deleted_stands_in_the_record_once_and_it_is_tried_again(paper: Paper, tmp_path: Path) -> None:
    id = held_and_due(paper, tmp_path)
    paper.broken = "No space left on device"
    for _ in range(2):
        assert "No space left" in house(paper, tmp_path)[0]
    assert len(paper.messages) == 41 and deed_of(tmp_path, id).state is State.DUE
    assert "No space left" in deed_of(tmp_path, id).progress
    assert [entry.event for entry in deed_of(tmp_path, id).entries].count("not-deleted") == 1
    paper.broken = ""
    house(paper, tmp_path)
    assert deed_of(tmp_path, id).state is State.DELETED and deed_of(tmp_path, id).progress == ""


def test_a_flood_is_held_while_another_deed_is_at_work(paper: Paper, tmp_path: Path) -> None:
    """A deletion of tens of thousands takes seconds; no hold waits for it."""
    surgery = QueueSurgery(tmp_path, paper)
    first = surgery.hold_chosen((("id", "FFFFF1"),), "", "tester", NOW)
    assert isinstance(first, Held)
    with record(tmp_path, first.id).alone():
        second = surgery.hold_chosen((("sender", "flood@example.net"),), "", "tester", NOW)
    assert isinstance(second, Held) and second.count == 39


def test_what_is_released_is_not_deleted(paper: Paper, tmp_path: Path) -> None:
    deeds = _deeds(paper, tmp_path)
    held = deeds.answer(FLOOD, NOW, ROOT)
    assert isinstance(held, verbs.QueueHeld)
    deeds.answer(verbs.ReleaseQueued(deed=held.deed, by="x"), NOW, ROOT)
    reply = deeds.answer(verbs.DeleteQueued(deed=held.deed, by="x"), NOW, ROOT)
    assert isinstance(reply, verbs.Refused) and "released" in reply.why
    assert len(paper.messages) == 41


def test_only_the_very_messages_that_are_named_are_held(paper: Paper, tmp_path: Path) -> None:
    right, other = paper.messages["FFFFF1"].fingerprint, paper.messages["FFFFF2"].fingerprint
    named = [verbs.QueuedMessage(*right), verbs.QueuedMessage(*other._replace(arrived=2))]
    reply = _deeds(paper, tmp_path).answer(verbs.HoldMessages(messages=named, why="", by="x"), NOW, GATEWAY)
    assert isinstance(reply, verbs.QueueHeld) and (reply.count, reply.gone) == (1, 1)
    assert [it.id for it in paper.messages.values() if it.queue == "hold"] == ["FFFFF1"]


@pytest.mark.parametrize("same", [("body", "x"), ("colour", "red"), ("user", "")])
def test_what_a_queue_cannot_tell_is_refused(paper: Paper, tmp_path: Path, same: tuple[str, str]) -> None:
    assert isinstance(_deeds(paper, tmp_path).answer(_hold(same), NOW, GATEWAY), verbs.Refused)


def test_a_hold_of_everything_is_no_request() -> None:
    with pytest.raises(msgspec.ValidationError):
        verbs.decode_request(b'{"verb": "hold-queued", "match": [], "why": "", "by": ""}')


@pytest.mark.parametrize("id", ["../../etc", "-d", "ALL;", ""])
def test_an_id_that_is_none_is_no_request(id: str) -> None:
    body = {"verb": "hold-messages", "messages": [[id, 1, 1, "0" * 16]], "why": "", "by": ""}
    with pytest.raises(msgspec.ValidationError):
        verbs.decode_request(msgspec.json.encode(body))


def test_a_runaway_asker_is_stopped_and_may_go_on_a_minute_later(paper: Paper, tmp_path: Path) -> None:
    deeds = _deeds(paper, tmp_path)
    for number in range(MOST_HOLDS):
        named = [verbs.QueuedMessage(*paper.messages[f"FFFFF{number}"].fingerprint)]
        assert isinstance(
            deeds.answer(verbs.HoldMessages(messages=named, why="", by="x"), NOW, GATEWAY), verbs.QueueHeld
        )
    assert isinstance(deeds.answer(FLOOD, NOW, GATEWAY), verbs.Refused)
    assert isinstance(deeds.answer(FLOOD, NOW + timedelta(minutes=1), GATEWAY), verbs.QueueHeld)


def test_where_no_queue_can_be_read_that_is_said(tmp_path: Path) -> None:
    reply = _deeds(Unknown("permission denied"), tmp_path).answer(FLOOD, NOW, GATEWAY)
    assert isinstance(reply, verbs.Refused) and "permission denied" in reply.why


def test_a_deed_that_is_not_there_is_refused_and_a_forged_record_too(paper: Paper, tmp_path: Path) -> None:
    deeds = _deeds(paper, tmp_path)
    missing = verbs.ReleaseQueued(deed="20261124-120000", by="x")
    assert isinstance(deeds.answer(missing, NOW, ROOT), verbs.Refused)
    held = deeds.answer(FLOOD, NOW, ROOT)
    assert isinstance(held, verbs.QueueHeld)
    (tmp_path / "queue").chmod(0o777)
    reply = deeds.answer(verbs.DeleteQueued(deed=held.deed, by="x"), NOW, ROOT)
    assert isinstance(reply, verbs.Refused) and "forged" in reply.why
    assert len(paper.messages) == 41
