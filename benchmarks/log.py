"""A log of a million lines to the full picture, against pflogsumm and fail2ban-regex over the same lines.

Each is a whole command, from its start to its last word. pflogsumm is asked for its usual report, fail2ban-regex for
its filter of Postfix, over a part of the lines, since it needs half a minute for all: compared are lines a second.

Fails as: Unmeasurable when ours does not read every line; a peer that is not installed is named as not measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

import psutil

from benchmarks.figures import Figure, NotMeasured, Sign, Target, Unmeasurable, pairwise_ratio
from benchmarks.log_lines import write
from benchmarks.machine import family, memory_kib
from benchmarks.session import Measured, Setup

LINES = 1_000_000
SECONDS = 1.5
MEBIBYTES = 64.0
OVER_PFLOGSUMM, OVER_FAIL2BAN = 2.0, 8.0
_PART = 50_000
_LIMIT = 600
_EVERY = 0.01
_HOW_MEMORY = "the most that all processes together took at once: Pss of smaps_rollup, looked at every 10 ms"
_FILTER = Path("/etc/fail2ban/filter.d/postfix.conf")
_OURS = """
import json, sys
from pathlib import Path
from lockdown.host.log_files import picture_of
picture = picture_of(Path(sys.argv[1]), processes=int(sys.argv[2]))
print(json.dumps({"lines": picture.lines, "unread": picture.unread.total(), "senders": len(picture.senders.pairs),
                  "octets": picture.senders.all.octets}))
"""
Timed = Callable[[], float]


def measure(setup: Setup) -> Measured:
    """Time, memory, and how much faster than each peer, in alternating runs."""
    place = setup.place("log")
    whole, part = place / "mail.log", place / "part.log"
    write(whole, LINES)
    # The form that fail2ban's own detector of dates knows best.
    write(part, _PART, style="rfc3164")
    cores = len(os.sched_getaffinity(0))
    rounds = max(2, setup.rounds)
    ours, alone, pflogsumm, fail2ban = [], [], [], []
    peers: dict[str, Timed | None] = {"pflogsumm": _pflogsumm(whole), "fail2ban-regex": _fail2ban(part)}
    for _ in range(rounds):
        ours.append(_ours(whole, cores))
        alone.append(_ours(whole, 1))
        pflogsumm += [run() for run in (peers["pflogsumm"],) if run]
        fail2ban += [run() * LINES / _PART for run in (peers["fail2ban-regex"],) if run]
    how = f"median of {rounds} whole commands, {LINES:,} lines, {whole.stat().st_size // 1_000_000} MB"
    yield Figure("log", "full picture", median(ours), "s", f"{how}, {cores} processes", Target(Sign.AT_MOST, SECONDS))
    yield Figure("log", "full picture, one process", median(alone), "s", how)
    peak = _peak(whole, cores) / 1024
    yield Figure("log", "memory", peak, "MiB", _HOW_MEMORY, Target(Sign.AT_MOST, MEBIBYTES))
    yield from _over("pflogsumm", pflogsumm, ours, how, OVER_PFLOGSUMM)
    yield from _over("fail2ban-regex", fail2ban, ours, f"{how}; from {_PART:,} of them", OVER_FAIL2BAN)


def _over(
    peer: str, theirs: list[float], ours: list[float], how: str, at_least: float
) -> Iterator[Figure | NotMeasured]:
    if not theirs:
        yield NotMeasured("log", peer, f"{peer} is not installed (script/setup --bench)")
        return
    yield Figure("log", peer, median(theirs), "s", how)
    ratio = pairwise_ratio(theirs, ours)
    yield Figure("log", f"faster than {peer}", ratio, "times", "median of the ratios", Target(Sign.AT_LEAST, at_least))


def _ours(log: Path, processes: int) -> float:
    begun = time.perf_counter()
    said = _run(_command(log, processes))
    seconds = time.perf_counter() - begun
    picture = json.loads(said)
    if picture["lines"] < LINES or picture["unread"]:
        raise Unmeasurable(f"of {LINES} lines {picture['lines']} were read, {picture['unread']} were not understood")
    return seconds


def _command(log: Path, processes: int) -> list[str]:
    return [sys.executable, "-P", "-c", _OURS, str(log), str(processes)]


def _peak(log: Path, processes: int) -> int:
    """The most KiB that all processes together took at one moment, in a run of its own: to look costs time."""
    peak = 0
    with subprocess.Popen(_command(log, processes), stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            with suppress(OSError, StopIteration, psutil.NoSuchProcess):  # one that has just ended
                peak = max(peak, memory_kib(family(running.pid), "Pss"))
            time.sleep(_EVERY)
    return peak


def _pflogsumm(log: Path) -> Timed | None:
    program = shutil.which("pflogsumm", path="/usr/sbin:/usr/bin:/usr/local/bin")
    return (lambda: _seconds([program, str(log)])) if program else None


def _fail2ban(log: Path) -> Timed | None:
    program = shutil.which("fail2ban-regex", path="/usr/sbin:/usr/bin:/usr/local/bin")
    return (lambda: _seconds([program, str(log), str(_FILTER)])) if program and _FILTER.exists() else None


def _seconds(argv: list[str]) -> float:
    begun = time.perf_counter()
    _run(argv)
    return time.perf_counter() - begun


def _run(argv: list[str]) -> str:
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise Unmeasurable(f"{argv[0]} did not end in {_LIMIT} s") from None
    if ended.returncode:
        raise Unmeasurable(f"{argv[0]} ended with {ended.returncode}: {ended.stderr[-200:]}")
    return ended.stdout
