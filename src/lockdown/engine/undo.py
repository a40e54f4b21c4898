"""Undo an apply: after a failed verification, by hand, by its timer, or because it was cut off.

What is undone is derived from the journal, deed by deed in reverse, and only where the machine still holds our value:
what a person has changed since is left, and said. Undoing twice, or going on with an undo that was cut off, is well:
so a journal that takes no more lines (a full disk) does not keep the machine from being put back, it is only said.

Fails as: a record that cannot be read is not undone (`OperatorError`); what could not be undone stands in `left`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from lockdown.engine.apply_record import End, Record, described, record_of, records
from lockdown.engine.mailflow import Flow, Flows, Stopped
from lockdown.engine.probation import disarm, is_armed, timer_of
from lockdown.host.change import deeds, files, hollow, services, undoing
from lockdown.host.change.staging import Deed, FileEdit
from lockdown.host.journal import opened_folder
from lockdown.model.change import Run
from lockdown.model.errors import OperatorError

At = Callable[[str], None]
"""Told the name of each step before it is made."""

_LOCK_SECONDS = 300.0
_LOOK_AGAIN_SECONDS = 0.2


def nowhere(step: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of an undo: what was left and why, and what the services say now."""

    left: tuple[str, ...]
    problems: tuple[str, ...]


@contextmanager
def alone(applies: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """One apply, confirmation or roll-back at a time on this machine; the lock ends with the process."""
    try:
        for folder in (applies.parent, applies):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened_folder(applies.parent), opened_folder(applies) as inside:
            lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=inside)
    except OSError as error:
        raise OperatorError(
            "journal-not-ours", what="nothing is changed", why=f"{applies}: {error.strerror or error}",
            try_this=f"ls -ld {applies}     (move it away, or run as its owner)",
        ) from error  # fmt: skip
    try:
        _lock(lock, wait_seconds)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, wait_seconds: float) -> None:
    end = time.monotonic() + wait_seconds
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise OperatorError(
                    "apply-runs",
                    what="not now",
                    why="another apply or roll-back is at work on this machine",
                    try_this="lockdown history     (shows it)",
                ) from None
        time.sleep(_LOOK_AGAIN_SECONDS)


# ── undoing ──


def undo(record: Record, why: str, by: str, at: At = nowhere) -> Undone:
    """Take back all that was begun. Each deed of it is written down before and after."""
    if record.state is End.UNREADABLE:
        raise OperatorError(
            "journal-unreadable",
            what=f"apply {record.id} is not undone",
            why=f"its journal cannot be read: {record.problem}; nothing is guessed",
            try_this=f"ls -l {record.journal.folder}     (the files as they were lie in images/)",
        )
    at("undo begins")
    note(record, "undoing", why=why, by=by)
    left = [*_undo_deeds(record, at), *_undo_files(record, at), *_repeat(record, at)]
    files.remove_empty(record.folders)
    problems = tuple(_settle(record, at))
    at("undo ends")
    unwritten = note(record, "undone", left=left, problems=list(problems))
    if unwritten:
        again = f"when that is mended: lockdown rollback {record.id}"
        problems = (*problems, f"this undo could not be written down ({unwritten}); {again}")
    return Undone(tuple(left), problems)


def note(record: Record, event: str, **fields: Any) -> str:
    """Write down what is undone; why that cannot be, as a value: the undo goes on without."""
    try:
        record.journal.append(event, **fields)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _undo_deeds(record: Record, at: At) -> Iterator[str]:
    for number in reversed(record.begun("deed")):
        deed = record.deeds[number]
        if _is_repeated(deed):
            continue
        at(f"undo deed {number}")
        yield from _left(described(deed.change), partial(deeds.undo, deed.change, deed.before))
        note(record, "deed-undone", number=number)


def _undo_files(record: Record, at: At) -> Iterator[str]:
    for number in reversed(record.begun("edit")):
        edit = record.edits[number]
        at(f"undo edit {number}")
        yield from _undo_file(edit, record)
        note(record, "edit-undone", number=number)


def _undo_file(edit: FileEdit, record: Record) -> Iterator[str]:
    kept = ""
    try:
        now = files.image_of(edit.after.path)
        found = undoing.undone_in_part(edit, record.changes, now)
        if found.image != now:
            kept = hollow.put_back(found.image, now)
    except (OSError, OperatorError) as error:
        yield f"{edit.after.path}: {_in_short(error)}"
    else:
        yield from (*found.left, *([kept] if kept else []))


def _repeat(record: Record, at: At) -> Iterator[str]:
    """Tables that are made of files are made again, now that the files are back."""
    for number in record.begun("deed"):
        deed = record.deeds[number]
        if _is_repeated(deed):
            at(f"repeat deed {number}")
            yield from _left(described(deed.change), partial(deeds.undo, deed.change, deed.before))


def _is_repeated(deed: Deed) -> bool:
    return isinstance(deed.change, Run) and not deed.change.undo


def _left(what: str, deed: Callable[[], str]) -> Iterator[str]:
    """One deed that cannot be undone does not keep the others from it."""
    try:
        why = deed()
    except (OSError, OperatorError) as error:
        why = _in_short(error)
    if why:
        yield f"{what}: {why}"


def _in_short(error: OSError | OperatorError) -> str:
    return f"{error.what}: {error.why}" if isinstance(error, OperatorError) else str(error)


def _settle(record: Record, at: At) -> Iterator[str]:
    """The services read what is there again, unless they would choke on it: then they go on with what they have."""
    for service in record.services:
        at(f"undo reload {service}")
        try:
            if services.takes_a_reload(service):
                services.reload(service, service in record.restarts)
            elif said := services.check(service):
                yield f"{service} does not run, and says of its files: {said}"
        except (OSError, OperatorError) as error:
            yield f"{service} could not be reloaded: {_in_short(error)}"


# ── by hand, and by the timer ──


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What came of `lockdown rollback`."""

    record: Record
    says: str
    left: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    mail: str = ""

    @property
    def exit_code(self) -> int:
        """1: something of it is still there."""
        return 1 if self.left or self.problems else 0


def roll_back(
    record: Record, by: str, flows: Callable[[], Flow], *, unless_confirmed: bool = False, at: At = nowhere
) -> RolledBack:
    """Take an apply back; the caller holds the lock and has read the record under it."""
    if unless_confirmed and record.state not in (End.PROBATION, End.INTERRUPTED):
        return RolledBack(record, f"nothing to do: it is {record.state}")
    if record.state is End.ROLLED_BACK:
        return RolledBack(record, "nothing to do: it is rolled back already")
    why = "nobody has confirmed it in time" if unless_confirmed else f"{by} wants it so"
    undone = undo(record, why, by, at)
    stop_timer(record)
    mail = in_words(flows())
    note(record, "mail", when="after the roll-back", says=mail)
    says = "rolled back in part" if undone.left else "rolled back: all of it is as it was before"
    return RolledBack(record_of(record.journal), says, undone.left, undone.problems, mail)


def stop_timer(record: Record) -> None:
    """Its probation is over, one way or the other."""
    if armed := record.last("armed"):
        disarm(timer_of(armed.fields))


def in_words(flow: Flow) -> str:
    """Does mail flow?"""
    match flow:
        case Flows(how):
            return f"mail flows: {how}"
        case Stopped(why):
            return f"mail does not flow: {why}"
        case unknown:
            return f"whether mail flows cannot be told: {unknown.why}"


# ── after a crash, and at boot ──

Arm = Callable[[str, float, Path], dict[str, object]]
"""Arms the timer of an apply, in so many seconds, with a log; what to write down of it."""


def recover(applies: Path, now: datetime, flows: Callable[[], Flow], arm: Arm, at: At = nowhere) -> tuple[str, ...]:
    """What was cut off ends as it was before, or, where it was verified already, as planned. Says which."""
    if not applies.is_dir():
        return ()
    with alone(applies, _LOCK_SECONDS):
        return tuple(line for record in records(applies) for line in _recovered(record, now, flows, arm, at))


def _recovered(record: Record, now: datetime, flows: Callable[[], Flow], arm: Arm, at: At) -> Iterator[str]:
    name = f"apply {record.id}"
    match record.state:
        case End.UNREADABLE:
            yield f"{name} cannot be read: {record.problem}; nothing was done about it"
        case End.INTERRUPTED if record.is_verified and record.last("undoing") is None:
            yield from _completed(record, now, flows, arm, at)
        case End.INTERRUPTED:
            done = roll_back(record, "recovery", flows, unless_confirmed=True, at=at)
            yield f"{name} was cut off; it is {done.says}"
            yield from (f"{name}: left: {line}" for line in done.left)
            yield from (f"{name}: {line}" for line in done.problems)
        case End.PROBATION:
            yield from _still_on_probation(record, now, flows, arm, at)
        case _:
            return


def _completed(record: Record, now: datetime, flows: Callable[[], Flow], arm: Arm, at: At) -> Iterator[str]:
    """It was verified, and only the word was missing."""
    on = bool((record.last("verified") or record.entries[-1]).fields.get("probation"))
    record.journal.append("committed", probation=on, by="recovery")
    yield f"apply {record.id} was cut off after it was verified; it is applied as planned"
    if on:
        yield from _still_on_probation(record_of(record.journal), now, flows, arm, at)
    else:
        stop_timer(record)


def _still_on_probation(record: Record, now: datetime, flows: Callable[[], Flow], arm: Arm, at: At) -> Iterator[str]:
    left = (record.until - now).total_seconds() if record.until else 0.0
    # A clock that was set back makes no probation longer than it was meant to be.
    left = min(left, record.probation_seconds)
    if left <= 0:
        done = roll_back(record, "recovery", flows, unless_confirmed=True, at=at)
        yield f"apply {record.id} was not confirmed in time; it is {done.says}"
        yield from (f"apply {record.id}: left: {line}" for line in done.left)
        return
    armed = record.last("armed")
    if armed is None or not is_armed(timer_of(armed.fields)):
        until = record.until or datetime.now(UTC)
        record.journal.append("armed", until=until.isoformat(), **arm(record.id, left, record.journal.folder))
    yield f"apply {record.id} is on probation until {record.until:%F %T}Z: lockdown confirm {record.id}"


def unfinished(found: Sequence[Record]) -> Record | None:
    """An apply that must end before the next one begins."""
    return next((one for one in found if one.state in (End.INTERRUPTED, End.PROBATION)), None)
