"""What a drill came to: each letter and its fate, the exit code, and what is kept of it.

Fails as: `OSError` when the results cannot be written; results of before that cannot be read count as none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lockdown.config import Settings
from lockdown.model.finding import State
from lockdown.model.networks import networks
from lockdown.model.step import Fate, Step
from lockdown.model.trial import Trial
from lockdown.probe.smtp import Target
from lockdown.state.layout import StateDirectory

AS_EXPECTED, NOT_AS_EXPECTED, NOT_TOLD = 0, 1, 3
"""Exit codes of a drill; 2 is for usage and settings."""

_THERE = (Fate.ARRIVED, Fate.MARKED)


@dataclass(frozen=True, slots=True)
class Result:
    """One step, and what became of it."""

    item: str
    step: Step
    state: State
    fate: Fate
    says: str
    """The server's words, or the reason why nothing can be told."""
    id: str = ""
    """The gateway's own, for `lockdown trace`."""
    round: int = 1

    @property
    def what(self) -> Step | Trial:
        """What was tried."""
        return self.step


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trial, and how the control stood it."""

    item: str
    trial: Trial
    state: State
    says: str
    plain_arrived: bool = False
    was_held: bool = True
    """False: something was missing that it cannot be held without."""
    seconds: float = 0.0
    dialogue: tuple[str, ...] = ()
    """Who said what, and when: bounded, without secrets."""

    @property
    def what(self) -> Step | Trial:
        """What was tried."""
        return self.trial


@dataclass(frozen=True, slots=True)
class Report:
    """A drill as a whole."""

    began: datetime
    seconds: float
    results: tuple[Result, ...]
    plain_sent: int
    plain_arrived: int
    notes: tuple[str, ...] = ()
    unsent: int = 0
    """Letters that were not sent, as the drill ended early."""
    trials: tuple[TrialResult, ...] = ()

    def every(self) -> list[Result | TrialResult]:
        """Trials and letters."""
        return [*self.trials, *self.results]

    def counts(self) -> Counter[State]:
        """How many steps and trials ended how."""
        return Counter(one.state for one in self.every())

    @property
    def is_told(self) -> bool:
        """Something has arrived: the way to the mailbox is open, so what did not arrive was stopped."""
        return self.plain_arrived > 0 or any(one.fate in _THERE for one in self.results)

    @property
    def exit_code(self) -> int:
        """0 all as expected; 1 something bad got through or something wanted did not; 3 could not tell."""
        counts = self.counts()
        # A trial fails by what was seen, and not by what did not arrive.
        if any(one.state is State.FAIL for one in self.trials):
            return NOT_AS_EXPECTED
        if not self.is_told or not (self.results or self.trials):
            return NOT_TOLD
        if counts[State.FAIL]:
            return NOT_AS_EXPECTED
        return NOT_TOLD if counts[State.UNKNOWN] or self.unsent else AS_EXPECTED

    def joined(self, other: Report) -> Report:
        """This drill, and another one that was held after it."""
        return Report(
            self.began,
            self.seconds + other.seconds,
            self.results + other.results,
            self.plain_sent + other.plain_sent,
            self.plain_arrived + other.plain_arrived,
            self.notes + other.notes,
            self.unsent + other.unsent,
            self.trials + other.trials,
        )


def as_far_as_told(report: Report) -> Report:
    """Where nothing has arrived at all, no step is proved."""
    if report.is_told or not report.results:
        return report
    note = "no plain letter has arrived: a dead server would look the same, so nothing is proved"
    results = tuple(replace(one, state=State.UNKNOWN) for one in report.results)
    return replace(report, results=results, notes=(*report.notes, note))


RESULTS = "drills.json"
"""Below the state directory: the last drill, for the console and the metrics."""


def write_results(report: Report, items: Collection[str], directory: StateDirectory) -> Path:
    """Keep what the last drill came to, and when one was last as expected."""
    file = directory.path / RESULTS
    told = {
        "schema": "lockdown.drills/1",
        "items": sorted(items),
        "began": report.began.isoformat(),
        "seconds": round(report.seconds, 1),
        "exit_code": report.exit_code,
        "counts": {str(state): count for state, count in sorted(report.counts().items())},
        "not_as_expected": [
            {
                "item": one.item,
                "set": one.what.set,
                "name": one.what.name,
                "state": str(one.state),
                "fate": str(one.fate) if isinstance(one, Result) else one.says,
            }
            for one in report.every()
            if one.state is not State.PASS
        ],
        "last_success": report.began.timestamp() if report.exit_code == AS_EXPECTED else _last_success(file),
    }
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(file)
    return file


def _last_success(file: Path) -> float | None:
    try:
        before = json.loads(file.read_text(encoding="utf-8")).get("last_success")
    except (OSError, ValueError, AttributeError):
        return None
    return float(before) if isinstance(before, int | float) else None


def as_a_stranger(report: Report, target: Target, settings: Settings) -> Report:
    """Whether strangers are stopped cannot be told by a client that is trusted: then such failures are UNKNOWN.

    Who talks to an address of this machine comes from that address.
    """
    if target.host not in networks(settings.gateway.trusted_networks):
        return report
    note = f"{target.host} is in gateway.trusted_networks: what strangers may not do was not tried as a stranger"
    results = tuple(
        replace(one, state=State.UNKNOWN, says=note) if one.item == "antispam" and one.state is State.FAIL else one
        for one in report.results
    )
    return replace(report, results=results, notes=(*report.notes, note))
