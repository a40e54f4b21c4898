"""Surgery on the queue of the mail server here: hold what matches, release it, delete it, and take any of it back.

Hold first: nothing is deleted that was not held by a deed, archived, and the archive read back. Every deed is written
down before it is begun (`engine/queue_record.py`). A message is known by its fingerprint: one that was delivered,
deleted or became another one meanwhile is left alone, and counted as gone.

Fails as: `Unknown(why)` for a choice that names nothing, `OperatorError` for a queue or record that cannot be read, or
a disk without room: then nothing is deleted.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from pathlib import Path
from typing import Protocol, TypeAlias

from lockdown.engine.queue_record import (
    FOLDER,
    SAMPLES,
    Deed,
    Record,
    State,
    begin,
    in_order,
    may_be_trusted,
    record,
    records,
)
from lockdown.facts.queue_choice import Choice as Choice
from lockdown.facts.queue_choice import Takes, choice_of, in_words, taking
from lockdown.facts.queue_entries import Entry
from lockdown.facts.queue_groups import UNKNOWN as UNKNOWN
from lockdown.facts.queue_groups import By as By
from lockdown.facts.queue_groups import Group as Group
from lockdown.facts.queue_groups import Groups as Groups
from lockdown.facts.queue_groups import Origin, domain
from lockdown.host.exim_hands import exim_queue_here
from lockdown.host.queue_archive import room_for
from lockdown.host.queue_hands import Found, Outcome, Restored, Tell, postfix_queue_here
from lockdown.model.errors import OperatorError
from lockdown.model.mail import AUTOMATIC
from lockdown.model.queued import Fingerprint, Held, Queued
from lockdown.model.traffic import Match
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

MOST_SAMPLES = 20
_SHOWN_SAMPLES = 3
_MOST_SAMPLE = 1024 * 1024
_MOST_SAMPLES = 8 * 1024 * 1024
_IS_HELD = ("hold", "frozen")


class Hands(Protocol):
    """What a mail server's queue can be asked and told."""

    kind: str
    unread: int

    def read(self, *, with_subject: bool = False, with_reason: bool = False) -> Iterator[Found]:
        """All messages, one after the other."""

    def find(self, takes: Takes, *, with_subject: bool = False, with_reason: bool = False) -> list[Found]:
        """Those that are taken."""

    def hold(self, found: Sequence[Found]) -> Outcome:
        """Put on hold."""

    def release(self, messages: Sequence[Fingerprint]) -> Outcome:
        """Let go again."""

    def whole(self, one: Fingerprint, most: int = ...) -> bytes:
        """A held message."""

    def archive(self, messages: Sequence[Fingerprint], to: Path, tell: Tell = ...) -> tuple[list[Fingerprint], str]:
        """Copy what is held, and read the copy back."""

    def remove(self, messages: Sequence[Fingerprint], tell: Tell = ...) -> Outcome:
        """Out of hold for good."""

    def restore(self, archive: Path, digest: str, already: Callable[[Fingerprint], bool], tell: Tell = ...) -> Restored:
        """Back from the archive into hold."""


HandsOrWhy: TypeAlias = Hands | Unknown
Anonymous: TypeAlias = tuple[int, int, str]
"""A fingerprint without its id."""


def hands_here(config: str = "") -> HandsOrWhy:
    """The queue of the server that is installed: Postfix, else Exim."""
    if shutil.which("postsuper", path="/usr/sbin:/sbin:/usr/local/sbin"):
        return postfix_queue_here(config)
    return exim_queue_here()


@dataclass(slots=True)
class Preview:
    """What would be held; what is shown of it is only made when it is shown."""

    choice: Choice
    held_already: int = 0
    found: list[Found] = field(default_factory=list)
    unread: int = 0

    @property
    def count(self) -> int:
        return len(self.found)

    @property
    def octets(self) -> int:
        return sum(one.message.size for one in self.found)

    @property
    def oldest(self) -> int:
        return min((one.message.arrived for one in self.found), default=0)

    @property
    def samples(self) -> list[Queued]:
        """A few of them."""
        return [one.message for one in self.found[:_SHOWN_SAMPLES]]

    @property
    def domains(self) -> Counter[str]:
        """To how many of each domain."""
        return Counter(name for one in self.found for name in {domain(to) for to in one.message.recipients})


def previewed(hands: Hands, choice: Choice, now: datetime) -> Preview | Unknown:
    """Find what is meant; nothing is changed."""
    takes = taking(choice, now)
    if isinstance(takes, Unknown):
        return takes
    names = {name for name, _ in choice}
    preview = Preview(choice)
    subject, reason = bool(names & {"subject", "subject-shape"}), "reason" in names
    found = hands.find(takes, with_subject=subject, with_reason=reason)
    preview.found = [one for one in found if one.message.queue not in _IS_HELD]
    preview.held_already = len(found) - len(preview.found)
    preview.unread = hands.unread
    return preview


def grouped_here(hands: Hands, choice: Choice, now: datetime) -> Groups | Unknown:
    """The queue by what its messages have in common; all that waits, or what a choice takes of it."""
    takes = taking(choice, now) if choice else None
    if isinstance(takes, Unknown):
        return takes
    groups = Groups(now)
    for one in hands.read(with_subject=any(name.startswith("subject") for name, _ in choice), with_reason=True):
        it = one.message
        if takes is None or takes(it):
            arrived = datetime.fromtimestamp(it.arrived / 1e6, UTC)
            entry = Entry(it.id, it.queue, arrived, it.size, it.sender, it.recipients, it.reason)
            if it.queue in _IS_HELD:
                groups.held.add(entry)
            else:
                groups.add(entry, Origin(it.client or UNKNOWN, it.user))
    groups.unread = hands.unread
    return groups


def listed(hands: Hands, choice: Choice, now: datetime, limit: int) -> tuple[list[Queued], int] | Unknown:
    """The oldest so many, and how many there are."""
    takes = taking(choice, now) if choice else None
    if isinstance(takes, Unknown):
        return takes
    total = 0

    def taken() -> Iterator[Queued]:
        nonlocal total
        for one in hands.read(with_subject=True, with_reason=True):
            if takes is None or takes(one.message):
                total += 1
                yield one.message

    return nlargest(limit, taken(), key=lambda it: -it.arrived), total


class QueueSurgery:
    """The deeds, with the hands of one server and the records of one state directory."""

    def __init__(self, directory: Path, hands: Hands) -> None:
        self._directory, self._hands = directory, hands

    # ── hold ──

    def hold_matching(self, match: Match, words: str, by: str, now: datetime) -> Held | Unknown:
        """The answer to a flood: hold what has all of this in common."""
        choice = choice_of(match)
        if isinstance(choice, Unknown):
            return choice
        return self.hold_chosen(choice, words, by, now)

    def hold_chosen(self, choice: Choice, why: str, by: str, now: datetime) -> Held | Unknown:
        """Hold what a choice takes now."""
        preview = previewed(self._hands, choice, now)
        return preview if isinstance(preview, Unknown) else self.hold(preview, why, by, now)

    def hold_named(self, messages: Sequence[Fingerprint], why: str, by: str, now: datetime) -> Held:
        """Hold these messages and no others: each must still be the one that is meant."""
        wanted = {one.id: one for one in messages}
        preview = Preview((("id", f"{len(wanted)} messages"),))
        found = self._hands.find(lambda it: wanted.get(it.id) == it.fingerprint)
        preview.found = [one for one in found if one.message.queue not in _IS_HELD]
        held = self.hold(preview, why, by, now)
        missing = len(wanted) - preview.count
        gone = held.gone + missing
        return Held(held.id, held.count, held.octets, gone, held.undo, _held_says(held.count, held.octets, gone, 0, ""))

    def hold(self, preview: Preview, why: str, by: str, now: datetime) -> Held:
        """Hold what was found: written down, moved, looked at again, sampled."""
        if not preview.found:
            return Held("", 0, 0, 0, "", "nothing in the queue matches")
        kept = begin(self._directory, now)
        with self._alone(kept):
            fingerprints = [one.message.fingerprint for one in preview.found]
            kept.write_messages(fingerprints)
            kept.append(
                "intended", server=self._hands.kind, what=in_words(preview.choice), by=by, why=why,
                count=preview.count, octets=preview.octets,
            )  # fmt: skip
            outcome = self._hands.hold(preview.found)
            octets = sum(one.size for one in outcome.done)
            if len(outcome.done) != len(fingerprints):
                kept.write_messages(in_order(outcome.done))
            kept.append(
                "held",
                count=len(outcome.done),
                octets=octets,
                gone=outcome.gone,
                failed=outcome.failed,
                said=outcome.why,
            )
        self._sample(kept, outcome.done)
        says = _held_says(len(outcome.done), octets, outcome.gone, outcome.failed, outcome.why)
        return Held(kept.id, len(outcome.done), octets, outcome.gone, f"lockdown queue undo {kept.id}", says)

    def _sample(self, kept: Record, messages: Sequence[Fingerprint]) -> None:
        """Evidence is welcome, but no reason to fail: the mail is held already."""
        step = max(1, len(messages) // MOST_SAMPLES)
        room = _MOST_SAMPLES
        with suppress(OSError):
            for one in messages[::step][:MOST_SAMPLES]:
                octets = self._hands.whole(one, min(_MOST_SAMPLE, room))
                room -= len(octets)
                if octets and room > 0:
                    kept.keep_sample(one.id, octets)

    # ── release, delete, undo ──

    def release(self, id: str, by: str) -> str:
        """Let go what a deed holds."""
        kept = record(self._directory, id)
        with self._alone(kept):
            deed = self._in_state(kept, State.HELD, State.HOLDING, State.DUE)
            outcome = self._hands.release(kept.messages())
            octets = sum(one.size for one in outcome.done)
            if outcome.failed:
                kept.append("not-released", by=by, count=len(outcome.done), failed=outcome.failed, said=outcome.why)
                raise _half_way(f"{len(outcome.done)} are released, {outcome.failed} are not", outcome.why, deed.id)
            kept.append("released", by=by, count=len(outcome.done), octets=octets, gone=outcome.gone)
        gone = f"; {outcome.gone} were not held any more" if outcome.gone else ""
        return f"{len(outcome.done)} messages are released{gone}"

    def delete_later(self, id: str, by: str) -> Deed:
        """Have deleted what a deed holds, by who keeps house; as it was before."""
        kept = record(self._directory, id)
        with self._alone(kept):
            deed = self._in_state(kept, State.HELD, State.DUE, State.DELETING)
            if deed.state is State.HELD:
                _has_room(kept, deed)
                kept.append("due", by=by)
        return deed

    def delete(self, id: str, by: str) -> str:
        """Archive what a deed holds, read the archive back, then take it out of the queue."""
        kept = record(self._directory, id)
        with self._alone(kept):
            deed = self._in_state(kept, State.HELD, State.DUE, State.DELETING)
            was_cut_off = deed.state is State.DELETING
            wanted = kept.messages()
            archived = wanted if was_cut_off else self._archive(kept, deed, wanted, by)
            done = self._remove(kept, archived)
            if not was_cut_off and len(done) < len(archived):
                # Let go by somebody else at the last moment: what is put back some day, is not delivered twice.
                kept.write_messages(archived := done)
            kept.append("deleted", by=by, count=len(archived), octets=sum(one.size for one in archived))
        missing = len(wanted) - len(archived)
        gone = f"; {missing} were not held any more" if missing else ""
        return f"{len(archived)} messages are archived and deleted{gone}"

    def _archive(self, kept: Record, deed: Deed, messages: Sequence[Fingerprint], by: str) -> list[Fingerprint]:
        _has_room(kept, deed)
        try:
            archived, digest = self._hands.archive(messages, kept.archive, _telling(kept, "archived", len(messages)))
        except OSError as error:
            kept.archive.unlink(missing_ok=True)
            raise _not_deleted(f"{kept.archive}: {error.strerror or error}", deed.id) from None
        kept.write_messages(archived)
        octets = sum(one.size for one in archived)
        kept.append("archived", by=by, count=len(archived), octets=octets, digest=digest)
        return archived

    def _remove(self, kept: Record, messages: Sequence[Fingerprint]) -> list[Fingerprint]:
        outcome = self._hands.remove(messages, _telling(kept, "deleted", len(messages)))
        if outcome.failed:
            raise _half_way(f"{len(outcome.done)} are deleted, {outcome.failed} are not", outcome.why, kept.id)
        return outcome.done

    def undo(self, id: str, by: str) -> str:
        """One step back: what is held is released; what was deleted lies in hold again."""
        kept = record(self._directory, id)
        match kept.deed().state:
            case State.HELD | State.HOLDING | State.DUE:
                return self.release(id, by)
            case State.DELETED | State.DELETING:
                return self._restore(kept, by)
            case _:
                raise _wrong_state(kept.deed())

    def _restore(self, kept: Record, by: str) -> str:
        with self._alone(kept):
            deed = self._in_state(kept, State.DELETED, State.DELETING)
            listed = set(kept.messages())
            # What came back mostly has a new id, and differs in nothing else; of a flood, two may differ in it alone.
            ours = {one[1:] for one in listed}
            back = Counter(one[1:] for one in self._held_of(ours) if one not in listed)

            def already(one: Fingerprint) -> bool:
                back[one[1:]] -= 1
                return back[one[1:]] >= 0 or one not in listed

            put = self._hands.restore(kept.archive, deed.digest, already, _telling(kept, "put back", len(listed)))
            if put.failed:
                raise _half_way(f"{len(put.done)} are back, {put.failed} are not", put.why, deed.id)
            held = self._held_of(ours)
            kept.write_messages(in_order(held))
            kept.append("restored", by=by, count=len(held), octets=sum(one.size for one in held))
        return f"{len(held)} messages are back, and held; to let them go: lockdown queue release {deed.id}"

    def _held_of(self, ours: set[Anonymous]) -> list[Fingerprint]:
        found = self._hands.find(lambda it: it.queue in _IS_HELD and it.fingerprint[1:] in ours)
        return [one.message.fingerprint for one in found]

    @staticmethod
    def _in_state(kept: Record, *states: State) -> Deed:
        deed = kept.deed()
        if deed.state not in states:
            raise _wrong_state(deed)
        return deed

    # ── in time ──

    def keep_house(self, now: datetime, term: timedelta, retention: timedelta) -> list[str]:
        """What is due: deletions that were cut off, holds of ours whose term is over, archives past their retention."""
        said: list[str] = []
        for kept in records(self._directory):
            with suppress(OperatorError):  # whose record cannot be read is not touched
                deed = kept.deed()
                if deed.server != self._hands.kind:
                    continue
                is_over = bool(term) and deed.by.partition(",")[0] == AUTOMATIC and now - deed.since > term
                if deed.state in (State.DUE, State.DELETING) or (deed.state is State.HELD and is_over):
                    said.append(f"{deed.id}: {self._deleted_or_why(kept, deed)}")
                elif deed.state in (State.DELETED, State.RELEASED) and now - deed.since > retention:
                    said.append(self._expire(kept, deed))
        return said

    def _deleted_or_why(self, kept: Record, deed: Deed) -> str:
        """Tried at each look; why it does not go on stands in the record, once for each reason."""
        try:
            return self.delete(deed.id, AUTOMATIC)
        except OperatorError as problem:
            if problem.why != deed.progress:
                kept.append("not-deleted", by=AUTOMATIC, said=problem.why)
            return f"{problem.what}: {problem.why}"

    def _expire(self, kept: Record, deed: Deed) -> str:
        with self._alone(kept):
            kept.append("expired", by=AUTOMATIC)
            kept.archive.unlink(missing_ok=True)
            shutil.rmtree(kept.folder / SAMPLES, ignore_errors=True)
        return f"{deed.id}: its archive and samples are removed"

    @contextmanager
    def _alone(self, kept: Record) -> Iterator[None]:
        """Alone with one deed. Holds and deeds on other messages go on beside it: a deletion takes its time."""
        if why := may_be_trusted(self._directory):
            raise OperatorError(
                "queue-record", what="nothing is changed", why=f"{why}, so what is written there could be forged",
                try_this=f"ls -ld {self._directory / FOLDER}     (move it away, or run as its owner)",
            )  # fmt: skip
        with kept.alone():
            yield


def _telling(kept: Record, what: str, of: int) -> Tell:
    return lambda done: kept.tell(f"{done} of {of} are {what}")


def _has_room(kept: Record, deed: Deed) -> None:
    if why := room_for(deed.octets, kept.folder):
        raise _not_deleted(why, deed.id)


def deeds(directory: Path) -> list[Deed]:
    """Every deed that can be read, the newest first."""
    found = []
    for kept in records(directory):
        with suppress(OperatorError):
            found.append(kept.deed())
    return found


def _held_says(count: int, octets: int, gone: int, failed: int, why: str) -> str:
    said = f"{count} messages are held, {ByteSize(octets)}"
    if gone:
        said += f"; {gone} were gone meanwhile"
    return said + (f"; {failed} could not be held: {why}" if failed else "")


def _wrong_state(deed: Deed) -> OperatorError:
    return OperatorError(
        "deed-state", what="nothing is changed", why=f"the messages of {deed.id} are {deed.state}",
        try_this=f"lockdown queue status {deed.id}",
    )  # fmt: skip


def _not_deleted(why: str, id: str) -> OperatorError:
    return OperatorError(
        "not-archived", what="nothing is deleted; what was held is still held", why=why,
        try_this=f"df -h     (make room, then: lockdown queue delete {id})",
    )  # fmt: skip


def _half_way(what: str, why: str, id: str) -> OperatorError:
    return OperatorError("queue-half-way", what=what, why=why, try_this=f"lockdown queue undo {id}")
