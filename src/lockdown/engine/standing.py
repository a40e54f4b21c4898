"""What is half done here and when a drill last proved what holds: read by whoever may, told to the others by the agent.

Fails as: `unread` names what could not be read, with the reason; what could not be asked at all is Unknown.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from lockdown.agent import client
from lockdown.config import Settings
from lockdown.engine.apply_record import End, state_of
from lockdown.engine.drill_report import AS_EXPECTED
from lockdown.engine.evidence import last_evidence, read_evidence
from lockdown.engine.symptom import Symptom, doubtful, ill, unsure, well
from lockdown.host.journal import Journal, journals
from lockdown.model.errors import OperatorError
from lockdown.model.standing import HalfDone, Halfway, LastDrill, Standing
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory

CHANGES, DRILL = "changes", "drill"
STALE = timedelta(days=30)
"""Settings, versions and accounts have changed since."""


def standing_here(directory: StateDirectory) -> Standing:
    """As the files say; who may not read them is told so."""
    unread: dict[str, str] = {}
    half_done, drill = None, None
    try:
        half_done = next(_half_done(directory.applies), None)
    except (OSError, OperatorError, ValueError, KeyError) as problem:
        unread[CHANGES] = _in_short(problem)
    try:
        if directory.drills.is_dir() and not os.access(directory.drills, os.R_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{directory.drills} is for whoever holds drills")
        file = last_evidence(directory)
        drill = _last_drill(file, file.stat().st_mtime_ns, directory.path) if file else None
    except (OSError, OperatorError) as problem:
        unread[DRILL] = _in_short(problem)
    return Standing(half_done, drill, unread)


def standing_of(settings: Settings) -> Standing | Unknown:
    """By the agent; where none runs, as far as this user may read."""
    directory = StateDirectory(Path(settings.state.directory))
    match client.status(directory.path):
        case Unknown(client.NO_AGENT):
            return standing_here(directory)
        case Unknown() as unknown:
            return unknown
        case running:
            return running.standing or Unknown("the agent is of a version that does not tell")


def _half_done(applies: Path) -> Iterator[HalfDone]:
    """Of all, since an old one may be cut off while it is taken back; their images are not read."""
    for journal in journals(applies):
        entries = journal.read().entries
        match state_of(entries) if entries else End.ROLLED_BACK:
            case End.PROBATION:
                armed = [entry for entry in entries if entry.event == "armed"]
                until = datetime.fromisoformat(str(armed[-1].fields["until"])) if armed else None
                yield HalfDone(journal.id, Halfway.PROBATION, until)
            case End.INTERRUPTED:
                yield HalfDone(journal.id, Halfway.AT_WORK if _is_at_work(journal) else Halfway.CUT_OFF)
            case _:
                continue


def _is_at_work(journal: Journal) -> bool:
    """Somebody holds the lock; it is asked for only to be seen, and given back at once."""
    lock = os.open(journal.folder.parent / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@lru_cache(maxsize=1)
def _last_drill(file: Path, changed_ns: int, state: Path) -> LastDrill:
    """A result may be of some MiB, and is asked for with every look at the page."""
    seen = read_evidence(file, StateDirectory(state))
    try:
        began = datetime.fromisoformat(str(seen.results["began"])).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        raise OperatorError(
            "no-evidence",
            what=f"{file} is no signed result",
            why="it does not say when",
            try_this="sudo lockdown drill",
        ) from None
    return LastDrill(began, seen.is_whole and seen.is_ours, seen.results.get("exit_code") == AS_EXPECTED)


def _in_short(problem: Exception) -> str:
    match problem:
        case OperatorError():
            return problem.why
        case OSError():
            return problem.strerror or str(problem)
        case _:
            return f"{type(problem).__name__}: {problem}"


# ── in words ──


def symptoms_of(found: Standing | Unknown, now: datetime) -> Iterator[Symptom]:
    """As the doctor and the console tell it."""
    if isinstance(found, Unknown):
        yield unsure(CHANGES, f"what is half done could not be told: {found.why}", "sudo lockdown doctor")
        return
    if found.half_done:
        yield _half_done_in_words(found.half_done, now)
    elif CHANGES not in found.unread:
        yield well(CHANGES, "no apply is half done")
    if DRILL not in found.unread:
        yield _drill_in_words(found.drill, now)
    yield from (unsure(part, f"could not be told: {why}", "sudo lockdown doctor") for part, why in found.unread.items())


def _half_done_in_words(one: HalfDone, now: datetime) -> Symptom:
    match one.how:
        case Halfway.AT_WORK:
            return doubtful(CHANGES, f"apply {one.apply} is at work", f"lockdown history {one.apply}")
        case Halfway.CUT_OFF:
            says = f"apply {one.apply} was cut off on its way"
            return ill(CHANGES, says, "sudo lockdown rollback --interrupted")
        case Halfway.PROBATION:
            when = f"in {_span(one.until - now)}, at {one.until:%H:%M:%S}Z," if one.until else "before long"
            says = f"apply {one.apply} is on probation: {when} it is undone by itself"
            stays = f"lockdown confirm {one.apply}     (over a new connection; or: lockdown rollback {one.apply})"
            return doubtful(CHANGES, says, stays)


def _drill_in_words(drill: LastDrill | None, now: datetime) -> Symptom:
    if drill is None:
        return doubtful(DRILL, "no drill has left a signed result here", "sudo lockdown drill")
    if not drill.is_ours:
        says = "the newest result was changed since it was signed, or with another key"
        return doubtful(DRILL, says, "sudo lockdown drill --last")
    says = f"the last signed one was {_span(now - drill.began)} ago"
    if not drill.as_expected:
        return doubtful(DRILL, f"{says}, and not all was as expected", "sudo lockdown drill --last")
    if now - drill.began > STALE:
        return doubtful(DRILL, says, "sudo lockdown drill")
    return well(DRILL, f"{says}, all as expected")


def _span(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
