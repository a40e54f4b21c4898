"""Run one command for a reading: fixed arguments, no shell, a time limit, a bound on what it may say.

Fails as: Unknown("postconf -n ended with 1: …"), Unknown("… gave no answer in 10 s"). Never raises.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

TIME_LIMIT = 10.0
MAX_OUTPUT = 8 * 1024 * 1024
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def run(
    argv: Sequence[str],
    time_limit: float = TIME_LIMIT,
    max_output: int = MAX_OUTPUT,
    answers: tuple[int, ...] = (0,),
) -> Reading:
    """What the command says on standard output, or why there is no answer."""
    shown = _shown(argv)
    try:
        # Its own session, so that what it starts ends with it.
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=_ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return Unknown(f"{shown} could not be started: {error.strerror}")
    with process:
        try:
            return _answer(process, shown, time_limit, max_output, answers)
        finally:
            _end(process)


def _shown(argv: Sequence[str]) -> str:
    """The command in a sentence; of a long one, its beginning."""
    words = " ".join([Path(argv[0]).name, *argv[1:]])
    return words if len(words) <= 80 and "\n" not in words else f"{words.splitlines()[0][:60]} …"


def _answer(
    process: subprocess.Popen[bytes], shown: str, time_limit: float, max_output: int, answers: tuple[int, ...]
) -> Reading:
    said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    if not _collect(process, said, time.monotonic() + time_limit, max_output):
        return Unknown(f"{shown} gave no answer in {time_limit:g} s")
    if len(said["out"]) > max_output:
        return Unknown(f"{shown} said more than {max_output} octets")
    code = process.wait()
    if code not in answers:
        return Unknown(f"{shown} ended with {code}: {_first_line(bytes(said['err']))}")
    return decoded(bytes(said["out"]), shown)


def _collect(process: subprocess.Popen[bytes], said: dict[str, bytearray], deadline: float, max_output: int) -> bool:
    """Read both streams until they end, or one is too long; False when the time is over first."""
    with selectors.DefaultSelector() as selector:
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            if stream:
                selector.register(stream, selectors.EVENT_READ, name)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(left):
                piece = os.read(key.fd, 65536)
                said[key.data] += piece
                if not piece:
                    selector.unregister(key.fileobj)
                if len(said[key.data]) > max_output:
                    return True
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _first_line(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = next(
        (line for line in lines if "fatal" in line or "error" in line), lines[0] if lines else "no reason given"
    )
    # A program says its own name first, as it was called: that is in the sentence already.
    return fatal[:300].partition(": ")[2] if fatal.startswith("/") else fatal[:300]


def decoded(octets: bytes, source: str) -> Reading:
    """Text, or Unknown: octets that are no UTF-8 are not guessed at."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        return Unknown(f"{source} is not UTF-8 text at octet {error.start}")
