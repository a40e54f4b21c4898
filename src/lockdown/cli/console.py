"""`lockdown console`: the console alone, in the foreground (what the systemd unit runs).

Fails as: exit 2 for a port in use or an address beyond loopback.
"""

from __future__ import annotations

from pathlib import Path

import click

from lockdown.cli.options import announce, common_options


@click.command(name="console", epilog="Example:  lockdown console     then open http://127.0.0.1:8025/")
@common_options
def command(config: Path | None, as_json: bool) -> int:
    """The console alone: a page for administrators, read-only, on loopback."""
    from lockdown.console.server import run
    from lockdown.engine.settings_files import load_settings
    from lockdown.engine.supervised import end_with_supervisor

    end_with_supervisor()
    return run(load_settings(config), announce=lambda place: announce("console", place, as_json))
