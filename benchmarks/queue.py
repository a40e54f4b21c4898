"""20,000 queued messages of one sender in a real Postfix: found and contained, against postqueue, jq and postsuper.

The queue files are Postfix's own: one message is sent, and its file is copied, each copy under an id that agrees with
its inode, as Postfix names them. Contained is: in hold, the deed written down and on the disk, counted. The peer is
what people type: `postqueue -j | jq | postsuper -d -`, which cannot be taken back. Both on the same queue, filled anew.

Fails as: Unmeasurable without root or Postfix; BrokenRun where anything else than the flood was touched.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks.figures import BrokenRun, Figure, Sign, Target, Unmeasurable
from benchmarks.session import Measured, Setup
from lockdown.engine.queue import QueueSurgery
from lockdown.facts.queue_file import id_for_inode
from lockdown.host.queue_hands import PostfixQueue, postfix_queue_here
from lockdown.model.queued import Held
from lockdown.model.traffic import Dimension
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run

T = TypeVar("T")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

FLOOD, WANTED = 20_000, 2_000
SECONDS = 1.0
FLOODER, FRIEND = "flood@example.net", "friend@example.com"


def measure(setup: Setup) -> Measured:
    """Contain, undo, delete; and the peer, in alternating rounds."""
    place = setup.place("queue")
    contained, deleted, peer, undone, restored = [], [], [], [], []
    rounds = min(3, max(2, setup.rounds))
    with _postfix(place) as etc:
        hands = postfix_queue_here(str(etc))
        if not isinstance(hands, PostfixQueue):
            raise Unmeasurable(hands.why)
        models = _models(hands.directory)
        for number in range(rounds):
            state = place / f"state-{number}"
            state.mkdir(mode=0o700)
            surgery = QueueSurgery(state, hands)
            _fill(hands, models)
            seconds, held = _timed(partial(_hold, surgery))
            contained.append(seconds)
            _check(hands, held=FLOOD, waiting=WANTED)
            undone.append(_timed(partial(surgery.undo, held.id, "bench"))[0])
            _check(hands, held=0, waiting=FLOOD + WANTED)
            held = _hold(surgery)
            deleted.append(_timed(partial(surgery.delete, held.id, "bench"))[0])
            _check(hands, held=0, waiting=WANTED)
            restored.append(_timed(partial(surgery.undo, held.id, "bench"))[0])
            _check(hands, held=FLOOD, waiting=WANTED)
            surgery.undo(held.id, "bench")
            peer.append(_timed(partial(_peer, etc))[0])
            _check(hands, held=0, waiting=WANTED)
            shutil.rmtree(state)
    how = f"median of {rounds}, {FLOOD:,} of {FLOOD + WANTED:,} deferred messages of a real Postfix"
    yield Figure("queue", "found and held", median(contained), "s", how, Target(Sign.AT_MOST, SECONDS))
    yield Figure("queue", "found and held, the slowest", max(contained), "s", how)
    yield Figure("queue", "released again", median(undone), "s", how)
    yield Figure("queue", "archived and deleted", median(deleted), "s", f"{how}; can be put back")
    yield Figure("queue", "put back after that", median(restored), "s", f"{how}; in hold, octet for octet")
    yield Figure("queue", "postqueue -j | jq | postsuper -d -", median(peer), "s", f"{how}; cannot be taken back")
    yield Figure("queue", "contained faster than the peer", median(peer) / median(contained), "times", "of the medians")


def _hold(surgery: QueueSurgery) -> Held:
    held = surgery.hold_matching(((Dimension.SENDER, FLOODER),), "a flood", "bench", datetime.now(UTC))
    if not isinstance(held, Held):
        raise Unmeasurable(held.why)
    return held


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = act()
    return time.perf_counter() - begun, result


def _peer(etc: Path) -> None:
    """What people type today."""
    typed = (
        f"postqueue -c {etc} -j | jq -r 'select(.sender==\"{FLOODER}\").queue_id' | postsuper -c {etc} -d - 2>/dev/null"
    )
    subprocess.run(["/bin/sh", "-c", typed], check=True, timeout=120, env={**os.environ, "PATH": _PATH})


def _check(hands: PostfixQueue, held: int, waiting: int) -> None:
    """Exactly so many lie there, and all of the friend's."""
    found = list(hands.read())
    in_hold = [one for one in found if one.message.queue == "hold"]
    friends = sum(one.message.sender == FRIEND and one.message.queue != "hold" for one in found)
    if (len(in_hold), len(found) - len(in_hold), friends) != (held, waiting, WANTED):
        raise BrokenRun(
            f"{len(in_hold)} held and {len(found) - len(in_hold)} waiting, {friends} of them the friend's; "
            f"it should be {held}, {waiting}, {WANTED}"
        )


@contextmanager
def _postfix(place: Path) -> Iterator[Path]:
    """One that delivers nothing, and tries nothing again by itself."""
    if why := why_postfix_cannot_run():
        raise Unmeasurable(why)
    if not shutil.which("jq"):
        raise Unmeasurable("jq is not installed (apt-get install jq)")
    settings = {"defer_transports": "virtual", "queue_run_delay": "3h", "minimal_backoff_time": "3h",
                "maximal_backoff_time": "3h"}  # fmt: skip
    with RealPostfix(place, settings=settings) as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as client:
            for sender in (FLOODER, FRIEND):
                client.sendmail(sender, ["bob@example.org"], b"Subject: offer\r\n\r\n" + b"buy it now\r\n" * 40)
        deadline = time.monotonic() + 30
        while sum(path.is_file() for path in (place / "queue/deferred").rglob("*")) < 2:
            if time.monotonic() > deadline:
                raise Unmeasurable("Postfix has not deferred the two letters to copy")
            time.sleep(0.1)
        yield place / "etc"


Model = tuple[bytes, bytes]
"""A queue file, and what Postfix keeps beside it while it is deferred."""


def _models(directory: Path) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for path in (directory / "deferred").rglob("*"):
        if path.is_file():
            beside = directory / "defer" / path.parent.name / path.name
            octets = path.read_bytes()
            found[FLOODER if FLOODER.encode() in octets else FRIEND] = octets, beside.read_bytes()
            path.unlink()
            beside.unlink()
    return found


def _fill(hands: PostfixQueue, models: dict[str, Model]) -> None:
    """Whatever is missing of the flood and of the friend's, in deferred; on the disk before anything is timed."""
    there = Counter(one.message.sender for one in hands.read())
    owner = (hands.directory / "deferred").stat()
    for sender, wanted in ((FLOODER, FLOOD), (FRIEND, WANTED)):
        for number in range(wanted - there[sender]):
            octets, beside = models[sender]
            fresh = hands.directory / "deferred" / ".fresh"
            fresh.write_bytes(octets)
            id = id_for_inode(f"{number * 47 % 0xFFFFF:05X}0", fresh.stat().st_ino)
            for folder in ("deferred", "defer"):
                (hands.directory / folder / id[0]).mkdir(mode=0o700, exist_ok=True)
                os.chown(hands.directory / folder / id[0], owner.st_uid, owner.st_gid)
            log = hands.directory / "defer" / id[0] / id
            log.write_bytes(beside)
            later = time.time() + 10_000
            for path, mode in ((fresh, 0o700), (log, 0o600)):
                path.chmod(mode)
                os.chown(path, owner.st_uid, owner.st_gid)
                os.utime(path, (later, later))
            fresh.rename(hands.directory / "deferred" / id[0] / id)
    os.sync()
