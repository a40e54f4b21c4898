"""Run a program for a change: fixed arguments, no shell, a time limit; both of its streams are heard.

Fails as: `OperatorError` for a program that is not installed, or that gives no answer in time.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from lockdown.host.local import find_program
from lockdown.model.errors import OperatorError

SECONDS = 60.0
_TELLING = re.compile(r"fatal|error|^E: ", re.IGNORECASE)
_MOST_OCTETS = 8 * 1024 * 1024
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
        at = next((at for at, line in enumerate(lines) if _TELLING.search(line)), 0)
        if not lines:
            return f"it ended with {self.code} and gave no reason"
        # Exim says where on one line, and what on the next.
        return " ".join(lines[at : at + 2] if lines[at].endswith(":") else lines[at : at + 1])[:300]


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
        return _heard([str(place), *argv[1:]], seconds, {**_ENVIRONMENT, **(more or {})})
    except subprocess.TimeoutExpired as error:
        raise failed(argv, f"no answer in {seconds:g} s") from error
    except OSError as error:
        raise failed(argv, error.strerror or str(error)) from error


def _heard(argv: Sequence[str], seconds: float, environment: Mapping[str, str]) -> Said:
    """To files, not pipes: a daemon that it starts keeps its output open, and is not waited for."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return Said(code, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_OCTETS).decode("utf-8", "replace")


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
