"""Hands on a queue of Postfix that changes under them: nothing else is touched than what was meant."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.engine.queue import QueueSurgery, previewed
from lockdown.engine.queue_record import State, record
from lockdown.facts.queue_file import id_for_inode
from lockdown.host.queue_archive import members
from lockdown.host.queue_hands import Found, PostfixQueue
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint, Held, Queued
from tests.facts.test_queue_files import BODY, queue_file

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BAD, GOOD = "flood@example.net", "friend@example.com"
HOLD = (("sender", BAD),)


class Spool:
    """A queue directory with messages in it, and no server."""

    def __init__(self, directory: Path, *, long_ids: bool = False, hashed: frozenset[str] = frozenset()) -> None:
        self.directory, self._long = directory, long_ids
        for queue in ("incoming", "active", "deferred", "hold", "defer", "bounce", "trace"):
            (directory / queue).mkdir(parents=True)
        self.hands = PostfixQueue(directory, hashed, 1)
        self.surgery = QueueSurgery(directory.parent / "state", self.hands)
        (directory.parent / "state").mkdir(mode=0o700)

    def put(self, sender: str = BAD, queue: str = "deferred", number: int = 0) -> Path:
        """One message, under an id that agrees with its inode."""
        fresh = self.directory / ".fresh"
        fresh.write_bytes(queue_file([b"bob@example.org"], BODY, sender=sender.encode()))
        fresh.chmod(0o700)
        begins = f"4fbYbx{number:04d}z1" if self._long else f"{number:05X}0"
        place = self.directory / queue / id_for_inode(begins, fresh.stat().st_ino)
        fresh.rename(place)
        return place

    def there(self, queue: str) -> set[str]:
        return {path.name for path in (self.directory / queue).iterdir()}

    def find(self) -> list[Found]:
        return self.hands.find(lambda it: it.sender == BAD)

    def hold(self) -> Held:
        held = self.surgery.hold_chosen(HOLD, "a flood", "tester", NOW)
        assert isinstance(held, Held)
        return held


@pytest.fixture(params=[False, True], ids=["short-ids", "long-ids"])
def spool(tmp_path: Path, request: pytest.FixtureRequest) -> Spool:
    return Spool(tmp_path / "queue", long_ids=request.param)


@pytest.fixture(autouse=True)
def without_postsuper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does nothing: there is no server."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/postsuper").write_text("#!/bin/sh\nexec cat >/dev/null\n")
    (tmp_path / "bin/postsuper").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")


def another(place: Path, sender: str = GOOD) -> None:
    """The message is delivered, and its id is that of another one now: even its inode may be the same."""
    place.unlink()
    octets = queue_file([b"bob@example.org"], BODY, sender=sender.encode()).replace(b"467549", b"467550")
    place.write_bytes(octets)
    place.chmod(0o700)


# ── while it is read ──


def while_read(deed: Callable[[], object]) -> Callable[[Queued], bool]:
    """Takes everything; at the first message the queue changes."""
    deeds: Iterator[Callable[[], object]] = iter([deed])

    def takes(it: Queued) -> bool:
        if do := next(deeds, None):
            do()
        return True

    return takes


def test_what_goes_on_its_way_while_the_queue_is_read_is_found_once(spool: Spool) -> None:
    places = [spool.put(number=number) for number in range(5)]

    def go() -> None:
        for place in places:
            place.rename(spool.directory / "active" / place.name)

    found = spool.hands.find(while_read(go))
    assert sorted(one.message.id for one in found) == sorted(place.name for place in places)


def test_what_is_delivered_while_the_queue_is_read_is_no_find_and_no_error(spool: Spool) -> None:
    places = [spool.put(number=number) for number in range(5)]
    found = spool.hands.find(while_read(lambda: [place.unlink() for place in places]))
    assert len(found) == 1 and spool.hands.unread == 0
    outcome = spool.hands.hold(found)
    assert (outcome.done, outcome.gone, outcome.failed) == ([], 1, 0)


def test_what_is_no_message_is_counted_and_left(spool: Spool) -> None:
    spool.put()
    for name, octets in (("ABCDEF1", b""), ("ABCDEF2", b"\xff" * 5000), ("ABCDEF3", queue_file([b"b@c"], b"")[:40])):
        (spool.directory / "deferred" / name).write_bytes(octets)
        (spool.directory / "deferred" / name).chmod(0o700)
    (spool.directory / "deferred/ABCDEF4").symlink_to("/etc/passwd")
    assert len(spool.find()) == 1 and spool.hands.unread == 3
    spool.hold()
    assert {"ABCDEF1", "ABCDEF2", "ABCDEF3", "ABCDEF4"} <= spool.there("deferred")


# ── between reading and the deed ──


@pytest.mark.parametrize("sender", [GOOD, BAD])
@pytest.mark.parametrize("queue", ["deferred", "incoming", "active"])
def test_an_id_that_is_used_again_before_the_hold_is_another_message(spool: Spool, queue: str, sender: str) -> None:
    place, other = spool.put(queue=queue), spool.put(queue=queue, number=1)
    preview = previewed(spool.hands, HOLD, NOW)
    assert not isinstance(preview, type(None)) and not hasattr(preview, "why") and preview.count == 2
    another(place, sender)
    held = spool.surgery.hold(preview, "", "tester", NOW)
    assert place.name in spool.there(queue) and place.name not in spool.there("hold")
    assert held.gone == 1 and (held.count == 1) is (other.name in spool.there("hold"))


def test_an_id_that_is_used_again_before_the_deletion_is_neither_archived_nor_deleted(spool: Spool) -> None:
    place, other = spool.put(), spool.put(number=1)
    held = spool.hold()
    another(spool.directory / "hold" / place.name)
    said = spool.surgery.delete(held.id, "tester")
    assert said == "1 messages are archived and deleted; 1 were not held any more"
    assert spool.there("hold") == {place.name}
    kept = record(spool.directory.parent / "state", held.id)
    assert [name for name, _, _ in members(kept.archive, kept.deed().digest)] == [other.name]


def test_an_id_that_is_used_again_between_archive_and_deletion_is_not_deleted_nor_put_back_twice(spool: Spool) -> None:
    place, _ = spool.put(), spool.put(number=1)
    held = spool.hold()
    kept = record(spool.directory.parent / "state", held.id)
    archived, digest = spool.hands.archive(kept.messages(), kept.archive)
    assert len(archived) == 2
    another(spool.directory / "hold" / place.name)
    outcome = spool.hands.remove(archived)
    assert (len(outcome.done), outcome.gone) == (1, 1) and spool.there("hold") == {place.name}
    before = (spool.directory / "hold" / place.name).read_bytes()
    spool.hands.restore(kept.archive, digest, lambda one: False)
    assert (spool.directory / "hold" / place.name).read_bytes() == before


def test_what_lies_in_hold_under_that_name_is_not_written_over(spool: Spool) -> None:
    place = spool.put()
    (spool.directory / "hold" / place.name).write_bytes(b"somebody's")
    held = spool.hold()
    assert "held already" in held.says and held.count == 0
    assert (spool.directory / "hold" / place.name).read_bytes() == b"somebody's" and place.exists()


def test_what_somebody_writes_at_this_moment_is_not_taken_from_him(spool: Spool) -> None:
    import fcntl

    place = spool.put(queue="incoming")
    with place.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        held = spool.hold()
    assert held.count == 0 and place.exists()


# ── two at once, and none ──


def test_of_two_surgeries_at_once_each_message_is_held_by_one(spool: Spool) -> None:
    places = [spool.put(number=number) for number in range(60)]
    gate, held = threading.Barrier(2), list[Held]()

    def one() -> None:
        surgery = QueueSurgery(spool.directory.parent / "state", PostfixQueue(spool.directory, frozenset(), 1))
        preview = previewed(spool.hands, HOLD, NOW)
        gate.wait(10)
        held.append(surgery.hold(preview, "", "tester", NOW))  # type: ignore[arg-type]

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert spool.there("hold") == {place.name for place in places}
    names = [one.id for it in held for one in record(spool.directory.parent / "state", it.id).messages()]
    assert sorted(names) == sorted(spool.there("hold")) and sum(it.count for it in held) == 60


def test_what_somebody_else_has_held_meanwhile_is_his(spool: Spool) -> None:
    spool.put()
    preview = previewed(spool.hands, HOLD, NOW)
    assert spool.hold().count == 1
    held = spool.surgery.hold(preview, "", "tester", NOW)  # type: ignore[arg-type]
    assert (held.count, held.gone) == (0, 1) and "could not be held" not in held.says


def test_of_two_deletions_at_once_one_is_done(spool: Spool) -> None:
    spool.put()
    held = spool.hold()
    spool.surgery.delete(held.id, "one")
    with pytest.raises(OperatorError, match="deleted"):
        spool.surgery.delete(held.id, "another")


class Full(PostfixQueue):
    """With a disk for archives that takes nothing more."""

    def archive(self, messages: object, to: Path, tell: object = None) -> tuple[list[Fingerprint], str]:
        to.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")


def test_a_disk_that_is_full_deletes_nothing_and_leaves_no_half_archive(spool: Spool) -> None:
    spool.put()
    held = spool.hold()
    state = spool.directory.parent / "state"
    with pytest.raises(OperatorError, match="nothing is deleted"):
        QueueSurgery(state, Full(spool.directory, frozenset(), 1)).delete(held.id, "tester")
    kept = record(state, held.id)
    assert kept.deed().state is State.HELD and not kept.archive.exists() and len(spool.there("hold")) == 1
    spool.surgery.delete(held.id, "tester")
    assert spool.there("hold") == set()


class Breaking(PostfixQueue):
    """With a disk that takes the first few renames."""

    left = 4

    def _rename(self, path: str, to: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(5, "Input/output error")
        super()._rename(path, to)


def test_messages_that_differ_in_nothing_but_their_ids_all_come_back_after_a_half_way(spool: Spool) -> None:
    """Of a flood, two arrive within a microsecond: those that are back are not taken for those that are not."""
    for number in range(9):
        spool.put(number=number)
    held = spool.hold()
    spool.surgery.delete(held.id, "tester")
    state = spool.directory.parent / "state"
    with pytest.raises(OperatorError, match="4 are back, 5 are not"):
        QueueSurgery(state, Breaking(spool.directory, frozenset(), 1)).undo(held.id, "tester")
    assert spool.surgery.undo(held.id, "tester").startswith("9 messages are back")
    assert len(spool.there("hold")) == 9


def test_one_that_is_back_under_its_old_id_is_not_taken_for_another(spool: Spool) -> None:
    old = spool.put().read_bytes()
    spool.put(number=1), spool.put(number=2)
    held = spool.hold()
    first, second, _ = record(spool.directory.parent / "state", held.id).messages()
    spool.surgery.delete(held.id, "tester")
    for name in (first.id, id_for_inode(second.id, 4711)):  # half way: one as it was, one anew
        (spool.directory / "hold" / name).write_bytes(old)
        (spool.directory / "hold" / name).chmod(0o700)
    assert spool.surgery.undo(held.id, "tester").startswith("3 messages are back")


def test_a_large_queue_is_found_by_two_as_by_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "queue")
    places = [spool.put(number=number) for number in range(2_400)]
    (spool.directory / "deferred/ABCDEF0").write_bytes(b"no message")
    (spool.directory / "deferred/ABCDEF0").chmod(0o700)
    found = spool.find()
    assert {one.message.id for one in found} == {place.name for place in places} and spool.hands.unread == 1
    assert sorted(found) == sorted(one for one in spool.hands.read() if one.message.sender == BAD)
    assert spool.hold().count == 2_400
