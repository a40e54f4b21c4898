"""A plan as text: the headline, item by item what would change and why, what is left to a person, what to type.

Files hold what anyone may have written: control characters in them never reach the terminal.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from lockdown.cli.audit_text import printable, printable_command
from lockdown.cli.options import paint
from lockdown.model.change import Risk
from lockdown.model.units import show_duration

if TYPE_CHECKING:
    from lockdown.config import Settings
    from lockdown.engine.plan import Group, Plan
    from lockdown.engine.plan_diff import FileDiff

_MOST_LINES = 40
_RISKS = {Risk.NONE: "green", Risk.LOW: "yellow", Risk.HIGH: "red"}


def render_plan(plan: Plan, settings: Settings, again: str) -> str:
    """The whole screen; `again` is how the command was typed."""
    lines = [*_head(plan, settings), *_items(plan), *_left(plan), *_foot(plan, again)]
    return "\n".join(lines) + "\n"


def width() -> int:
    """Of the terminal, or what a file can bear."""
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120)) if sys.stdout.isatty() else 100


def wrapped(text: str, first: str, then: int) -> list[str]:
    """Prose with an indent of its own for the first line."""
    return textwrap.wrap(
        printable(text), width(), initial_indent=first, subsequent_indent=" " * then, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def counted(number: int, one: str, many: str = "") -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _head(plan: Plan, settings: Settings) -> Iterator[str]:
    if plan.is_empty:
        yield paint(f"{printable(plan.host)}: nothing to change", bold=True)
        yield "Whatever Lockdown can mend here by itself holds already."
        return
    items = len(dict.fromkeys(group.item for group in plan.groups))
    yield paint(
        f"{printable(plan.host)}: {counted(len(plan.changes), 'change')} for {counted(len(plan.groups), 'finding')} "
        f"of {counted(items, 'item')}",
        bold=True,
    )
    probation = [group for group in plan.groups if group.on_probation]
    if probation:
        term = show_duration(settings.apply.probation)
        yield from wrapped(
            f"{counted(len(probation), 'group')} may shut you out: all of it is undone by itself after {term}, unless "
            "you confirm it over a new connection.",
            "", 0,
        )  # fmt: skip
    risky = [group.control for group in plan.groups if any(one.risk is Risk.HIGH for one in group.proposals)]
    if risky:
        yield from wrapped(f"Look twice at: {', '.join(dict.fromkeys(risky))}.", "", 0)
    yield "Nothing is changed yet. A letter before and after shows that mail still flows; else all of it is undone."


def _items(plan: Plan) -> Iterator[str]:
    titles = {item.card.id: (item.card.number, item.card.title) for item in plan.before.items}
    shown: Shown = {}
    for item in dict.fromkeys(group.item for group in plan.groups):
        number, title = titles.get(item, (0, item))
        yield ""
        yield paint(f"{number:>2}  {title}", bold=True)
        for group in plan.groups:
            if group.item == item:
                yield ""
                yield from _group(group, plan, shown)


Shown: TypeAlias = dict[tuple[str, ...], str]
"""What was printed of a file already, a file and the lines of a hunk, or a deed: under which control."""


def _group(group: Group, plan: Plan, shown: Shown) -> Iterator[str]:
    from lockdown.engine.plan_diff import deeds_of, diffs_of

    target = "" if group.target == "this host" else f"  ({printable(group.target)})"
    yield f"    {paint(group.control, bold=True)}{target}"
    for why in dict.fromkeys(one.why for one in group.proposals):
        yield from wrapped(why, "    ", 4)
    for diff in diffs_of(group.changes, plan.changes, plan.staged.edits):
        yield from _file(diff, group.control, shown)
    for deed in deeds_of(group.changes, plan.changes, plan.staged.edits):
        above = shown.setdefault((deed,), group.control)
        again = "" if above == group.control else f"  (as above under {above})"
        yield from wrapped(f"{deed}{again}", f"      {paint('*', fg='cyan')} ", 8)
    yield from _about(group)


def _about(group: Group) -> Iterator[str]:
    first = max(group.proposals, key=lambda one: list(Risk).index(one.risk))
    risk = paint(first.risk, fg=_RISKS[first.risk])
    probation = paint(", on probation", fg="yellow") if group.on_probation else ""
    yield f"      risk: {risk}{probation}"
    effects = " ".join(dict.fromkeys(one.side_effects for one in group.proposals))
    yield from wrapped(effects, "      who may notice: ", 8)
    if group.finding:
        yield from wrapped(f"{group.finding.state}: {group.finding.says}", "      turns: ", 8)
    if also := tuple(dict.fromkeys(control for one in group.proposals for control in one.also)):
        yield from wrapped(", ".join(also), "      and:   ", 8)


def _file(diff: FileDiff, control: str, shown: Shown) -> Iterator[str]:
    lines, above = _not_yet(diff, control, shown)
    about = f"  ({diff.about})" if diff.about else ""
    yield f"      {paint(printable(diff.path) + about, fg='cyan')}"
    colour = {"-": "red", "+": "green", "@": "cyan"}
    for line in lines[:_MOST_LINES]:
        # Indents of a file mean something: they stay.
        yield f"      {paint(_one_line(line), fg=colour.get(line[:1]))}"
    if len(lines) > _MOST_LINES:
        yield f"      … {len(lines) - _MOST_LINES} more lines; --json has them all"
    if above:
        yield f"      (as above under {', '.join(above)})"


def _not_yet(diff: FileDiff, control: str, shown: Shown) -> tuple[list[str], list[str]]:
    """The hunks that were not printed yet, and the controls that the others stand under."""
    lines: list[str] = []
    above: dict[str, None] = {}
    for hunk in _hunks(diff.lines):
        first = shown.setdefault((diff.path, *hunk), control)
        if first == control:
            lines += hunk
        else:
            above[first] = None
    return lines, list(above)


def _hunks(lines: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("@@") or not found:
            found.append([])
        found[-1].append(line)
    return found


def _one_line(text: str) -> str:
    return re.sub(
        r"[^\x20-\x7e\xa0-\uffff]|[\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "?", text.expandtabs(8)
    )


def _left(plan: Plan) -> Iterator[str]:
    if not plan.left:
        return
    yield ""
    yield paint("Left to you", bold=True)
    for one in plan.left:
        target = "" if one.target == "this host" else f" ({one.target})"
        yield from wrapped(f"{one.control}{target}: {one.why}", "    ", 6)
        if one.try_this:
            yield f"      {paint('do:', bold=True)} {printable_command(one.try_this)}"


def _foot(plan: Plan, again: str) -> Iterator[str]:
    yield ""
    if plan.is_empty:
        yield "What does not hold:  lockdown audit"
        return
    yield f"Without one of them:  {again} --without CONTROL"
    yield f"Do it:  {paint(f'lockdown apply {plan.id}', bold=True)}"
