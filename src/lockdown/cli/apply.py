"""`lockdown apply`: do what a plan says, prove it with a fresh audit and a letter, or put everything back.

Fails as: exit 4 when it did not prove itself and is rolled back; 2 for usage, a stale plan, a user who
may not; 3 when the agent gave no answer.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import click

from lockdown.cli.acting import (
    acting_options,
    as_root,
    guarded,
    over_agent,
    tell,
    undisturbed,
)
from lockdown.cli.options import common_options, operator_name


@click.command(
    name="apply", epilog="Example:  lockdown plan     then, with the id on its last line:  lockdown apply q7x2mfk4ab"
)
@click.argument("plan")
@click.option("--item", "items", multiple=True, metavar="ID", help="As it was planned [as `lockdown plan` was typed].")
@click.option("--without", multiple=True, metavar="CONTROL", help="As it was planned.")
@acting_options
@common_options
def command(
    plan: str, items: tuple[str, ...], without: tuple[str, ...], directly: bool, by: str, origin: str,
    config: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Do what PLAN says: journal, write, check, reload, audit again, send a letter; or undo all of it."""
    from lockdown.agent import client
    from lockdown.engine.apply import apply_plan, origin_from
    from lockdown.engine.apply_record import Approval
    from lockdown.engine.settings_files import load_settings

    loaded = load_settings(config)
    if not directly:
        code = over_agent(
            loaded,
            lambda state, who: client.apply(state, plan, by=by or who, items=items, without=without),
            as_json,
        )
        if code is not None:
            return code

    def act() -> int:
        means = dataclasses.replace(as_root(loaded), at=_teller(as_json))
        approval = Approval(plan, by or operator_name(), origin_from(origin), items, without)
        with undisturbed():
            outcome = apply_plan(approval, means)
        _clear()
        tell(list(outcome.says), outcome.exit_code, as_json, outcome.apply, outcome.end)
        return outcome.exit_code

    return guarded(act, directly, as_json)


def _teller(as_json: bool) -> Callable[[str], None]:
    """One line that changes, for a person at a terminal."""
    if as_json or not sys.stderr.isatty():
        return lambda step: None
    return lambda step: click.echo(f"\r  {step[:60]:<60}", err=True, nl=False)


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{'':<62}\r", err=True, nl=False)
