"""Read the queue of the server here as a stream: message by message, whatever its length.

Fails as: OperatorError when the server does not answer, ends with an error, or takes longer than it may: a queue that
was read in part is never taken for the whole.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from lockdown.facts.queue_entries import Entry, exim_entries, postfix_entry
from lockdown.model.errors import OperatorError

_LONGEST_LINE = 4 << 20
"""A message to tens of thousands of recipients is one line."""
SECONDS = 120.0


def postfix_queue(config: str = "", seconds: float = SECONDS) -> Iterator[Entry | None]:
    """What waits in Postfix; None for a line that was no message."""
    argv = ["postqueue", *(("-c", config) if config else ()), "-j"]
    for line in _lines(argv, seconds):
        yield postfix_entry(line)


def exim_queue(now: datetime, seconds: float = SECONDS) -> Iterator[Entry | None]:
    """What waits in Exim."""
    program = next((name for name in ("exim4", "exim") if shutil.which(name)), "exim4")
    yield from exim_entries((line.decode("utf-8", "replace") for line in _lines([program, "-bpu"], seconds)), now)


def _lines(argv: Sequence[str], seconds: float) -> Iterator[bytes]:
    """The lines that the command says, under one time limit for all; it is ended when nobody reads on."""
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise _unread(argv, error.strerror or str(error)) from None
    assert process.stdout is not None
    # A server that says nothing more would keep us waiting within a line; killed, it ends with an error.
    limit = threading.Timer(seconds, process.kill)
    limit.daemon = True
    limit.start()
    try:
        while line := process.stdout.readline(_LONGEST_LINE):
            yield line
        code = process.wait()
    finally:
        limit.cancel()
        process.kill()
        process.stdout.close()
        process.wait()
    if code:
        late = code == -signal.SIGKILL
        raise _unread(argv, f"it did not end within {seconds:g} s" if late else f"it ended with {code}")


def _unread(argv: Sequence[str], why: str) -> OperatorError:
    return OperatorError(
        "queue-unread", what="The queue could not be read.", why=f"{' '.join(argv)}: {why}",
        try_this=f"sudo {' '.join(argv)} | tail -3",
    )  # fmt: skip
