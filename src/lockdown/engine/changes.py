"""What has changed between two audits of one host: what got worse, what got better, what came and went. Pure.

A finding is known by its control and its target, never by its words: a text that differs while the state is the same is
no change, so that numbers that wander raise no noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockdown.model.finding import Finding, State

_BADNESS = {
    State.PASS: 0, State.NOT_APPLICABLE: 0, State.WAIVED: 1, State.WARN: 2, State.UNKNOWN: 3, State.FAIL: 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One control on one target, before and after; None: it was not judged then, or is not any more."""

    before: Finding | None
    after: Finding | None

    @property
    def finding(self) -> Finding:
        """As it is now, or as it was last."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def is_worse(self) -> bool:
        return _badness(self.after) > _badness(self.before)


def _badness(finding: Finding | None) -> int:
    return _BADNESS[finding.state] if finding else 0


def changes(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[Change, ...]:
    """Every control whose state differs; the worse ones first, the worst of them at the top.

    What is new and holds, and what held and is gone, is no change that anyone must know.
    """
    old, new = _by_key(before), _by_key(after)
    found = [Change(old.get(key), new.get(key)) for key in {**old, **new}]
    told = [change for change in found if _state(change.before) != _state(change.after) and _matters(change)]
    return tuple(sorted(told, key=lambda change: (not change.is_worse, -_badness(change.after))))


def _by_key(findings: Iterable[Finding]) -> dict[tuple[str, str], Finding]:
    """Of several findings on one target, the worst stands for the control."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = finding.control, finding.target
        if key not in kept or _badness(finding) > _badness(kept[key]):
            kept[key] = finding
    return kept


def _state(finding: Finding | None) -> State | None:
    return finding.state if finding else None


def _matters(change: Change) -> bool:
    return _badness(change.before) != _badness(change.after)


def worse(found: Sequence[Change]) -> tuple[Change, ...]:
    """Those that somebody must look at."""
    return tuple(change for change in found if change.is_worse)
