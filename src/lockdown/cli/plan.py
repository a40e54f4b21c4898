"""`lockdown plan`: what Lockdown would change on this machine, as a diff, each change with its reason. Changes nothing.

Fails as: exit 2 for usage and settings, and when what was planned is refused by the service's own checker.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockdown.cli.options import common_options, operator_name, print_json
from lockdown.model.errors import OperatorError

if TYPE_CHECKING:
    from lockdown.engine.plan import Group, Plan
    from lockdown.state.layout import StateDirectory


@click.command(
    name="plan",
    epilog="Example:  lockdown plan relaying services --without services.unneeded     then: lockdown apply ID",
)
@click.argument("items", metavar="[ITEM…]", nargs=-1)
@click.option("--without", multiple=True, metavar="CONTROL", help="Leave this control out; may be repeated.")
@common_options
def command(items: tuple[str, ...], without: tuple[str, ...], config: Path | None, as_json: bool) -> int:
    """The changes that would mend what fails here, as a diff, with reason, risk and side effects."""
    from lockdown.cli.plan_text import render_plan
    from lockdown.engine.apply import means_of, plan_now
    from lockdown.engine.settings_files import load_settings

    _check(items, without)
    loaded = load_settings(config)
    means = means_of(loaded)
    plan = plan_now(means, items, without)
    kept = plan.is_empty or _keep(means.directory, plan)
    if as_json:
        print_json("plan", **fields_of(plan))
    else:
        again = " ".join(["lockdown plan", *items, *(f"--without {control}" for control in without)])
        click.echo(render_plan(plan, loaded.settings, again), nl=False)
        if os.geteuid() != 0:
            click.echo("Planned as an ordinary user: root reads more, and may come to another plan.", err=True)
        if not kept:
            click.echo(f"The plan could not be kept in {means.directory.plans}.", err=True)
    return 0


def _keep(directory: StateDirectory, plan: Plan) -> bool:
    """Only that folder is made, and not those of the gateway, which belong to its own user."""
    from lockdown.engine.plan_files import keep_plan
    from lockdown.state.layout import make_folder

    try:
        make_folder(directory.path)
    except OperatorError:
        return False
    return keep_plan(directory, plan, operator_name())


def _check(items: Sequence[str], without: Sequence[str]) -> None:
    import difflib

    from lockdown.engine.audit import cards, control_named

    known = [card.id for card in cards()]
    for item in items:
        if item not in known:
            near = difflib.get_close_matches(item, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Items: {', '.join(known)}."
            raise click.UsageError(f"There is no item {item!r}. {hint}")
    for control in without:
        if control_named(control) is None:
            raise click.UsageError(f"There is no control {control!r}. Type: lockdown audit --all")


# ── JSON ──


def fields_of(plan: Plan) -> dict[str, Any]:
    """For machines; the diffs are whole."""
    from lockdown.engine.apply_record import diff_of

    return {
        "id": plan.id if not plan.is_empty else None,
        "host": plan.host,
        "made_at": plan.made_at.isoformat(),
        "items": list(plan.items),
        "without": list(plan.without),
        "on_probation": plan.on_probation,
        "groups": [_group_fields(group, plan) for group in plan.groups],
        "files": [{"path": edit.after.path, "diff": diff_of(edit)} for edit in plan.staged.edits],
        "left": [
            {"control": one.control, "target": one.target, "why": one.why, "try_this": one.try_this}
            for one in plan.left
        ],
        "expected": [{"control": control, "target": target} for control, target in plan.expected],
        "next": f"lockdown apply {plan.id}" if not plan.is_empty else "lockdown audit",
    }


def _group_fields(group: Group, plan: Plan) -> dict[str, Any]:
    from lockdown.engine.plan import encoded
    from lockdown.engine.plan_diff import diffs_of

    return {
        "control": group.control,
        "target": group.target,
        "why": list(dict.fromkeys(one.why for one in group.proposals)),
        "risk": str(max(group.proposals, key=lambda one: ("none", "low", "high").index(one.risk)).risk),
        "side_effects": list(dict.fromkeys(one.side_effects for one in group.proposals)),
        "on_probation": group.on_probation,
        "turns": {"state": str(group.finding.state), "says": group.finding.says} if group.finding else None,
        "also": list(dict.fromkeys(control for one in group.proposals for control in one.also)),
        "changes": [encoded(plan.changes[place]) for place in group.changes],
        "diff": [
            {"path": diff.path, "about": diff.about, "lines": list(diff.lines)}
            for diff in diffs_of(group.changes, plan.changes, plan.staged.edits)
        ],
    }
