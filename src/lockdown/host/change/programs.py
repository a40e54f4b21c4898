"""Run a program for a change: fixed arguments, no shell, a time limit; both of its streams are heard.

Fails as: `OperatorError` for a program that is not installed, or that gives no answer in time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from lockdown.host.local import find_program
from lockdown.model.errors import OperatorError

SECONDS = 60.0
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "TZ": "UTC",
    "DEBIAN_FRONTEND": "noninteractive",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Its complaint, on one line."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        telling = [line for line in lines if "fatal" in line.lower() or "error" in line.lower()]
        return (telling or lines or [f"it ended with {self.code} and gave no reason"])[-1 if not telling else 0][:300]


def is_installed(program: str) -> bool:
    """Does it lie where system programs lie?"""
    return find_program(program) is not None


def ask(*argv: str, seconds: float = SECONDS, more: Mapping[str, str] | None = None) -> Said:
    """Run it and hear it, whatever it ends with. The first word is a bare name or an absolute path."""
    place = argv[0] if argv[0].startswith("/") else find_program(argv[0])
    if place is None:
        raise OperatorError(
            "not-installed", what=f"{argv[0]} cannot be run", why="it is not installed", try_this=f"install {argv[0]}"
        )
    try:
        done = subprocess.run(
            [str(place), *argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=seconds, check=False, env={**_ENVIRONMENT, **(more or {})}, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise failed(argv, f"no answer in {seconds:g} s") from error
    except OSError as error:
        raise failed(argv, error.strerror or str(error)) from error
    return Said(done.returncode, done.stdout, done.stderr)


def must(*argv: str, seconds: float = SECONDS) -> str:
    """Run it; what it prints. Any end but 0 is an `OperatorError` with its own words."""
    said = ask(*argv, seconds=seconds)
    if said.code:
        raise failed(argv, said.words)
    return said.out


def failed(argv: tuple[str, ...], why: str) -> OperatorError:
    """The error that says which command did not work."""
    shown = " ".join(argv)
    return OperatorError("command-failed", what=f"{shown} did not work", why=why, try_this=f"try it by hand: {shown}")
