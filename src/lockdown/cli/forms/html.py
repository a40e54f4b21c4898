"""An audit as one HTML file: opens offline, prints, needs no script; the plan of action first, then the thirteen.

Everything from the machine is escaped by the template engine; the page carries a policy that lets nothing be loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from lockdown.engine.audit import ItemReport, Report
from lockdown.engine.changes import Change
from lockdown.model.finding import Control, Finding, Severity, State

_WORDS = {
    State.FAIL: "fails", State.UNKNOWN: "could not tell", State.WARN: "warning",
    State.WAIVED: "waived", State.PASS: "holds", State.NOT_APPLICABLE: "not applicable",
}  # fmt: skip
_ORDER = list(_WORDS)
_MOST_TASKS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """A finding with its control."""

    finding: Finding
    control: Control

    @property
    def word(self) -> str:
        return _WORDS[self.finding.state]

    @property
    def tone(self) -> str:
        return str(self.finding.state).replace("/", "")


def as_html(report: Report, changed: Sequence[Change] | None = None) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    counts = report.counts()
    return environment.get_template("report.html").render(
        report=report,
        counts=[(_WORDS[state], counts[state], str(state).replace("/", "")) for state in _ORDER if counts[state]],
        tasks=_tasks(report),
        items=[(item, _rows(item), _item_word(item)) for item in report.items],
        changed=changed,
        words=_WORDS,
    )


def _rows(item: ItemReport) -> list[Row]:
    controls = {control.id: control for control in item.card.controls}
    rows = [Row(finding, controls[finding.control]) for finding in item.findings]
    return sorted(rows, key=lambda row: _ORDER.index(row.finding.state))


def _tasks(report: Report) -> list[Row]:
    """What to do, in its order: failures and warnings, the severest first; to be signed off on paper."""
    rows = [row for item in report.items for row in _rows(item) if row.finding.state in (State.FAIL, State.WARN)]
    severities = list(Severity)
    rows.sort(key=lambda row: (_ORDER.index(row.finding.state), severities.index(row.control.severity)))
    return rows[:_MOST_TASKS]


def _item_word(item: ItemReport) -> tuple[str, str]:
    return ("not judged", "na") if item.state is None else (_WORDS[item.state], str(item.state).replace("/", ""))
