"""An audit as text: what to do first, then the thirteen, each line with what it rests on and what to type.

Evidence is quoted from files that anyone may have written: control characters in it never reach the terminal.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import click

from lockdown.cli.options import colours
from lockdown.engine.audit import ItemReport, Report
from lockdown.engine.changes import Change
from lockdown.model.finding import Evidence, Finding, State

MOST_EVIDENCE = 3
_MOST_UNKNOWN = 2
_STYLES: dict[State, tuple[str, dict[str, Any]]] = {
    State.PASS: ("ok", {"fg": "green"}),
    State.WARN: ("warn", {"fg": "yellow"}),
    State.FAIL: ("FAIL", {"fg": "red", "bold": True}),
    State.UNKNOWN: ("?", {"fg": "magenta"}),
    State.NOT_APPLICABLE: ("n/a", {"dim": True}),
    State.WAIVED: ("waived", {"fg": "cyan"}),
}
_WORDS = {
    State.FAIL: ("fails", "fail"),
    State.WARN: ("warning", "warnings"),
    State.UNKNOWN: ("unknown", "unknown"),
    State.WAIVED: ("waived", "waived"),
    State.PASS: ("holds", "hold"),
    State.NOT_APPLICABLE: ("does not apply", "do not apply"),
}

Paint = Callable[..., str]


def render(report: Report, *, show_all: bool = False, coloured: bool | None = None) -> str:
    """The whole screen."""
    paint: Paint = click.style if (colours() if coloured is None else coloured) else (lambda text, **_: text)
    screen = _Screen(_width(), paint)
    lines = [*screen.head(report), *screen.first(report), *screen.items(report, show_all), *screen.foot(report)]
    return "\n".join(lines) + "\n"


def render_changes(report: Report, changed: Sequence[Change], *, coloured: bool | None = None) -> str:
    """What has changed since the audit before, the worse first; nothing else."""
    paint: Paint = click.style if (colours() if coloured is None else coloured) else (lambda text, **_: text)
    screen = _Screen(_width(), paint)
    lines = [*screen.head(report), "", *screen.changes(changed)]
    return "\n".join(lines) + "\n"


def _width() -> int:
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120)) if sys.stdout.isatty() else 100


def printable(text: str) -> str:
    """Without control characters; white space, line ends included, is one blank."""
    return re.sub(
        r"[^\x20-\x7e\xa0-\uffff]|[\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "?", " ".join(text.split())
    )


class _Screen:
    """How wide it is, and in which colours."""

    def __init__(self, width: int, paint: Paint) -> None:
        self._width, self._paint = width, paint

    def _wrapped(self, text: str, first: str, then: int) -> list[str]:
        return textwrap.wrap(
            printable(text), self._width, initial_indent=first, subsequent_indent=" " * then,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def _mark(self, state: State) -> str:
        word, style = _STYLES[state]
        return self._paint(f"{word:<6}", **style)

    def head(self, report: Report) -> Iterator[str]:
        """Whose machine, when, and the sum."""
        counts = report.counts()
        told = [_counted(state, counts[state]) for state in _WORDS if counts[state]]
        unjudged = sum(1 for item in report.items if item.not_judged)
        told += [f"{unjudged} of {len(report.items)} items not judged yet"] if unjudged else []
        yield self._paint(f"{printable(report.host)}, {report.taken_at:%Y-%m-%d %H:%M} UTC", bold=True)
        yield from self._wrapped(", ".join(told), "", 0)

    def first(self, report: Report) -> Iterator[str]:
        """At most three things, the worst first."""
        urgent = report.urgent()
        if not urgent:
            return
        yield ""
        yield self._paint("Do this first", bold=True)
        for number, finding in enumerate(urgent, start=1):
            same = [other for other in report.findings if _says(other) == _says(finding)]
            yield from self._finding(f"{number}. ", same)

    def changes(self, changed: Sequence[Change]) -> Iterator[str]:
        """Each change with what it was, what it is, and what to type."""
        if not changed:
            yield "Nothing has changed since the audit before."
        for change in changed:
            found = change.finding
            was = change.before.state if change.before else "not judged"
            now = change.after.state if change.after else "not judged"
            yield self._paint(f"{'worse' if change.is_worse else 'better'}: {was} → {now}", bold=change.is_worse)
            yield from self._finding("    ", [found], brief=not change.is_worse)

    def items(self, report: Report, show_all: bool) -> Iterator[str]:
        """The thirteen in their order; what is told above is not told twice."""
        told = [_says(finding) for finding in report.urgent()]
        yield ""
        for item in report.items:
            yield self._title(item)
            if item.not_judged:
                yield from self._wrapped(item.not_judged, " " * 12, 12)
            groups = _together(item.findings)
            kept = groups if show_all else _few_unknown(groups)
            for same in kept:
                yield from self._item_finding(same, told, show_all)
            if left := len(groups) - len(kept):
                yield from self._wrapped(f"and {left} more that could not be told (--all shows them)", " " * 12, 12)

    def _item_finding(self, same: Sequence[Finding], told: Sequence[_Said], show_all: bool) -> Iterator[str]:
        quiet = same[0].state in (State.PASS, State.NOT_APPLICABLE)
        if _says(same[0]) in told:
            number = told.index(_says(same[0])) + 1
            yield from self._wrapped(f"see {number} above [{_names(same)}]", f"    {_word(same[0].state)}", 12)
        elif show_all or not quiet:
            yield from self._finding("    ", same, brief=quiet)

    def _title(self, item: ItemReport) -> str:
        state = self._paint("–     ", dim=True) if item.state is None else self._mark(item.state)
        held = sum(1 for finding in item.findings if finding.state is State.PASS)
        title = self._paint(item.card.title, bold=True)
        if item.findings:
            title += self._paint(f"   ({held} of {len(item.findings)} hold)", dim=True)
        return f"{item.card.number:>2}  {state}  {title}"

    def _finding(self, before: str, same: Sequence[Finding], *, brief: bool = False) -> Iterator[str]:
        finding, indent = same[0], len(before) + 8
        lead = f"{before}{_word(finding.state)}"
        wrapped = self._wrapped(f"{finding.says} [{_names(same)}]", lead, indent)
        yield wrapped[0].replace(lead, f"{before}{self._mark(finding.state)}  ", 1)
        yield from wrapped[1:]
        if brief:
            return
        for evidence in finding.evidence[:MOST_EVIDENCE]:
            yield from self._wrapped(_quoted(evidence), " " * indent, indent + 4)
        if finding.next_command:
            # Never wrapped: it is there to be copied.
            yield f"{' ' * indent}{self._paint('do:', bold=True)} {printable_command(finding.next_command)}"

    def foot(self, report: Report) -> Iterator[str]:
        """The last line is what to type."""
        urgent = report.urgent(1)
        again = "lockdown audit"
        yield ""
        if urgent:
            yield f"Why, what it changes, the way back:  lockdown explain {urgent[0].control}"
            yield f"Then:  {again}     (reads all of it again)"
        elif report.counts()[State.UNKNOWN]:
            yield f"Nothing fails, but not everything could be told. As root, or with what is missing:  {again}"
        else:
            yield "Nothing that is judged fails."


def printable_command(text: str) -> str:
    """As `printable`, with the blanks that set a remark apart kept."""
    return "     ".join(printable(part) for part in re.split(r" {3,}", text))


def _counted(state: State, count: int) -> str:
    one, many = _WORDS[state]
    return f"{count} {one if count == 1 else many}"


def _quoted(evidence: Evidence) -> str:
    place = f"{evidence.source}:{evidence.line}" if evidence.line else evidence.source
    text = printable(evidence.text)
    return f"{place}: {text if len(text) <= 200 else text[:199] + '…'}"


_Said: TypeAlias = tuple[State, str, str]


def _says(finding: Finding) -> _Said:
    return finding.state, finding.says, finding.next_command


def _word(state: State) -> str:
    return f"{_STYLES[state][0]:<6}  "


def _names(same: Sequence[Finding]) -> str:
    """`relaying.open-to-strangers: postfix smtp/inet, postfix 587/inet`: each control with its targets."""
    targets: dict[str, list[str]] = {}
    for finding in same:
        targets.setdefault(finding.control, []).append(finding.target)
    if len(targets) > 7:
        items = sorted({control.partition(".")[0] for control in targets})
        return f"{len(targets)} controls of {' and '.join(items)}"
    if len(targets) > 1:
        return ", ".join(targets)
    return "; ".join(f"{control}: {', '.join(names)}" for control, names in targets.items())


def _together(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that say the same, of several services or controls, as one; the worst first."""
    order = [State.FAIL, State.UNKNOWN, State.WARN, State.WAIVED, State.PASS, State.NOT_APPLICABLE]
    groups: dict[_Said, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_says(finding), []).append(finding)
    return sorted(groups.values(), key=lambda same: order.index(same[0].state))


def _few_unknown(groups: Sequence[Sequence[Finding]]) -> list[Sequence[Finding]]:
    """What could not be told is never left out, but of many reasons the first ones are enough for a tired reader."""
    unknown = [same for same in groups if same[0].state is State.UNKNOWN]
    left_out = unknown[_MOST_UNKNOWN:] if len(unknown) > _MOST_UNKNOWN + 1 else []
    return [same for same in groups if same not in left_out]


paragraph = partial(textwrap.wrap, width=96, break_long_words=False, break_on_hyphens=False)
"""Prose for `lockdown explain`."""
