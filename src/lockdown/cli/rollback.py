"""`lockdown rollback`: take an apply back, the newest or an older one; only where the machine still holds our value.

Fails as: exit 1 when something was left because somebody has changed it since; 2 for an apply that is not there, cannot
be read, or while another is at work.
"""

from __future__ import annotations

from pathlib import Path

import click

from lockdown.cli.acting import acting_options, as_root, guarded, over_agent, tell, undisturbed
from lockdown.cli.options import common_options, operator_name


@click.command(name="rollback", epilog="Example:  lockdown rollback last     lockdown rollback 20261124-143507")
@click.argument("apply", metavar="[APPLY]", required=False, default="")
@click.option("--unless-confirmed", is_flag=True, help="Only if its probation is still on: what its timer types.")
@click.option("--interrupted", is_flag=True, help="What was cut off, or not confirmed in time: what a start types.")
@acting_options
@common_options
def command(
    apply: str, unless_confirmed: bool, interrupted: bool, directly: bool, by: str, origin: str, config: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Take APPLY back (`last`: the newest); what you have changed since is left as it is, and said."""
    from lockdown.agent import client
    from lockdown.engine.apply import recover_here, roll_back_named
    from lockdown.engine.settings_files import load_settings

    if bool(apply) == interrupted:
        raise click.UsageError("Name an APPLY (lockdown history lists them), or give --interrupted.")
    loaded = load_settings(config)
    if not (directly or unless_confirmed or interrupted):
        code = over_agent(loaded, lambda state, who: client.rollback(state, apply, by=by or who), as_json)
        if code is not None:
            return code

    def act() -> int:
        means = as_root(loaded)
        with undisturbed():
            if interrupted:
                says = list(recover_here(means)) or ["nothing was cut off"]
                tell(says, 0, as_json, "recovery", "recovered", "rollback")
                return 0
            done = roll_back_named(apply, by or operator_name(), means, unless_confirmed=unless_confirmed)
        left = [f"left: {line}" for line in done.left]
        says = [f"apply {done.record.id}: {done.says}", *left, *done.problems, *([done.mail] if done.mail else [])]
        tell(says, done.exit_code, as_json, done.record.id, done.record.state, "rollback")
        return done.exit_code

    return guarded(act, directly, as_json)
