"""A flood in the queue of a real Postfix: exactly it is held, released, deleted and brought back, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest

from lockdown.engine.queue import QueueSurgery, deeds, grouped_here, previewed
from lockdown.engine.queue_record import State, record
from lockdown.facts.queue_groups import By
from lockdown.host.commands import run
from lockdown.host.queue_hands import Outcome, PostfixQueue, Tell, postfix_queue_here
from lockdown.model.errors import OperatorError
from lockdown.model.queued import Fingerprint, Held
from lockdown.model.traffic import Dimension
from lockdown.model.unknown import Unknown
from tests.rig.network import eventually
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run()),
]
FLOOD, WANTED = 30, 5
# Nothing is tried again by itself while a test looks at it.
SETTINGS = {"defer_transports": "virtual", "minimal_backoff_time": "300s", "queue_run_delay": "300s"}


class Scene:
    """A Postfix with a flood and wanted mail in its queue, and our hands on it."""

    def __init__(self, box: Path, postfix: RealPostfix) -> None:
        self.postfix, self.state, self.etc = postfix, Path(mkdtemp(dir=box)), f"{box}/etc"
        (self.state / "full").mkdir()
        hands = postfix_queue_here(self.etc)
        assert isinstance(hands, PostfixQueue), hands
        self.hands, self.surgery = hands, QueueSurgery(self.state, hands)

    def send(self, sender: str, count: int, subject: str, to: tuple[str, ...] = ("bob@example.org",)) -> None:
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=20) as client:
            for number in range(count):
                client.sendmail(sender, to, f"Subject: {subject} {number}\r\n\r\nbody {number}\r\n.x\r\n".encode())

    def fill(self) -> None:
        self.send("flood@example.net", FLOOD, "invoice", ("bob@example.org", "carol@example.org"))
        self.send("friend@example.com", WANTED, "lunch")
        eventually(lambda: self.count("deferred") == FLOOD + WANTED, "all of it is deferred")

    def count(self, queue: str) -> int:
        return len(self.files(queue))

    def files(self, queue: str) -> dict[str, bytes]:
        found = {}
        for path in (self.hands.directory / queue).rglob("*"):
            try:
                if path.is_file():
                    found[path.name] = path.read_bytes()
            except FileNotFoundError:
                continue
        return found

    def hold(self, dimension: Dimension = Dimension.SENDER, value: str = "flood@example.net") -> Held:
        held = self.surgery.hold_matching(((dimension, value),), "a flood", "tester", datetime.now(UTC))
        assert isinstance(held, Held), held
        return held

    def set(self, setting: str) -> None:
        name, _, value = setting.partition("=")
        if run(["postconf", "-c", self.etc, "-h", name]) == f"{value}\n":
            return  # a reload takes Postfix a second
        run(["postconf", "-c", self.etc, "-e", setting])
        run(["postfix", "-c", self.etc, "reload"])

    def deliver_now(self) -> None:
        self.set("defer_transports=")
        self.flush()

    def flush(self) -> bool:
        """Have all of it tried; the queue manager may not hear it while it starts."""
        run(["postqueue", "-c", self.etc, "-f"])
        return True

    def arrive(self, bob: int, carol: int = 0) -> None:
        """Exactly so many come, and then nothing is left but what is held."""
        wanted = bob, carol
        eventually(lambda: self.flush() and self.arrived() >= wanted, f"{wanted} messages arrive")
        eventually(lambda: self.count("deferred") + self.count("active") == 0, "nothing waits")
        assert self.arrived() == wanted

    def arrived(self) -> tuple[int, int]:
        return self.postfix.count(), self.postfix.count("carol")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Path, RealPostfix]]:
    with sandbox("queue-surgery") as box, RealPostfix(box, settings=SETTINGS) as postfix:
        yield box, postfix


@pytest.fixture
def scene(running: tuple[Path, RealPostfix]) -> Scene:
    box, postfix = running
    found = Scene(box, postfix)
    found.set("defer_transports=virtual")
    run(["postsuper", "-c", found.etc, "-d", "ALL"])
    for user in ("bob", "carol"):
        shutil.rmtree(box / "mailboxes" / user, ignore_errors=True)
    return found


def test_what_a_queue_file_says_is_what_postfix_itself_lists(scene: Scene) -> None:
    scene.fill()
    said = run(["postqueue", "-c", scene.etc, "-j"])
    assert isinstance(said, str)
    told = {it["queue_id"]: it for it in map(json.loads, said.splitlines())}
    read = {one.message.id: one.message for one in scene.hands.read(with_subject=True, with_reason=True)}
    assert read.keys() == told.keys() and len(read) == FLOOD + WANTED
    for id, message in read.items():
        theirs = told[id]
        assert (message.queue, message.size, message.sender) == (
            theirs["queue_name"], theirs["message_size"], theirs["sender"]
        )  # fmt: skip
        assert message.arrived // 1_000_000 == theirs["arrival_time"]
        assert list(message.recipients) == [it["address"] for it in theirs["recipients"]]
        assert message.reason == theirs["recipients"][0]["delay_reason"]
        assert message.client == "127.0.0.1" and message.subject.split()[0] in ("invoice", "lunch")


def test_exactly_the_flood_is_held_and_wanted_mail_still_goes(scene: Scene) -> None:
    scene.fill()
    before = scene.files("deferred")
    held = scene.hold()
    assert (held.count, held.gone) == (FLOOD, 0)
    assert scene.count("hold") == FLOOD and scene.count("deferred") == WANTED
    assert all(before[id] == octets for id, octets in scene.files("hold").items())
    scene.deliver_now()
    scene.arrive(WANTED)
    assert {b"friend@example.com" in mail for mail in scene.postfix.delivered()} == {True}
    assert scene.count("hold") == FLOOD


def test_undoing_a_hold_lets_all_of_it_go_and_each_arrives_once(scene: Scene) -> None:
    scene.fill()
    held = scene.hold()
    scene.deliver_now()
    scene.surgery.undo(held.id, "tester")
    assert scene.count("hold") == 0
    scene.arrive(FLOOD + WANTED, FLOOD)


def test_what_was_deleted_comes_back_octet_for_octet_and_can_be_delivered(scene: Scene) -> None:
    scene.fill()
    held = scene.hold()
    before = sorted(scene.files("hold").values())
    scene.surgery.delete(held.id, "tester")
    assert scene.count("hold") == 0
    assert scene.count("defer") == WANTED
    scene.surgery.undo(held.id, "tester")
    assert sorted(scene.files("hold").values()) == before
    inodes = {path.name: path.stat().st_ino for path in (scene.hands.directory / "hold").iterdir()}
    assert all(name.endswith(f"{inode:X}") for name, inode in inodes.items())
    checked = run(["postsuper", "-c", scene.etc, "-s"])
    assert not isinstance(checked, Unknown), checked
    assert set(scene.files("hold")) == set(inodes)  # Postfix would have renamed what disagrees with its inode
    scene.deliver_now()
    scene.surgery.undo(held.id, "tester")
    scene.arrive(FLOOD + WANTED, FLOOD)


def test_samples_are_whole_messages_and_not_all_of_them(scene: Scene) -> None:
    scene.fill()
    held = scene.hold()
    samples = record(scene.state, held.id).samples()
    assert len(samples) == 20
    text = samples[0].read_bytes()
    assert b"\nSubject: invoice" in text and b"\n\nbody " in text and text.endswith(b"\n.x\n")


def test_a_client_is_known_without_a_log(scene: Scene) -> None:
    scene.fill()
    groups = grouped_here(scene.hands, (), datetime.now(UTC))
    assert not isinstance(groups, Unknown)
    assert groups.top(By.SENDER)[0][0] == "flood@example.net"
    assert [key for key, _ in groups.top(By.CLIENT)] == ["127.0.0.1"]
    assert scene.hold(Dimension.NETWORK, "127.0.0.0/24").count == FLOOD + WANTED


def test_what_a_queue_cannot_say_holds_nothing(scene: Scene) -> None:
    scene.fill()
    match = ((Dimension.SENDER, "flood@example.net"), (Dimension.BODY, "0123"))
    assert isinstance(scene.surgery.hold_matching(match, "", "tester", datetime.now(UTC)), Unknown)
    assert isinstance(scene.surgery.hold_matching((), "", "tester", datetime.now(UTC)), Unknown)
    assert scene.count("hold") == 0


def test_an_id_that_is_used_again_is_another_message(scene: Scene) -> None:
    scene.fill()
    preview = previewed(scene.hands, (("sender", "flood@example.net"),), datetime.now(UTC))
    assert not isinstance(preview, Unknown)
    first, second, *_ = preview.found
    # The second is delivered meanwhile, and its id is used for a friend's; the first is only gone.
    Path(first.path).unlink()
    friend = next(one for one in scene.hands.read() if one.message.sender == "friend@example.com")
    Path(second.path).unlink()
    Path(friend.path).rename(second.path)
    held = scene.surgery.hold(preview, "", "tester", datetime.now(UTC))
    assert (held.count, held.gone) == (FLOOD - 2, 2)
    assert Path(second.path).exists()
    assert {b"flood@example.net" in octets for octets in scene.files("hold").values()} == {True}


def test_named_messages_are_held_only_where_all_that_is_named_of_them_agrees(scene: Scene) -> None:
    scene.fill()
    flood = [one.message.fingerprint for one in scene.hands.read() if one.message.sender == "flood@example.net"]
    wrong = [flood[0]._replace(sender="0" * 16), flood[1]._replace(arrived=1), flood[2]._replace(size=1)]
    held = scene.surgery.hold_named([*wrong, *flood[3:]], "", "tester", datetime.now(UTC))
    assert (held.count, held.gone) == (FLOOD - 3, 3)
    assert not {one.id for one in wrong} & set(scene.files("hold"))


def test_what_is_being_delivered_is_left_to_postfix_and_none_is_lost(scene: Scene) -> None:
    """The flood is in the active queue, and goes on being delivered while it is held."""
    scene.fill()
    scene.deliver_now()
    held = scene.hold()
    eventually(lambda: scene.count("deferred") + scene.count("active") + scene.count("incoming") == 0, "it settles")
    if held.id:
        scene.surgery.undo(held.id, "tester")
    scene.arrive(FLOOD + WANTED, FLOOD)


@contextmanager
def small_disk(place: Path, octets: int) -> Iterator[Path]:
    """A file system of so much, at a place that is a folder already."""
    run(["mount", "-t", "tmpfs", "-o", f"size={octets}", "tmpfs", str(place)])
    try:
        yield place
    finally:
        run(["umount", str(place)])


def test_without_room_for_the_archive_nothing_is_deleted_and_that_is_said(scene: Scene) -> None:
    scene.fill()
    with small_disk(scene.state, 1 << 20):
        held = scene.hold()
        with pytest.raises(OperatorError, match="nothing is deleted"):
            scene.surgery.delete(held.id, "tester")
        assert scene.count("hold") == FLOOD and record(scene.state, held.id).deed().state == "held"


def test_a_disk_that_fills_while_it_is_archived_deletes_nothing(scene: Scene) -> None:
    scene.fill()
    held = scene.hold()
    kept = record(scene.state, held.id)
    with small_disk(scene.state / "full", 4096) as full, pytest.raises(OSError, match="No space"):
        scene.hands.archive(kept.messages() * 20, full / "archive.tar.gz")
    assert scene.count("hold") == FLOOD


def test_an_archive_that_was_changed_is_not_put_back(scene: Scene) -> None:
    scene.fill()
    held = scene.hold()
    scene.surgery.delete(held.id, "tester")
    archive = record(scene.state, held.id).archive
    octets = bytearray(archive.read_bytes())
    octets[100] ^= 1
    archive.write_bytes(octets)
    with pytest.raises(OperatorError, match="cannot be put back"):
        scene.surgery.undo(held.id, "tester")
    assert scene.count("hold") == 0


def test_what_we_hold_ourselves_is_deleted_after_its_term_and_its_archive_after_its_retention(scene: Scene) -> None:
    scene.fill()
    now = datetime.now(UTC)
    match = ((Dimension.SENDER, "flood@example.net"),)
    held = scene.surgery.hold_matching(match, "a flood", "lockdown", now)
    assert isinstance(held, Held)
    term, retention = timedelta(days=7), timedelta(days=30)
    assert scene.surgery.keep_house(now + timedelta(days=6), term, retention) == []
    assert scene.count("hold") == FLOOD
    assert scene.surgery.keep_house(now + timedelta(days=8), timedelta(0), retention) == []
    assert len(scene.surgery.keep_house(now + timedelta(days=8), term, retention)) == 1
    assert scene.count("hold") == 0 and record(scene.state, held.id).archive.exists()
    assert scene.surgery.keep_house(now + timedelta(days=29), term, retention) == []
    assert len(scene.surgery.keep_house(now + timedelta(days=31), term, retention)) == 1
    assert not record(scene.state, held.id).archive.exists()
    with pytest.raises(OperatorError, match="expired"):
        scene.surgery.undo(held.id, "tester")


class Killed(PostfixQueue):
    """Hands of a process that is killed at its seventh deed of one kind."""

    deed, left = "", 7

    def _counted(self, deed: str) -> None:
        self.left -= deed == self.deed
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def _rename(self, path: str, to: str) -> None:
        super()._rename(path, to)
        self._counted("rename")

    def _held(self, one: Fingerprint) -> tuple[bytes, float] | None:
        self._counted("archive")
        return super()._held(one)

    def remove(self, messages: Sequence[Fingerprint], tell: Tell = lambda done: None) -> Outcome:
        if self.deed == "remove":
            super().remove(messages[: self.left])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().remove(messages, tell)


def killed(scene: Scene, deed: str, act: Callable[[QueueSurgery], object]) -> None:
    """Another process does it, and does not come to its end."""
    pid = os.fork()
    if not pid:
        try:
            hands = Killed(scene.hands.directory, frozenset({"deferred", "defer"}), 1, scene.etc)
            hands.deed = deed
            act(QueueSurgery(scene.state, hands))
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "it was to be killed"


def only(scene: Scene) -> str:
    return next(iter(deeds(scene.state))).id


@pytest.mark.parametrize("deed", ["rename", "archive", "remove", "restore"])
def test_killed_anywhere_all_of_it_can_be_undone_and_each_arrives_once(scene: Scene, deed: str) -> None:
    scene.fill()
    match = ((Dimension.SENDER, "flood@example.net"),)
    if deed == "rename":
        killed(scene, deed, lambda surgery: surgery.hold_matching(match, "", "tester", datetime.now(UTC)))
        assert scene.count("hold") == 7 and scene.count("deferred") == FLOOD + WANTED - 7
    else:
        scene.hold()
        if deed == "restore":
            scene.surgery.delete(only(scene), "tester")
            killed(scene, "rename", lambda surgery: surgery.undo(only(scene), "tester"))
        else:
            killed(scene, deed, lambda surgery: surgery.delete(only(scene), "tester"))
        held = [name for name in scene.files("hold") if name.isalnum()]
        assert len(held) == {"archive": FLOOD, "remove": FLOOD - 7, "restore": 7}[deed]
    scene.deliver_now()
    while record(scene.state, only(scene)).deed().state is not State.RELEASED:
        scene.surgery.undo(only(scene), "tester")
    scene.arrive(FLOOD + WANTED, FLOOD)
    assert scene.files("hold") == {}  # nor what was written half


def test_a_deletion_that_was_cut_off_is_gone_on_with_and_can_be_undone(scene: Scene) -> None:
    scene.fill()
    scene.hold()
    killed(scene, "remove", lambda surgery: surgery.delete(only(scene), "tester"))
    (said,) = scene.surgery.keep_house(datetime.now(UTC), timedelta(0), timedelta(days=30))
    assert said.endswith(f"{FLOOD} messages are archived and deleted") and scene.count("hold") == 0
    scene.surgery.undo(only(scene), "tester")
    assert scene.count("hold") == FLOOD


def test_long_queue_ids_come_back_under_one_that_agrees_too() -> None:
    settings = {**SETTINGS, "enable_long_queue_ids": "yes", "hash_queue_names": "deferred, defer, hold"}
    with sandbox("queue-long") as box, RealPostfix(box, settings=settings) as postfix:
        scene = Scene(box, postfix)
        scene.fill()
        held = scene.hold()
        assert held.count == FLOOD
        before = sorted(scene.files("hold").values())
        scene.surgery.delete(held.id, "tester")
        scene.surgery.undo(held.id, "tester")
        assert sorted(scene.files("hold").values()) == before
        names = set(scene.files("hold"))
        assert not isinstance(run(["postsuper", "-c", scene.etc, "-s"]), Unknown)
        assert set(scene.files("hold")) == names
        scene.deliver_now()
        scene.surgery.undo(held.id, "tester")
        scene.arrive(FLOOD + WANTED, FLOOD)
