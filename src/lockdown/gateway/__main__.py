"""A worker process, started by the master: its task on the command line, its settings on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from lockdown.config import read_settings
from lockdown.gateway.said import log_to_stderr
from lockdown.gateway.worker import run_worker
from lockdown.model.errors import OperatorError


def main() -> int:
    """Serve until SIGTERM."""
    log_to_stderr()
    # When a whole group is told to reload, it is the master who does.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    task = json.loads(sys.argv[1])
    settings = read_settings([("the master's settings", _told())]).settings
    try:
        return run_worker(
            settings, Path(task["state"]), task["number"], task["workers"], task["descriptors"], task["ready"]
        )
    except OperatorError as error:
        print(f"gateway: {error}", file=sys.stderr, flush=True)
        return 1


def _told() -> str:
    """The master's text up to NUL; standard input stays open as long as the master lives."""
    text = bytearray()
    while not text.endswith(b"\0"):
        piece = os.read(0, 65536)
        if not piece:
            sys.exit("gateway: the master ended before it had said what to do")
        text += piece
    return text[:-1].decode()


if __name__ == "__main__":
    sys.exit(main())
