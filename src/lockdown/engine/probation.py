"""A timer that undoes an apply unless it is confirmed; armed before the first deed, and independent of who applies.

With systemd a transient timer unit; without it a process of its own session that sleeps, then is `lockdown rollback`.
Neither needs us to live. A restart of the machine ends both: then `lockdown rollback --interrupted` at boot, or the
agent's start, does what is due and arms the rest again.

Fails as: `OperatorError` when no timer can be armed: then nothing is changed.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockdown.host.journal import open_beside
from lockdown.host.session import started
from lockdown.model.errors import OperatorError

_SYSTEMD = Path("/run/systemd/system")
_SECONDS = 20.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

# Sleeps, then becomes the roll-back: nothing of ours is held in memory, and nothing has to be imported before its time.
_SLEEPER = """setsid sh -c 'sleep "$0"; exec "$@"' "$@" </dev/null >&2 & echo $!"""


@dataclass(frozen=True, slots=True)
class Timer:
    """What was armed: a unit of systemd, or a process with its start, so that a number used again is another."""

    unit: str = ""
    pid: int = 0
    started: str = ""


def lockdown_command(*arguments: str, config: str = "") -> tuple[str, ...]:
    """Our own command, to be run by whoever starts it.

    Isolated: without that, Python would look for it in the working folder first, which is the state directory of the
    gateway's user, and run as root whatever that user has put there.
    """
    return (sys.executable, "-I", "-m", "lockdown", *arguments, *(("--config", config) if config else ()))


def arm(apply: str, seconds: float, config: str, log: Path) -> Timer:
    """Roll this apply back in so many seconds, unless it is confirmed by then."""
    command = lockdown_command("rollback", apply, "--unless-confirmed", config=config)
    return _by_systemd(apply, seconds, command) if _SYSTEMD.is_dir() else _by_process(seconds, command, log)


def disarm(timer: Timer) -> None:
    """No roll-back by itself any more; where the timer is gone already, or is what calls, that is well."""
    if timer.unit and _SYSTEMD.is_dir():
        _run(["systemctl", "stop", f"{timer.unit}.timer"])
    # The process has become the roll-back that calls this: it must not end itself.
    elif timer.pid and timer.pid != os.getsid(0) and started(timer.pid) == timer.started:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(timer.pid, signal.SIGTERM)


def is_armed(timer: Timer) -> bool:
    """Is it still waiting?"""
    if timer.unit:
        return _SYSTEMD.is_dir() and _run(["systemctl", "is-active", f"{timer.unit}.timer"]) is not None
    return bool(timer.pid and timer.started and started(timer.pid) == timer.started)


def timer_of(fields: Any) -> Timer:
    """As the journal has it."""
    return Timer(str(fields.get("unit", "")), int(fields.get("pid", 0)), str(fields.get("started", "")))


def _by_systemd(apply: str, seconds: float, command: tuple[str, ...]) -> Timer:
    unit = f"lockdown-probation-{apply}"
    done = _run(
        [
            "systemd-run", "--quiet", f"--unit={unit}", f"--on-active={math.ceil(seconds)}",
            "--timer-property=AccuracySec=1s", f"--working-directory={Path.cwd()}", "--", *command,
        ]
    )  # fmt: skip
    if done is None:
        # A unit of that name that is left from before a restart of ours.
        raise _not_armed("systemd-run did not take the timer")
    return Timer(unit=unit)


def _by_process(seconds: float, command: tuple[str, ...], log: Path) -> Timer:
    try:
        opened = open_beside(log.parent, log.name)
    except OSError as error:
        raise _not_armed(f"{log} cannot be written: {error.strerror or error}") from error
    try:
        said = _run(["/bin/sh", "-c", _SLEEPER, "sh", str(math.ceil(seconds)), *command], err=opened)
    finally:
        os.close(opened)
    if not said or not said.strip().isdigit():
        raise _not_armed("no process could be started that waits")
    pid = int(said)
    return Timer(pid=pid, started=started(pid))


def _run(argv: list[str], err: int = subprocess.DEVNULL) -> str | None:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True, timeout=_SECONDS,
            check=False, env=_ENVIRONMENT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _not_armed(why: str) -> OperatorError:
    return OperatorError(
        "no-timer",
        what="nothing is changed: the timer that would undo it could not be armed",
        why=why,
        try_this="lockdown doctor",
    )
