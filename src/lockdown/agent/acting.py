"""Change the machine, but not in the agent's own process: an apply outlives a restart of the agent, and the agent's
sandbox stays closed. What runs is our own command with arguments that were checked here; with systemd, in a unit of
its own.

Fails as: `Refused(why)`, a value. An apply that takes too long is not ended, only not waited for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from lockdown.agent import verbs
from lockdown.engine.apply_record import records
from lockdown.engine.own_folder import bring_over
from lockdown.engine.probation import lockdown_command
from lockdown.engine.undo import unfinished
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory

_SYSTEMD = Path("/run/systemd/system")
_SECONDS = 840.0
_RECOVERY_SECONDS = 45.0
"""What runs longer goes on by itself; whoever waits for the agent to be ready has less patience."""
_MOST_BYTES = 1024 * 1024


class _Said(msgspec.Struct, frozen=True):
    """What our own command prints with --json."""

    says: list[str]
    exit_code: int
    apply: str = ""
    state: str = ""
    try_this: str = ""


class Actor:
    """Runs `lockdown apply`, `confirm` and `rollback` with the agent's own settings."""

    def __init__(self, config: str, seconds: float = _SECONDS) -> None:
        self._config, self._seconds = config, seconds

    def __call__(self, arguments: tuple[str, ...]) -> verbs.Reply:
        """Run one, and hear what came of it."""
        return self.run(arguments, self._seconds)

    def run(self, arguments: tuple[str, ...], seconds: float) -> verbs.Reply:
        """With a limit for waiting."""
        command = lockdown_command(*arguments, "--directly", "--json", config=self._config)
        try:
            process = subprocess.Popen(
                [*_apart(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
            out, err = process.communicate(timeout=seconds)
        except OSError as error:
            return verbs.Refused(f"it could not be started: {error}")
        except subprocess.TimeoutExpired:
            return verbs.Refused("it is still at work", "lockdown history last")
        return reply_of(out[:_MOST_BYTES], err.decode("utf-8", "replace"))


def _apart() -> tuple[str, ...]:
    if not _SYSTEMD.is_dir():
        return ()
    return ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--working-directory={Path.cwd()}", "--")


def reply_of(out: bytes, err: str) -> verbs.Reply:
    """What the command said; never raises."""
    try:
        said = msgspec.json.decode(out, type=_Said)
    except msgspec.DecodeError:
        return verbs.Refused(f"it broke: {err.strip()[-500:] or 'no word of it'}", "lockdown history last")
    if not said.apply:
        return verbs.Refused(" ".join(said.says)[:1000], said.try_this)
    return verbs.Acted(said.apply, said.state, said.says, said.exit_code)


def recover_first(directory: StateDirectory, act: Actor) -> Iterator[str]:
    """The first act at start: what was cut off ends, one way or the other, and a probation goes on."""
    if os.geteuid() != 0:
        return
    try:
        bring_over(directory)
    except OperatorError as problem:
        yield f"{problem.what}: {problem.why}; {problem.try_this}"
    if not directory.applies.is_dir():
        return
    with suppress(OSError):
        if unfinished(records(directory.applies)) is None:
            return
    match act.run(("rollback", "--interrupted"), _RECOVERY_SECONDS):
        case verbs.Acted(says=says):
            yield from says
        case verbs.Refused(why=why):
            yield f"what was cut off is not undone yet: {why}"
        case _:
            return
