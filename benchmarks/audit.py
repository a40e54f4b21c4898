"""The audit of this very machine against Lynis's whole run, in alternating pairs; and how many mail controls each has.

Both look at the same machine as it stands, as root, with nothing written but their reports. Lynis is asked for its
whole system in its quickest way (no pauses, no colours); it has no way to judge a mail server alone as ours does.

Fails as: Unmeasurable when Lynis is not installed (`apt-get install lynis`) or one of the two does not end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Sign, Target, Unmeasurable, pairwise_ratio
from benchmarks.session import Measured, Setup
from lockdown.engine.audit import cards

TIME_TARGET_SECONDS = 3.0
SHARE = 0.1
_LIMIT = 300
_MAIL_TESTS = Path("/usr/share/lynis/include/tests_mail_messaging")


def measure(setup: Setup) -> Measured:
    """The time of each, the ratio pair by pair, and the counts."""
    lynis = shutil.which("lynis", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if lynis is None:
        raise Unmeasurable("Lynis is not installed (apt-get install lynis)")
    if os.geteuid() != 0:
        raise Unmeasurable("both need root to read everything")
    place = setup.place("audit")
    ours, theirs = [], []
    for _ in range(max(2, setup.rounds)):
        ours.append(_timed([sys.executable, "-P", "-m", "lockdown", "audit", "-o", str(place / "audit.txt")], place))
        theirs.append(_timed([lynis, "audit", "system", "--quick", "--no-colors", "--quiet"], place))
    how = f"median of {len(ours)} alternating pairs, whole commands as root, this machine as it stands"
    yield Figure("audit", "whole local audit", median(ours), "s", how, Target(Sign.AT_MOST, TIME_TARGET_SECONDS))
    yield Figure("audit", "Lynis, whole system", median(theirs), "s", f"{how}; --quick --quiet")
    share = pairwise_ratio(ours, theirs)
    yield Figure(
        "audit", "of Lynis's time", share, "", "median of the ratios of the pairs", Target(Sign.AT_MOST, SHARE)
    )
    tests = _mail_tests()
    more = Target(Sign.AT_LEAST, tests + 1)
    yield Figure("audit", "controls that an audit judges", float(_own_controls()), "", "those of the cards", more)
    yield Figure("audit", "mail tests of Lynis", float(tests), "", "numbers registered in tests_mail_messaging")


def _timed(argv: list[str], place: Path) -> float:
    begun = time.perf_counter()
    try:
        ended = subprocess.run(argv, cwd=place, capture_output=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise Unmeasurable(f"{argv[0]} did not end in {_LIMIT} s") from None
    if ended.returncode not in (0, 1, 3, 78):
        raise Unmeasurable(f"{argv[0]} ended with {ended.returncode}: {ended.stderr.decode()[-200:]}")
    return time.perf_counter() - begun


def _own_controls() -> int:
    return sum(not control.in_flight for card in cards() for control in card.controls)


def _mail_tests() -> int:
    return len(set(re.findall(r"--test-no (MAIL-\d+)", _MAIL_TESTS.read_text())))
