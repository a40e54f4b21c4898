"""The drill of failure: each engine of the settings fails in every way, on a lane of its own; no message may slip by.

What must become of mail is what the settings say of an engine that does not answer. A plain letter is never taken for
a virus because the scanner broke, and when the engine is back, mail flows again.

Fails as: results that are UNKNOWN, where the lane itself does not pass a plain letter before anything has failed.
"""

from __future__ import annotations

import gzip
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lockdown.config import Antispam, Antivirus, Settings
from lockdown.engine.drill import Progress, Sitting, send_and_look
from lockdown.engine.drill_report import Report, Result
from lockdown.engine.lane import Lane, command_of, lane
from lockdown.engine.relay import Failure, Relay
from lockdown.mime import compose
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.step import Expect, Fate, Occasion, Step

BUILTIN = "builtin"
READER = b"lockdown.scan.reader_process"

_RECOVERY_SECONDS = 75.0
"""An engine rests for 30 s at most before it is tried again."""
_PATIENCE_SECONDS = 15.0
"""For a lane that has just started to pass its first letter."""
_BETWEEN_TRIALS_SECONDS = 1.0
_SWEEP_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class _Case:
    """One engine of one item, and what the settings promise when it does not answer."""

    item: str
    engine: str
    unavailable: str
    bad: Step
    """The harmless letter that this engine is there for."""
    letter: Step
    """The plain one."""


FAILURES = (Failure.STOPPED, Failure.SILENT, Failure.SLOW, Failure.CUT, Failure.GARBAGE, Failure.LYING)
"""In the order in which they are tried."""


def failure_drill(
    steps: Mapping[str, Sequence[Step]],
    settings: Settings,
    recipient: str,
    progress: Progress = lambda result: None,
    failures: Sequence[Failure] = FAILURES,
) -> Report:
    """Let every engine of these items fail; `steps` are the items' own, of which the first is what is sent."""
    began, start = datetime.now(UTC), time.monotonic()
    results: list[Result] = []
    for case in _cases(steps, settings):
        for result in _guarded(case, settings, recipient, failures):
            # A lane's log goes with it: its ids lead nowhere.
            results.append(replace(result, id=""))
            progress(result)
    plain = [result for result in results if result.step.expect is Expect.ARRIVES]
    arrived = sum(result.fate is Fate.ARRIVED for result in plain)
    return Report(began, time.monotonic() - start, tuple(results), len(plain), arrived)


def _cases(steps: Mapping[str, Sequence[Step]], settings: Settings) -> Iterator[_Case]:
    sections: dict[str, Antivirus | Antispam] = {"antivirus": settings.antivirus, "antispam": settings.antispam}
    for item, section in sections.items():
        for engine in section.engines if item in steps else ():
            # The builtin antispam engine runs in the gateway itself: it cannot fail alone.
            if engine != BUILTIN or item == "antivirus":
                control, heading = f"{item}.unavailable", f"{engine} fails"
                bad = replace(steps[item][0], control=control, set=heading)
                letter = Step(control, heading, "a plain letter", _plain_file, Expect.ARRIVES)
                yield _Case(item, engine, section.unavailable, bad, letter)


def _plain_file(occasion: Occasion) -> bytes:
    """A plain letter that has to be unpacked: it is read by every engine, and in a process of its own."""
    notes = compose.attachment("minutes.txt.gz", gzip.compress(b"Minutes of the meeting: none.\r\n", mtime=0))
    return compose.with_file(occasion, "The minutes", notes)


def _guarded(case: _Case, settings: Settings, recipient: str, failures: Sequence[Failure]) -> Iterator[Result]:
    """A lane that does not start is no reason not to try the other engines."""
    try:
        yield from _tried(case, settings, recipient, failures)
    except (OperatorError, OSError) as problem:
        step = replace(case.letter, name="a gateway of the drill's own")
        yield Result(case.item, step, State.UNKNOWN, Fate.UNTOLD, f"{problem}")


def _tried(case: _Case, settings: Settings, recipient: str, failures: Sequence[Failure]) -> Iterator[Result]:
    if case.engine == BUILTIN:
        with lane(settings, recipient, {}) as running:
            yield from _readers_killed(case, running)
        return
    with Relay(case.engine) as relay:
        with lane(settings, recipient, {case.engine: relay.url}) as running:
            yield from _failing(case, relay, running.sitting, failures)
        if Failure.LYING not in failures:
            return
        # A liar is found out when the engine is proved: at the start. Lies told later count until the next proof.
        relay.fail(Failure.LYING)
        with lane(settings, recipient, {case.engine: relay.url}) as running:
            yield from _under(case, Failure.LYING.value, running.sitting)
            relay.fail(Failure.NONE)
            yield _recovered(case, Failure.LYING.value, running.sitting)


def _failing(case: _Case, relay: Relay, sitting: Sitting, failures: Sequence[Failure]) -> Iterator[Result]:
    yield (before := _before(case, sitting))
    if before.state is not State.PASS:
        return
    for failure in (one for one in failures if one is not Failure.LYING):
        relay.fail(failure)
        yield from _under(case, failure.value, sitting)
        relay.fail(Failure.NONE)
        yield _recovered(case, failure.value, sitting)


def _under(case: _Case, how: str, sitting: Sitting) -> Iterator[Result]:
    """What becomes of both letters while the engine fails."""
    plain, bad = _promised(case.unavailable)
    letters = [
        replace(case.letter, name=f"{how}: a plain letter", expect=plain, why=_WHY),
        replace(case.bad, name=f"{how}: a bad letter", expect=bad, why=_WHY),
    ]
    yield from send_and_look(case.item, letters, sitting)


_WHY = "What no engine has read went on as if it were clean, or an engine's failure was taken for a virus."


def _promised(unavailable: str) -> tuple[Expect, Expect]:
    """For a plain letter, and for a bad one, which another engine may stop all the same."""
    match unavailable:
        case "defer":
            return Expect.PUT_OFF, Expect.ANSWERED
        case "quarantine":
            return Expect.HELD, Expect.STOPPED
        case _:
            return Expect.MARKED, Expect.CAUGHT


def _before(case: _Case, sitting: Sitting) -> Result:
    """Where nothing has failed yet and yet nothing arrives, no failure can be tried."""
    result = _until_it_arrives(case, "before anything fails", sitting, _PATIENCE_SECONDS)
    if result.state is State.PASS:
        return result
    return replace(result, state=State.UNKNOWN, says=f"so its failure could not be tried: {result.says}")


def _recovered(case: _Case, how: str, sitting: Sitting) -> Result:
    return _until_it_arrives(case, f"{how}: a plain letter afterwards", sitting, _RECOVERY_SECONDS)


def _until_it_arrives(case: _Case, name: str, sitting: Sitting, patience: float) -> Result:
    """A plain letter, again and again, until it arrives unmarked."""
    start = time.monotonic()
    step = replace(case.letter, name=name, why="Mail does not flow again although the engine is back.")
    while True:
        (result,) = send_and_look(case.item, [step], sitting)
        seconds = time.monotonic() - start
        if result.state is State.PASS or seconds > patience:
            break
        time.sleep(_BETWEEN_TRIALS_SECONDS)
    if result.state is State.PASS:
        return replace(result, says=f"after {seconds:.0f} s")
    return replace(result, state=State.FAIL, says=f"still not after {seconds:.0f} s: {result.fate}, {result.says}")


# ── the builtin engine ──

_KILLED = "its processes are killed as they read"


def _readers_killed(case: _Case, running: Lane) -> Iterator[Result]:
    yield (before := _before(case, running.sitting))
    if before.state is not State.PASS:
        return
    with _killing(running) as killed:
        results = list(_under(case, _KILLED, running.sitting))
    for result in results:
        yield result if killed else replace(result, state=State.UNKNOWN, says="no process that reads was seen")
    yield _recovered(case, _KILLED, running.sitting)


@contextmanager
def _killing(running: Lane) -> Iterator[list[int]]:
    """Every process of this lane that reads messages is killed as soon as it is seen; the list grows."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(_SWEEP_SECONDS):
            for pid in running.processes():
                if READER in command_of(pid):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill, name="killer", daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
