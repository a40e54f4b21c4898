"""`lockdown agent`: the agent alone, in the foreground (what the systemd unit runs).

Fails as: exit 2 when another agent answers on the same socket or the state directory cannot be used.
"""

from __future__ import annotations

from pathlib import Path

import click

from lockdown.cli.options import announce, common_options


@click.command(name="agent", epilog="Example:  sudo lockdown agent --config /etc/lockdown/lockdown.toml")
@common_options
def command(config: Path | None, as_json: bool) -> int:
    """The agent alone: the only process that needs root, and only for what it reads."""
    from lockdown.agent.process import run
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.supervised import end_with_supervisor

    end_with_supervisor()
    return run(load_settings(config), announce=lambda place: announce("agent", place, as_json))
