"""`lockdown confirm`: let an apply on probation stay. To be typed over a new connection: that one works is the proof.

Fails as: exit 2 when it is not on probation, or comes over the connection that it was applied over.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lockdown.cli.acting import acting_options, as_root, guarded, over_agent, tell
from lockdown.cli.options import common_options, operator_name


@click.command(name="confirm", epilog="Example:  ssh root@mail.example.org lockdown confirm 20261124-143507")
@click.argument("apply", metavar="APPLY")
@click.option("--here", is_flag=True, help="From the same terminal; only where nothing of it could shut you out.")
@acting_options
@common_options
def command(apply: str, here: bool, directly: bool, by: str, origin: str, config: Path | None, as_json: bool) -> int:
    """Let APPLY stay: it is not undone any more when its probation ends."""
    from lockdown.agent import client
    from lockdown.engine.apply import confirm, origin_from
    from lockdown.engine.settings_files import load_settings

    if here and not directly and not sys.stdin.isatty():
        raise click.UsageError("--here is for a person at a terminal.")
    loaded = load_settings(config)
    if not directly:
        code = over_agent(loaded, lambda state, who: client.confirm(state, apply, by=by or who, here=here), as_json)
        if code is not None:
            return code

    def act() -> int:
        outcome = confirm(apply, by or operator_name(), origin_from(origin), as_root(loaded), here=here)
        tell(list(outcome.says), outcome.exit_code, as_json, outcome.apply, outcome.end, "confirm")
        return outcome.exit_code

    return guarded(act, directly, as_json)
