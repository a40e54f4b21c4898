"""Deeds side by side: all at once, their errors are heard, and none keeps a process alive."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from lockdown.engine.at_once import at_once

HANGS = """\
import threading
from lockdown.engine.at_once import at_once
at_once("hangs", [threading.Event().wait])
print("ended")
"""


def test_each_may_wait_for_another() -> None:
    first, second = threading.Event(), threading.Event()

    def one() -> None:
        first.set()
        assert second.wait(20)

    def other() -> None:
        assert first.wait(20)
        second.set()

    for deed in at_once("two", [one, other]):
        deed.wait()


def test_what_one_raises_is_heard_by_who_waits_for_it() -> None:
    def breaks() -> None:
        raise RuntimeError("boom")

    (deed,) = at_once("one", [breaks])
    with pytest.raises(RuntimeError, match="boom"):
        deed.wait()


def test_one_that_hangs_keeps_no_process_from_ending() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=20, check=True)
    assert ended.stdout == "ended\n"
